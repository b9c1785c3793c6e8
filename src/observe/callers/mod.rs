//! Whom a site knows by which certificate: what is told when a client that was seen before comes with another issuer,
//! key or names, and when its certificate is about to run out.
//!
//! Asked once for each full handshake that was verified, never for a request or a resumed session. The lock is held
//! for a look into a table, never while a line is written; whoever reads what was found takes a copy that is there
//! already, and keeps nobody waiting. In memory only: after a restart or an upgrade everybody is seen for the first
//! time.

mod change;
mod known;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use aws_lc_rs::digest;

use crate::identity::{Identity, clip};
use crate::policy::{Stage, remark};

use super::expiry::ExpiryEvent;
pub use change::{CHANGES, Change, Face, IdentityChange};
use known::{Known, Look};

/// Clients that are remembered, by site and name; who stayed away longest makes room.
const KNOWN_MAX: usize = 1024;

/// Changes that are kept for whoever asks.
const KEPT_MAX: usize = 32;

/// The longest name or list of names that is kept or told, in bytes.
const TEXT_MAX: usize = 512;

/// The clients of all sites; one for the process, shared by its workers and by every generation.
#[derive(Debug, Default)]
pub struct Callers {
    known: Mutex<HashMap<Key, Known>>,
    /// The newest first.
    changes: ArcSwap<Vec<Arc<IdentityChange>>>,
}

/// SHA-256 of a site and a name, both as long as they like.
type Key = [u8; 32];

impl Callers {
    /// Notes a client that has just proved itself in a full handshake at `now`, Unix time, and tells what there is to
    /// tell of it. `days` are the thresholds of `[warnings]`. The answer is what has changed, to be counted.
    pub fn saw(
        &self,
        days: &[u16],
        site: &str,
        identity: &Identity,
        peer: SocketAddr,
        now: i64,
    ) -> Vec<Change> {
        let (claims, key) = (identity.claims(), key(site, identity.name()));
        let stage = Stage::of(days, claims.not_before, claims.not_after, now);
        let again = |known: &mut Known| known.meets_again(&claims.sha256, stage, now);
        let met = self.lock().get_mut(&key).and_then(again);
        let (is_due, changed) = match met {
            Some(is_due) => (is_due, None),
            None => {
                // All that takes time is done without the lock.
                let look = Look::of(claims);
                let mut known = self.lock();
                match known.get_mut(&key) {
                    None => {
                        make_room(&mut known);
                        known.insert(key, Known::new(look, claims.sha256, stage, now));
                        (stage.is_some(), None)
                    }
                    // Another connection of the same client may have been faster.
                    Some(before) => match before.meets_again(&claims.sha256, stage, now) {
                        Some(is_due) => (is_due, None),
                        None => {
                            let changed = before.meets(look, claims.sha256, stage, now);
                            (stage.is_some(), changed)
                        }
                    },
                }
            }
        };
        if is_due {
            log_expiry(site, identity, now);
        }
        changed.map_or_else(Vec::new, |(changed, told)| {
            let changes = changed.changes();
            if let Some(suppressed) = told {
                let name = clip(identity.name().to_owned(), TEXT_MAX);
                let site = site.to_owned();
                let change = IdentityChange { at: now, site, name, peer, changed, suppressed };
                change.log();
                self.keep(change);
            }
            changes
        })
    }

    /// The last changes that were told, the newest first.
    pub fn changes(&self) -> Arc<Vec<Arc<IdentityChange>>> {
        self.changes.load_full()
    }

    fn keep(&self, change: IdentityChange) {
        let change = Arc::new(change);
        self.changes.rcu(|before| {
            let kept = before.iter().take(KEPT_MAX - 1);
            std::iter::once(&change).chain(kept).map(Arc::clone).collect::<Vec<_>>()
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Known>> {
        // The table is whole at every moment at which a thread could panic.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make_room(known: &mut HashMap<Key, Known>) {
    if known.len() < KNOWN_MAX {
        return;
    }
    let oldest = known.iter().min_by_key(|(_, one)| one.seen).map(|(key, _)| *key);
    if let Some(oldest) = oldest {
        known.remove(&oldest);
    }
}

fn key(site: &str, name: &str) -> Key {
    // No site's name holds a zero.
    sha256([site, "\0", name])
}

fn sha256<'a>(parts: impl IntoIterator<Item = &'a str>) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    parts.into_iter().for_each(|part| context.update(part.as_bytes()));
    // SHA-256 is 32 bytes long.
    context.finish().as_ref().try_into().unwrap_or_default()
}

fn log_expiry(site: &str, identity: &Identity, now: i64) {
    let (claims, name) = (identity.claims(), clip(identity.name().to_owned(), TEXT_MAX));
    // A message is written as it is, and whoever chose the name could begin a line with it.
    let name = name.escape_debug();
    let remark = remark(claims.not_after, now);
    ExpiryEvent {
        message: &format!("the certificate of the client `{name}` {remark}"),
        kind: "client",
        site,
        subject: &clip(claims.subject.clone(), TEXT_MAX),
        issuer: &clip(claims.issuer.clone(), TEXT_MAX),
        file: "",
        fingerprint: &claims.fingerprint(),
        not_after: claims.not_after,
        advice: "have its owner renew it; once it has run out, the client is refused",
    }
    .log(now);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Claims;
    use crate::pki::Authority;

    #[test]
    fn clients_are_bounded_and_who_stayed_away_longest_makes_room() {
        let callers = Callers::default();
        let ca = Authority::root("CA").unwrap();
        let peer = "192.0.2.7:1".parse().unwrap();
        let issued = ca.client("a").issue().unwrap();
        let claims = Claims::from_der(issued.der()).unwrap();
        let saw = |name: &str, now: i64| {
            let claims = Claims { subject_cn: vec![name.to_owned()], ..claims.clone() };
            let identity = Identity::of_verified(claims, vec![issued.der().to_vec()], i64::MAX);
            callers.saw(&[], "a.example", &identity, peer, now);
        };
        saw("first", 0);
        saw("second", 1);
        saw("first", 2);
        (0..KNOWN_MAX - 1).for_each(|number| saw(&format!("{number}"), 3));
        let known = callers.lock();
        assert_eq!(known.len(), KNOWN_MAX);
        assert!(known.contains_key(&key("a.example", "first")));
        assert!(!known.contains_key(&key("a.example", "second")));
        // No two sites and names make one key.
        assert_ne!(key("a", "bc"), key("ab", "c"));
    }
}
