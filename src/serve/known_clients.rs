//! What is the same for clients that come again and again, made once for each of them, or each kind of them: making the
//! headers that tell an app who called costs more than all else that a resumed connection needs of the gateway.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, Weak};

use crate::forward::ClientIdentityHeaders;
use crate::generation::{Generation, Site};
use crate::identity::Identity;
use crate::observe::Offered;
use crate::policy::Verdict;

/// Clients that are remembered: as many as a site remembers the chains of.
const COUNT_MAX: usize = 1024;

/// A client at a site, by the place of each.
type Key = (usize, *const Identity);

/// What is known of the clients of one worker.
#[derive(Default)]
pub(super) struct KnownClients {
    known: RefCell<Known>,
    /// What the last one offered.
    offered: RefCell<Arc<Offered>>,
}

/// The headers of the clients of one generation.
#[derive(Default)]
struct Known {
    /// Weak, so that it ends with its last connection; its place is not used again before this is gone.
    generation: Weak<Generation>,
    headers: HashMap<Key, (Weak<Identity>, Rc<ClientIdentityHeaders>)>,
}

impl KnownClients {
    /// The headers that tell a verdict which a site has reached under a generation.
    pub(super) fn headers(
        &self,
        generation: &Arc<Generation>,
        site: &Site,
        verdict: &Verdict,
    ) -> Rc<ClientIdentityHeaders> {
        let (mode, config) = (site.config.client.mode, &site.config.identity_headers);
        let made = || Rc::new(ClientIdentityHeaders::new(verdict, mode, config));
        let Verdict::Verified(identity) = verdict else {
            return made();
        };
        let mut known = self.known.borrow_mut();
        if !std::ptr::eq(known.generation.as_ptr(), Arc::as_ptr(generation)) {
            // What holds for a site may have changed.
            *known = Known { generation: Arc::downgrade(generation), headers: HashMap::new() };
        }
        let key = (site.number, Arc::as_ptr(identity));
        if let Some((_, headers)) = known.headers.get(&key) {
            return Rc::clone(headers);
        }
        if known.headers.len() == known.headers.capacity() {
            // An identity that nothing has any more never comes again: its client gets a new one.
            known.headers.retain(|_, (identity, _)| identity.strong_count() > 0);
        }
        if known.headers.len() >= COUNT_MAX {
            // Rare, and then as good as any order: all start anew.
            known.headers.clear();
        }
        let headers = made();
        known.headers.insert(key, (Arc::downgrade(identity), Rc::clone(&headers)));
        headers
    }

    /// What a client offered. Most offer what the one before them did: of thousands of connections that are open, each
    /// would keep the same.
    pub(super) fn offered(&self, offered: &Offered) -> Arc<Offered> {
        let mut last = self.offered.borrow_mut();
        if **last != *offered {
            *last = Arc::new(offered.clone());
        }
        Arc::clone(&last)
    }
}
