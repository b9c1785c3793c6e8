//! The one event that a refused client leaves in the log, or one that is let in in spite of its certificate: all that
//! explains it, of a length that a log can bear, because each part of it is.

use std::borrow::Cow;
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

/// What a client offered in its handshake, as a log shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offered {
    /// TLS versions, such as `TLS 1.1`.
    pub versions: Vec<Cow<'static, str>>,
    /// Application protocols (ALPN).
    pub alpn: Vec<Cow<'static, str>>,
    /// Signature schemes, by IANA's names.
    pub signature_schemes: Vec<Cow<'static, str>>,
    /// Named groups, likewise.
    pub groups: Vec<Cow<'static, str>>,
}

impl Offered {
    /// All of it, list by list.
    fn words(&self) -> impl Iterator<Item = &Cow<'static, str>> {
        [&self.versions, &self.alpn, &self.signature_schemes, &self.groups].into_iter().flatten()
    }
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
    /// What it offered.
    pub offered: Arc<Offered>,
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
            offered: Arc::default(),
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
        let offered = facts.offered.words().map(|text| size_of_val(text) + text.len());
        let texts = refusal.chain.iter().chain([&refusal.sentence, &refusal.advice]);
        let texts = texts.chain(&facts.server_name).chain(&refusal.nearest);
        let balancer = facts.balancer.iter();
        let texts = texts.chain(balancer.flat_map(|one| [&one.address, &one.unique_id]));
        let texts = texts.map(|text| size_of::<String>() + text.len());
        size_of::<Self>() + offered.chain(texts).sum::<usize>()
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
            versions: facts.offered.versions.join(", "),
            alpn: facts.offered.alpn.join(", "),
            signature_schemes: facts.offered.signature_schemes.join(", "),
            groups: facts.offered.groups.join(", "),
        }
    }
}
