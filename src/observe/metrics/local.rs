//! The counters as a worker holds them: it finds a site's without asking anybody, once the site is known.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use crate::identity::Identity;

use super::{EndpointCounters, Flood, NAMES_MAX, SiteCounters, WorkerCounters, enter};

/// The name that a site is counted by, and its counters.
type Entry = (Arc<str>, Arc<SiteCounters>);

/// What one worker counts with; stays on its thread.
#[derive(Debug)]
pub struct LocalCounters {
    shared: Arc<WorkerCounters>,
    sites: RefCell<HashMap<String, Entry>>,
}

impl LocalCounters {
    pub(super) fn new(shared: Arc<WorkerCounters>) -> Self {
        Self { shared, sites: RefCell::default() }
    }

    /// Counts a connection that came.
    pub fn accepted(&self) {
        self.shared.accepted.add(1);
    }

    /// Counts a connection that was ended for a flood.
    pub fn flooded(&self, flood: Flood) {
        self.shared.floods[flood as usize].add(1);
    }

    /// Counts an answer in plain HTTP, by one of [`super::PLAIN_CODES`].
    pub fn plain_answered(&self, code: &str) {
        let place = super::PLAIN_CODES.iter().position(|known| *known == code);
        let last = super::PLAIN_CODES.len() - 1;
        self.shared.plain[place.unwrap_or(last)].add(1);
    }

    /// The name that a site is counted by, which is that of the others where too many have come, and its counters.
    pub fn site(&self, name: &str) -> (Arc<str>, Arc<SiteCounters>) {
        let mut sites = self.sites.borrow_mut();
        if let Some((name, counters)) = sites.get(name) {
            return (Arc::clone(name), Arc::clone(counters));
        }
        let entered = enter(&self.shared.sites, name);
        if sites.len() <= NAMES_MAX {
            sites.insert(name.to_owned(), (Arc::clone(&entered.0), Arc::clone(&entered.1)));
        }
        entered
    }

    /// Notes a client that was verified at a site, by the name that it is counted by.
    pub fn saw(&self, site: &Arc<str>, identity: &Identity, now: i64) {
        self.shared.clients.note(site, identity, now);
    }

    /// The counters of an endpoint; its connections keep them.
    pub fn endpoint(&self, name: &str) -> Arc<EndpointCounters> {
        enter(&self.shared.endpoints, name).1
    }
}
