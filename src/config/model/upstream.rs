//! `[[upstream]]` and `upstream = "..."`: apps, and the endpoints at which each can be reached.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;

use super::ServerName;
use crate::config::report::Located;

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
    /// How TLS is spoken; `None` where no endpoint speaks it.
    pub tls: Option<UpstreamTls>,
    /// How long a connection to a name is used, after which the name is looked up anew.
    pub dns_refresh: Duration,
    /// In which version of the PROXY protocol connections say who the client is; `None` does not.
    pub proxy_protocol: Option<ProxyProtocol>,
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
            tls: None,
            dns_refresh: Duration::from_secs(30),
            proxy_protocol: None,
        }
    }

    /// Whether its endpoints speak HTTP/2; all or none do.
    pub fn is_http2(&self) -> bool {
        self.endpoints.first().is_some_and(|first| first.endpoint.protocol == Protocol::H2c)
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

/// One address of an app, and what is spoken there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// What is spoken.
    pub protocol: Protocol,
    /// Where to connect.
    pub to: Destination,
}

/// `proxy_protocol = "..."`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// A line of text: addresses.
    V1,
    /// Binary: addresses, TLS and who the client proved to be.
    V2,
}

/// What is spoken with an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/1.1 in clear text: `http://` and `unix:`.
    Http1,
    /// HTTP/1.1 over TLS: `https://`.
    Https,
    /// HTTP/2 in clear text, without asking first (RFC 9113 section 3.3): `h2c://` and `h2c+unix:`.
    H2c,
}

/// Where to connect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Destination {
    /// `//host:port`
    Tcp {
        /// A name or an address literal, IPv6 without brackets.
        host: String,
        /// The port; where none is written, 443 for `https://` and 80 for the others.
        port: u16,
    },
    /// A socket of this machine.
    Unix(PathBuf),
}

impl Endpoint {
    /// `unix:path`
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self { protocol: Protocol::Http1, to: Destination::Unix(path.into()) }
    }

    /// `http://host:port`
    pub fn http(host: impl Into<String>, port: u16) -> Self {
        Self { protocol: Protocol::Http1, to: Destination::Tcp { host: host.into(), port } }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.protocol {
            Protocol::Http1 => "http",
            Protocol::Https => "https",
            Protocol::H2c => "h2c",
        };
        match &self.to {
            Destination::Tcp { host, port } if host.contains(':') => {
                write!(f, "{scheme}://[{host}]:{port}")
            }
            Destination::Tcp { host, port } => write!(f, "{scheme}://{host}:{port}"),
            Destination::Unix(path) if self.protocol == Protocol::Http1 => {
                write!(f, "unix:{}", path.display())
            }
            Destination::Unix(path) => write!(f, "{scheme}+unix:{}", path.display()),
        }
    }
}

/// `[upstream.tls]`, for endpoints that speak TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamTls {
    /// PEM bundles or DER files with the CAs that the app's certificate must chain to; empty for the public ones.
    pub ca: Vec<Located<PathBuf>>,
    /// The name that is asked for and that the certificate must bear; `None` is the endpoint's host.
    pub server_name: Option<ServerName>,
    /// The gateway's own certificate, and its key.
    pub certificate: Option<OwnCertificate>,
}

/// What the gateway proves itself by towards an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnCertificate {
    /// PEM file: the certificate, then its intermediates.
    pub certificate: Located<PathBuf>,
    /// PEM file: the key of the first certificate.
    pub private_key: Located<PathBuf>,
    /// The passphrase that opens it, if it is encrypted.
    pub private_key_passphrase_file: Option<Located<PathBuf>>,
}

impl UpstreamTls {
    /// The files that it names.
    pub fn files(&self) -> impl Iterator<Item = &Located<PathBuf>> {
        let own = self.certificate.iter().flat_map(|own| {
            let both = [&own.certificate, &own.private_key].into_iter();
            both.chain(&own.private_key_passphrase_file)
        });
        self.ca.iter().chain(own)
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
