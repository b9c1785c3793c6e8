//! The configuration as the rest of the house sees it: checked, typed, with nothing left to parse.
//!
//! Every key of `gateway.toml` is one field here, under the same name. Values that later steps may
//! have to complain about (files, addresses, names) carry the place that set them.

use std::fmt;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::path::is_credential;
use super::report::{Located, Source};

mod access_log;
mod answers;
mod client;
mod route;
mod upgrades;
mod upstream;

pub use access_log::{
    AccessField, AccessFormat, AccessLog, AccessPattern, AccessPiece, AccessTarget, Quoted,
};
pub use answers::{Answers, Piece, Template};
pub use client::{
    CaHints, Client, ClientMode, CrlCheck, CrlMissing, ExtendedKeyUsage, Legacy, OnDoubt,
};
pub use route::{Action, BodyRate, HeaderRules, Proxy, Route, RouteClient, RoutePath};
pub use upgrades::Upgrade;
pub use upstream::{Balance, Endpoint, HashKey, HealthCheck, Member, Retry, Upstream};

/// One whole `gateway.toml`.
#[derive(Debug)]
pub struct Config {
    /// The file as written, for problems found later (certificates are read after this).
    pub source: Arc<Source>,
    /// `[runtime]`
    pub runtime: Runtime,
    /// `[log]`
    pub log: Log,
    /// `[access_log]`: what is written of every exchange.
    pub access_log: AccessLog,
    /// `[admin]`: where operators look in.
    pub admin: Admin,
    /// `[limits]`: ceilings of the whole process.
    pub limits: Limits,
    /// `[warnings]`: what is told before it is too late.
    pub warnings: Warnings,
    /// `[[listener]]`, at least one.
    pub listeners: Vec<Listener>,
    /// `[[site]]`, at least one; the first answers clients that send no SNI.
    pub sites: Vec<Site>,
}

/// `[runtime]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runtime {
    /// Worker threads; `None` is `"auto"`, the CPUs that the process may use.
    pub workers: Option<NonZeroUsize>,
    /// How long a stop waits for exchanges that run.
    pub drain_timeout: Duration,
    /// Whether files are looked at, and a change of what is in them reloads.
    pub watch: bool,
    /// Whether files that the configuration does not need are put out of reach.
    pub sandbox: Sandbox,
    /// Whether core dumps may be made and debuggers attached, which get the private keys.
    pub core_dumps: bool,
    /// Where `mtls-gateway reload` finds the gateway; `None` is the folder that systemd makes for it.
    pub control_socket: Option<Located<PathBuf>>,
}

/// `sandbox = "..."`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sandbox {
    /// As much as the kernel offers.
    Auto,
    /// None.
    Off,
}

impl Sandbox {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Off => "off",
        }
    }
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Text for people or JSON for machines.
    pub format: LogFormat,
    /// A level (`info`) or a filter in the syntax of `RUST_LOG`, which wins over it.
    pub level: Located<String>,
    /// Refusals that are told a minute, for each source and reason; `None` sets no limit.
    pub refusals_per_minute: Option<u32>,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Aligned text.
    Text,
    /// One JSON object a line.
    Json,
}

/// `[admin]`; without either there is no such listener.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admin {
    /// Where to listen in plain HTTP: a loopback address, unless the operator has said otherwise.
    pub address: Option<Located<SocketAddr>>,
    /// A Unix socket to listen on.
    pub socket: Option<Located<PathBuf>>,
}

/// `[limits]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Client connections open at once; further ones wait in the kernel's queue.
    pub connections_max: usize,
    /// Those of one client address, an IPv6 /64 counting as one; `None` sets no limit.
    pub connections_per_address_max: Option<usize>,
    /// TLS handshakes under way at once; beyond it, the oldest makes way.
    pub handshakes_max: usize,
    /// From accept to the end of the TLS handshake.
    pub handshake_timeout: Duration,
    /// Requests under way at once; `None` sets no limit.
    pub requests_max: Option<usize>,
}

/// `[warnings]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Warnings {
    /// How many days before something runs out it is warned of, the fewest first; empty if never.
    pub expiry_days: Vec<u16>,
}

/// `[[listener]]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Where to listen; port 0 takes any free port.
    pub address: Located<SocketAddr>,
}

/// `[[site]]`
#[derive(Clone, Debug)]
pub struct Site {
    /// The names of this site, lower case, at least one.
    pub server_names: Vec<Located<ServerName>>,
    /// PEM file: the server's certificate, then its intermediates.
    pub certificate: Located<PathBuf>,
    /// PEM file: the key of the first certificate.
    pub private_key: Located<PathBuf>,
    /// The passphrase that opens it, if it is encrypted: the one line of this file.
    pub private_key_passphrase_file: Option<Located<PathBuf>>,
    /// PEM bundles or DER files with the CAs that client certificates must chain to; empty if `client` pins
    /// keys instead.
    pub client_ca: Vec<Located<PathBuf>>,
    /// The app.
    pub upstream: Located<Arc<Upstream>>,
    /// Whether encoded slashes in a path are bytes like others; without it, a site with routes refuses them.
    pub encoded_slashes: bool,
    /// `[[site.route]]` in the order of the file, and at the end the site itself, which takes every request.
    pub routes: Vec<Located<Route>>,
    /// `[site.answers]`
    pub answers: Answers,
    /// `[site.client]`
    pub client: Client,
    /// `[site.identity_headers]`
    pub identity_headers: IdentityHeaders,
    /// `[site.tls]`
    pub tls: Tls,
    /// `[site.timeouts]`
    pub timeouts: Timeouts,
    /// `[site.limits]`
    pub limits: SiteLimits,
}

impl Site {
    /// Those of its own files that systemd copies when the service starts, and not at a reload.
    pub fn credentials(&self) -> impl Iterator<Item = &Located<PathBuf>> {
        let files = [&self.certificate, &self.private_key].into_iter();
        files.chain(&self.private_key_passphrase_file).filter(|file| is_credential(&file.value))
    }

    /// The newest TLS version that is spoken. RSA keys below 2048 bits cannot be verified with in TLS 1.3.
    pub fn tls_version_max(&self) -> TlsVersion {
        if self.client.accepts(Legacy::Rsa1024) { TlsVersion::V1_2 } else { TlsVersion::V1_3 }
    }

    /// The apps that its requests may go to, its own first.
    pub fn upstreams(&self) -> impl Iterator<Item = &Arc<Upstream>> {
        let routed = self.routes.iter().filter_map(|route| match &route.value.action {
            Action::Proxy(proxy) => Some(&proxy.upstream),
            _ => None,
        });
        std::iter::once(&self.upstream).chain(routed).map(|upstream| &upstream.value)
    }

    /// Where its requests may go, its own app's endpoints first; none twice.
    pub fn endpoints(&self) -> Vec<&Endpoint> {
        let mut endpoints: Vec<&Endpoint> = Vec::new();
        for member in self.upstreams().flat_map(|upstream| &upstream.endpoints) {
            if !endpoints.contains(&&member.endpoint) {
                endpoints.push(&member.endpoint);
            }
        }
        endpoints
    }

    /// The routes that the file writes.
    pub fn written_routes(&self) -> &[Located<Route>] {
        self.routes.split_last().map_or(&[], |(_, written)| written)
    }
}

/// A name that a site answers to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ServerName {
    /// `www.example.com`, lower case, no trailing dot.
    Exact(String),
    /// `*.example.com`, held as `example.com`; matches exactly one more label.
    Wildcard(String),
    /// An address literal, matched against `Host` only (SNI never carries one).
    Address(std::net::IpAddr),
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Wildcard(parent) => write!(f, "*.{parent}"),
            Self::Address(address) => write!(f, "{address}"),
        }
    }
}

/// `[site.identity_headers]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityHeaders {
    /// How the app is told who the client is; at least one way, none twice.
    pub formats: Vec<IdentityFormat>,
    /// Bytes of these headers together.
    pub bytes_max: usize,
}

/// A family of headers that carry a client's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IdentityFormat {
    /// `X-SSL-Client-*`, as nginx and Apache users know them.
    XSsl,
    /// `X-Forwarded-Client-Cert`, Envoy's.
    Xfcc,
    /// `Client-Cert` and `Client-Cert-Chain`, RFC 9440.
    Rfc9440,
    /// `X-Forwarded-Tls-Client-Cert` and `-Info`, Traefik's.
    XForwardedTlsClientCert,
}

impl IdentityFormat {
    /// Every format, in the order of the documentation.
    pub const ALL: [Self; 4] =
        [Self::XSsl, Self::Xfcc, Self::Rfc9440, Self::XForwardedTlsClientCert];

    /// Its word in `formats`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::XSsl => "x_ssl",
            Self::Xfcc => "xfcc",
            Self::Rfc9440 => "rfc9440",
            Self::XForwardedTlsClientCert => "x_forwarded_tls_client_cert",
        }
    }
}

/// `[site.tls]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The oldest TLS version that is spoken.
    pub version_min: TlsVersion,
    /// Whether clients may resume a session instead of a full handshake.
    pub resumption: bool,
    /// How long a session can be resumed.
    pub session_lifetime: Duration,
}

/// A TLS version that the gateway can speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// RFC 5246
    V1_2,
    /// RFC 8446
    V1_3,
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1_2 => "TLS 1.2",
            Self::V1_3 => "TLS 1.3",
        })
    }
}

/// `[site.timeouts]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the first byte of a request to the end of its head.
    pub header_timeout: Duration,
    /// How long a connection may stay open between two requests.
    pub idle_timeout: Duration,
    /// How long a body may stand still, in either direction.
    pub body_idle_timeout: Duration,
    /// How long others may have waited for a client that is below `body_rate_min`.
    pub body_rate_grace: Duration,
    /// Connecting to the upstream.
    pub upstream_connect_timeout: Duration,
    /// From the end of the request to the head of the upstream's response.
    pub response_header_timeout: Duration,
    /// The whole exchange; `None` sets no limit.
    pub exchange_timeout: Option<Duration>,
    /// How long a connection that has changed its protocol may be silent, in both directions.
    pub tunnel_idle_timeout: Duration,
    /// How long an exchange may go on after its client has lost the trust that it began under.
    pub untrusted_exchange_timeout: Duration,
    /// How long an unused upstream connection is kept.
    pub upstream_idle_timeout: Duration,
    /// How long a request waits for an app that cannot be connected; `None` does not wait.
    pub hold_timeout: Option<Duration>,
    /// Within which the caller wants its whole answer; the other lengths are cut to it. `None` sets no limit.
    pub callback_budget: Option<Duration>,
}

/// `[site.limits]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteLimits {
    /// Bytes of a request's head.
    pub header_bytes_max: usize,
    /// Header lines of a request.
    pub header_count_max: usize,
    /// Bytes of a request's body; `None` sets no limit.
    pub body_bytes_max: Option<u64>,
    /// Bytes a second at which a client sends and takes bodies at least; `None` sets no limit.
    pub body_rate_min: Option<NonZeroU64>,
    /// HTTP/2 frames a second that bring no request further.
    pub control_frames_per_second: u32,
    /// Bytes of a request's path and query.
    pub uri_bytes_max: usize,
    /// Requests on one connection, after which it is closed; `None` sets no limit.
    pub requests_per_connection_max: Option<u64>,
    /// Requests a minute, of all clients together; `None` sets no limit.
    pub requests_per_minute: Option<NonZeroU32>,
    /// The same of each client.
    pub requests_per_minute_per_client: Option<NonZeroU32>,
    /// HTTP/2 requests at once on one connection.
    pub streams_max: u32,
    /// Sessions that are kept for resumption.
    pub sessions_max: usize,
    /// Unused upstream connections that each worker keeps.
    pub upstream_idle_max: usize,
    /// Requests that wait in each worker for an app that cannot be connected.
    pub held_requests_max: usize,
}
