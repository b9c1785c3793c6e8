//! The counters as a worker holds them: it finds a site's without asking anybody, once the site is known.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use crate::identity::Identity;

use super::{EndpointCounters, Flood, NAMES_MAX, SiteCounters, WorkerCounters, enter};

/// A site's name as all share it, and its counters.
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

    /// The counters of a site; its connections keep them.
    pub fn site(&self, name: &str) -> Arc<SiteCounters> {
        self.entry(name).1
    }

    /// Notes a client that was verified at a site.
    pub fn saw(&self, site: &str, identity: &Identity, now: i64) {
        let (site, _) = self.entry(site);
        self.shared.clients.note(&site, identity, now);
    }

    /// The counters of an endpoint; its connections keep them.
    pub fn endpoint(&self, name: &str) -> Arc<EndpointCounters> {
        enter(&self.shared.endpoints, name).1
    }

    fn entry(&self, name: &str) -> Entry {
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
}
