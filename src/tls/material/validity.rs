//! A certificate's dates beside the clock, in words.

use crate::identity::{Claims, length_text};
use crate::policy;

/// Where `now` lies beside a certificate's dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Validity {
    /// It begins later.
    NotYet,
    /// It is in force.
    Valid,
    /// It ended.
    Expired,
}

impl Validity {
    pub(super) fn of(claims: &Claims, now: i64) -> Self {
        if now < claims.not_before {
            Self::NotYet
        } else if now > claims.not_after {
            Self::Expired
        } else {
            Self::Valid
        }
    }
}

/// What is to be said of the dates, after "the certificate ..."; `None` if it is in force.
pub(super) fn remark(claims: &Claims, now: i64) -> Option<String> {
    match Validity::of(claims, now) {
        Validity::Valid => None,
        Validity::NotYet => Some(format!(
            "is not valid for another {} (from {})",
            length_text(claims.not_before - now),
            claims.not_before_text()
        )),
        Validity::Expired => Some(policy::remark(claims.not_after, now)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::Authority;

    #[test]
    fn the_first_and_the_last_second_are_valid() {
        let root = Authority::root("A").unwrap();
        let issued = root.client("a").valid(1_000..9_000_000).issue().unwrap();
        let claims = Claims::from_der(issued.der()).unwrap();
        for (now, expected) in [
            (999, Validity::NotYet),
            (1_000, Validity::Valid),
            (9_000_000, Validity::Valid),
            (9_000_001, Validity::Expired),
        ] {
            assert_eq!(Validity::of(&claims, now), expected, "at {now}");
        }
        let said = remark(&claims, 9_000_000 + 3 * 24 * 60 * 60);
        assert_eq!(said.as_deref(), Some("expired 3 days ago (1970-04-15T04:00:00Z)"));
        assert_eq!(remark(&claims, 1_000), None);
    }
}
