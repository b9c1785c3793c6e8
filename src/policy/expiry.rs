//! When something that runs out is worth a warning: so many days before, as long as that is not most of its life.
//!
//! A list that lives for a week is always within thirty days of its end, and a certificate that is renewed by a
//! program lives for days: a threshold counts only for what lives at least three times as long. What lives too
//! short for any is warned of for the last tenth of its life.

use crate::identity::{length_text, timestamp_text};

const DAY: i64 = 24 * 60 * 60;

/// A threshold is at most this part of a life, and the only one of a short life this part.
const PART_MAX: i64 = 3;
const PART_OF_SHORT: i64 = 10;

/// Which threshold was crossed last: so many seconds before the end, or the end. The less, the more urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stage(i64);

impl Stage {
    /// It has run out.
    pub const OVER: Self = Self(0);

    /// Where something that lives from `begins` to `ends` stands at `now`, all in Unix time; `None` if that is worth
    /// no warning. `days` are the thresholds; without one, nothing ever is.
    pub fn of(days: &[u16], begins: i64, ends: i64, now: i64) -> Option<Self> {
        if days.is_empty() {
            return None;
        }
        let (left, life) = (ends.saturating_sub(now), ends.saturating_sub(begins));
        if left < 0 {
            return Some(Self::OVER);
        }
        let all = days.iter().map(|days| i64::from(*days) * DAY);
        let fitting = || all.clone().filter(|length| *length <= life / PART_MAX);
        let crossed = if fitting().next().is_none() {
            Some(life / PART_OF_SHORT).filter(|length| left <= *length)
        } else {
            fitting().filter(|length| left <= *length).min()
        };
        // A length of nothing would be the end.
        crossed.map(|length| Self(length.max(1)))
    }

    /// Whether somebody has to act this week.
    pub fn is_urgent(self) -> bool {
        self.0 <= 7 * DAY
    }

    /// Whether it has run out.
    pub fn is_over(self) -> bool {
        self == Self::OVER
    }
}

/// What is to be said of an end, after "the certificate ..."; both in Unix time.
pub fn remark(ends: i64, now: i64) -> String {
    let at = timestamp_text(ends);
    if ends < now {
        format!("expired {} ago ({at})", length_text(now.saturating_sub(ends)))
    } else {
        format!("expires in {} ({at})", length_text(ends.saturating_sub(now)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAYS: [u16; 4] = [1, 7, 14, 30];

    /// The stage in days at so many days before the end of a life of so many.
    fn at(life: i64, left: i64) -> Option<i64> {
        Stage::of(&DAYS, 0, life * DAY, (life - left) * DAY).map(|stage| stage.0 / DAY)
    }

    #[test]
    fn the_tightest_threshold_that_was_crossed_counts() {
        assert_eq!([at(365, 31), at(365, 30), at(365, 15)], [None, Some(30), Some(30)]);
        assert_eq!([at(365, 14), at(365, 7), at(365, 1)], [Some(14), Some(7), Some(1)]);
        let stage = |now| Stage::of(&DAYS, 0, 365 * DAY, now);
        // The last second is one of its life.
        assert_eq!(stage(365 * DAY), Some(Stage(DAY)));
        assert_eq!(stage(365 * DAY + 1), Some(Stage::OVER));
        assert!(Stage::OVER < Stage(1));
    }

    #[test]
    fn a_threshold_is_no_larger_than_a_third_of_a_life() {
        // As public CAs issue for 90 days, 47 days and 6 days, and for a list of a week.
        assert_eq!(
            [at(89, 29), at(89, 14), at(47, 15), at(47, 14)],
            [None, Some(14), None, Some(14)]
        );
        assert_eq!([at(6, 5), at(6, 1), at(7, 6), at(7, 1)], [None, Some(1), None, Some(1)]);
    }

    #[test]
    fn a_short_life_has_a_threshold_of_its_own() {
        let stage = |left| Stage::of(&DAYS, 0, DAY, DAY - left);
        assert_eq!([stage(DAY), stage(DAY / 10 + 1)], [None, None]);
        assert_eq!([stage(DAY / 10), stage(-1)], [Some(Stage(DAY / 10)), Some(Stage::OVER)]);
        // One that never lived: it ends before it begins.
        assert_eq!(Stage::of(&DAYS, 10, 5, 3), None);
        assert_eq!(Stage::of(&DAYS, 5, 5, 5), Some(Stage(1)));
    }

    #[test]
    fn without_thresholds_nothing_is_told() {
        assert_eq!(Stage::of(&[], 0, DAY, 2 * DAY), None);
    }

    #[test]
    fn ends_are_said_as_people_say_them() {
        assert_eq!(remark(3 * DAY, DAY), "expires in 2 days (1970-01-04T00:00:00Z)");
        assert_eq!(remark(DAY, 4 * DAY), "expired 3 days ago (1970-01-02T00:00:00Z)");
    }

    proptest! {
        /// Whatever the dates: no panic, and a warning once given is not taken back while time passes.
        #[test]
        fn it_only_becomes_more_urgent(begins: i64, ends: i64, now: i64, later: i64) {
            let (now, later) = (now.min(later), now.max(later));
            let first = Stage::of(&DAYS, begins, ends, now);
            let then = Stage::of(&DAYS, begins, ends, later);
            if let Some(first) = first {
                prop_assert!(then.is_some_and(|then| then <= first));
            }
            _ = remark(ends, now);
        }
    }
}
