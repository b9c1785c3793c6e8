//! Opening one connection to an endpoint, within a deadline.

use std::cell::Cell;
use std::error::Error as StdError;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::config::Endpoint;

use super::early_answer::EarlyAnswer;
use super::error::{Failure, SendError, unreachable};
use super::pool::Slot;
use super::stream::Stream;
use super::upgraded::Upgraded;

/// The most that is read ahead of an upstream's response. 64 KiB is four TLS records.
const READ_BUFFER_MAX: usize = 64 * 1024;

/// One connection to an endpoint. Dropping it closes it, whatever it was doing: a client that has gone, or
/// a response that was broken off, leaves nothing running on the app's side.
pub(super) struct Connection<B> {
    pub(super) sender: http1::SendRequest<B>,
    task: AbortHandle,
    /// Whether the request that it carries asks for a change of protocol: then its stream is handed over when HTTP
    /// ends on it.
    pub(super) is_upgrading: Rc<Cell<bool>>,
    upgraded: oneshot::Receiver<Upgraded>,
    /// Counts it among those that its endpoint has, as long as it is open.
    _slot: Slot,
}

impl<B> Connection<B> {
    /// The stream behind a 101; `None` if it broke.
    pub(super) async fn upgraded(&mut self) -> Option<Upgraded> {
        (&mut self.upgraded).await.ok()
    }
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
    limit: Duration,
    slot: Slot,
) -> Result<Connection<B>, SendError>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let connected = timeout(limit, async { start(open(endpoint).await?, slot).await });
    match connected.await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(SendError::connect(endpoint, &error)),
        Err(_) => Err(SendError::timeout(endpoint, Failure::ConnectTimeout, limit)),
    }
}

/// Whether an endpoint takes a connection now; for `check`, which only tells.
///
/// # Errors
/// The sentence that says why not.
pub async fn probe(endpoint: &Endpoint, limit: Duration) -> Result<(), String> {
    match timeout(limit, open(endpoint)).await {
        Ok(result) => result.map(drop).map_err(|error| unreachable(&error)),
        Err(_) => Err(format!("no connection within {limit:?}")),
    }
}

async fn open(endpoint: &Endpoint) -> io::Result<Stream> {
    Ok(match endpoint {
        Endpoint::Tcp { host, port } => {
            // Tries each address of the name in turn; a literal is not looked up.
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            stream.set_nodelay(true)?;
            Stream::Tcp(stream)
        }
        Endpoint::Unix(path) => Stream::Unix(UnixStream::connect(path).await?),
    })
}

async fn start<B>(stream: Stream, slot: Slot) -> io::Result<Connection<B>>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let (sender, mut connection) = http1::Builder::new()
        .http09_responses(false)
        .max_buf_size(READ_BUFFER_MAX)
        .handshake(TokioIo::new(EarlyAnswer::new(stream)))
        .await
        .map_err(io::Error::other)?;
    let is_upgrading = Rc::new(Cell::new(false));
    let (hand_over, upgraded) = oneshot::channel();
    let hands_over = Rc::clone(&is_upgrading);
    let task = tokio::task::spawn_local(async move {
        // What goes wrong is told to whoever waits for the response; an unused connection may just end.
        let ended = (&mut connection).await;
        // By hand: what the library has for upgrades wants streams that may go to another thread.
        if ended.is_ok() && hands_over.get() {
            let parts = connection.into_parts();
            let stream = parts.io.into_inner().into_inner();
            // Whoever asked may have gone.
            _ = hand_over.send(Upgraded::new(stream, parts.read_buf));
        }
    });
    Ok(Connection { sender, task: task.abort_handle(), is_upgrading, upgraded, _slot: slot })
}
