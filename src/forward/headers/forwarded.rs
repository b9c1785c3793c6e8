//! Telling the app where a request came from: `X-Forwarded-For`, `-Proto` and `-Host`, `X-Request-Id`, and
//! `Forwarded` (RFC 7239). Only ever the gateway's own knowledge; what a client sent is removed before.
//!
//! A client has one address for all its requests, and asks for the same host again and again, so that what depends on
//! these is made once and shared by reference.

use std::cell::RefCell;
use std::net::IpAddr;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::observe::RequestId;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How many headers are set beside `Host`.
const COUNT: usize = 5;

/// What the requests of one connection have in common.
pub struct Forwarded {
    client: IpAddr,
    /// `X-Forwarded-For`.
    address: HeaderValue,
    /// For the host that was asked for last.
    host: RefCell<Option<Host>>,
}

#[derive(Clone)]
struct Host {
    /// `Host` and `X-Forwarded-Host`.
    authority: HeaderValue,
    /// `Forwarded`.
    forwarded: HeaderValue,
}

impl Forwarded {
    /// Of a client.
    pub fn new(client: IpAddr) -> Self {
        // A client of an IPv4 address that came to an IPv6 socket is still that IPv4 client.
        let client = client.to_canonical();
        // Digits, dots and colons are legal in a header.
        let address = HeaderValue::try_from(client.to_string());
        let address = address.unwrap_or(HeaderValue::from_static("unknown"));
        Self { client, address, host: RefCell::default() }
    }

    /// Sets `Host`, which a route may change after this. `authority` is the request's, checked before to hold nothing to
    /// be escaped.
    ///
    /// # Errors
    /// An authority that is no header value.
    pub(in crate::forward) fn set_host(
        &self,
        headers: &mut HeaderMap,
        authority: &str,
    ) -> Result<(), header::InvalidHeaderValue> {
        headers.insert(header::HOST, self.host(authority)?.authority);
        Ok(())
    }

    /// Sets all others, of which no route has a say; `more` is how many headers will follow.
    ///
    /// # Errors
    /// An authority that is no header value.
    pub(in crate::forward) fn set(
        &self,
        headers: &mut HeaderMap,
        authority: &str,
        id: RequestId,
        more: usize,
    ) -> Result<(), header::InvalidHeaderValue> {
        let Host { authority, forwarded } = self.host(authority)?;
        headers.reserve(COUNT + more);
        headers.insert(FOR, self.address.clone());
        headers.insert(HOST, authority);
        headers.insert(REQUEST_ID, HeaderValue::from_bytes(&id.hex())?);
        headers.insert(header::FORWARDED, forwarded);
        headers.insert(PROTO, HeaderValue::from_static("https"));
        Ok(())
    }

    fn host(&self, authority: &str) -> Result<Host, header::InvalidHeaderValue> {
        let mut last = self.host.borrow_mut();
        if let Some(host) = last.as_ref().filter(|host| host.authority == authority) {
            return Ok(host.clone());
        }
        let forwarded = match self.client {
            IpAddr::V4(address) => format!("for={address};host=\"{authority}\";proto=https"),
            IpAddr::V6(address) => format!("for=\"[{address}]\";host=\"{authority}\";proto=https"),
        };
        let host = Host { authority: authority.try_into()?, forwarded: forwarded.try_into()? };
        Ok(last.insert(host).clone())
    }
}
