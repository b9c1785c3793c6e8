//! Everything that operators are shown, looked at once: the metrics, the page and its JSON say the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::generation::Generation;
use crate::observe::access::Lost;
use crate::observe::metrics::{EndpointTotals, Flood, SeenClient, SiteTotals};
use crate::observe::{IdentityChange, RefusalEvent, Reloaded};
use crate::policy::Reason;
use crate::tls::unix_now;

use super::Gateway;
use super::desk::Desk;
use super::health::Readiness;
use super::process::Process;
use super::warnings::{Warning, warnings};

/// One look.
pub(super) struct Snapshot {
    /// When, Unix time.
    pub(super) now: i64,
    /// When the gateway started, Unix time.
    pub(super) started: i64,
    pub(super) readiness: Readiness,
    pub(super) generation: Arc<Generation>,
    /// Which generation it is, from 1.
    pub(super) number: u64,
    pub(super) workers: usize,
    pub(super) connections_open: usize,
    pub(super) accepted: u64,
    /// The sites of the generation and those that were, by name.
    pub(super) sites: BTreeMap<Arc<str>, SiteTotals>,
    pub(super) endpoints: BTreeMap<Arc<str>, EndpointTotals>,
    pub(super) clients: Vec<SeenClient>,
    /// What is about to run out, what ends first at the front.
    pub(super) warnings: Vec<Warning>,
    /// Clients that came with another certificate, the newest first.
    pub(super) changes: Arc<Vec<Arc<IdentityChange>>>,
    pub(super) refusals: [(Reason, u64); Reason::ALL.len()],
    pub(super) untold: u64,
    /// HTTP/2 connections that were ended for a flood.
    pub(super) floods: [(Flood, u64); Flood::ALL.len()],
    pub(super) last_refusals: Vec<Arc<RefusalEvent>>,
    /// Access lines that were dropped.
    pub(super) lost: Lost,
    pub(super) reloaded: Reloaded,
    pub(super) process: Process,
}

impl Snapshot {
    pub(super) async fn take(desk: &Desk, gateway: &dyn Gateway) -> Self {
        let readiness = Readiness::look(desk, gateway).await;
        let generation = gateway.generation();
        let metrics = gateway.metrics();
        let (mut sites, mut endpoints) = (metrics.sites(), metrics.endpoints());
        for site in &generation.sites {
            // What nobody has asked for yet is shown with zeros.
            sites.entry(Arc::from(site.name())).or_default();
            for endpoint in site.config.endpoints() {
                endpoints.entry(Arc::from(endpoint.to_string())).or_default();
            }
        }
        let (now, clients) = (unix_now(), metrics.clients());
        Self {
            now,
            started: gateway.started(),
            readiness,
            number: gateway.epoch() + 1,
            workers: gateway.workers(),
            connections_open: gateway.connections_open(),
            accepted: metrics.accepted(),
            sites,
            endpoints,
            warnings: warnings(&generation, &clients, now),
            clients,
            changes: gateway.callers().changes(),
            generation,
            refusals: gateway.refusals().counts(),
            untold: gateway.refusals().untold(),
            floods: metrics.floods(),
            last_refusals: gateway.refusals().last(),
            lost: gateway.access_lines_lost(),
            reloaded: gateway.reloads().reloaded(),
            process: Process::look(),
        }
    }
}
