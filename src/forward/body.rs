//! The two bodies of an exchange. Both stream with back-pressure, hold at most one frame, count what
//! passes, and end by themselves when they stand still for too long.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{self, HeaderName};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::observe::{Exchange, Outcome};
use crate::upstream::Lease;

use super::headers::{hop_by_hop, strip_reserved};
use super::pace::Pace;
use super::patience::{Patience, Stall};
use super::recall::Recall;

/// Why a body ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The request's body is above the site's ceiling.
    #[error("the request's body is larger than the ceiling of {0} bytes")]
    TooLarge(u64),
    /// Nothing came for too long.
    #[error("nothing came for {0:?}")]
    Idle(Duration),
    /// The client sends or takes too few bytes a second; how many they should be.
    #[error("the client is slower than {0} bytes a second")]
    TooSlow(u64),
    /// The exchange took longer than it may.
    #[error("the exchange took longer than {0:?}")]
    Deadline(Duration),
    /// The sender broke off, or broke the rules of its framing.
    #[error(transparent)]
    Broken(#[from] hyper::Error),
}

/// How far the body of a request has come, for whoever waits for the response.
#[derive(Debug)]
pub(super) struct Progress {
    /// When it last moved.
    pub(super) moved: Cell<Instant>,
    /// Whether its end has been passed on.
    pub(super) ended: Cell<bool>,
    /// Whether it is the client that everybody waits for.
    pub(super) waits_for_client: Cell<bool>,
    /// Whether the app has begun to answer: from then on the two talk at a pace of their own.
    pub(super) is_answered: Cell<bool>,
}

impl Progress {
    /// Of a body that has not moved yet.
    pub(super) fn of(incoming: &Incoming) -> Self {
        Self {
            moved: Cell::new(Instant::now()),
            ended: Cell::new(incoming.is_end_stream()),
            waits_for_client: Cell::new(false),
            is_answered: Cell::new(false),
        }
    }
}

/// A request's body on its way to the upstream.
pub struct RequestBody {
    /// `None` is a body without a byte.
    incoming: Option<Incoming>,
    progress: Rc<Progress>,
    bytes: Rc<Cell<u64>>,
    bytes_max: Option<u64>,
    stall: Stall,
    pace: Pace,
    /// While set, the client has been promised nothing yet and its body is left alone (RFC 9110
    /// section 10.1.1).
    expectation: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

impl RequestBody {
    /// Wraps what the client sends. `expectation` ends when the client may be told to go on.
    pub(super) fn new(
        incoming: Incoming,
        progress: Rc<Progress>,
        bytes: Rc<Cell<u64>>,
        bytes_max: Option<u64>,
        patience: Patience,
        expectation: Option<Pin<Box<dyn Future<Output = ()>>>>,
    ) -> Self {
        let (stall, pace) = (Stall::new(patience.idle), Pace::new(patience.rate));
        Self { incoming: Some(incoming), progress, bytes, bytes_max, stall, pace, expectation }
    }

    /// The body of a request that has none.
    pub(super) fn empty() -> Self {
        let progress = Progress {
            moved: Cell::new(Instant::now()),
            ended: Cell::new(true),
            waits_for_client: Cell::new(false),
            is_answered: Cell::new(false),
        };
        Self {
            incoming: None,
            progress: Rc::new(progress),
            bytes: Rc::default(),
            bytes_max: None,
            stall: Stall::new(Duration::ZERO),
            pace: Pace::new(None),
            expectation: None,
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        if let Some(expectation) = &mut this.expectation {
            ready!(expectation.as_mut().poll(cx));
            this.expectation = None;
        }
        let Some(incoming) = &mut this.incoming else {
            return Poll::Ready(None);
        };
        let Poll::Ready(frame) = Pin::new(&mut *incoming).poll_frame(cx) else {
            this.progress.waits_for_client.set(true);
            let left = this.pace.left().filter(|_| !this.progress.is_answered.get());
            ready!(this.stall.poll(cx, left));
            this.pace.waited(this.stall.waited(Instant::now()));
            let missed = this.pace.missed().filter(|_| left.is_some());
            let limit = this.stall.limit();
            let error = missed.map_or(BodyError::Idle(limit), BodyError::TooSlow);
            return Poll::Ready(Some(Err(error)));
        };
        let now = Instant::now();
        this.pace.waited(this.stall.waited(now));
        this.stall.reset();
        this.progress.moved.set(now);
        this.progress.waits_for_client.set(false);
        let frame = match frame {
            None => {
                this.progress.ended.set(true);
                return Poll::Ready(None);
            }
            Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
            Some(Ok(frame)) => frame,
        };
        let frame = match frame.into_data() {
            Ok(data) => {
                let bytes = this.bytes.get() + data.len() as u64;
                this.bytes.set(bytes);
                this.pace.moved(data.len());
                if let Some(bytes_max) = this.bytes_max
                    && bytes > bytes_max
                {
                    return Poll::Ready(Some(Err(BodyError::TooLarge(bytes_max))));
                }
                Frame::data(data)
            }
            // Trailers are headers that come late, and may say no more than headers may.
            Err(frame) => match frame.into_trailers() {
                Ok(mut trailers) => {
                    strip_framing(&mut trailers);
                    strip_reserved(&mut trailers);
                    Frame::trailers(trailers)
                }
                Err(frame) => frame,
            },
        };
        // On HTTP/2 the end may come in a frame of its own, which nobody asks for once the length is reached.
        let hint = incoming.size_hint();
        if incoming.is_end_stream() || hint.exact() == Some(0) {
            this.progress.ended.set(true);
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

/// Takes from trailers what is of one hop, and what says where a message ends and whom it is for. In HTTP/2 the former
/// would break the whole message (RFC 9113 section 8.2.2).
fn strip_framing(trailers: &mut HeaderMap) {
    const FRAMING: [HeaderName; 3] = [header::CONTENT_LENGTH, header::HOST, header::TRAILER];
    hop_by_hop::strip(trailers);
    for name in FRAMING {
        trailers.remove(name);
    }
}

/// A response's body on its way to the client. It holds the exchange, which ends with it.
pub(super) struct ResponseBody {
    exchange: Exchange,
    source: Source,
}

enum Source {
    /// The gateway's own answer, until it is sent.
    Own(Option<Bytes>),
    Upstream(Box<Streaming>),
    /// Read to its end, or broken off.
    Done,
}

struct Streaming {
    incoming: Incoming,
    lease: Lease<RequestBody>,
    /// Whether it may last.
    recall: Rc<Recall>,
    /// How far the request has come.
    request: Rc<Progress>,
    stall: Stall,
    /// The end of the exchange's time, and how long that was.
    deadline: Option<(Pin<Box<Sleep>>, Duration)>,
}

impl ResponseBody {
    /// An answer of the gateway's own.
    pub(super) fn own(exchange: Exchange, bytes: Bytes) -> Self {
        Self { exchange, source: Source::Own(Some(bytes)) }
    }

    /// An upstream's body, with the connection that it comes from; how long it may stand still, and the whole exchange
    /// take.
    pub(super) fn upstream(
        exchange: Exchange,
        incoming: Incoming,
        lease: Lease<RequestBody>,
        recall: Rc<Recall>,
        request: Rc<Progress>,
        (idle, exchange_timeout): (Duration, Option<Duration>),
    ) -> Self {
        let deadline = exchange_timeout.map(|limit| {
            let at = exchange.started() + limit;
            (Box::pin(sleep_until(at)), limit)
        });
        let stall = Stall::new(idle);
        let streaming = Streaming { incoming, lease, recall, request, stall, deadline };
        let mut body = Self { exchange, source: Source::Upstream(Box::new(streaming)) };
        body.finish_if_ended();
        body
    }

    /// hyper does not ask for the end of a body whose length it knows, so the end is looked for after
    /// each frame: the connection goes back, and the exchange is complete.
    fn finish_if_ended(&mut self) {
        if let Source::Upstream(streaming) = &self.source
            && streaming.incoming.is_end_stream()
        {
            self.finish();
        }
    }

    fn finish(&mut self) {
        if let Source::Upstream(streaming) = std::mem::replace(&mut self.source, Source::Done) {
            // A request that was answered before its end is not sent on: dropping the lease closes the
            // upstream connection, which lets go of the client's body.
            if streaming.request.ended.get() {
                streaming.lease.give_back();
            }
            self.exchange.ended(Outcome::Complete);
        }
    }

    /// Ends it before its end, for the client's sake; what happened is for the log.
    pub(super) fn give_up(self, cause: &str) {
        self.exchange.set_cause(cause);
    }

    fn break_off(&mut self, error: BodyError) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.exchange.ended(Outcome::Truncated(error.to_string()));
        // Dropping the lease closes the upstream connection: what it still holds belongs to nobody.
        self.source = Source::Done;
        Poll::Ready(Some(Err(error)))
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        if let Source::Upstream(streaming) = &self.source
            && let Some(cause) = streaming.recall.cut_by()
        {
            self.exchange.ended(Outcome::Truncated(cause));
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let streaming = match &mut this.source {
            Source::Done => return Poll::Ready(None),
            Source::Own(bytes) => {
                let bytes = bytes.take().filter(|bytes| !bytes.is_empty());
                if let Some(bytes) = &bytes {
                    this.exchange.add_response_bytes(bytes.len());
                }
                return Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))));
            }
            Source::Upstream(streaming) => streaming,
        };
        if let Some((sleep, limit)) = &mut streaming.deadline
            && sleep.as_mut().poll(cx).is_ready()
        {
            let limit = *limit;
            return this.break_off(BodyError::Deadline(limit));
        }
        match Pin::new(&mut streaming.incoming).poll_frame(cx) {
            Poll::Pending => {
                ready!(streaming.stall.poll(cx, None));
                streaming.lease.distrust();
                let limit = streaming.stall.limit();
                this.break_off(BodyError::Idle(limit))
            }
            Poll::Ready(None) => {
                this.finish();
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(error))) => this.break_off(error.into()),
            Poll::Ready(Some(Ok(mut frame))) => {
                streaming.stall.reset();
                if let Some(data) = frame.data_ref() {
                    this.exchange.add_response_bytes(data.len());
                } else if let Some(trailers) = frame.trailers_mut() {
                    strip_framing(trailers);
                }
                this.finish_if_ended();
                Poll::Ready(Some(Ok(frame)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Done => true,
            Source::Own(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Source::Upstream(streaming) => streaming.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Done => SizeHint::with_exact(0),
            Source::Own(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Source::Upstream(streaming) => streaming.incoming.size_hint(),
        }
    }
}
