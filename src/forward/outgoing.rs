//! The request as the app gets it, beside its headers: target, cookies, and where its body ends.

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Response, StatusCode, Uri, Version};
use http_body::Body as _;
use hyper::body::Incoming;

use super::reply::{Answer, FORWARDED_METHODS};
use super::{Denied, Reply};

/// A target as the app gets it, behind the upstream's base. `asked` is what came, and `target` what became of it.
pub(super) fn upstream_target(base: &str, asked: &Uri, target: &str) -> Result<Uri, Denied> {
    if let Some(same) = asked.path_and_query().filter(|same| base.is_empty() && *same == target) {
        // Nearly always; it needs not be read again. An absolute form with a query and no path does.
        if same.as_str().starts_with('/') {
            return Ok(Uri::from(same.clone()));
        }
    }
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

/// Counts a request on that says how far it may go (RFC 9110 section 7.6.2): where that is no further than here, this
/// is the answer. Other methods than OPTIONS, and what is no number, go on as they are; TRACE goes nowhere.
pub(super) fn count_forwards(head: &mut Parts) -> Option<Reply<'static>> {
    if head.method != Method::OPTIONS {
        return None;
    }
    let left = head.headers.get(header::MAX_FORWARDS)?.to_str().ok()?.trim().parse::<u64>().ok()?;
    let Some(left) = left.checked_sub(1) else {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::NO_CONTENT;
        response.headers_mut().insert(header::ALLOW, FORWARDED_METHODS);
        return Some(Reply::OfRoute(response, "max-forwards"));
    };
    head.headers.insert(header::MAX_FORWARDS, left.into());
    None
}

/// Whether the client takes trailers (RFC 9110 section 10.1.4); gRPC asks for them, and its servers want to be asked.
pub(super) fn takes_trailers(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::TE).into_iter();
    let mut codings = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    codings.any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"))
}

/// Tells the app so, on this hop.
pub(super) fn ask_for_trailers(headers: &mut HeaderMap) {
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("TE"));
}

/// What HTTP/2 says in another way: `Host` is part of the target, and frames show where a body ends (RFC 9113
/// sections 8.2.2 and 8.3.1). Trailers of the response are wanted, as gRPC asks whoever stands between.
pub(super) fn for_http2(head: &mut Parts, asked: &str) -> Result<(), Denied> {
    head.version = Version::HTTP_2;
    let host = head.headers.remove(header::HOST);
    // A route may have changed it, or taken it away.
    let authority = host.as_ref().map_or(asked.as_bytes(), HeaderValue::as_bytes);
    head.headers.remove(header::TRANSFER_ENCODING);
    head.headers.insert(header::TE, HeaderValue::from_static("trailers"));
    let target = std::mem::take(&mut head.uri).into_parts().path_and_query;
    // `OPTIONS *` has a target of no path (RFC 9113 section 8.3.1), which the library has no way to say.
    let target = target.filter(|target| target.as_str() != "*");
    let target = target.unwrap_or_else(|| PathAndQuery::from_static("/"));
    let uri = Uri::builder().scheme("http").authority(authority).path_and_query(target).build();
    head.uri = uri.map_err(|_| Denied::new(Answer::BadRequest, "the host is no authority"))?;
    Ok(())
}

/// Whether the app is asked before the client is told to send its body. Without a body there is nothing to
/// ask for; on HTTP/2 the library has no way to tell the client, so it is let go on at once.
pub(super) fn expects_continue(head: &mut Parts, body: &Incoming, is_http1: bool) -> bool {
    let expects = is_http1 && !body.is_end_stream();
    if !expects {
        head.headers.remove(header::EXPECT);
    }
    head.headers.contains_key(header::EXPECT)
}
