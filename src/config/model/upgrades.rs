//! `upgrades`: the protocols that a connection may change to.

use std::fmt;

use http::HeaderValue;

/// A protocol to change to, by its name, and its version where it has one (RFC 9110 section 7.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrade(HeaderValue);

impl Upgrade {
    /// The one that is there unless the file says otherwise, and the only one that HTTP/2 can carry here.
    pub const WEBSOCKET: &'static str = "websocket";

    /// By a name that has been checked to be one.
    pub fn new(name: HeaderValue) -> Self {
        Self(name)
    }

    /// As a header says it.
    pub fn value(&self) -> HeaderValue {
        self.0.clone()
    }

    /// Whether `text` means it, in any letter case.
    pub fn is_called(&self, text: &[u8]) -> bool {
        self.0.as_bytes().eq_ignore_ascii_case(text)
    }

    /// Whether it is WebSocket (RFC 6455).
    pub fn is_websocket(&self) -> bool {
        self.is_called(Self::WEBSOCKET.as_bytes())
    }
}

impl fmt::Display for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_str().unwrap_or_default())
    }
}
