//! `--at`: a moment as people write one.

use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

/// Reads `2027-01-31T08:00:00Z`, or `2027-01-31` for its first second in UTC, as Unix time.
///
/// # Errors
/// What can be written.
pub(in crate::cli) fn moment(text: &str) -> Result<i64, String> {
    let date = || Date::parse(text, format_description!("[year]-[month]-[day]"));
    OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| date().map(|date| date.midnight().assume_utc()))
        .map(OffsetDateTime::unix_timestamp)
        .map_err(|_| "write a day, `2027-01-31`, or a time, `2027-01-31T08:00:00Z`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::moment;

    #[test]
    fn days_and_times_are_read_in_any_zone() {
        assert_eq!(moment("2027-01-15"), Ok(1_799_971_200));
        assert_eq!(moment("2027-01-15T08:00:00Z"), Ok(1_800_000_000));
        assert_eq!(moment("2027-01-15T09:00:00+01:00"), Ok(1_800_000_000));
        for wrong in ["", "tomorrow", "15.01.2027", "2027-02-30", "2027-01-15T08:00:00"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }
}
