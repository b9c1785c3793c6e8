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
