//! A client of HTTP/2. It moves only while the test waits for something of it.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::client::Connector;
use super::message::SITE;
use super::{PATIENCE, events, port};

pub type Body = BoxBody<Bytes, Infallible>;

pub fn empty() -> Body {
    Empty::new().boxed()
}

pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).boxed()
}

/// A body of the frames that are sent into it; it ends when the sender is dropped.
pub fn channel() -> (mpsc::Sender<Frame<Bytes>>, Body) {
    let (sender, receiver) = mpsc::channel(4);
    (sender, Frames(receiver).boxed())
}

struct Frames(mpsc::Receiver<Frame<Bytes>>);

impl hyper::body::Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|frame| frame.map(Ok))
    }
}

/// A request of the first site's.
pub fn request(method: &str, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(format!("https://{SITE}{path}"))
}

/// A response with its body read.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub trailers: HeaderMap,
}

pub struct H2 {
    pub runtime: Runtime,
    pub sender: SendRequest<Body>,
    driver: JoinHandle<hyper::Result<()>>,
    local: std::net::SocketAddr,
    mark: usize,
}

impl H2 {
    pub fn connect(connector: &Connector) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mark = events::mark();
        let (sender, driver, local) = runtime.block_on(async {
            let stream = port::connect(connector.address).unwrap();
            stream.set_nonblocking(true).unwrap();
            let stream = TcpStream::from_std(stream).unwrap();
            stream.set_nodelay(true).unwrap();
            let local = stream.local_addr().unwrap();
            let config = Arc::new(connector.config("h2"));
            let connector_name = connector.name();
            let stream = TlsConnector::from(config).connect(connector_name, stream);
            let stream = stream.await.unwrap();
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
            let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                .handshake(TokioIo::new(stream))
                .await
                .unwrap();
            (sender, tokio::spawn(connection), local)
        });
        Self { runtime, sender, driver, local, mark }
    }

    /// Where it connects from.
    pub fn local(&self) -> std::net::SocketAddr {
        self.local
    }

    /// Lets the client move until a future is ready, within the tests' patience.
    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime
            .block_on(async { timeout(PATIENCE, future).await })
            .expect("something happens within the tests' patience")
    }

    /// Sends a request; the head of its response.
    pub fn begin(&mut self, request: Request<Body>) -> hyper::Result<Response<Incoming>> {
        let response = self.sender.send_request(request);
        self.runtime
            .block_on(async { timeout(PATIENCE, response).await })
            .expect("a response within the tests' patience")
    }

    /// Reads the body of a response.
    pub fn finish(&self, response: Response<Incoming>) -> hyper::Result<Answer> {
        let (head, body) = response.into_parts();
        let body = self.wait(body.collect())?;
        let trailers = body.trailers().cloned().unwrap_or_default();
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body: body.to_bytes(),
            trailers,
        })
    }

    /// Sends a request and reads its response.
    pub fn ask(&mut self, request: Request<Body>) -> Answer {
        let response = self.begin(request).unwrap();
        self.finish(response).unwrap()
    }

    pub fn get(&mut self, path: &str) -> Answer {
        self.ask(request("GET", path).body(empty()).unwrap())
    }

    /// Waits until the gateway has ended the connection.
    pub fn end(&mut self) {
        let driver = std::mem::replace(&mut self.driver, self.runtime.spawn(async { Ok(()) }));
        _ = self.wait(driver);
    }

    /// What the gateway logged about this connection; waits for it.
    pub fn event(&self, target: &str) -> events::Event {
        events::wait_for(target, self.local, self.mark)
    }

    /// The same for as many events.
    pub fn events(&self, target: &str, count: usize) -> Vec<events::Event> {
        events::wait_for_all(target, self.local, self.mark, count)
    }
}
