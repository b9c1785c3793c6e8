//! HTTP/2 towards an app: one connection that many requests share, each as a stream of it.
//!
//! Windows, frames and buffers are as bounded as on the clients' side. No PING asks whether a silent app is alive: gRPC
//! servers end a connection on which more than two come within five minutes. A connection on which a response was late
//! takes no new request instead, and the kernel notices a peer that is gone (`connect`).

use std::cell::{Cell, RefCell};
use std::error::Error as StdError;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::first_frame::FirstFrame;
use super::pool::Slot;
use super::stream::Stream as Socket;

/// Streams of one connection, even where the app sets no limit: what RFC 9113 section 6.5.2 advises servers to allow at
/// least. More requests at once get another connection.
const STREAMS_MAX: usize = 100;

/// What one response may be ahead of its client, as much as over HTTP/1.1.
const STREAM_WINDOW: u32 = 64 * 1024;

/// The same of all responses of a connection. It never comes to that, as each stream has a window of its own; were this
/// one smaller than all of those together, a few clients that read nothing would hold up the responses of all others
/// that share the connection. The library also allows small frames, which take more memory than they count for, by this: up
/// to half of it. As many streams as may be can lie full of messages of a dozen bytes.
const CONNECTION_WINDOW: u32 = 256 * 1024 * 1024;

/// What one request may hold back for an app that reads slowly.
const SEND_BUFFER: usize = 64 * 1024;

/// The head of a response: as large as HTTP/1.1's may be here.
const HEADER_BYTES_MAX: u32 = 64 * 1024;

/// One connection. It closes when the last hold on it is dropped.
pub(super) struct Multiplexed<B> {
    sender: RefCell<http2::SendRequest<B>>,
    /// How many streams the app allows now.
    peer_max: Box<dyn Fn() -> usize>,
    /// How many are open.
    open: Cell<usize>,
    /// Whether a response was late on it: it may be dead.
    is_distrusted: Cell<bool>,
    /// What it said of a client when it began.
    pub(super) announced: Option<Rc<[u8]>>,
    /// When it takes no further stream.
    stale_at: Option<Instant>,
    /// Since when it has no stream.
    unused_since: Cell<Instant>,
    task: AbortHandle,
    /// Counts it among those that its endpoint has.
    slot: Slot,
}

impl<B> Drop for Multiplexed<B> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<B> Multiplexed<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    /// Begins HTTP/2 on a stream, and waits for the app's first frame.
    ///
    /// # Errors
    /// The app closed, or what it said is no HTTP/2.
    pub(super) async fn start(
        stream: Socket,
        (announced, stale_at): (Option<Rc<[u8]>>, Option<Instant>),
        slot: Slot,
    ) -> io::Result<Self> {
        let (stream, first) = FirstFrame::new(stream);
        let (sender, connection) = http2::Builder::new(LocalExecutor)
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_frame_size(16 * 1024)
            .max_send_buf_size(SEND_BUFFER)
            .max_header_list_size(HEADER_BYTES_MAX)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        let connection = Rc::new(RefCell::new(Some(connection)));
        let driven = Rc::clone(&connection);
        let drive = poll_fn(move |cx| {
            let mut driven = driven.borrow_mut();
            let polled = driven.as_mut().map(|connection| Pin::new(connection).poll(cx));
            if polled.is_some_and(|polled| polled.is_pending()) {
                return Poll::Pending;
            }
            // What goes wrong is told to whoever waits for a response; an unused connection may just end. Requests that
            // wait to be sent on it come back once it is dropped.
            *driven = None;
            Poll::Ready(())
        });
        let task = tokio::task::spawn_local(drive).abort_handle();
        let peer_max = Box::new(move || {
            connection.borrow().as_ref().map_or(0, http2::Connection::current_max_send_streams)
        });
        let this = Self {
            sender: RefCell::new(sender),
            peer_max,
            open: Cell::new(0),
            is_distrusted: Cell::new(false),
            announced,
            stale_at,
            unused_since: Cell::new(Instant::now()),
            task,
            slot,
        };
        first.settings().await?;
        Ok(this)
    }
}

impl<B> Multiplexed<B> {
    /// Whether no request can ever be sent on it again.
    pub(super) fn is_over(&self) -> bool {
        let is_stale = self.stale_at.is_some_and(|at| at <= Instant::now());
        is_stale || self.is_distrusted.get() || self.sender.borrow().is_closed()
    }

    /// Since when it has had no stream; `None` while it has some.
    pub(super) fn unused_since(&self) -> Option<Instant> {
        (self.open.get() == 0).then(|| self.unused_since.get())
    }

    /// A response was late on it.
    pub(super) fn distrust(&self) {
        self.is_distrusted.set(true);
    }

    /// A place for one more stream.
    pub(super) fn stream(self: &Rc<Self>) -> Option<Stream<B>> {
        if self.is_over() { None } else { self.first() }
    }

    /// The same for the request that the connection was opened for, however long that took.
    pub(super) fn first(self: &Rc<Self>) -> Option<Stream<B>> {
        let max = (self.peer_max)().min(STREAMS_MAX);
        if self.open.get() >= max {
            return None;
        }
        self.open.set(self.open.get() + 1);
        Some(Stream { of: Rc::clone(self) })
    }
}

/// One stream, or the place for one. Dropping it ends nothing but the stream.
pub(super) struct Stream<B> {
    pub(super) of: Rc<Multiplexed<B>>,
}

impl<B> Drop for Stream<B> {
    fn drop(&mut self) {
        self.of.open.set(self.of.open.get().saturating_sub(1));
        self.of.unused_since.set(Instant::now());
        self.of.slot.freed();
    }
}

impl<B> Stream<B>
where
    B: Body<Data = Bytes> + 'static,
{
    pub(super) async fn send(
        &self,
        request: Request<B>,
    ) -> Result<Response<Incoming>, TrySendError<Request<B>>> {
        let sending = self.of.sender.borrow_mut().try_send_request(request);
        sending.await
    }
}

/// Runs what belongs to a connection on the thread that it belongs to.
#[derive(Clone, Copy)]
struct LocalExecutor;

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for LocalExecutor {
    fn execute(&self, task: F) {
        tokio::task::spawn_local(task);
    }
}
