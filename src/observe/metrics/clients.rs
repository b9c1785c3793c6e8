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
