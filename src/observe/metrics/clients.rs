//! The client certificates that were seen lately, so that somebody notices before one of them runs out: so many,
//! and the ones that stayed away longest make room.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::identity::{Identity, clip};

/// How many each worker remembers, and how many are told of.
const REMEMBERED_MAX: usize = 256;
pub(super) const TOLD_MAX: usize = 100;

/// The longest name that is kept, in bytes.
const NAME_MAX: usize = 256;

/// A client's certificate that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenClient {
    /// The first name of the site that it came to.
    pub site: Arc<str>,
    /// A short name of it.
    pub name: String,
    /// SHA-256 of it, hexadecimal.
    pub fingerprint: String,
    /// Who issued it.
    pub issuer: String,
    /// When it begins, Unix time.
    pub not_before: i64,
    /// When it runs out, Unix time.
    pub not_after: i64,
    /// When it was seen last, Unix time.
    pub seen: i64,
}

/// Those of one worker.
#[derive(Debug, Default)]
pub(super) struct SeenClients(Mutex<HashMap<Key, SeenClient>>);

/// SHA-256 of the certificate, and the site.
type Key = ([u8; 32], Arc<str>);

impl SeenClients {
    /// Notes one. If somebody reads just now, the worker does not wait: what is missed comes again.
    pub(super) fn note(&self, site: &Arc<str>, identity: &Identity, now: i64) {
        let Ok(mut seen) = self.0.try_lock() else {
            return;
        };
        let claims = identity.claims();
        let key = (claims.sha256, Arc::clone(site));
        if let Some(known) = seen.get_mut(&key) {
            known.seen = now;
            return;
        }
        if seen.len() >= REMEMBERED_MAX {
            let oldest = seen.iter().min_by_key(|(_, client)| client.seen);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                seen.remove(&oldest);
            }
        }
        let client = SeenClient {
            site: Arc::clone(site),
            name: clip(identity.name().to_owned(), NAME_MAX),
            fingerprint: claims.fingerprint(),
            issuer: clip(claims.issuer.clone(), NAME_MAX),
            not_before: claims.not_before,
            not_after: claims.not_after,
            seen: now,
        };
        seen.insert(key, client);
    }

    /// Adds them to those of other workers.
    pub(super) fn add_to(&self, all: &mut HashMap<(String, Arc<str>), SeenClient>) {
        let own: Vec<_> = {
            let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            seen.values().cloned().collect()
        };
        for client in own {
            let key = (client.fingerprint.clone(), Arc::clone(&client.site));
            let known = all.entry(key).or_insert_with(|| client.clone());
            known.seen = known.seen.max(client.seen);
        }
    }
}

/// Leaves out the certificates that their clients have replaced: who came with a longer one a day or more after the
/// last time with this one. Of a fleet that shares a name, whoever comes daily stays.
pub(super) fn without_replaced(all: &mut Vec<SeenClient>) {
    const DAY: i64 = 24 * 60 * 60;
    // Of each client, the certificate that lives longest comes first.
    let key = |client: &SeenClient| (Arc::clone(&client.site), client.name.clone());
    all.sort_by_cached_key(|client| (key(client), std::cmp::Reverse(client.not_after)));
    let mut longer = None;
    all.retain(|client| match &mut longer {
        Some((known, seen)) if *known == key(client) => {
            let is_replaced = *seen >= client.seen.saturating_add(DAY);
            *seen = client.seen.max(*seen);
            !is_replaced
        }
        _ => {
            longer = Some((key(client), client.seen));
            true
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(name: &str, not_after: i64, seen: i64) -> SeenClient {
        SeenClient {
            site: Arc::from("a.example"),
            name: name.to_owned(),
            fingerprint: format!("{not_after}"),
            issuer: String::new(),
            not_before: 0,
            not_after,
            seen,
        }
    }

    #[test]
    fn what_its_client_has_replaced_is_not_told_of() {
        const DAY: i64 = 24 * 60 * 60;
        let mut all = vec![
            client("renewed", 10 * DAY, 5 * DAY),
            client("renewed", 99 * DAY, 6 * DAY),
            client("fleet", 10 * DAY, 5 * DAY + 1),
            client("fleet", 99 * DAY, 6 * DAY),
            client("alone", 10 * DAY, DAY),
        ];
        without_replaced(&mut all);
        let left: Vec<_> = all.iter().map(|one| (one.name.as_str(), one.not_after / DAY)).collect();
        assert_eq!(left, [("alone", 10), ("fleet", 99), ("fleet", 10), ("renewed", 99)]);
    }
}
