//! `[[upstream]]` and `upstream = "..."`: apps, and the endpoints at which each can be reached.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;

/// An app: one of `[[upstream]]`, or the one that a site writes as an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Its name, or the address as it is shown.
    pub name: String,
    /// Where to connect, at least one.
    pub endpoints: Vec<Member>,
    /// Put before every request path; empty, or starts with `/` and does not end with one.
    pub base: String,
    /// Which endpoint a request goes to.
    pub balance: Balance,
    /// Connections to each endpoint at once, of all workers together; `None` sets no limit.
    pub connections_max: Option<usize>,
    /// Failures one after the other that put an endpoint out; `None` never does.
    pub failures_max: Option<u32>,
    /// How long it stays out.
    pub ejection_time: Duration,
    /// How long an endpoint that comes back is spared; `None` not at all.
    pub slow_start: Option<Duration>,
    /// What is sent a second time.
    pub retry: Retry,
    /// How endpoints are asked whether they are well; `None` waits for requests to show.
    pub health_check: Option<HealthCheck>,
}

/// `health_check_...`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// What is asked for, by GET.
    pub path: String,
    /// How often.
    pub interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
}

impl Upstream {
    /// An app that is nothing but this endpoint: without a limit, and never left out.
    pub fn plain(endpoint: Endpoint) -> Self {
        Self {
            name: endpoint.to_string(),
            endpoints: vec![Member::plain(endpoint)],
            base: String::new(),
            balance: Balance::LeastConnections,
            connections_max: None,
            failures_max: None,
            ejection_time: Duration::ZERO,
            slow_start: None,
            retry: Retry::Unsent,
            health_check: None,
        }
    }

    /// Its name, and where its endpoints are if the name does not say so.
    pub fn shown(&self) -> String {
        format!("{}{}", self.name, self.base)
    }
}

/// One endpoint of an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Where.
    pub endpoint: Endpoint,
    /// The same as logs show it.
    pub shown: Arc<str>,
    /// Its share, beside those of the others; at least 1.
    pub weight: u32,
    /// Whether it is used only when no other is left.
    pub is_backup: bool,
}

impl Member {
    /// An endpoint like any other.
    pub fn plain(endpoint: Endpoint) -> Self {
        let shown = endpoint.to_string().into();
        Self { endpoint, shown, weight: 1, is_backup: false }
    }
}

/// One address of an app.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `http://host:port`
    Tcp {
        /// A name or an address literal, IPv6 without brackets.
        host: String,
        /// The port, 80 where none is written.
        port: u16,
    },
    /// `unix:/path`
    Unix(PathBuf),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "http://[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "http://{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// `balance = "..."`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Balance {
    /// The one with the fewest requests under way, by weight.
    LeastConnections,
    /// One after the other, by weight.
    RoundRobin,
    /// Always the same one for the same key, as long as it is there.
    Hash(HashKey),
}

/// What a request is told by, for [`Balance::Hash`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashKey {
    /// The client's name; its address, where it has none.
    Identity,
    /// The client's address.
    ClientAddress,
    /// A header's first value; the client's address, where there is none.
    Header(HeaderName),
}

/// `retry = "..."`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// What provably was not sent.
    Unsent,
    /// That, and once more what may be done twice (RFC 9110 section 9.2.2) and has no body.
    Idempotent,
}
