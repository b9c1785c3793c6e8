//! The app behind the demo's gateway: a plain-HTTP receiver of Tencent Chat callbacks that allows every
//! message, and remembers what it was asked.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Requests that are remembered until somebody looks; further ones are answered and forgotten.
const SEEN_MAX: usize = 16;

/// The largest callback that is read.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// One request as it came out of the gateway.
pub(super) struct Seen {
    pub(super) method: Method,
    pub(super) target: String,
    pub(super) headers: HeaderMap,
}

/// An app that listens.
pub(super) struct App {
    /// Where.
    pub(super) address: SocketAddr,
    /// What it was asked, the oldest first.
    pub(super) seen: Receiver<Seen>,
}

impl App {
    /// Listens on a free port and serves for as long as the runtime lives.
    pub(super) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (sender, seen) = channel(SEEN_MAX);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, sender.clone()));
            }
        });
        Ok(Self { address, seen })
    }
}

async fn serve(stream: TcpStream, seen: Sender<Seen>) {
    let service = service_fn(|request| {
        let seen = seen.clone();
        async move { Ok::<_, Infallible>(answer(request, &seen).await) }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // The gateway closes its connections when it likes.
    let _ = connection.await;
}

async fn answer(request: Request<Incoming>, seen: &Sender<Seen>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    // Full, or nobody looks any more: the answer stays the same.
    let _ = seen.try_send(Seen {
        method: head.method.clone(),
        target: head.uri.to_string(),
        headers: head.headers,
    });
    if head.method != Method::POST {
        return reply(StatusCode::METHOD_NOT_ALLOWED, "a callback is a POST");
    }
    let is_callback = |query: &str| query.split('&').any(|q| q.starts_with("CallbackCommand="));
    if !head.uri.query().is_some_and(is_callback) {
        return reply(StatusCode::BAD_REQUEST, "the query has no CallbackCommand");
    }
    let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await else {
        return reply(StatusCode::BAD_REQUEST, "the body cannot be read");
    };
    match serde_json::from_slice::<Value>(&body.to_bytes()) {
        Ok(Value::Object(_)) => reply(StatusCode::OK, ""),
        _ => reply(StatusCode::BAD_REQUEST, "the body is no JSON object"),
    }
}

/// An answer in the form that the platform reads: the callback succeeded, or what was wrong with it.
fn reply(status: StatusCode, complaint: &'static str) -> Response<Full<Bytes>> {
    let (action, code) = if status == StatusCode::OK { ("OK", 0) } else { ("FAIL", 1) };
    // By hand, in the order of the platform's guide; a complaint has nothing to escape.
    let body = format!(
        "{{\"ActionStatus\":\"{action}\",\"ErrorInfo\":\"{complaint}\",\"ErrorCode\":{code}}}\n"
    );
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
