//! A response's body under watch. A client of HTTP/2 can stop taking a response without filling the socket:
//! it gives the stream no window. The HTTP library then asks for no more of the body, and nothing inside
//! the body runs that could notice. So a body that is not asked for longer than it may stand still is
//! dropped from outside: the app's connection and the exchange end, and what is left of the client's
//! connection runs into its idle timeout.

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
}

struct Watched {
    /// `None` once it has been taken away.
    body: RefCell<Option<ResponseBody>>,
    /// Since when a frame lies with the HTTP library that has asked for no other.
    handed: Cell<Option<Instant>>,
}

impl WatchedBody {
    pub(super) fn new(body: ResponseBody, limit: Option<Duration>) -> Self {
        let body = Watched { body: RefCell::new(Some(body)), handed: Cell::new(None) };
        Self { body: Some(Rc::new(body)), tunnel: None, limit, watch: None }
    }

    /// No body, but what follows a change of protocol over HTTP/1.1; over HTTP/2, that is elsewhere already.
    pub(super) fn switching(tunnel: Option<Tunnel>) -> Self {
        Self { body: None, tunnel: tunnel.map(Box::new), limit: None, watch: None }
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
        let Some(body) = slot.as_mut() else {
            let limit = this.limit.unwrap_or_default();
            return Poll::Ready(Some(Err(BodyError::Idle(limit))));
        };
        let polled = Pin::new(&mut *body).poll_frame(cx);
        let Some(limit) = this.limit else {
            return polled;
        };
        let lies = matches!(polled, Poll::Ready(Some(Ok(_)))) && !body.is_end_stream();
        watched.handed.set(lies.then(Instant::now));
        if lies && this.watch.is_none() {
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
