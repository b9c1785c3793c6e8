//! The one event that a refused client leaves in the log, or one that is let in in spite of its certificate: all that
//! explains it, of a length that a log can bear, because each part of it is.

use std::net::SocketAddr;
use std::sync::Arc;

use tracing::{debug, info, warn};

use crate::policy::{Reason, Refusal};

use super::exchange::RequestId;

/// Whose word it is where a client comes from (PROXY protocol).
#[derive(Debug, Default)]
pub struct Balancer {
    /// Its own address, as a log shows it.
    pub address: String,
    /// What it calls the connection, escaped; empty if it has no name for it.
    pub unique_id: String,
}

/// What is known of a connection when it is refused.
#[derive(Clone, Debug)]
pub struct ConnectionFacts {
    /// The client's address.
    pub peer: SocketAddr,
    /// The gateway's address that it came to; behind a balancer, that of the balancer.
    pub local: SocketAddr,
    /// The balancer that said so, if there is one.
    pub balancer: Option<Arc<Balancer>>,
    /// The server name that it asked for.
    pub server_name: Option<String>,
    /// The TLS versions that it offered.
    pub versions: Vec<String>,
    /// The application protocols that it offered.
    pub alpn: Vec<String>,
    /// The signature schemes that it offered.
    pub signature_schemes: Vec<String>,
    /// The groups that it offered.
    pub groups: Vec<String>,
    /// The name of the answer that it gets in plain HTTP, where it gets one.
    pub request_id: Option<RequestId>,
}

impl ConnectionFacts {
    /// Those of a connection that has not said anything yet.
    pub fn new(peer: SocketAddr, local: SocketAddr) -> Self {
        Self {
            peer,
            local,
            balancer: None,
            server_name: None,
            versions: Vec::new(),
            alpn: Vec::new(),
            signature_schemes: Vec::new(),
            groups: Vec::new(),
            request_id: None,
        }
    }
}

/// One client turned away, as it is logged and remembered.
#[derive(Clone, Debug)]
pub struct RefusalEvent {
    /// When, Unix time.
    pub at: i64,
    /// Who came, and with what.
    pub facts: ConnectionFacts,
    /// Why it was refused.
    pub refusal: Refusal,
    /// Whether it had been let in and has lost its standing since.
    pub live: bool,
    /// How many like it were not told since the last one that was.
    pub suppressed: u64,
}

impl RefusalEvent {
    /// Writes it to the log. Clients that merely come and go (port scans, health checks of a balancer) are
    /// told at debug level, so that they do not drown the others.
    pub(super) fn log(&self) {
        let Self { facts, refusal, live, suppressed, .. } = self;
        let request_id = facts.request_id.map_or_else(String::new, |id| id.to_string());
        let Shown {
            reason,
            advice,
            peer,
            local,
            balancer,
            unique_id,
            sni,
            versions,
            alpn,
            signature_schemes,
            groups,
            nearest,
            chain,
            sentence,
        } = Shown::new(facts, refusal);
        if refusal.reason == Reason::Closed {
            debug!(target: "refusal", reason, advice, live, %peer, %local, balancer, unique_id, sni, versions, alpn, signature_schemes, groups, nearest, chain, suppressed, request_id, "the client {sentence}");
        } else {
            warn!(target: "refusal", reason, advice, live, %peer, %local, balancer, unique_id, sni, versions, alpn, signature_schemes, groups, nearest, chain, suppressed, request_id, "the client {sentence}");
        }
    }

    /// About how many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        let (facts, refusal) = (&self.facts, &self.refusal);
        let lists =
            [&facts.versions, &facts.alpn, &facts.signature_schemes, &facts.groups, &refusal.chain];
        let texts = lists.into_iter().flatten();
        let texts = texts.chain([&refusal.sentence, &refusal.advice]);
        let texts = texts.chain(&facts.server_name).chain(&refusal.nearest);
        let balancer = facts.balancer.iter();
        let texts = texts.chain(balancer.flat_map(|one| [&one.address, &one.unique_id]));
        size_of::<Self>() + texts.map(|text| size_of::<String>() + text.len()).sum::<usize>()
    }
}

/// Logs that a client is served unverified in spite of the certificate that it sent. `live` and `suppressed` as
/// above.
pub(super) fn log_let_in(facts: &ConnectionFacts, refusal: &Refusal, live: bool, suppressed: u64) {
    let Shown {
        reason,
        advice,
        peer,
        local,
        balancer,
        unique_id,
        sni,
        versions,
        alpn,
        signature_schemes,
        groups,
        nearest,
        chain,
        sentence,
    } = Shown::new(facts, refusal);
    info!(target: "unverified", reason, advice, live, %peer, %local, balancer, unique_id, sni, versions, alpn, signature_schemes, groups, nearest, chain, suppressed, "the client {sentence}; `mode` lets it in unverified");
}

/// What an event shows of a client and of what was found.
struct Shown<'a> {
    reason: &'static str,
    sentence: &'a str,
    advice: &'a str,
    nearest: &'a str,
    chain: String,
    peer: SocketAddr,
    local: SocketAddr,
    balancer: &'a str,
    unique_id: &'a str,
    sni: &'a str,
    versions: String,
    alpn: String,
    signature_schemes: String,
    groups: String,
}

impl<'a> Shown<'a> {
    fn new(facts: &'a ConnectionFacts, refusal: &'a Refusal) -> Self {
        let balancer = facts.balancer.as_deref();
        Self {
            reason: refusal.reason.as_str(),
            sentence: &refusal.sentence,
            advice: &refusal.advice,
            nearest: refusal.nearest.as_deref().unwrap_or_default(),
            chain: refusal.chain.join(" | "),
            peer: facts.peer,
            local: facts.local,
            balancer: balancer.map_or("", |balancer| &balancer.address),
            unique_id: balancer.map_or("", |balancer| &balancer.unique_id),
            sni: facts.server_name.as_deref().unwrap_or_default(),
            versions: facts.versions.join(", "),
            alpn: facts.alpn.join(", "),
            signature_schemes: facts.signature_schemes.join(", "),
            groups: facts.groups.join(", "),
        }
    }
}
