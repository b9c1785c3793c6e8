//! Whether the gateway would serve a client that came now: it listens, and of every site's app one endpoint can be
//! reached. A reload that failed is told and does not count: what was in force before still serves.

use std::collections::HashSet;
use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::identity::timestamp_text;
use crate::observe::Reloaded;

use super::Gateway;
use super::desk::Desk;

/// How ready it is.
pub(super) struct Readiness {
    pub(super) is_draining: bool,
    pub(super) listeners: Vec<SocketAddr>,
    pub(super) generation: u64,
    pub(super) sites: Vec<SiteReadiness>,
    reloaded: Reloaded,
}

/// A site, and the endpoints that its requests go to.
pub(super) struct SiteReadiness {
    pub(super) name: String,
    pub(super) endpoints: Vec<EndpointReadiness>,
    /// Whether its own app has an endpoint that can be reached.
    pub(super) is_ready: bool,
}

/// One endpoint.
pub(super) struct EndpointReadiness {
    pub(super) endpoint: String,
    /// Why it cannot be reached.
    pub(super) trouble: Option<String>,
    /// Whether it failed too often, and is left out for a while.
    pub(super) is_out: bool,
}

impl Readiness {
    pub(super) async fn look(desk: &Desk, gateway: &dyn Gateway) -> Self {
        let generation = gateway.generation();
        let of_sites = generation.sites.iter().flat_map(|site| site.config.endpoints());
        let mut seen = HashSet::new();
        let endpoints: Vec<_> = of_sites.filter(|endpoint| seen.insert(*endpoint)).collect();
        let unreachable = desk.unreachable(&generation, &endpoints).await;
        let states = gateway.endpoint_states();
        let sites = generation.sites.iter().map(|site| {
            let endpoints = site.config.endpoints().into_iter().map(|endpoint| EndpointReadiness {
                endpoint: endpoint.to_string(),
                trouble: unreachable.get(endpoint).cloned(),
                is_out: states.of(endpoint).is_out(),
            });
            let mut own = site.config.upstream.value.endpoints.iter();
            SiteReadiness {
                name: site.name().to_owned(),
                endpoints: endpoints.collect(),
                is_ready: own.any(|member| !unreachable.contains_key(&member.endpoint)),
            }
        });
        Self {
            is_draining: gateway.is_draining(),
            listeners: gateway.addresses(),
            generation: gateway.epoch() + 1,
            sites: sites.collect(),
            reloaded: gateway.reloads().reloaded(),
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        let is_serving = !self.is_draining && !self.listeners.is_empty() && !self.sites.is_empty();
        is_serving && self.sites.iter().all(|site| site.is_ready)
    }

    /// Why not, in words for people; the first reason.
    pub(super) fn trouble(&self) -> Option<String> {
        if self.is_draining {
            return Some("draining".to_owned());
        }
        if self.listeners.is_empty() {
            return Some("no listener is open".to_owned());
        }
        let site = self.sites.iter().find(|site| !site.is_ready)?;
        Some(format!("the app of {} cannot be reached", site.name))
    }

    pub(super) fn json(&self) -> Value {
        let sites = self.sites.iter().map(|site| {
            let endpoints = site.endpoints.iter().map(|one| {
                json!({
                    "endpoint": one.endpoint,
                    "reachable": one.trouble.is_none(),
                    "trouble": one.trouble,
                    "left_out": one.is_out,
                })
            });
            json!({ "site": site.name, "endpoints": endpoints.collect::<Vec<_>>() })
        });
        let failed = self.reloaded.last_refused.as_ref();
        json!({
            "ready": self.is_ready(),
            "trouble": self.trouble(),
            "draining": self.is_draining,
            "listeners": self.listeners,
            "generation": self.generation,
            "sites": sites.collect::<Vec<_>>(),
            "last_failed_reload": failed.map(|reload| json!({
                "at": timestamp_text(reload.at),
                "report": reload.report,
            })),
        })
    }
}
