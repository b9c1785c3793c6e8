//! Lengths of time and numbers of bytes as `gateway.toml` writes them: one whole number and its unit.
//!
//! Readers return the value or, in the words of a `fix:` line, what to write instead.

use std::time::Duration;

/// The longest time that a key takes: a day.
const DURATION_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Units of time and their milliseconds, the longest first.
const DURATION_UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Units of size and their bytes, the largest first.
const SIZE_UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

/// Reads `500ms`, `2s`, `5m` or `1h`: more than nothing, and at most [`DURATION_MAX`].
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let example = || {
        "write a whole number and its unit, such as `\"500ms\"`, `\"10s\"`, `\"5m\"` or `\"1h\"`"
            .to_owned()
    };
    let (number, unit) = split(text).ok_or_else(example)?;
    let Some(milliseconds) = factor(&DURATION_UNITS, unit) else {
        return Err(usual_duration(number, unit)
            .map_or_else(example, |usual| format!("write `\"{usual}\"`")));
    };
    let duration = number.checked_mul(milliseconds).map(Duration::from_millis);
    match duration {
        Some(Duration::ZERO) => Err("write a time of at least `\"1ms\"`".to_owned()),
        Some(duration) if duration <= DURATION_MAX => Ok(duration),
        _ => Err(format!("write a time of at most `\"{}\"`", show_duration(DURATION_MAX))),
    }
}

/// Reads `64KiB`, `10MiB` or `1MB`: a number of bytes, which may be none.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let example = || {
        "write a whole number and its unit, such as `\"64KiB\"`, `\"10MiB\"` or `\"1GiB\"`"
            .to_owned()
    };
    let (number, unit) = split(text).ok_or_else(example)?;
    match factor(&SIZE_UNITS, unit) {
        Some(bytes) => number.checked_mul(bytes).ok_or_else(example),
        None => {
            Err(usual_size(number, unit)
                .map_or_else(example, |usual| format!("write `\"{usual}\"`")))
        }
    }
}

/// The shortest text that [`duration`] reads as this; parts of a millisecond are cut off.
fn show_duration(duration: Duration) -> String {
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    show(&DURATION_UNITS, milliseconds)
}

/// The shortest text that [`size`] reads as this.
pub(super) fn show_size(bytes: u64) -> String {
    show(&SIZE_UNITS, bytes)
}

/// The digits at the start, and what follows them.
fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number = text.get(..end)?.parse().ok()?;
    Some((number, text.get(end..)?))
}

fn factor(units: &[(&str, u64)], unit: &str) -> Option<u64> {
    units.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor)
}

fn show(units: &[(&str, u64)], number: u64) -> String {
    let fits = |factor: &u64| number != 0 && number.is_multiple_of(*factor);
    match units.iter().find(|(_, factor)| fits(factor)) {
        Some((unit, factor)) => format!("{}{unit}", number / factor),
        None => format!("{number}{}", units.last().map_or("", |(unit, _)| unit)),
    }
}

/// What somebody meant who wrote a unit the way another program does.
fn usual_duration(number: u64, unit: &str) -> Option<String> {
    let (number, unit) = match unit.trim().to_ascii_lowercase().as_str() {
        "ms" | "msec" | "millis" | "milliseconds" => (number, "ms"),
        "" | "s" | "sec" | "secs" | "second" | "seconds" => (number, "s"),
        "m" | "min" | "mins" | "minute" | "minutes" => (number, "m"),
        "h" | "hr" | "hour" | "hours" => (number, "h"),
        "d" | "day" | "days" => (number.checked_mul(24)?, "h"),
        _ => return None,
    };
    Some(format!("{number}{unit}"))
}

fn usual_size(number: u64, unit: &str) -> Option<String> {
    let unit = unit.trim().to_ascii_lowercase();
    // A rate is a size too: its key says of what time.
    let unit = match unit.strip_suffix("/s").unwrap_or(&unit) {
        "" | "b" | "byte" | "bytes" => "B",
        "k" | "kb" | "kib" => "KiB",
        "m" | "mb" | "mib" => "MiB",
        "g" | "gb" | "gib" => "GiB",
        _ => return None,
    };
    Some(format!("{number}{unit}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(duration("24h"), Ok(DURATION_MAX));
    }

    #[test]
    fn a_duration_lies_between_a_millisecond_and_a_day() {
        for text in ["0s", "25h", "99999999999999999999s", "18446744073709551615h"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_unit_of_another_program_is_answered_with_ours() {
        assert_eq!(duration("30"), Err("write `\"30s\"`".into()));
        assert_eq!(duration("2 minutes"), Err("write `\"2m\"`".into()));
        assert_eq!(duration("1d"), Err("write `\"24h\"`".into()));
        assert_eq!(size("10m"), Err("write `\"10MiB\"`".into()));
        assert_eq!(size("64 kb"), Err("write `\"64KiB\"`".into()));
        assert_eq!(size("240B/s"), Err("write `\"240B\"`".into()));
    }

    #[test]
    fn what_has_no_number_is_no_unit() {
        for text in ["", "s", "-1s", "1.5s", "1m30s", "²s", "1e3s"] {
            assert!(duration(text).is_err(), "{text}");
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_size_is_binary_or_decimal_as_its_unit_says() {
        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("1MB"), Ok(1_000_000));
        assert_eq!(size("1GiB"), Ok(1 << 30));
        assert_eq!(size("17B"), Ok(17));
        assert!(size("99999999999GiB").is_err());
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(milliseconds in 1..=86_400_000_u64, bytes in any::<u64>()) {
            let time = Duration::from_millis(milliseconds);
            prop_assert_eq!(duration(&show_duration(time)), Ok(time));
            prop_assert_eq!(size(&show_size(bytes)), Ok(bytes));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,12}", number in "[0-9]{0,22}[a-zA-Z ]{0,3}") {
            for text in [text, number] {
                _ = duration(&text);
                _ = size(&text);
            }
        }
    }
}
