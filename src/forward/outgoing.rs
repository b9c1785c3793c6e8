//! The request as the app gets it, beside its headers: target, cookies, and where its body ends.

use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, Uri};
use http_body::Body as _;
use hyper::body::Incoming;

use super::Denied;
use super::reply::Answer;

/// A target as the app gets it, behind the upstream's base.
pub(super) fn upstream_target(base: &str, target: &str) -> Result<Uri, Denied> {
    let target = match target {
        "*" => target.to_owned(),
        // An absolute-form target may have a query and no path.
        query if query.starts_with('?') => format!("{base}/{query}"),
        path => format!("{base}{path}"),
    };
    Uri::try_from(target)
        .map_err(|_| Denied::new(Answer::UriTooLong, "the target behind the upstream's base"))
}

/// HTTP/2 may split cookies into fields; HTTP/1.1 has one line (RFC 9113 section 8.2.3).
pub(super) fn join_cookies(headers: &mut HeaderMap) {
    let mut cookies = headers.get_all(header::COOKIE).iter();
    let (Some(first), Some(_)) = (cookies.next(), cookies.next()) else {
        return;
    };
    let mut joined = first.as_bytes().to_vec();
    for cookie in headers.get_all(header::COOKIE).iter().skip(1) {
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(cookie.as_bytes());
    }
    if let Ok(joined) = HeaderValue::from_bytes(&joined) {
        headers.insert(header::COOKIE, joined);
    }
}

/// The framing of the request that goes out is made here and from the body alone, never from what the
/// client wrote: a length if it is known, else chunks; never both.
pub(super) fn set_framing(headers: &mut HeaderMap, method: &Method, body: &Incoming) {
    let had_length = headers.remove(header::CONTENT_LENGTH).is_some();
    if body.is_end_stream() {
        // Some apps want to be told of an empty body where they expect one (RFC 9110 section 8.6).
        if had_length || matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        return;
    }
    match body.size_hint().exact() {
        Some(length) => _ = headers.insert(header::CONTENT_LENGTH, length.into()),
        // Said outright, because the HTTP library would send a GET without its body otherwise.
        None => {
            headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
    }
}

/// Whether the app is asked before the client is told to send its body. Without a body there is nothing to
/// ask for; on HTTP/2 the library has no way to tell the client, so it is let go on at once.
pub(super) fn expects_continue(
    head: &mut http::request::Parts,
    body: &Incoming,
    is_http1: bool,
) -> bool {
    let expects = is_http1 && !body.is_end_stream();
    if !expects {
        head.headers.remove(header::EXPECT);
    }
    head.headers.contains_key(header::EXPECT)
}
