//! The head of an app's response as the client gets it: nothing of the hop behind, and one length at most.

use http::header;
use http::{HeaderMap, Response, StatusCode, Version};
use http_body::Body as _;
use hyper::body::Incoming;

use super::headers::hop_by_hop;

/// Takes what is of one hop from a response; the error is a response that cannot be passed on.
pub(super) fn check(response: &mut Response<Incoming>) -> Result<(), &'static str> {
    let status = response.status();
    let body_length = response.body().size_hint().exact().filter(|length| *length > 0);
    let headers = response.headers_mut();
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    if let Some(coding) = codings.next() {
        if !coding.as_bytes().eq_ignore_ascii_case(b"chunked") || codings.next().is_some() {
            return Err("a response with a transfer coding other than one `chunked`");
        }
        // With both, the length is not the length (RFC 9112 section 6.3).
        headers.remove(header::CONTENT_LENGTH);
    }
    if headers.contains_key(header::CONTENT_LENGTH) {
        // The library has read it, repeated or as a list of equals; one plain number goes on. Without a body
        // it says what a body would have been, or nothing at all.
        let length = match status {
            StatusCode::NO_CONTENT => None,
            _ => body_length.or_else(|| single_length(headers)),
        };
        match length {
            Some(length) if is_plain(headers, length) => {}
            Some(length) => _ = headers.insert(header::CONTENT_LENGTH, length.into()),
            None => _ = headers.remove(header::CONTENT_LENGTH),
        }
    }
    hop_by_hop::strip(headers);
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Err("a switch of protocols that nobody asked for");
    }
    *response.version_mut() = Version::HTTP_11;
    Ok(())
}

/// Whether the length is written once, and as a number without anything else.
fn is_plain(headers: &HeaderMap, length: u64) -> bool {
    let mut lines = headers.get_all(header::CONTENT_LENGTH).iter();
    let written = lines.next().map_or(&b""[..], |line| line.as_bytes());
    let digits = std::str::from_utf8(written).ok().filter(|text| !text.starts_with(['0', '+']));
    let is_same = digits.and_then(|digits| digits.parse().ok()) == Some(length);
    is_same && lines.next().is_none()
}

/// The length that all `Content-Length` values agree on.
fn single_length(headers: &HeaderMap) -> Option<u64> {
    let lines = headers.get_all(header::CONTENT_LENGTH).iter();
    let mut lengths = lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(|length| std::str::from_utf8(length.trim_ascii()).ok()?.parse::<u64>().ok());
    let first = lengths.next()??;
    lengths.all(|length| length == Some(first)).then_some(first)
}
