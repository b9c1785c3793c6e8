//! What is known of an endpoint, by all workers together: whether it failed too often in a row, and is left out for a
//! while. Nothing here is written for a request that goes well.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use crate::config::{Endpoint, Upstream};

/// Endpoints that are remembered; of further ones nothing is known.
const ENDPOINTS_MAX: usize = 10_000;

/// Checks in a row that have to fail where `failures_max` is unlimited.
const CHECKS_MAX: u32 = 3;

/// Of all endpoints. One address has one state, whatever upstreams it is in and whatever generation.
#[derive(Debug, Default)]
pub struct EndpointStates {
    states: Mutex<HashMap<Endpoint, Arc<EndpointState>>>,
}

impl EndpointStates {
    /// The state of an endpoint.
    pub fn of(&self, endpoint: &Endpoint) -> Arc<EndpointState> {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = states.get(endpoint) {
            return Arc::clone(state);
        }
        let state = Arc::new(EndpointState::new(endpoint));
        if states.len() < ENDPOINTS_MAX {
            states.insert(endpoint.clone(), Arc::clone(&state));
        }
        state
    }
}

/// Of one endpoint.
#[derive(Debug)]
pub struct EndpointState {
    endpoint: Endpoint,
    /// What the times below count from.
    known_since: Instant,
    /// Failures since it last did well.
    failures: AtomicU32,
    /// Until when it is left out, in milliseconds; 0 where it was never out or has done well since.
    out_until: AtomicU64,
    /// Checks that failed since one passed.
    checks_failed: AtomicU32,
    /// Whether so many did that it is left out until one passes.
    is_ailing: AtomicBool,
    /// When it last came back, in milliseconds, plus one; 0 if never.
    back_at: AtomicU64,
}

impl EndpointState {
    fn new(endpoint: &Endpoint) -> Self {
        Self {
            endpoint: endpoint.clone(),
            known_since: Instant::now(),
            failures: AtomicU32::new(0),
            out_until: AtomicU64::new(0),
            checks_failed: AtomicU32::new(0),
            is_ailing: AtomicBool::new(false),
            back_at: AtomicU64::new(0),
        }
    }

    /// Which one.
    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether it is left out now.
    pub fn is_out(&self) -> bool {
        let until = self.out_until.load(Ordering::Relaxed);
        until > 0 && self.now() < until || self.is_ailing.load(Ordering::Relaxed)
    }

    /// What a health check found.
    pub fn checked(&self, found: &Result<(), String>, upstream: &Upstream) {
        let Err(why) = found else {
            self.forget_checks();
            self.succeeded();
            return;
        };
        let failed = self.checks_failed.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let max = upstream.failures_max.unwrap_or(CHECKS_MAX);
        if failed >= max && !self.is_ailing.swap(true, Ordering::Relaxed) {
            warn!(target: "upstream", endpoint = %self.endpoint, upstream = upstream.name, why,
                "an endpoint is not well and is left out until it is");
        }
    }

    /// Nobody checks it any more, or it is well.
    pub fn forget_checks(&self) {
        self.checks_failed.store(0, Ordering::Relaxed);
        if self.is_ailing.swap(false, Ordering::Relaxed) {
            self.back_at.store(self.now() + 1, Ordering::Relaxed);
            info!(target: "upstream", endpoint = %self.endpoint, "an endpoint is well again");
        }
    }

    /// How much of its weight it has, above 0 and at most 1.
    pub(super) fn share(&self, slow_start: Option<Duration>) -> f64 {
        /// What it begins with.
        const LEAST: f64 = 0.1;
        let back_at = self.back_at.load(Ordering::Relaxed);
        match slow_start {
            Some(length) if back_at > 0 => {
                let since = Duration::from_millis(self.now().saturating_sub(back_at - 1));
                (since.as_secs_f64() / length.as_secs_f64()).clamp(LEAST, 1.0)
            }
            _ => 1.0,
        }
    }

    /// It answered.
    pub(super) fn succeeded(&self) {
        if self.failures.load(Ordering::Relaxed) == 0 {
            return;
        }
        self.failures.store(0, Ordering::Relaxed);
        if self.out_until.swap(0, Ordering::Relaxed) > 0 {
            self.back_at.store(self.now() + 1, Ordering::Relaxed);
            info!(target: "upstream", endpoint = %self.endpoint, "an endpoint answers again");
        }
    }

    /// It gave no response. The only endpoint of an upstream goes on being used. One of several that has failed often
    /// enough is left out for a while; then the next request tries it again, and one more failure puts it out again.
    pub(super) fn failed(&self, upstream: &Upstream) {
        if upstream.endpoints.len() == 1 {
            return;
        }
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let Some(max) = upstream.failures_max.filter(|max| failures >= *max) else {
            return;
        };
        let length = u64::try_from(upstream.ejection_time.as_millis()).unwrap_or(u64::MAX);
        let until = self.now().saturating_add(length).max(1);
        let was_out = self.is_out();
        self.out_until.store(until, Ordering::Relaxed);
        if !was_out {
            let time = upstream.ejection_time;
            warn!(target: "upstream", endpoint = %self.endpoint, upstream = upstream.name,
                "an endpoint failed {max} times in a row and is left out for {time:?}");
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.known_since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
