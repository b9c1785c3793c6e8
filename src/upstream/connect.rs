//! Opening one connection to an endpoint, within a deadline.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::config::{Destination, Endpoint, Protocol};
use crate::tls::AppTls;

use super::early_answer::EarlyAnswer;
use super::error::{Failure, SendError, unreachable};
use super::multiplexed::Multiplexed;
use super::pool::Slot;
use super::stream::Stream;

/// The most that is read ahead of an upstream's response. 64 KiB is four TLS records.
const READ_BUFFER_MAX: usize = 64 * 1024;

/// One connection to an endpoint. Dropping it closes it, whatever it was doing: a client that has gone, or
/// a response that was broken off, leaves nothing running on the app's side.
pub(super) struct Connection<B> {
    pub(super) sender: http1::SendRequest<B>,
    task: AbortHandle,
    /// Counts it among those that its endpoint has, as long as it is open.
    _slot: Slot,
}

impl<B> Drop for Connection<B> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Connects, and leaves a task that drives the connection.
///
/// # Errors
/// Refused, unreachable, unknown name, or not in time.
pub(super) async fn connect<B>(
    endpoint: &Endpoint,
    tls: Option<&AppTls>,
    limit: Duration,
    slot: Slot,
) -> Result<Connection<B>, SendError>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    within(endpoint, limit, async { start(open(endpoint, tls).await?, slot).await }).await
}

/// The same for a connection that many requests share.
///
/// # Errors
/// Likewise, or it does not speak HTTP/2.
pub(super) async fn connect_shared<B>(
    endpoint: &Endpoint,
    limit: Duration,
    slot: Slot,
) -> Result<Multiplexed<B>, SendError>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let start = async { Multiplexed::start(open(endpoint, None).await?, slot).await };
    within(endpoint, limit, start).await
}

async fn within<T>(
    endpoint: &Endpoint,
    limit: Duration,
    connecting: impl Future<Output = io::Result<T>>,
) -> Result<T, SendError> {
    match timeout(limit, connecting).await {
        Ok(connected) => connected.map_err(|error| SendError::connect(endpoint, &error)),
        Err(_) => Err(SendError::timeout(endpoint, Failure::ConnectTimeout, limit)),
    }
}

/// Whether an endpoint takes a connection now, with its handshake where it speaks TLS; for whoever only tells.
///
/// # Errors
/// The sentence that says why not.
pub async fn probe(
    endpoint: &Endpoint,
    tls: Option<&AppTls>,
    limit: Duration,
) -> Result<(), String> {
    match timeout(limit, open(endpoint, tls)).await {
        Ok(result) => result.map(drop).map_err(|error| unreachable(&error)),
        Err(_) => Err(format!("no connection within {limit:?}")),
    }
}

async fn open(endpoint: &Endpoint, tls: Option<&AppTls>) -> io::Result<Stream> {
    let (host, port) = match &endpoint.to {
        Destination::Tcp { host, port } => (host.as_str(), *port),
        Destination::Unix(path) => return Ok(Stream::Unix(UnixStream::connect(path).await?)),
    };
    // Tries each address of the name in turn; a literal is not looked up.
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    match (endpoint.protocol, tls) {
        (Protocol::Https, Some(tls)) => Ok(Stream::Tls(Box::new(tls.connect(stream, host).await?))),
        // Nothing is ever sent in clear text to who should be spoken to in TLS.
        (Protocol::Https, None) => Err(io::Error::other("there is no TLS for this endpoint")),
        (Protocol::Http1 | Protocol::H2c, _) => Ok(Stream::Tcp(stream)),
    }
}

async fn start<B>(stream: Stream, slot: Slot) -> io::Result<Connection<B>>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let (sender, connection) = http1::Builder::new()
        .http09_responses(false)
        .max_buf_size(READ_BUFFER_MAX)
        .handshake(TokioIo::new(EarlyAnswer::new(stream)))
        .await
        .map_err(io::Error::other)?;
    // What goes wrong is told to whoever waits for the response; an unused connection may just end.
    let task = tokio::task::spawn_local(async move { _ = connection.await });
    Ok(Connection { sender, task: task.abort_handle(), _slot: slot })
}
