//! Verdicts that a site has reached under one generation, so that a caller who comes again with the same
//! chain is not verified again but for the proof that it holds its key. Only admissions are kept; a
//! verdict ends with the first certificate of its path.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest;
use rustls::pki_types::CertificateDer;

use crate::identity::Identity;

/// Chains that are remembered; a site has few callers, and one entry is a few KiB.
const COUNT_MAX: usize = 1024;

/// The longest chain that is remembered. Who sends junk along is verified each time.
const CHAIN_BYTES_MAX: usize = 16 * 1024;

/// A chain as the key of a verdict: SHA-256 over every certificate with its length.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ChainHash([u8; 32]);

impl ChainHash {
    pub(super) fn of(end_entity: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for certificate in std::iter::once(end_entity).chain(others) {
            context.update(&(certificate.len() as u64).to_be_bytes());
            context.update(certificate);
        }
        // SHA-256 is 32 bytes long; anything else would be no key that is ever found again.
        Self(context.finish().as_ref().try_into().unwrap_or_default())
    }
}

/// The verdicts of one site.
#[derive(Debug, Default)]
pub(super) struct Verdicts(Mutex<HashMap<ChainHash, Verdict>>);

#[derive(Debug)]
struct Verdict {
    identity: Arc<Identity>,
    /// When it was reached, Unix time. A clock that was set back to before then asks anew.
    reached: i64,
}

impl Verdicts {
    /// Whom a chain proved to be, if that was found before and still holds at `now`, Unix time.
    pub(super) fn get(&self, chain: ChainHash, now: i64) -> Option<Arc<Identity>> {
        let verdicts = self.verdicts();
        let Verdict { identity, reached } = verdicts.get(&chain)?;
        (*reached..=identity.valid_until()).contains(&now).then(|| Arc::clone(identity))
    }

    /// Remembers an admission that was reached at `now`, Unix time.
    pub(super) fn put(&self, chain: ChainHash, identity: &Arc<Identity>, now: i64) {
        let bytes: usize = identity.chain().iter().map(Vec::len).sum();
        if bytes > CHAIN_BYTES_MAX {
            return;
        }
        let mut verdicts = self.verdicts();
        if verdicts.len() >= COUNT_MAX {
            // Rare, and then as good as any order: all start anew.
            verdicts.clear();
        }
        verdicts.insert(chain, Verdict { identity: Arc::clone(identity), reached: now });
    }

    fn verdicts(&self) -> MutexGuard<'_, HashMap<ChainHash, Verdict>> {
        // The map is whole at every moment at which a thread could panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ChainHash({:02x?})", &self.0[..4])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Claims;
    use crate::pki::Authority;

    #[test]
    fn a_chain_with_junk_is_verified_each_time() {
        let caller = Authority::root("CA").unwrap().client("caller").issue().unwrap();
        let own = caller.der();
        let claims = Claims::from_der(own).unwrap();
        let verdicts = Verdicts::default();
        for (junk, is_remembered) in [(0, true), (CHAIN_BYTES_MAX, false)] {
            let junk = CertificateDer::from(vec![0; junk]);
            let chain = vec![own.to_vec(), junk.to_vec()];
            let identity = Arc::new(Identity::of_verified(claims.clone(), chain, 9));
            let hash = ChainHash::of(own, &[junk]);
            verdicts.put(hash, &identity, 1);
            assert_eq!(verdicts.get(hash, 2).is_some(), is_remembered);
        }
    }
}
