//! Whether the gateway would serve a client that came now: it listens, and of every site's app one endpoint can be
//! reached. A reload that failed is told and does not count: what was in force before still serves.

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

/// A site, and its app.
pub(super) struct SiteReadiness {
    pub(super) name: String,
    pub(super) endpoint: String,
    /// Why it cannot be reached.
    pub(super) trouble: Option<String>,
}

impl Readiness {
    pub(super) async fn look(desk: &Desk, gateway: &dyn Gateway) -> Self {
        let generation = gateway.generation();
        let of_sites = generation.sites.iter().map(|site| &site.config.upstream.value.endpoint);
        let mut endpoints: Vec<_> = of_sites.collect();
        endpoints.dedup();
        let unreachable = desk.unreachable(&endpoints).await;
        let sites = generation.sites.iter().map(|site| {
            let endpoint = &site.config.upstream.value.endpoint;
            SiteReadiness {
                name: site.name(),
                endpoint: endpoint.to_string(),
                trouble: unreachable.get(endpoint).cloned(),
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
        is_serving && self.sites.iter().all(|site| site.trouble.is_none())
    }

    /// Why not, in words for people; the first reason.
    pub(super) fn trouble(&self) -> Option<String> {
        if self.is_draining {
            return Some("draining".to_owned());
        }
        if self.listeners.is_empty() {
            return Some("no listener is open".to_owned());
        }
        let site = self.sites.iter().find(|site| site.trouble.is_some())?;
        Some(format!("the app of {} cannot be reached", site.name))
    }

    pub(super) fn json(&self) -> Value {
        let sites = self.sites.iter().map(|site| {
            json!({
                "site": site.name,
                "endpoints": [{
                    "endpoint": site.endpoint,
                    "reachable": site.trouble.is_none(),
                    "trouble": site.trouble,
                }],
            })
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
