//! A response's body under watch. A client of HTTP/2 can stop taking a response without filling the socket:
//! it gives the stream no window. The HTTP library then asks for no more of the body, and nothing inside
//! the body runs that could notice. So a body that is not asked for longer than it may stand still is
//! dropped from outside: the app's connection and the exchange end, and what is left of the client's
//! connection runs into its idle timeout.
//!
//! A client that takes it, but slower than it may, is noticed when the library asks for more: what lies between two
//! frames is the time that the client took for the first.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use super::body::{BodyError, ResponseBody};
use super::pace::Pace;
use super::patience::Patience;
use super::tunnel::Tunnel;

/// A response's body that is not waited for without end.
pub struct WatchedBody {
    /// `None` is a response that ends with its head.
    body: Option<Rc<Watched>>,
    /// What follows the head of a 101.
    tunnel: Option<Box<Tunnel>>,
    /// How long it may lie unasked for; `None` where a full socket tells the same (HTTP/1).
    limit: Option<Duration>,
    watch: Option<AbortHandle>,
    pace: Pace,
    /// Bytes of the frame that was handed last.
    handed: usize,
}

struct Watched {
    /// `None` once it has been taken away.
    body: RefCell<Option<ResponseBody>>,
    /// Since when a frame lies with the HTTP library that has asked for no other.
    handed: Cell<Option<Instant>>,
}

impl WatchedBody {
    pub(super) fn new(body: ResponseBody, patience: Patience, is_http2: bool) -> Self {
        let body = Watched { body: RefCell::new(Some(body)), handed: Cell::new(None) };
        let limit = is_http2.then_some(patience.idle);
        let (body, pace) = (Some(Rc::new(body)), Pace::new(patience.rate));
        Self { body, tunnel: None, limit, watch: None, pace, handed: 0 }
    }

    /// No body, but what follows a change of protocol over HTTP/1.1; over HTTP/2, that is elsewhere already.
    pub(super) fn switching(tunnel: Option<Tunnel>) -> Self {
        let (tunnel, pace) = (tunnel.map(Box::new), Pace::new(None));
        Self { body: None, tunnel, limit: None, watch: None, pace, handed: 0 }
    }

    /// What whoever drives the connection has to go on with when HTTP has ended on it.
    pub fn take_tunnel(&mut self) -> Option<Box<Tunnel>> {
        self.tunnel.take()
    }
}

/// Waits until the body lies for too long. Started with the first frame that is not the last, so that small
/// responses cost no timer.
async fn watch(watched: Weak<Watched>, limit: Duration) {
    while let Some(watched) = watched.upgrade() {
        let now = Instant::now();
        let next = watched.handed.get().unwrap_or(now) + limit;
        if next <= now {
            if let Some(body) = watched.body.take() {
                body.give_up(&format!("the client took nothing for {limit:?}"));
            }
            return;
        }
        drop(watched);
        sleep_until(next).await;
    }
}

impl Drop for WatchedBody {
    fn drop(&mut self) {
        if let Some(watch) = &self.watch {
            watch.abort();
        }
    }
}

impl Body for WatchedBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let Some(watched) = &this.body else {
            return Poll::Ready(None);
        };
        let mut slot = watched.body.borrow_mut();
        if let Some(since) = watched.handed.take() {
            this.pace.took(std::mem::take(&mut this.handed), since.elapsed());
        }
        if let Some(rate) = this.pace.missed()
            && let Some(body) = slot.take()
        {
            let error = BodyError::TooSlow(rate);
            body.give_up(&error.to_string());
            return Poll::Ready(Some(Err(error)));
        }
        let Some(body) = slot.as_mut() else {
            let limit = this.limit.unwrap_or_default();
            return Poll::Ready(Some(Err(BodyError::Idle(limit))));
        };
        let polled = Pin::new(&mut *body).poll_frame(cx);
        let lies = matches!(polled, Poll::Ready(Some(Ok(_)))) && !body.is_end_stream();
        watched.handed.set(lies.then(Instant::now));
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            this.handed = frame.data_ref().map_or(0, Bytes::len);
        }
        if let Some(limit) = this.limit.filter(|_| lies && this.watch.is_none()) {
            let task = tokio::task::spawn_local(watch(Rc::downgrade(watched), limit));
            this.watch = Some(task.abort_handle());
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        let Some(watched) = &self.body else {
            return true;
        };
        let body = watched.body.borrow();
        body.as_ref().is_some_and(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let Some(watched) = &self.body else {
            return SizeHint::with_exact(0);
        };
        let body = watched.body.borrow();
        body.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}
