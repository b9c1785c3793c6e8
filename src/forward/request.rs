//! Whether a request can be read in one way only. What passes here is unambiguous: one host, a path, and a
//! body whose end nobody can dispute. Everything else is refused before the app sees a byte of it.

use http::header::{self, HeaderMap};
use http::{Method, Request, Version};

use crate::route::host_of;

use super::reply::Answer;

/// A request's host, as the client wrote it and without its port.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Host<'a> {
    /// With the port, if there was one: what the app gets to see.
    pub(super) authority: &'a str,
    /// The name or address alone.
    pub(super) name: &'a str,
}

/// Why a request is refused, for the log.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) answer: Answer,
    pub(super) cause: &'static str,
}

/// Checks a request. `default_host` stands in for the host of an HTTP/1.0 request that names none.
///
/// # Errors
/// The answer to give and the cause for the log.
pub(super) fn check<'a, B>(
    request: &'a Request<B>,
    default_host: Option<&'a str>,
) -> Result<Host<'a>, Refused> {
    if request.extensions().get::<hyper::ext::Protocol>().is_some()
        && *request.method() == Method::CONNECT
    {
        // RFC 9220 section 3 says so of HTTP/3; RFC 8441 leaves it open.
        let cause = "a CONNECT for another protocol than websocket";
        return Err(Refused { answer: Answer::ProtocolNotServed, cause });
    }
    if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
        // CONNECT asks for a tunnel past every check; TRACE would echo the identity headers.
        return Err(Refused {
            answer: Answer::MethodNotAllowed,
            cause: "CONNECT and TRACE are not forwarded",
        });
    }
    check_framing(request.headers(), request.version())?;
    let mut expectations = request.headers().get_all(header::EXPECT).iter();
    if !expectations.all(|expected| expected.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        let cause = "an expectation other than 100-continue";
        return Err(Refused { answer: Answer::ExpectationFailed, cause });
    }
    check_target(request)?;
    let authority = authority(request)?.or(default_host).ok_or_else(|| bad("no host"))?;
    match host_of(authority) {
        Some(name) => Ok(Host { authority, name }),
        None => Err(bad("the host is not a name or address with an optional port")),
    }
}

fn check_framing(headers: &HeaderMap, version: Version) -> Result<(), Refused> {
    // The HTTP library takes any list that ends in `chunked`; a second coding would reach the app as
    // content that nobody labels, and a second line is what smugglers send (RFC 9112 section 6.1).
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    if let Some(coding) = codings.next() {
        if !coding.as_bytes().eq_ignore_ascii_case(b"chunked") || codings.next().is_some() {
            return Err(bad("a transfer coding other than one `chunked`"));
        }
        if version != Version::HTTP_11 {
            return Err(bad("a transfer coding in a version that has none"));
        }
    }
    Ok(())
}

fn check_target<B>(request: &Request<B>) -> Result<(), Refused> {
    let uri = request.uri();
    let target = uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str);
    if !target.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(bad("the target is not printable ASCII"));
    }
    match uri.path() {
        "*" if request.method() == Method::OPTIONS => Ok(()),
        path if path.starts_with('/') => {
            // Absolute form with no path reads as `/`; authority form has no path and no scheme.
            let is_authority_form = uri.authority().is_some() && uri.scheme().is_none();
            if is_authority_form && request.version() < Version::HTTP_2 {
                return Err(bad("the target is an authority, which only CONNECT may have"));
            }
            Ok(())
        }
        _ => Err(bad("the target has no path")),
    }
}

/// The one authority that the request names; `None` is an HTTP/1.0 request without one.
fn authority<B>(request: &Request<B>) -> Result<Option<&str>, Refused> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = match hosts.next() {
        Some(host) => Some(host.to_str().map_err(|_| bad("the Host line is not ASCII"))?),
        None => None,
    };
    if hosts.next().is_some() {
        return Err(bad("more than one Host line"));
    }
    let target = request.uri().authority().map(http::uri::Authority::as_str);
    match (target, host) {
        // RFC 9112 section 3.2.2 would take the target's; two that differ are two readings.
        (Some(target), Some(host)) if !target.eq_ignore_ascii_case(host) => {
            Err(bad("the target and the Host line name different hosts"))
        }
        (Some(target), _) => Ok(Some(target)),
        (None, Some(host)) => Ok(Some(host)),
        (None, None) if request.version() == Version::HTTP_10 => Ok(None),
        (None, None) => Err(bad("no host")),
    }
}

fn bad(cause: &'static str) -> Refused {
    Refused { answer: Answer::BadRequest, cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(
        method: &str,
        target: &str,
        version: Version,
        headers: &[(&'static str, &str)],
    ) -> Request<()> {
        let mut request = Request::builder().method(method).uri(target).version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    fn cause(request: &Request<()>) -> &'static str {
        check(request, Some("default.example")).map_or_else(|refused| refused.cause, |_| "fine")
    }

    #[test]
    fn the_host_is_what_the_one_host_line_says() {
        let request = request("GET", "/a?b", Version::HTTP_11, &[("host", "a.example:8443")]);
        let host = check(&request, Some("default.example")).unwrap();
        assert_eq!(host, Host { authority: "a.example:8443", name: "a.example" });
    }

    #[test]
    fn http_1_0_without_a_host_gets_the_default() {
        let request = request("GET", "/", Version::HTTP_10, &[]);
        assert_eq!(check(&request, Some("default.example")).unwrap().name, "default.example");
    }

    #[test]
    fn a_host_that_can_be_read_in_two_ways_is_refused() {
        let v11 = Version::HTTP_11;
        let cases = [
            (request("GET", "/", v11, &[]), "no host"),
            (request("GET", "/", v11, &[("host", "a"), ("host", "a")]), "more than one Host line"),
            (
                request("GET", "http://a.example/", v11, &[("host", "b.example")]),
                "the target and the Host line name different hosts",
            ),
            (
                request("GET", "/", v11, &[("host", "a b")]),
                "the host is not a name or address with an optional port",
            ),
            (
                request("GET", "http://u@a.example/", v11, &[("host", "u@a.example")]),
                "the host is not a name or address with an optional port",
            ),
            (
                request("GET", "a.example:443", v11, &[("host", "a.example")]),
                "the target has no path",
            ),
            (request("GET", "*", v11, &[("host", "a.example")]), "the target has no path"),
        ];
        for (request, expected) in cases {
            assert_eq!(cause(&request), expected, "{request:?}");
        }
    }

    #[test]
    fn absolute_form_with_the_same_host_is_fine() {
        let request =
            request("GET", "http://a.example/x", Version::HTTP_11, &[("host", "A.example")]);
        assert_eq!(cause(&request), "fine");
    }

    #[test]
    fn only_one_plain_chunked_is_a_transfer_coding() {
        for coding in
            ["gzip, chunked", "chunked, chunked", "identity", "xchunked", "chunked;q=1", ""]
        {
            let headers = [("host", "a"), ("transfer-encoding", coding)];
            let request = request("POST", "/", Version::HTTP_11, &headers);
            assert_eq!(cause(&request), "a transfer coding other than one `chunked`", "{coding}");
        }
        let twice =
            [("host", "a"), ("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")];
        let request_twice = request("POST", "/", Version::HTTP_11, &twice);
        assert_eq!(cause(&request_twice), "a transfer coding other than one `chunked`");
        let one = [("host", "a"), ("transfer-encoding", "Chunked")];
        assert_eq!(cause(&request("POST", "/", Version::HTTP_11, &one)), "fine");
    }

    #[test]
    fn tunnels_and_echoes_are_not_forwarded() {
        for method in ["CONNECT", "TRACE"] {
            let request = request(method, "/", Version::HTTP_11, &[("host", "a")]);
            assert_eq!(check(&request, Some("d")).unwrap_err().answer, Answer::MethodNotAllowed);
        }
    }
}
