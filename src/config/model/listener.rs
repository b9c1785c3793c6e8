//! `[[listener]]`: where to listen, what is spoken there, whom to believe about a client's address, and how many may
//! come.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use crate::config::report::Located;
use crate::identity::Network;

/// `[[listener]]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Where to listen; port 0 takes any free port.
    pub address: Located<SocketAddr>,
    /// What is spoken there.
    pub kind: ListenerKind,
    /// The balancers that begin each connection with a PROXY header. If there are any, nobody else is let in.
    pub proxy_protocol_from: Vec<Network>,
    /// Connections of this listener that are open at once; `None` sets no limit beside the process's own.
    pub connections_max: Option<usize>,
    /// Those of one client address, likewise.
    pub connections_per_address_max: Option<usize>,
    /// TLS handshakes that are under way at once, likewise.
    pub handshakes_max: Option<usize>,
}

/// `kind = "..."`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenerKind {
    /// TLS, for the sites.
    Https,
    /// Plain HTTP, which leads to no site.
    Http(PlainHttp),
}

impl ListenerKind {
    /// Its word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http(_) => "http",
        }
    }
}

/// What is answered in plain HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainHttp {
    /// The port of the URLs that requests are sent on to.
    pub redirect_port: u16,
    /// The folder of the files that prove to a CA that this machine answers for a name (RFC 8555 section 8.3).
    pub acme_challenges: Option<Located<PathBuf>>,
}

impl Listener {
    /// Whether this address is one of a balancer whose PROXY header is believed.
    pub fn is_balancer(&self, address: IpAddr) -> bool {
        self.proxy_protocol_from.iter().any(|network| network.holds(address))
    }
}
