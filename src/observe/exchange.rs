//! One request and its response, as the access log tells them: a guard that writes its line exactly
//! once, and counts it, when the exchange is over, however it ends, also when its task is dropped.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

use crate::config::{Member, Upstream};

use super::access::{AccessLog, Record};
use super::metrics::SiteCounters;
use tokio::time::Instant;

/// Names one exchange in logs, in the app's `X-Request-Id` and in the gateway's own answers:
/// 32 hexadecimal digits, random.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(u128);

impl RequestId {
    /// A new one.
    pub fn random() -> Self {
        Self(fastrand::u128(..))
    }

    /// As it is written: 32 hexadecimal digits.
    pub fn hex(self) -> [u8; 32] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut hex = [0; 32];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(self.0.to_be_bytes()) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        hex
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// How an exchange ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The response was passed on to its end.
    Complete,
    /// The gateway answered by itself; the code of its answer.
    Answered(&'static str),
    /// The upstream's response was cut short; what happened.
    Truncated(String),
    /// Closed without an answer, as its route says.
    Dropped,
    /// The client went away, or its connection broke, before the end.
    Aborted,
}

/// What is known of an exchange when it begins.
pub struct ExchangeFacts {
    /// Its name.
    pub id: RequestId,
    /// The method.
    pub method: http::Method,
    /// Its access line, unless none is written.
    pub line: Option<AccessLine>,
    /// Where it is counted.
    pub counters: Arc<SiteCounters>,
}

/// The place among an upstream's endpoints of the one that is tried.
pub type Chosen = Rc<Cell<Option<usize>>>;

/// What is known for the access line, and where to send it.
pub struct AccessLine {
    /// Of this worker.
    pub log: Rc<AccessLog>,
    /// To be completed when the exchange is over.
    pub record: Box<Record>,
}

/// An exchange that is under way. Dropping it ends it.
pub struct Exchange {
    id: RequestId,
    method: http::Method,
    counters: Arc<SiteCounters>,
    line: RefCell<Option<AccessLine>>,
    started: Instant,
    status: Cell<u16>,
    first_byte: Cell<Option<Instant>>,
    request_bytes: Rc<Cell<u64>>,
    response_bytes: Cell<u64>,
    upstream: RefCell<Option<(Arc<Upstream>, Chosen)>>,
    outcome: RefCell<Outcome>,
    on_end: Option<Box<dyn FnOnce()>>,
}

impl Exchange {
    /// Begins an exchange; `on_end` runs when it is over.
    pub fn begin(facts: ExchangeFacts, on_end: impl FnOnce() + 'static) -> Self {
        let ExchangeFacts { id, method, line, counters } = facts;
        Self {
            id,
            method,
            counters,
            line: RefCell::new(line),
            started: Instant::now(),
            status: Cell::new(0),
            first_byte: Cell::new(None),
            request_bytes: Rc::default(),
            response_bytes: Cell::new(0),
            upstream: RefCell::default(),
            outcome: RefCell::new(Outcome::Aborted),
            on_end: Some(Box::new(on_end)),
        }
    }

    /// Its name.
    pub fn id(&self) -> RequestId {
        self.id
    }

    /// When it began.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// The counter of the request's body bytes, shared with the body.
    pub fn request_bytes(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.request_bytes)
    }

    /// Notes the app that serves it, and the place where it stands which of its endpoints is tried.
    pub fn set_upstream(&self, upstream: Arc<Upstream>, chosen: Chosen) {
        self.upstream.replace(Some((upstream, chosen)));
    }

    /// The endpoint that was tried last.
    pub fn endpoint(&self) -> Option<Member> {
        let upstream = self.upstream.borrow();
        let (upstream, chosen) = upstream.as_ref()?;
        upstream.endpoints.get(chosen.get()?).cloned()
    }

    /// Notes what went wrong, for the log only.
    pub fn set_cause(&self, cause: &str) {
        if let Some(line) = &mut *self.line.borrow_mut() {
            line.record.set_cause(cause);
        }
    }

    /// Notes that the head of the response goes to the client.
    pub fn responded(&self, status: http::StatusCode) {
        self.status.set(status.as_u16());
        self.first_byte.set(Some(Instant::now()));
    }

    /// Notes bytes of the client behind a change of protocol.
    pub fn add_request_bytes(&self, count: usize) {
        self.request_bytes.set(self.request_bytes.get().saturating_add(count as u64));
    }

    /// Notes body bytes of the response.
    pub fn add_response_bytes(&self, count: usize) {
        self.response_bytes.set(self.response_bytes.get().saturating_add(count as u64));
    }

    /// Notes how it ended; without this, it counts as aborted by the client.
    pub fn ended(&self, outcome: Outcome) {
        self.outcome.replace(outcome);
    }

    fn count(&self, ended: Instant) {
        let (counters, status) = (&self.counters, self.status.get());
        counters.answered(&self.method, status);
        counters.exchange.add(ended.duration_since(self.started));
        if let Some(at) = self.first_byte.get() {
            counters.first_byte.add(at.duration_since(self.started));
        }
        for (counter, bytes) in [
            (&counters.request_bytes, self.request_bytes.get()),
            (&counters.response_bytes, self.response_bytes.get()),
        ] {
            if bytes > 0 {
                counter.add(bytes);
            }
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some(on_end) = self.on_end.take() {
            on_end();
        }
        let ended = Instant::now();
        self.count(ended);
        let Some(AccessLine { log, mut record }) = self.line.take() else {
            return;
        };
        let outcome = self.outcome.borrow();
        (record.outcome, record.code) = match &*outcome {
            Outcome::Complete => ("complete", ""),
            Outcome::Answered(code) => ("answered", *code),
            Outcome::Truncated(_) => ("truncated", ""),
            Outcome::Dropped => ("dropped", ""),
            Outcome::Aborted => ("aborted", ""),
        };
        if let Outcome::Truncated(cause) = &*outcome
            && record.cause.is_empty()
        {
            record.set_cause(cause);
        }
        let since = |at: Instant| at.duration_since(self.started);
        record.at = SystemTime::now();
        record.status = self.status.get();
        record.total = since(ended);
        record.first_byte = self.first_byte.get().map(since);
        record.request_bytes = self.request_bytes.get();
        record.response_bytes = self.response_bytes.get();
        record.upstream = self.endpoint().map(|member| member.shown);
        log.send(record);
    }
}
