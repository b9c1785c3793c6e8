//! Encrypted keys that were opened, so that each is opened once: not again for the next site, and not again by the next
//! reload.
//!
//! Opening one costs up to two seconds ([`unlock`](super::unlock)). What is kept is what signs, which a generation has
//! anyway, found by a SHA-256 of the encrypted key and its passphrase; no passphrase, and no key in the clear.

use std::collections::HashMap;
use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};

use super::key::Opened;
use super::passphrase::Passphrase;
use super::unlock::{self, Closed};

/// The keys of the configuration in force, and of the one that was tried last: no more than they name.
#[derive(Default)]
pub struct OpenedKeys {
    in_force: Keys,
    tried: Keys,
    /// Those that the load that runs has asked for.
    asked: Keys,
}

type Keys = HashMap<[u8; 32], Result<Opened, Closed>>;

impl fmt::Debug for OpenedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenedKeys").field("in_force", &self.in_force.len()).finish_non_exhaustive()
    }
}

impl OpenedKeys {
    /// Opens an `EncryptedPrivateKeyInfo`, or remembers what came of it: a wrong passphrase costs as much.
    pub(super) fn open(
        &mut self,
        locked: &[u8],
        passphrase: &Passphrase,
    ) -> Result<Opened, Closed> {
        let name = name(locked, passphrase);
        let known = [&self.asked, &self.in_force, &self.tried];
        let known = known.into_iter().find_map(|keys| keys.get(&name)).cloned();
        let opened = known.unwrap_or_else(|| {
            unlock::unlock(locked, passphrase.as_bytes()).map(|key| Opened::of(&key.as_rustls()))
        });
        self.asked.insert(name, opened.clone());
        opened
    }

    /// Ends a load: what it did not ask for is forgotten, unless what is in force still uses it.
    pub fn settle(&mut self, is_good: bool) {
        let asked = std::mem::take(&mut self.asked);
        match is_good {
            true => *self = Self { in_force: asked, ..Self::default() },
            false => self.tried = asked,
        }
    }
}

fn name(locked: &[u8], passphrase: &Passphrase) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(&(locked.len() as u64).to_be_bytes());
    context.update(locked);
    context.update(passphrase.as_bytes());
    let mut name = [0; 32];
    name.copy_from_slice(context.finish().as_ref());
    name
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::key;
    use super::super::pair_files::PairFiles;
    use super::super::testing::Lab;
    use super::*;
    use crate::config::{Located, Site};

    struct Opener {
        lab: Lab,
        site: Site,
        keys: OpenedKeys,
    }

    impl Opener {
        /// What signs for the site, as an address.
        fn open(&mut self) -> Option<usize> {
            let mut report = self.lab.report();
            let keys = key::load(PairFiles::of_site(&self.site), &mut self.keys, &mut report)?;
            Some(Arc::as_ptr(&keys[0].signing).cast::<()>() as usize)
        }
    }

    #[test]
    fn a_key_is_opened_once_as_long_as_key_and_passphrase_stay() {
        let lab = Lab::new();
        lab.write("www.pass", "correct horse");
        let make = "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -pass file:www.pass -out";
        if !lab.openssl(&format!("{make} www.key")) {
            return;
        }
        let mut site = lab.site();
        site.private_key_passphrase_file = Some(Located::new(lab.path("www.pass"), 0..0));
        let mut opener = Opener { lab, site, keys: OpenedKeys::default() };
        let first = opener.open();
        assert!(first.is_some());
        // The next site, the next reload, and one after a reload that failed without asking for it.
        assert_eq!(opener.open(), first);
        opener.keys.settle(true);
        assert_eq!(opener.open(), first);
        opener.keys.settle(false);
        opener.keys.settle(false);
        assert_eq!(opener.open(), first);
        opener.keys.settle(true);

        // Another passphrase opens nothing, however often it is asked for what another has opened.
        opener.lab.write("www.pass", "wrong");
        assert_eq!(opener.open(), None);
        assert_eq!(opener.open(), None);
        opener.keys.settle(false);
        assert_eq!(opener.keys.tried.len(), 1);
        opener.lab.write("www.pass", "correct horse");
        assert_eq!(opener.open(), first);

        // What nobody asks for any more is forgotten.
        opener.keys.settle(true);
        opener.keys.settle(true);
        assert!(opener.keys.in_force.is_empty() && opener.keys.tried.is_empty());
    }
}
