//! What a single value must look like to be a text, a number, a time or a size.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use toml::de::DeValue;

use super::Wrong;
use crate::config::{units, withheld};

/// A string that `parse` understands.
pub(super) fn text<T>(
    name: &str,
    value: &DeValue<'_>,
    parse: impl Fn(&str) -> Result<T, Wrong>,
) -> Result<T, Wrong> {
    match value {
        DeValue::String(text) => parse(text),
        DeValue::Integer(_) | DeValue::Float(_) if withheld::is_passphrase(name) => {
            Err(Wrong::new(
                format!("`{name}` must be a string"),
                "write the path of a file, in double quotes",
            ))
        }
        // If quotes alone would not do, what the key needs is told instead.
        DeValue::Integer(number) => match parse(number.as_str()) {
            Err(wrong) => Err(wrong),
            Ok(_) => Err(Wrong::new(
                format!("`{name}` must be a string"),
                format!("put it in quotes: `\"{number}\"`"),
            )),
        },
        DeValue::Float(number) => Err(Wrong::new(
            format!("`{name}` must be a string"),
            format!("put it in quotes: `\"{number}\"`"),
        )),
        _ => {
            // What a key wants that knows a few words only, it says of any other.
            let fix = match parse("") {
                Err(wrong) if wrong.what.starts_with(&format!("`{name}` knows no")) => wrong.fix,
                _ => "write a text in double quotes".to_owned(),
            };
            Err(Wrong::new(format!("`{name}` must be a string"), fix))
        }
    }
}

/// A whole number within `bounds`.
pub(super) fn integer<T>(
    name: &str,
    value: &DeValue<'_>,
    bounds: &RangeInclusive<T>,
) -> Result<T, Wrong>
where
    T: TryFrom<u64> + PartialOrd + Display,
{
    let (least, most) = (bounds.start(), bounds.end());
    let fix = match value {
        DeValue::String(text) if text.parse::<u64>().is_ok() => {
            format!("write `{text}`, without quotes")
        }
        _ => format!("write a whole number from {least} to {most}"),
    };
    let Some(number) = value.as_integer() else {
        return Err(Wrong::new(format!("`{name}` must be a whole number"), fix));
    };
    u64::from_str_radix(number.as_str(), number.radix())
        .ok()
        .and_then(|number| T::try_from(number).ok())
        .filter(|number| bounds.contains(number))
        .ok_or_else(|| Wrong::new(format!("`{name}` must lie between {least} and {most}"), fix))
}

/// A length of time.
pub(super) fn duration(name: &str, value: &DeValue<'_>) -> Result<Duration, Wrong> {
    let read = match value {
        DeValue::String(text) => units::duration(text),
        DeValue::Integer(number) => units::duration(number.as_str()),
        _ => units::duration(""),
    };
    read.map_err(|fix| Wrong::new(format!("`{name}` must be a length of time"), fix))
}

/// A number of bytes within `bounds`.
pub(super) fn size(
    name: &str,
    value: &DeValue<'_>,
    bounds: &RangeInclusive<u64>,
) -> Result<u64, Wrong> {
    let read = match value {
        DeValue::String(text) => units::size(text),
        DeValue::Integer(number) => {
            u64::from_str_radix(number.as_str(), number.radix()).or_else(|_| units::size(""))
        }
        _ => units::size(""),
    };
    let size =
        read.map_err(|fix| Wrong::new(format!("`{name}` must be a number of bytes"), fix))?;
    if bounds.contains(&size) {
        return Ok(size);
    }
    let least = units::show_size(*bounds.start());
    let most = units::show_size(*bounds.end());
    Err(Wrong::new(
        format!("`{name}` must lie between {least} and {most}"),
        format!("write a size from `\"{least}\"` to `\"{most}\"`"),
    ))
}
