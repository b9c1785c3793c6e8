//! What operators ask of a gateway that runs: is it well (`/healthz`), would it serve (`/readyz`), what has it
//! counted (`/metrics`), and all of it for people (`/status`) and programs (`/status.json`).
//!
//! On a thread and a runtime of its own, in plain HTTP, read-only and bounded in everything: whatever is asked here,
//! no worker waits for it.

mod desk;
mod door;
mod health;
mod history;
mod http;
mod metrics;
mod process;
mod snapshot;
mod status;
mod text;
mod warnings;

use std::net::SocketAddr;
use std::sync::Arc;

use crate::generation::Generation;
use crate::observe::access::Lost;
use crate::observe::metrics::Metrics;
use crate::observe::{Callers, Refusals, ReloadLog};
use crate::upstream::EndpointStates;

pub use door::{Door, OpenError, Place};
pub use metrics::{FAMILIES, Family};

/// What is asked of the gateway. Each answer is a look, and none of them keeps a worker from its work.
pub trait Gateway: Send + Sync + 'static {
    /// When it started, Unix time.
    fn started(&self) -> i64;
    /// The generation in force.
    fn generation(&self) -> Arc<Generation>;
    /// How many came before it.
    fn epoch(&self) -> u64;
    /// The addresses that clients are listened to on.
    fn addresses(&self) -> Vec<SocketAddr>;
    /// Client connections that are open.
    fn connections_open(&self) -> usize;
    /// Worker threads.
    fn workers(&self) -> usize;
    /// Whether it is on its way to a stop.
    fn is_draining(&self) -> bool;
    /// The clients that were refused.
    fn refusals(&self) -> &Refusals;
    /// The clients that were seen, and what was different of them.
    fn callers(&self) -> &Callers;
    /// What was counted.
    fn metrics(&self) -> &Metrics;

    /// What is known of the endpoints of apps.
    fn endpoint_states(&self) -> &EndpointStates;
    /// What became of reloads.
    fn reloads(&self) -> &ReloadLog;
    /// The access lines that were dropped.
    fn access_lines_lost(&self) -> Lost;
}
