//! What is remembered of one client at one site: the certificate that it came with last, and which others it came with
//! lately. A fleet that shares a name, in the middle of a rollover, comes with old and new ones by turns; each is told
//! of once, and however many there are, only so many an hour.

use std::collections::VecDeque;

use crate::identity::{Claims, clip};
use crate::policy::Stage;

use super::change::{CHANGES, Changed, Face};
use super::{TEXT_MAX, sha256};

/// Certificates of one client that are no news.
const LATELY_MAX: usize = 8;

/// Changes of one client that are told in an hour.
const TOLD_MAX: u32 = 4;
const HOUR: i64 = 60 * 60;

/// What two certificates are compared by: all of it, however long, while what is shown may be clipped.
#[derive(Clone, Debug)]
pub(super) struct Look {
    face: Face,
    /// By the place in [`CHANGES`].
    hashes: [[u8; 32]; CHANGES.len()],
}

/// A client of a name.
#[derive(Debug)]
pub(super) struct Known {
    /// The certificate that was news last.
    look: Look,
    /// Those that are none any more, the one that was seen last first.
    lately: VecDeque<Lately>,
    /// When it was seen last, Unix time.
    pub(super) seen: i64,
    /// When the hour began, and how many changes were told in it, and not told since the last one that was.
    hour: i64,
    told: u32,
    suppressed: u64,
}

#[derive(Debug)]
struct Lately {
    sha256: [u8; 32],
    /// The warning of its end that was given.
    warned: Option<Stage>,
}

impl Look {
    pub(super) fn of(claims: &Claims) -> Self {
        let san = names(claims);
        let hashes = [sha256([claims.issuer.as_str()]), claims.spki_sha256, sha256([san.as_str()])];
        let face = Face {
            issuer: clip(claims.issuer.clone(), TEXT_MAX),
            key: claims.key_fingerprint(),
            san: clip(san, TEXT_MAX),
            fingerprint: claims.fingerprint(),
            not_after: claims.not_after,
        };
        Self { face, hashes }
    }
}

impl Known {
    /// A client that is seen for the first time, with the warning of its end that is given.
    pub(super) fn new(look: Look, sha256: [u8; 32], warned: Option<Stage>, now: i64) -> Self {
        let lately = VecDeque::from([Lately { sha256, warned }]);
        Self { look, lately, seen: now, hour: now, told: 0, suppressed: 0 }
    }

    /// The client comes again with a certificate that it came with lately: whether a warning of its end is to be
    /// given. `None` if it did not.
    pub(super) fn meets_again(
        &mut self,
        sha256: &[u8; 32],
        stage: Option<Stage>,
        now: i64,
    ) -> Option<bool> {
        let at = self.lately.iter().position(|one| one.sha256 == *sha256)?;
        let mut one = self.lately.remove(at)?;
        let is_due = stage.is_some_and(|stage| one.warned.is_none_or(|warned| stage < warned));
        if is_due {
            one.warned = stage;
        }
        self.lately.push_front(one);
        self.seen = now;
        Some(is_due)
    }

    /// The client comes with another certificate: what is different, and whether that is to be told, then with the
    /// number of changes that were not.
    pub(super) fn meets(
        &mut self,
        look: Look,
        sha256: [u8; 32],
        warned: Option<Stage>,
        now: i64,
    ) -> Option<(Changed, Option<u64>)> {
        self.seen = now;
        self.lately.push_front(Lately { sha256, warned });
        self.lately.truncate(LATELY_MAX);
        let before = std::mem::replace(&mut self.look, look);
        let mut is_other = [false; CHANGES.len()];
        let pairs = before.hashes.iter().zip(&self.look.hashes);
        is_other.iter_mut().zip(pairs).for_each(|(other, (old, new))| *other = old != new);
        if is_other == [false; CHANGES.len()] {
            return None;
        }
        let changed = Changed { before: before.face, after: self.look.face.clone(), is_other };
        Some((changed, self.admit(now)))
    }

    /// Whether one more change is to be told in this hour, and then how many were not before.
    fn admit(&mut self, now: i64) -> Option<u64> {
        // Also after the clock was set back.
        if !(self.hour..self.hour.saturating_add(HOUR)).contains(&now) {
            (self.hour, self.told) = (now, 0);
        }
        if self.told >= TOLD_MAX {
            self.suppressed += 1;
            return None;
        }
        self.told += 1;
        Some(std::mem::take(&mut self.suppressed))
    }
}

/// The subject alternative names in an order of their own: a certificate may list the same in any.
fn names(claims: &Claims) -> String {
    let dns = claims.san_dns.iter().map(|name| format!("DNS:{name}"));
    let uri = claims.san_uri.iter().map(|name| format!("URI:{name}"));
    let email = claims.san_email.iter().map(|name| format!("email:{name}"));
    let ip = claims.san_ip.iter().map(|name| format!("IP:{name}"));
    let mut all: Vec<_> = dns.chain(uri).chain(email).chain(ip).collect();
    all.sort_unstable();
    all.dedup();
    all.join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::change::Change;
    use super::*;
    use crate::pki::Authority;

    fn claims(ca: &Authority, names: &[&str]) -> Claims {
        let draft = names.iter().fold(ca.client("a"), |draft, name| draft.name(name));
        Claims::from_der(draft.issue().unwrap().der()).unwrap()
    }

    /// Whether it is told, and what is different, when a certificate is seen at a moment.
    fn meet(
        known: &mut Known,
        claims: &Claims,
        now: i64,
    ) -> Option<(Vec<&'static str>, Option<u64>)> {
        if known.meets_again(&claims.sha256, None, now).is_some() {
            return None;
        }
        let (changed, told) = known.meets(Look::of(claims), claims.sha256, None, now)?;
        Some((changed.changes().into_iter().map(Change::as_str).collect(), told))
    }

    #[test]
    fn so_many_changes_are_told_an_hour_and_the_others_counted() {
        let ca = Authority::root("CA").unwrap();
        let first = claims(&ca, &["a.example"]);
        let mut known = Known::new(Look::of(&first), first.sha256, None, 0);
        let mut at = |now| meet(&mut known, &claims(&ca, &["a.example"]), now);
        for _ in 0..TOLD_MAX {
            assert_eq!(at(0), Some((vec!["key"], Some(0))));
        }
        assert_eq!(at(HOUR - 1), Some((vec!["key"], None)));
        assert_eq!(at(HOUR - 1), Some((vec!["key"], None)));
        assert_eq!(at(HOUR), Some((vec!["key"], Some(2))));
        // Also when the clock is set back.
        assert_eq!(at(-HOUR), Some((vec!["key"], Some(0))));
    }

    #[test]
    fn certificates_that_were_seen_lately_are_no_news() {
        let ca = Authority::root("CA").unwrap();
        let all: Vec<_> = (0..=LATELY_MAX).map(|_| claims(&ca, &["a.example"])).collect();
        let mut known = Known::new(Look::of(&all[0]), all[0].sha256, None, 0);
        for one in &all[1..LATELY_MAX] {
            assert!(meet(&mut known, one, 1).is_some());
        }
        for one in all[..LATELY_MAX].iter().rev() {
            assert!(meet(&mut known, one, 2).is_none());
        }
        // One more, and who stayed away longest is forgotten.
        assert!(meet(&mut known, &all[LATELY_MAX], 3).is_some());
        assert_eq!(known.lately.len(), LATELY_MAX);
        assert!(meet(&mut known, &all[LATELY_MAX - 1], 4).is_some());
    }

    #[test]
    fn the_order_of_names_is_no_change_and_names_that_are_clipped_are() {
        let ca = Authority::root("CA").unwrap();
        let [one, other] = [["a.example", "b.example"], ["b.example", "a.example"]];
        assert_eq!(names(&claims(&ca, &one)), names(&claims(&ca, &other)));
        let long: Vec<_> = (0..200).map(|number| format!("{number}.example")).collect();
        let mut long: Vec<_> = long.iter().map(String::as_str).collect();
        let before = claims(&ca, &long);
        long[100] = "other.example";
        let after = claims(&ca, &long);
        let mut known = Known::new(Look::of(&before), before.sha256, None, 0);
        assert_eq!(meet(&mut known, &after, 1), Some((vec!["key", "san"], Some(0))));
        assert!(known.look.face.san.len() <= TEXT_MAX);
    }

    #[test]
    fn a_warning_is_given_once_a_threshold() {
        const DAY: i64 = 24 * 60 * 60;
        let stage = |left: i64| Stage::of(&[7, 30], 0, 365 * DAY, (365 - left) * DAY);
        let ca = Authority::root("CA").unwrap();
        let one = claims(&ca, &[]);
        let mut known = Known::new(Look::of(&one), one.sha256, stage(40), 0);
        let mut again = |left| known.meets_again(&one.sha256, stage(left), 0);
        assert_eq!([again(40), again(30), again(20)], [Some(false), Some(true), Some(false)]);
        assert_eq!([again(7), again(5), again(20)], [Some(true), Some(false), Some(false)]);
        assert_eq!(known.meets_again(&[0; 32], stage(7), 0), None);
    }
}
