//! What follows a change of protocol: bytes, both ways, until both sides have ended. No more is held than two buffers,
//! so that whoever does not take more makes the other side wait. The exchange goes on with it, and so does the question
//! whether its client may still do what it does.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{
    AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf, copy_bidirectional_with_sizes,
};
use tokio::time::{Instant, sleep_until, timeout};

use crate::observe::{Exchange, Outcome};
use crate::upstream::{Lease, Upgraded};

use super::RequestBody;
use super::recall::Recall;

/// What is on its way in each direction, beside the kernel's buffers.
const BUFFER: usize = 8 * 1024;

/// How long the last words to either side may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection to an app that has changed its protocol, and waits for the client's side of it.
pub struct Tunnel {
    pub(super) exchange: Exchange,
    pub(super) app: Upgraded,
    /// Counts it among the connections of its endpoint.
    pub(super) lease: Lease<RequestBody>,
    /// Whether its client may go on.
    pub(super) recall: Rc<Recall>,
    /// How long it may be silent.
    pub(super) idle: Duration,
}

impl Tunnel {
    /// Passes bytes between the client and the app until the end. `ahead` is what the client has said already. The
    /// caller closes the client's side.
    pub async fn run(self, client: &mut (impl AsyncRead + AsyncWrite + Unpin), ahead: Bytes) {
        let Self { exchange, mut app, lease, recall, idle } = self;
        let flow =
            Flow { exchange, moved: Cell::new(Instant::now()), is_app_broken: Cell::new(false) };
        recall.minds_itself();
        // For a drop: nobody drops it before its end but a process that stops.
        flow.exchange.ended(Outcome::Truncated("the gateway has stopped".to_owned()));
        let said = app.take_ahead();
        let mut of_client = Side { stream: client, ahead, flow: &flow, is_app: false };
        let mut of_app = Side { stream: &mut app, ahead: said, flow: &flow, is_app: true };
        let ended = {
            let mut copying =
                pin!(copy_bidirectional_with_sizes(&mut of_client, &mut of_app, BUFFER, BUFFER));
            let mut silence = pin!(flow.silence(idle));
            loop {
                // Made before the question, so that no change is missed.
                let changed = recall.changed();
                if let Err(cause) = recall.may_go_on() {
                    break Err(cause);
                }
                tokio::select! {
                    ended = &mut copying => break Ok(ended),
                    () = &mut silence => break Err(format!("nothing came for {idle:?}")),
                    () = changed => {}
                }
            }
        };
        let outcome = match ended {
            Ok(Ok(_)) => Outcome::Complete,
            Ok(Err(error)) => {
                flow.exchange.set_cause(&error.to_string());
                match flow.is_app_broken.get() {
                    true => Outcome::Truncated(error.to_string()),
                    false => Outcome::Aborted,
                }
            }
            Err(cause) => Outcome::Truncated(cause),
        };
        flow.exchange.ended(outcome);
        // Whoever is not there any more needs no last word.
        _ = timeout(CLOSE_TIMEOUT, app.shutdown()).await;
        drop(lease);
    }

    /// The same for a stream of HTTP/2, in a task of its own: it is there once the client's response is on its way.
    pub(super) fn run_on(self, on_upgrade: OnUpgrade) {
        tokio::task::spawn_local(async move {
            // Where it never is, the client has gone.
            if let Ok(stream) = on_upgrade.await {
                let mut stream = TokioIo::new(stream);
                self.run(&mut stream, Bytes::new()).await;
                _ = timeout(CLOSE_TIMEOUT, stream.shutdown()).await;
            }
        });
    }
}

/// What passes through a tunnel.
struct Flow {
    exchange: Exchange,
    /// When the last of it did.
    moved: Cell<Instant>,
    /// Whether it was the app's side that broke.
    is_app_broken: Cell<bool>,
}

impl Flow {
    /// Waits until nothing has passed for so long. The timer is moved only when it rings.
    async fn silence(&self, limit: Duration) {
        loop {
            let end = self.moved.get() + limit;
            if end <= Instant::now() {
                return;
            }
            sleep_until(end).await;
        }
    }
}

/// One side of a tunnel, which counts what comes from there.
struct Side<'a, S> {
    stream: &'a mut S,
    /// What was read before it became a tunnel.
    ahead: Bytes,
    flow: &'a Flow,
    is_app: bool,
}

impl<S> Side<'_, S> {
    fn came(&self, count: usize) {
        if count == 0 {
            return;
        }
        self.flow.moved.set(Instant::now());
        if self.is_app {
            self.flow.exchange.add_response_bytes(count);
        } else {
            self.flow.exchange.add_request_bytes(count);
        }
    }

    fn note<T>(&self, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if self.is_app && matches!(result, Poll::Ready(Err(_))) {
            self.flow.is_app_broken.set(true);
        }
        result
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Side<'_, S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.ahead.is_empty() {
            let count = this.ahead.len().min(buffer.remaining());
            buffer.put_slice(&this.ahead[..count]);
            this.ahead.advance(count);
            this.came(count);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let result = Pin::new(&mut *this.stream).poll_read(cx, buffer);
        this.came(buffer.filled().len() - before);
        this.note(result)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Side<'_, S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut *self.stream).poll_write(cx, bytes);
        self.note(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut *self.stream).poll_write_vectored(cx, slices);
        self.note(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut *self.stream).poll_flush(cx);
        self.note(result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut *self.stream).poll_shutdown(cx);
        self.note(result)
    }
}
