//! Tells the log of what is about to run out: once for each threshold that is crossed, and daily once it is too late. A
//! thing that is still there after a reload is told again, unless it was today.

use std::collections::HashMap;

use crate::generation::{Expiring, Generation, Kind, Term};
use crate::observe::ExpiryEvent;
use crate::policy::Stage;

/// How often the dates are looked at while nothing changes, in seconds.
const LOOK_EVERY: i64 = 60;

/// How often the same is told at most, in seconds.
const TELL_EVERY: i64 = 24 * 60 * 60;

/// Sites that are named one by one.
const SITES_MAX: usize = 8;

/// What was told, as long as it is true.
#[derive(Default)]
pub(super) struct Expiries {
    told: HashMap<Key, Told>,
    /// The epoch of the last look, and when it was, Unix time.
    looked: Option<(u64, i64)>,
}

/// What it is, and when it ends: a file that was replaced is another thing.
type Key = (Kind, [String; 3], i64);

struct Told {
    stage: Stage,
    /// Unix time.
    at: i64,
}

impl Expiries {
    /// Looks at the generation that is in force in this epoch at `now`, Unix time, if it is time to.
    pub(super) fn look(&mut self, generation: &Generation, epoch: u64, now: i64) {
        let before = self.looked;
        let is_reloaded = before.is_none_or(|(before, _)| before != epoch);
        // A clock that was set back is looked at anew, too.
        let is_due = before.is_none_or(|(_, at)| !(at..at + LOOK_EVERY).contains(&now));
        if !is_reloaded && !is_due {
            return;
        }
        self.looked = Some((epoch, now));
        let expiring = generation.expiring(now);
        for one in self.news(&expiring, is_reloaded, now) {
            log(one, now);
        }
    }

    /// Those that are to be told now.
    fn news<'a>(
        &mut self,
        expiring: &'a [Expiring],
        is_reloaded: bool,
        now: i64,
    ) -> Vec<&'a Expiring> {
        let mut told = std::mem::take(&mut self.told);
        let mut news = Vec::new();
        for one in expiring {
            let Term { kind, name, file, .. } = &one.term;
            let names = [name.clone(), file.display().to_string(), one.term.id()];
            let key = (*kind, names, one.ends);
            let before = told.remove(&key);
            let is_new =
                before.as_ref().is_none_or(|told| told.is_due(one.stage, is_reloaded, now));
            let as_it_is = || Told { stage: one.stage, at: now };
            let after = before.filter(|_| !is_new).unwrap_or_else(as_it_is);
            self.told.insert(key, after);
            if is_new {
                news.push(one);
            }
        }
        news
    }
}

impl Told {
    /// Whether it is to be told again, at this stage.
    fn is_due(&self, stage: Stage, is_reloaded: bool, now: i64) -> bool {
        let is_long_ago = now.saturating_sub(self.at) >= TELL_EVERY;
        stage < self.stage || is_long_ago && (is_reloaded || stage.is_over())
    }
}

fn log(one: &Expiring, now: i64) {
    let term = &one.term;
    let mut site = one.sites.iter().take(SITES_MAX).cloned().collect::<Vec<_>>().join(", ");
    if let Some(more) = one.sites.len().checked_sub(SITES_MAX).filter(|more| *more > 0) {
        site.push_str(&format!(", and {more} more"));
    }
    ExpiryEvent {
        message: &one.sentence(now),
        kind: term.kind.as_str(),
        site: &site,
        subject: &term.name,
        issuer: &term.issuer,
        file: &term.file.display().to_string(),
        fingerprint: term.fingerprint.as_deref().unwrap_or_default(),
        not_after: one.ends,
        advice: one.advice(),
    }
    .log(now);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_told_more_than_once_a_day_unless_it_has_become_more_urgent() {
        const DAY: i64 = 24 * 60 * 60;
        let stage = |left: i64| Stage::of(&[7, 30], 0, 365 * DAY, (365 - left) * DAY).unwrap();
        let told = Told { stage: stage(30), at: 0 };
        assert!(told.is_due(stage(7), false, 1));
        for (is_reloaded, now, expected) in [
            (false, DAY - 1, false),
            (true, DAY - 1, false),
            (false, DAY, false),
            (true, DAY, true),
        ] {
            assert_eq!(told.is_due(stage(20), is_reloaded, now), expected, "{is_reloaded} {now}");
        }
        let over = Told { stage: Stage::OVER, at: 0 };
        assert!(!over.is_due(Stage::OVER, true, DAY - 1));
        assert!(over.is_due(Stage::OVER, false, DAY));
        // A clock that was set back makes nothing less urgent.
        assert!(!over.is_due(stage(7), false, -DAY));
    }
}
