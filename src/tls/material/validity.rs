//! A certificate's dates beside the clock, in words.

use crate::identity::Claims;

/// How soon an end is worth a warning.
const SOON: i64 = 30 * DAY;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// Where `now` lies beside a certificate's dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Validity {
    /// It begins later.
    NotYet,
    /// It is valid, and for a while.
    Valid,
    /// It is valid and ends within 30 days.
    EndsSoon,
    /// It ended.
    Expired,
}

impl Validity {
    pub(super) fn of(claims: &Claims, now: i64) -> Self {
        if now < claims.not_before {
            Self::NotYet
        } else if now > claims.not_after {
            Self::Expired
        } else if claims.not_after - now < SOON {
            Self::EndsSoon
        } else {
            Self::Valid
        }
    }

    /// Whether it is in force.
    pub(super) fn is_valid(self) -> bool {
        matches!(self, Self::Valid | Self::EndsSoon)
    }
}

/// What is to be said of the dates, after "the certificate ..."; `None` if all is well.
pub(super) fn remark(claims: &Claims, now: i64) -> Option<String> {
    match Validity::of(claims, now) {
        Validity::Valid => None,
        Validity::NotYet => Some(format!(
            "is not valid for another {} (from {})",
            length(claims.not_before - now),
            claims.not_before_text()
        )),
        Validity::EndsSoon => Some(format!(
            "expires in {} ({})",
            length(claims.not_after - now),
            claims.not_after_text()
        )),
        Validity::Expired => Some(format!(
            "expired {} ago ({})",
            length(now - claims.not_after),
            claims.not_after_text()
        )),
    }
}

/// A length of time as people say it: one unit, rounded down.
pub(super) fn length(seconds: i64) -> String {
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
    use crate::pki::Authority;

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
            assert_eq!(length(seconds), said);
        }
    }

    #[test]
    fn the_first_and_the_last_second_are_valid() {
        let root = Authority::root("A").unwrap();
        let issued = root.client("a").valid(1_000..9_000_000).issue().unwrap();
        let claims = Claims::from_der(issued.der()).unwrap();
        for (now, expected) in [
            (999, Validity::NotYet),
            (1_000, Validity::Valid),
            (9_000_000 - SOON, Validity::Valid),
            (9_000_001 - SOON, Validity::EndsSoon),
            (9_000_000, Validity::EndsSoon),
            (9_000_001, Validity::Expired),
        ] {
            assert_eq!(Validity::of(&claims, now), expected, "at {now}");
        }
        assert_eq!(
            remark(&claims, 9_000_000 + 3 * DAY).as_deref(),
            Some("expired 3 days ago (1970-04-15T04:00:00Z)")
        );
        assert_eq!(remark(&claims, 1_000), None);
    }
}
