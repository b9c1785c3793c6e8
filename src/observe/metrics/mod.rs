//! What is counted while clients are served. Each worker counts for itself, in memory that no other worker writes,
//! with a few relaxed additions for a request: no lock, no allocation, no shared cache line. Whoever asks adds the
//! workers up and makes none of them wait.

mod clients;
mod flood;
mod histogram;
mod local;
mod site;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

pub use clients::SeenClient;
pub use flood::Flood;
pub use histogram::{BUCKETS, Histogram, Lengths};
pub use local::LocalCounters;
pub use site::{CLASSES, GROUPS, METHODS, SiteCounters, SiteTotals, VERSIONS};

use clients::SeenClients;

/// Sites and endpoints that are counted each for itself; further ones, which only many reloads can bring, are
/// counted together.
const NAMES_MAX: usize = 1024;

/// What requests in plain HTTP get; the last one stands for all that has no name here.
pub const PLAIN_CODES: [&str; 7] = [
    "redirect",
    "acme-challenge",
    "no-challenge",
    "misdirected-request",
    "method-not-allowed",
    "expectation-failed",
    "bad-request",
];

/// The name of those further ones.
const OTHER: &str = "other";

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts so many more.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Relaxed);
    }

    /// How many there were.
    pub fn total(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// What was counted of one endpoint of an app, by one worker.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct EndpointCounters {
    /// Connections that were opened, and how long that took.
    pub connected: Histogram,
    /// Requests that got no response, whatever the reason.
    pub failures: Counter,
    /// Requests that went out once more.
    pub retries: Counter,
    /// Responses that nobody waited for any more.
    pub late: Counter,
}

/// What was counted of one endpoint, by all.
#[derive(Clone, Debug, Default)]
pub struct EndpointTotals {
    /// Connections that were opened, and how long that took.
    pub connected: Lengths,
    /// Requests that got no response.
    pub failures: u64,
    /// Requests that went out once more.
    pub retries: u64,
    /// Responses that nobody waited for any more.
    pub late: u64,
}

/// A list that only grows, up to a bound.
type Named<T> = Mutex<Vec<(Arc<str>, Arc<T>)>>;

/// What one worker counts. An alignment of its own keeps its neighbours off its cache lines.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct WorkerCounters {
    /// Connections that it was given.
    accepted: Counter,
    /// HTTP/2 connections that were ended for a flood.
    floods: [Counter; Flood::ALL.len()],
    /// Answers in plain HTTP, by code.
    plain: [Counter; PLAIN_CODES.len()],
    sites: Named<SiteCounters>,
    endpoints: Named<EndpointCounters>,
    clients: SeenClients,
}

/// What all workers count.
#[derive(Debug)]
pub struct Metrics {
    workers: Vec<Arc<WorkerCounters>>,
}

impl Metrics {
    /// For so many workers.
    pub fn new(workers: usize) -> Self {
        Self { workers: (0..workers).map(|_| Arc::default()).collect() }
    }

    /// What the worker of this number counts with.
    pub fn of_worker(&self, number: usize) -> LocalCounters {
        LocalCounters::new(self.workers.get(number).map(Arc::clone).unwrap_or_default())
    }

    /// Connections that were accepted.
    pub fn accepted(&self) -> u64 {
        self.workers.iter().map(|worker| worker.accepted.total()).sum()
    }

    /// HTTP/2 connections that were ended for a flood, by its kind.
    pub fn floods(&self) -> [(Flood, u64); Flood::ALL.len()] {
        let total = |flood| self.workers.iter().map(|one| one.floods[flood as usize].total()).sum();
        Flood::ALL.map(|flood| (flood, total(flood)))
    }

    /// Answers in plain HTTP, each with its code.
    pub fn plain(&self) -> [(&'static str, u64); PLAIN_CODES.len()] {
        let mut at = 0;
        PLAIN_CODES.map(|code| {
            let count = self.workers.iter().map(|worker| worker.plain[at].total()).sum();
            at += 1;
            (code, count)
        })
    }

    /// The sites that were asked for, by their first names.
    pub fn sites(&self) -> BTreeMap<Arc<str>, SiteTotals> {
        let mut all: BTreeMap<_, SiteTotals> = BTreeMap::new();
        for (name, site) in self.workers.iter().flat_map(|worker| copied(&worker.sites)) {
            site.add_to(all.entry(name).or_default());
        }
        all
    }

    /// The endpoints that were sent to.
    pub fn endpoints(&self) -> BTreeMap<Arc<str>, EndpointTotals> {
        let mut all: BTreeMap<_, EndpointTotals> = BTreeMap::new();
        for (name, endpoint) in self.workers.iter().flat_map(|worker| copied(&worker.endpoints)) {
            let totals = all.entry(name).or_default();
            endpoint.connected.add_to(&mut totals.connected);
            totals.failures += endpoint.failures.total();
            totals.retries += endpoint.retries.total();
            totals.late += endpoint.late.total();
        }
        all
    }

    /// The verified clients that were seen lately, the last one first; so many and no more.
    pub fn clients(&self) -> Vec<SeenClient> {
        let mut all = HashMap::new();
        self.workers.iter().for_each(|worker| worker.clients.add_to(&mut all));
        let mut all: Vec<_> = all.into_values().collect();
        clients::without_replaced(&mut all);
        all.sort_by(|a, b| b.seen.cmp(&a.seen).then_with(|| a.fingerprint.cmp(&b.fingerprint)));
        all.truncate(clients::TOLD_MAX);
        all
    }
}

/// The list as it is, without keeping whoever would make it longer.
fn copied<T>(named: &Named<T>) -> Vec<(Arc<str>, Arc<T>)> {
    named.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// The counters of a name, new if there is room for one more.
fn enter<T: Default>(named: &Named<T>, name: &str) -> (Arc<str>, Arc<T>) {
    let mut named = named.lock().unwrap_or_else(PoisonError::into_inner);
    let is_known = named.iter().any(|(known, _)| &**known == name);
    let name = if is_known || named.len() < NAMES_MAX { name } else { OTHER };
    if let Some((name, counters)) = named.iter().find(|(known, _)| &**known == name) {
        return (Arc::clone(name), Arc::clone(counters));
    }
    let new = (Arc::from(name), Arc::default());
    named.push((Arc::clone(&new.0), Arc::clone(&new.1)));
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_added_up() {
        let metrics = Metrics::new(3);
        for number in 0..3 {
            let worker = metrics.of_worker(number);
            worker.accepted();
            let (_, site) = worker.site("a.example");
            site.answered(&http::Method::GET, 204);
            worker.endpoint("http://127.0.0.1:1").failures.add(2);
        }
        assert_eq!(metrics.accepted(), 3);
        let sites = metrics.sites();
        assert_eq!(sites.keys().map(|name| &**name).collect::<Vec<_>>(), ["a.example"]);
        assert_eq!(sites["a.example"].requests_all(), 3);
        assert_eq!(metrics.endpoints()["http://127.0.0.1:1"].failures, 6);
    }

    #[test]
    fn names_are_bounded() {
        let metrics = Metrics::new(1);
        let worker = metrics.of_worker(0);
        for number in 0..3000 {
            worker.endpoint(&format!("e{number}")).failures.add(1);
        }
        let endpoints = metrics.endpoints();
        assert_eq!(endpoints.len(), NAMES_MAX + 1);
        assert_eq!(endpoints["other"].failures, 3000 - NAMES_MAX as u64);
    }
}
