//! What a connection is doing, as far as its deadlines need to know. Cells that the I/O adapter and the
//! service write and the connection's driver reads, all on one thread; no timer is touched per request.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::Timeouts;
use crate::forward::Tunnel;
use crate::observe::metrics::Flood;

/// How long a connection of HTTP/1.1 keeps its buffers after the last answer. Short, so that the buffers of one serve the
/// next while many clients come at once; long enough that a client with one request after the other keeps them.
const REST_AFTER: Duration = Duration::from_millis(50);

/// What a connection ran out of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    /// Nothing asked for a while: say goodbye.
    Idle,
    /// A head that does not come to its end.
    Head,
    /// A client that does not read.
    Write,
    /// What was verified holds no longer than this.
    Trust,
    /// An exchange that does not end though its client is not trusted any more.
    Untrusted,
    /// Nothing asked for a moment: it needs no buffers until something comes.
    Rest,
}

pub(super) struct Activity {
    is_http2: bool,
    exchanges: Cell<u32>,
    /// All that have begun.
    requests: Cell<u64>,
    quiet_since: Cell<Instant>,
    head_since: Cell<Option<Instant>>,
    write_blocked_since: Cell<Option<Instant>>,
    unwritten: Cell<bool>,
    is_last_look: Cell<bool>,
    /// Whether a request asked for another protocol: then HTTP may have left its stream open.
    saw_upgrade: Cell<bool>,
    /// What follows HTTP.
    tunnel: Cell<Option<Box<Tunnel>>>,
    flood: Cell<Option<Flood>>,
    is_closing: Cell<bool>,
}

impl Activity {
    pub(super) fn new(is_http2: bool) -> Self {
        Self {
            is_http2,
            exchanges: Cell::new(0),
            requests: Cell::new(0),
            quiet_since: Cell::new(Instant::now()),
            head_since: Cell::new(None),
            write_blocked_since: Cell::new(None),
            unwritten: Cell::new(false),
            is_last_look: Cell::new(false),
            saw_upgrade: Cell::new(false),
            tunnel: Cell::new(None),
            flood: Cell::new(None),
            is_closing: Cell::new(false),
        }
    }

    /// Whether the connection is about to be closed as idle: then what the kernel has of the client counts, though
    /// nobody has been told of it yet.
    pub(super) fn is_last_look(&self) -> bool {
        self.is_last_look.get()
    }

    /// Says so, or that it is over.
    pub(super) fn look_last(&self, is_last_look: bool) {
        self.is_last_look.set(is_last_look);
    }

    /// The client floods the connection. What is said first is why it ends.
    pub(super) fn flooded(&self, flood: Flood) {
        self.flood.set(self.flood.get().or(Some(flood)));
    }

    /// With what the client flooded the connection.
    pub(super) fn flood(&self) -> Option<Flood> {
        self.flood.get()
    }

    /// An exchange has begun.
    pub(super) fn begun(&self) {
        self.exchanges.set(self.exchanges.get() + 1);
        self.requests.set(self.requests.get() + 1);
        self.head_since.set(None);
    }

    /// An exchange is over.
    pub(super) fn ended(&self) {
        self.exchanges.set(self.exchanges.get().saturating_sub(1));
        // The HTTP library has the last of the response, and has yet to write it.
        self.unwritten.set(true);
        self.quiet_since.set(Instant::now());
    }

    /// A request asks for another protocol.
    pub(super) fn saw_upgrade(&self) {
        self.saw_upgrade.set(true);
    }

    /// Whether one ever did.
    pub(super) fn has_seen_upgrade(&self) -> bool {
        self.saw_upgrade.get()
    }

    /// The connection goes on with this when HTTP has ended on it.
    pub(super) fn switch(&self, tunnel: Box<Tunnel>) {
        self.tunnel.set(Some(tunnel));
    }

    /// What it goes on with, if that is so.
    pub(super) fn take_tunnel(&self) -> Option<Box<Tunnel>> {
        self.tunnel.take()
    }

    /// Whether an exchange is under way.
    pub(super) fn has_exchanges(&self) -> bool {
        self.exchanges.get() > 0
    }

    /// How many exchanges have begun.
    pub(super) fn requests(&self) -> u64 {
        self.requests.get()
    }

    /// Whether this is HTTP/2.
    pub(super) fn is_http2(&self) -> bool {
        self.is_http2
    }

    /// Whether a request has begun to arrive, on HTTP/1.1.
    pub(super) fn is_reading_head(&self) -> bool {
        self.exchanges.get() == 0 && self.head_since.get().is_some()
    }

    /// Bytes of the client have come.
    pub(super) fn read(&self) {
        // On HTTP/2 they may be pings and the like; its requests have no head that could be slow.
        if !self.is_http2 && self.exchanges.get() == 0 && self.head_since.get().is_none() {
            self.head_since.set(Some(Instant::now()));
        }
    }

    /// A write went through, or had to wait.
    pub(super) fn wrote(&self, blocked: bool) {
        match (blocked, self.write_blocked_since.get()) {
            (true, None) => self.write_blocked_since.set(Some(Instant::now())),
            (false, Some(_)) => self.write_blocked_since.set(None),
            _ => {}
        }
    }

    /// All that there was to write is written.
    pub(super) fn flushed(&self) {
        if self.exchanges.get() == 0 && self.unwritten.replace(false) {
            self.quiet_since.set(Instant::now());
        }
    }

    /// The last words are written.
    pub(super) fn closing(&self) {
        self.is_closing.set(true);
    }

    /// From when on the connection can do without the HTTP library: on HTTP/1.1 between two requests, with nothing
    /// read, nothing left to write, and nothing said of an end. `since` is when the library was given to it.
    pub(super) fn rests_at(&self, since: Instant) -> Option<Instant> {
        let is_between = !self.is_http2
            && self.exchanges.get() == 0
            && self.head_since.get().is_none()
            && self.write_blocked_since.get().is_none()
            && !self.unwritten.get()
            && !self.is_closing.get();
        is_between.then(|| self.quiet_since.get().max(since) + REST_AFTER)
    }

    /// Whether what is written now can only be the HTTP library's own answer to a request that it could
    /// not read: no exchange runs, and the last of earlier ones is written.
    pub(super) fn is_answer_of_library(&self) -> bool {
        !self.is_http2 && self.exchanges.get() == 0 && !self.unwritten.get()
    }

    /// When the connection runs out of what. `drain` is since when it should end, and how long an idle
    /// connection is given to ask once more.
    pub(super) fn deadline(
        &self,
        timeouts: &Timeouts,
        drain: Option<(Instant, Duration)>,
    ) -> Option<(Instant, Expiry)> {
        // Whoever still takes what was written is neither idle nor slow to ask.
        if let Some(since) = self.write_blocked_since.get() {
            return Some((since + timeouts.body_idle_timeout, Expiry::Write));
        }
        if self.exchanges.get() > 0 {
            return None;
        }
        Some(match self.head_since.get() {
            Some(since) => (since + timeouts.header_timeout, Expiry::Head),
            None => {
                let quiet = self.quiet_since.get();
                let idle = quiet + timeouts.idle_timeout;
                let drained = drain.map(|(since, grace)| quiet.max(since) + grace);
                (drained.map_or(idle, |drained| drained.min(idle)), Expiry::Idle)
            }
        })
    }
}
