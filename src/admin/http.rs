//! Operators' HTTP: five pages to read, nothing to write. Every size and time has a bound, and a page of the web
//! that a browser has open cannot read along.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout};
use tracing::debug;

use super::desk::Desk;
use super::health::Readiness;
use super::snapshot::Snapshot;
use super::{metrics, status};

/// From the end of one request to the end of the next one's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection's whole life, and how long its last answer may take beyond that.
const LIFETIME: Duration = Duration::from_secs(300);
const GRACE: Duration = Duration::from_secs(10);

/// Bytes and lines of a request's head.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEAD_LINES_MAX: usize = 64;

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=utf-8";
/// The format and version that every Prometheus reads.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Serves one connection.
pub(super) async fn serve<S>(
    stream: S,
    desk: Rc<Desk>,
    is_loopback: bool,
    slot: OwnedSemaphorePermit,
) where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let service = service_fn(move |request| {
        let desk = Rc::clone(&desk);
        async move { Ok::<_, Infallible>(answer(&desk, is_loopback, &request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .half_close(false)
        .max_headers(HEAD_LINES_MAX)
        .max_header_size(HEAD_BYTES_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        ended = &mut connection => {
            if let Err(error) = ended {
                debug!(%error, "an operator's connection broke");
            }
        }
        () = sleep(LIFETIME) => {
            connection.as_mut().graceful_shutdown();
            // Who does not take the rest is left.
            _ = timeout(GRACE, connection).await;
        }
    }
    drop(slot);
}

/// An answer before it has its headers.
struct Page {
    status: StatusCode,
    kind: &'static str,
    body: String,
}

impl Page {
    fn new(status: StatusCode, kind: &'static str, body: impl Into<String>) -> Self {
        Self { status, kind, body: body.into() }
    }

    fn found(kind: &'static str, body: String) -> Self {
        Self::new(StatusCode::OK, kind, body)
    }
}

async fn answer(
    desk: &Desk,
    is_loopback: bool,
    request: &Request<Incoming>,
) -> Response<Full<Bytes>> {
    let is_reading = matches!(*request.method(), Method::GET | Method::HEAD);
    let page = if is_loopback && !is_own_name(request.headers()) {
        let words = "this address is asked for as an IP address or as `localhost`\n";
        Page::new(StatusCode::MISDIRECTED_REQUEST, TEXT, words)
    } else if is_reading {
        page(desk, request.uri().path()).await
    } else {
        Page::new(StatusCode::METHOD_NOT_ALLOWED, TEXT, "there is only something to read here\n")
    };
    let mut response = Response::new(Full::new(Bytes::from(page.body)));
    *response.status_mut() = page.status;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, page.kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let own = HeaderValue::from_static("same-origin");
    headers.insert("cross-origin-resource-policy", own);
    let policy = if page.kind == HTML { status::policy() } else { "default-src 'none'".to_owned() };
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if page.status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    if page.status == StatusCode::FOUND {
        headers.insert(header::LOCATION, HeaderValue::from_static("/status"));
    }
    response
}

async fn page(desk: &Desk, path: &str) -> Page {
    let Some(gateway) = desk.gateway() else {
        return Page::new(StatusCode::SERVICE_UNAVAILABLE, TEXT, "the gateway has ended\n");
    };
    match path {
        "/healthz" => Page::found(TEXT, "ok\n".to_owned()),
        "/readyz" => {
            let readiness = Readiness::look(desk, &*gateway).await;
            let status =
                if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            Page::new(status, JSON, format!("{:#}\n", readiness.json()))
        }
        "/metrics" => {
            Page::found(PROMETHEUS, metrics::text(&Snapshot::take(desk, &*gateway).await))
        }
        "/status.json" => {
            let json = status::json(&Snapshot::take(desk, &*gateway).await);
            Page::found(JSON, format!("{json:#}\n"))
        }
        "/status" => {
            let snapshot = Snapshot::take(desk, &*gateway).await;
            Page::found(HTML, status::html(&snapshot, &desk.history.borrow()))
        }
        "/" => Page::new(StatusCode::FOUND, TEXT, "see /status\n"),
        _ => Page::new(
            StatusCode::NOT_FOUND,
            TEXT,
            "there are /status, /status.json, /metrics, /healthz and /readyz\n",
        ),
    }
}

/// Whether a request to a loopback address names it as an address. A page of the web can make a browser ask this
/// machine under a name that the page's owner chose (DNS rebinding), and would be let to read the answer.
fn is_own_name(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST) else {
        // HTTP/1.0, which no browser speaks.
        return true;
    };
    let Ok(authority) = host.to_str().unwrap_or_default().parse::<http::uri::Authority>() else {
        return false;
    };
    let name = authority.host().trim_matches(['[', ']']);
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_and_localhost_name_this_machine() {
        let is_own = |host: &str| {
            let headers = [(header::HOST, HeaderValue::from_str(host).unwrap())];
            is_own_name(&headers.into_iter().collect())
        };
        for host in ["127.0.0.1:9443", "[::1]:9443", "localhost", "LOCALHOST:1", "192.0.2.1"] {
            assert!(is_own(host), "{host}");
        }
        for host in ["", "evil.example", "localhost.evil.example:9443", "127.0.0.1.evil.example"] {
            assert!(!is_own(host), "{host}");
        }
        assert!(is_own_name(&HeaderMap::new()));
    }
}
