//! What operators can see of the gateway: the answers behind the door of `admin`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::admin;
use crate::generation::Generation;
use crate::observe::access::Lost;
use crate::observe::metrics::Metrics;
use crate::observe::{Callers, Refusals, ReloadLog};
use crate::upstream::EndpointStates;

use super::Shared;
use super::listener::Listening;

impl admin::Gateway for Shared {
    fn generation(&self) -> Arc<Generation> {
        self.generation.load_full()
    }

    fn started(&self) -> i64 {
        self.started
    }

    fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.listening().iter().map(Listening::address).collect()
    }

    fn connections_open(&self) -> usize {
        self.open.iter().map(|open| open.load(Ordering::Relaxed)).sum()
    }

    fn workers(&self) -> usize {
        self.open.len()
    }

    fn is_draining(&self) -> bool {
        self.stop.drain.is_cancelled()
    }

    fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    fn callers(&self) -> &Callers {
        &self.callers
    }

    fn endpoint_states(&self) -> &EndpointStates {
        &self.endpoint_states
    }

    fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    fn reloads(&self) -> &ReloadLog {
        &self.reloads
    }

    fn access_lines_lost(&self) -> Lost {
        self.access_log.lost()
    }
}
