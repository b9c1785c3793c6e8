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
use socket2::{SockRef, TcpKeepalive};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use crate::config::{Destination, Endpoint, Protocol, ProxyProtocol};
use crate::proxy_protocol::local_header;
use crate::tls::AppTls;

use super::early_answer::EarlyAnswer;
use super::error::{Failure, SendError, unreachable};
use super::multiplexed::Multiplexed;
use super::pool::Slot;
use super::stream::Stream;
use super::upgraded::Upgraded;

/// The most that is read ahead of an upstream's response. 64 KiB is four TLS records.
const READ_BUFFER_MAX: usize = 64 * 1024;

/// When a silent peer of a shared connection is asked for a sign of life, and when it is given up. Longer than any app
/// stands still that reads slowly.
const PROBE_AFTER: Duration = Duration::from_secs(15);
#[cfg(target_os = "linux")]
const GONE_AFTER: Duration = Duration::from_secs(60);

/// How an endpoint is spoken with.
pub(super) struct Way<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) tls: Option<&'a AppTls>,
    /// What the PROXY protocol says first.
    pub(super) announced: Option<&'a Rc<[u8]>>,
    /// When a connection that is opened now is not to be used again: its name may lead elsewhere by then.
    pub(super) stale_at: Option<Instant>,
}

impl Way<'_> {
    async fn open(&self) -> io::Result<Stream> {
        open(self.endpoint, self.tls, self.announced.map(AsRef::as_ref)).await
    }
}

/// One connection to an endpoint. Dropping it closes it, whatever it was doing: a client that has gone, or
/// a response that was broken off, leaves nothing running on the app's side.
pub(super) struct Connection<B> {
    pub(super) sender: http1::SendRequest<B>,
    /// What it said of a client when it began.
    pub(super) announced: Option<Rc<[u8]>>,
    /// When it is not to be used again.
    pub(super) stale_at: Option<Instant>,
    task: AbortHandle,
    /// Whether the request that it carries asks for a change of protocol: then its stream is handed over when HTTP
    /// ends on it.
    pub(super) is_upgrading: Rc<Cell<bool>>,
    /// Whether an exchange is under way: if that is the end of it, it ends with a reset.
    pub(super) is_busy: Rc<Cell<bool>>,
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

/// What drives a connection. One that is given up in the middle of an exchange is reset. The app learns the same, that
/// nobody waits any more; but the address and port stay with nobody: whoever closes first keeps them for a minute, so
/// that clients that ask and go away would use up all ports there are.
struct Driven<B>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    connection: Option<http1::Connection<TokioIo<EarlyAnswer<Stream>>, B>>,
    is_busy: Rc<Cell<bool>>,
}

impl<B> Drop for Driven<B>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take().filter(|_| self.is_busy.get()) {
            connection.into_parts().io.into_inner().into_inner().reset();
        }
    }
}

/// Connects, and leaves a task that drives the connection.
///
/// # Errors
/// Refused, unreachable, unknown name, or not in time.
pub(super) async fn connect<B>(
    way: &Way<'_>,
    limit: Duration,
    slot: Slot,
) -> Result<Connection<B>, SendError>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let announced = way.announced.cloned();
    within(way, limit, async { start(way.open().await?, (announced, way.stale_at), slot).await })
        .await
}

/// The same for a connection that many requests share.
///
/// # Errors
/// Likewise, or it does not speak HTTP/2.
pub(super) async fn connect_shared<B>(
    way: &Way<'_>,
    limit: Duration,
    slot: Slot,
) -> Result<Multiplexed<B>, SendError>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let announced = way.announced.cloned();
    within(way, limit, async {
        Multiplexed::start(way.open().await?, (announced, way.stale_at), slot).await
    })
    .await
}

async fn within<T>(
    way: &Way<'_>,
    limit: Duration,
    connecting: impl Future<Output = io::Result<T>>,
) -> Result<T, SendError> {
    match timeout(limit, connecting).await {
        Ok(connected) => connected.map_err(|error| SendError::connect(way.endpoint, &error)),
        Err(_) => Err(SendError::timeout(way.endpoint, Failure::ConnectTimeout, limit)),
    }
}

/// Whether an endpoint takes a connection now, with its handshake where it speaks TLS; for whoever only tells.
///
/// # Errors
/// The sentence that says why not.
pub async fn probe(
    endpoint: &Endpoint,
    tls: Option<&AppTls>,
    proxy_protocol: Option<ProxyProtocol>,
    limit: Duration,
) -> Result<(), String> {
    let announced = proxy_protocol.map(local_header);
    match timeout(limit, open(endpoint, tls, announced.as_deref())).await {
        Ok(result) => result.map(drop).map_err(|error| unreachable(&error)),
        Err(_) => Err(format!("no connection within {limit:?}")),
    }
}

async fn open(
    endpoint: &Endpoint,
    tls: Option<&AppTls>,
    announced: Option<&[u8]>,
) -> io::Result<Stream> {
    let (host, port) = match &endpoint.to {
        Destination::Tcp { host, port } => (host.as_str(), *port),
        Destination::Unix(path) => {
            let mut stream = UnixStream::connect(path).await?;
            if let Some(announced) = announced {
                stream.write_all(announced).await?;
            }
            return Ok(Stream::Unix(stream));
        }
    };
    // Tries each address of the name in turn; a literal is not looked up.
    let mut stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    if endpoint.protocol == Protocol::H2c {
        notice_silence(&stream)?;
    }
    // Before all else, TLS too.
    if let Some(announced) = announced {
        stream.write_all(announced).await?;
    }
    match (endpoint.protocol, tls) {
        (Protocol::Https, Some(tls)) => Ok(Stream::Tls(Box::new(tls.connect(stream, host).await?))),
        // Nothing is ever sent in clear text to who should be spoken to in TLS.
        (Protocol::Https, None) => Err(io::Error::other("there is no TLS for this endpoint")),
        (Protocol::Http1 | Protocol::H2c, _) => Ok(Stream::Tcp(stream)),
    }
}

/// Has the kernel end a connection whose other end is gone: one that requests share may live long, and its streams need
/// not move.
fn notice_silence(stream: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(stream);
    let probes = TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_AFTER);
    socket.set_tcp_keepalive(&probes)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(GONE_AFTER))?;
    Ok(())
}

async fn start<B>(
    stream: Stream,
    (announced, stale_at): (Option<Rc<[u8]>>, Option<Instant>),
    slot: Slot,
) -> io::Result<Connection<B>>
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
    let (is_upgrading, is_busy) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
    let (hand_over, upgraded) = oneshot::channel();
    let hands_over = Rc::clone(&is_upgrading);
    let mut driven = Driven { connection: Some(connection), is_busy: Rc::clone(&is_busy) };
    let task = tokio::task::spawn_local(async move {
        // What goes wrong is told to whoever waits for the response; an unused connection may just end.
        let Some(connection) = &mut driven.connection else { return };
        let ended = connection.await;
        // By hand: what the library has for upgrades wants streams that may go to another thread.
        if ended.is_ok()
            && hands_over.get()
            && let Some(connection) = driven.connection.take()
        {
            let parts = connection.into_parts();
            let stream = parts.io.into_inner().into_inner();
            // Whoever asked may have gone.
            _ = hand_over.send(Upgraded::new(stream, parts.read_buf));
        }
    });
    let task = task.abort_handle();
    Ok(Connection {
        sender,
        announced,
        stale_at,
        task,
        is_upgrading,
        is_busy,
        upgraded,
        _slot: slot,
    })
}
