//! The one event that a refused client leaves in the log.

use std::net::SocketAddr;

use tracing::{info, warn};

use crate::policy::{Reason, Refusal};

use super::exchange::RequestId;

/// What is known of a connection when it is refused.
#[derive(Clone, Debug)]
pub struct ConnectionFacts {
    /// The client's address.
    pub peer: SocketAddr,
    /// The gateway's address that it came to.
    pub local: SocketAddr,
    /// The server name that it asked for.
    pub server_name: Option<String>,
    /// The TLS versions that it offered.
    pub versions: Vec<String>,
    /// The application protocols that it offered.
    pub alpn: Vec<String>,
    /// The name of the answer that it gets in plain HTTP, where it gets one.
    pub request_id: Option<RequestId>,
}

/// Logs a refusal. Clients that merely come and go (port scans, health checks of a balancer) are told
/// at debug level, so that they do not drown the others.
///
/// `live` marks a connection that had been let in and has lost its standing since.
pub fn log_refusal(facts: &ConnectionFacts, refusal: &Refusal, live: bool) {
    let sni = facts.server_name.as_deref().unwrap_or_default();
    let versions = facts.versions.join(", ");
    let alpn = facts.alpn.join(", ");
    let chain = refusal.chain.join(" | ");
    let (reason, sentence) = (refusal.reason.as_str(), &refusal.sentence);
    let (peer, local) = (facts.peer, facts.local);
    let request_id = facts.request_id.map_or_else(String::new, |id| id.to_string());
    if refusal.reason == Reason::Closed {
        tracing::debug!(target: "refusal", reason, live, %peer, %local, sni, versions, alpn, chain, request_id, "the client {sentence}");
    } else {
        warn!(target: "refusal", reason, live, %peer, %local, sni, versions, alpn, chain, request_id, "the client {sentence}");
    }
}

/// Logs that a client is served unverified in spite of the certificate that it sent. `live` as above.
pub fn log_let_in(facts: &ConnectionFacts, refusal: &Refusal, live: bool) {
    let sni = facts.server_name.as_deref().unwrap_or_default();
    let versions = facts.versions.join(", ");
    let alpn = facts.alpn.join(", ");
    let chain = refusal.chain.join(" | ");
    let (reason, sentence) = (refusal.reason.as_str(), &refusal.sentence);
    let (peer, local) = (facts.peer, facts.local);
    info!(target: "unverified", reason, live, %peer, %local, sni, versions, alpn, chain, "the client {sentence}; `mode` lets it in unverified");
}
