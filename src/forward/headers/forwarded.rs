//! Telling the app where a request came from: `X-Forwarded-For`, `-Proto` and `-Host`, `X-Request-Id`, and
//! `Forwarded` (RFC 7239). Only ever the gateway's own knowledge; what a client sent is removed before.

use std::net::IpAddr;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::observe::RequestId;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Sets them all. `host` is the request's authority, checked before to hold nothing to be escaped.
pub(in crate::forward) fn set(headers: &mut HeaderMap, client: IpAddr, host: &str, id: RequestId) {
    // A client of an IPv4 address that came to an IPv6 socket is still that IPv4 client.
    let client = client.to_canonical();
    let node = match client {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("\"[{address}]\""),
    };
    let forwarded = format!("for={node};host=\"{host}\";proto=https");
    let values = [
        (FOR, client.to_string()),
        (HOST, host.to_owned()),
        (REQUEST_ID, id.to_string()),
        (header::FORWARDED, forwarded),
    ];
    for (name, value) in values {
        // Addresses, checked hosts and hexadecimal digits are always legal in a header.
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    headers.insert(PROTO, HeaderValue::from_static("https"));
}
