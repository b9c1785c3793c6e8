//! Everything that operators are shown, looked at once: the metrics, the page and its JSON say the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::generation::{Generation, Site};
use crate::observe::metrics::{EndpointTotals, SeenClient, SiteTotals};
use crate::observe::{RefusalEvent, Reloaded};
use crate::policy::Reason;
use crate::tls::unix_now;

use super::Gateway;
use super::desk::Desk;
use super::health::Readiness;
use super::process::Process;

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
    pub(super) refusals: [(Reason, u64); Reason::ALL.len()],
    pub(super) untold: u64,
    pub(super) last_refusals: Vec<Arc<RefusalEvent>>,
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
        Self {
            now: unix_now(),
            started: gateway.started(),
            readiness,
            generation,
            number: gateway.epoch() + 1,
            workers: gateway.workers(),
            connections_open: gateway.connections_open(),
            accepted: metrics.accepted(),
            sites,
            endpoints,
            clients: metrics.clients(),
            refusals: gateway.refusals().counts(),
            untold: gateway.refusals().untold(),
            last_refusals: gateway.refusals().last(),
            reloaded: gateway.reloads().reloaded(),
            process: Process::look(),
        }
    }

    /// What runs out at a site: its certificates, its clients' CAs, its revocation lists.
    pub(super) fn terms(site: &Site) -> Vec<Term> {
        let certificates = |kind, claims: &[crate::identity::Claims]| {
            let terms = claims.iter().map(|claims| Term {
                kind,
                name: claims.subject.clone(),
                fingerprint: claims.fingerprint(),
                begins: Some(claims.not_before),
                ends: Some(claims.not_after),
            });
            terms.collect::<Vec<_>>()
        };
        let (own, intermediates) = site.facts.server.split_at(site.facts.server.len().min(1));
        let mut terms = certificates(Kind::Server, own);
        terms.extend(certificates(Kind::Intermediate, intermediates));
        terms.extend(certificates(Kind::ClientCa, &site.facts.anchors));
        terms.extend(site.facts.lists.iter().map(|list| Term {
            kind: Kind::Crl,
            name: list.issuer.clone(),
            fingerprint: list.file.display().to_string(),
            begins: None,
            ends: list.next_update,
        }));
        terms
    }
}

/// What kind of thing runs out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Server,
    Intermediate,
    ClientCa,
    Crl,
}

impl Kind {
    /// The word in metrics and JSON.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Intermediate => "intermediate",
            Self::ClientCa => "client_ca",
            Self::Crl => "crl",
        }
    }

    /// The same for people.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Server => "Server certificate",
            Self::Intermediate => "Intermediate",
            Self::ClientCa => "Client CA",
            Self::Crl => "Revocation list",
        }
    }
}

/// Something with an end.
#[derive(Clone, Debug)]
pub(super) struct Term {
    pub(super) kind: Kind,
    /// Its subject, or a list's issuer.
    pub(super) name: String,
    /// SHA-256, or a list's file.
    pub(super) fingerprint: String,
    pub(super) begins: Option<i64>,
    /// `None` for a list that does not run out.
    pub(super) ends: Option<i64>,
}
