//! Points in time, and lengths of it, as people read them.

use time::OffsetDateTime;
use time::macros::format_description;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// Unix time as `2026-11-22T08:00:00Z`; the bare number where no calendar reaches.
pub(crate) fn timestamp_text(unix: i64) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    OffsetDateTime::from_unix_timestamp(unix)
        .ok()
        .and_then(|at| at.format(format).ok())
        .unwrap_or_else(|| unix.to_string())
}

/// A length of time as people say it: one unit, rounded down.
pub(crate) fn length_text(seconds: i64) -> String {
    let (unit, name) = match seconds {
        ..MINUTE => (1, "second"),
        MINUTE..HOUR => (MINUTE, "minute"),
        HOUR..DAY => (HOUR, "hour"),
        DAY..YEAR => (DAY, "day"),
        YEAR.. => (YEAR, "year"),
    };
    match seconds / unit {
        1 => format!("1 {name}"),
        count => format!("{count} {name}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_read_as_people_say_them() {
        for (seconds, said) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (119, "1 minute"),
            (2 * HOUR, "2 hours"),
            (3 * DAY + HOUR, "3 days"),
            (364 * DAY, "364 days"),
            (800 * DAY, "2 years"),
        ] {
            assert_eq!(length_text(seconds), said);
        }
    }
}
