//! Connections to one endpoint. Unused ones are a plain stack, newest first, with a bound and an end for each; those of
//! HTTP/2 are shared by requests, and end when they have been unused for as long.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use super::Options;
use super::carrier::Carrier;
use super::connect::Connection;
use super::multiplexed::{Multiplexed, Stream};
use super::upgraded::Upgraded;

/// How long a connection may take to become ready again after its response was read. It has nothing
/// left to wait for but the end of the request that it answered early.
const READY_TIMEOUT: Duration = Duration::from_secs(1);

/// The unused connections of one worker to one endpoint.
pub(super) struct Pool<B> {
    idle: RefCell<Vec<Idle<B>>>,
    /// Those of HTTP/2, with how long each may be unused.
    shared: RefCell<Vec<(Rc<Multiplexed<B>>, Duration)>>,
    reaping: Cell<bool>,
    in_use: Cell<usize>,
    open: Rc<Open>,
}

/// The connections to one endpoint, in use or not.
#[derive(Debug, Default)]
struct Open {
    count: Cell<usize>,
    /// Whether one is being opened that many requests may share.
    is_opening: Cell<bool>,
    /// Told when one closes or is given back.
    freed: Notify,
}

/// The place of one connection among those that an endpoint may have; dropped with it.
#[derive(Debug)]
pub(super) struct Slot(Rc<Open>);

impl Slot {
    /// There is room on the connection for another request.
    pub(super) fn freed(&self) {
        self.0.freed.notify_one();
    }
}

/// One connection is being opened that many requests may share: the others wait for it instead of opening their own.
pub(super) struct Opening(Rc<Open>);

impl Drop for Opening {
    fn drop(&mut self) {
        self.0.is_opening.set(false);
        self.0.freed.notify_waiters();
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.count.set(self.0.count.get().saturating_sub(1));
        self.0.freed.notify_one();
    }
}

struct Idle<B> {
    connection: Connection<B>,
    expires: Instant,
}

impl<B> Default for Pool<B> {
    fn default() -> Self {
        Self {
            idle: RefCell::default(),
            shared: RefCell::default(),
            reaping: Cell::new(false),
            in_use: Cell::new(0),
            open: Rc::default(),
        }
    }
}

impl<B> Pool<B> {
    /// How many requests are under way.
    pub(super) fn in_use(&self) -> usize {
        self.in_use.get()
    }

    /// A place for one more connection; `None` where the ceiling is reached.
    pub(super) fn slot(&self, ceiling: Option<usize>) -> Option<Slot> {
        let count = self.open.count.get();
        if ceiling.is_some_and(|ceiling| count >= ceiling) {
            return None;
        }
        self.open.count.set(count + 1);
        Some(Slot(Rc::clone(&self.open)))
    }

    /// A place for one more connection that is shared, unless one is being opened.
    pub(super) fn opening(&self, ceiling: Option<usize>) -> Option<(Opening, Slot)> {
        if self.open.is_opening.get() {
            return None;
        }
        let slot = self.slot(ceiling)?;
        self.open.is_opening.set(true);
        Some((Opening(Rc::clone(&self.open)), slot))
    }

    /// No new request goes on the connections that are shared now.
    pub(super) fn distrust(&self) {
        self.shared.borrow_mut().drain(..).for_each(|(shared, _)| shared.distrust());
    }

    /// Waits until a connection closes or is given back.
    pub(super) async fn freed(&self) {
        self.open.freed.notified().await;
    }
}

impl<B> Pool<B>
where
    B: Body<Data = Bytes> + 'static,
{
    /// The connection used last, if one is still good, of those that said the same of a client.
    pub(super) fn take(&self, announced: Option<&Rc<[u8]>>) -> Option<Connection<B>> {
        let now = Instant::now();
        let mut idle = self.idle.borrow_mut();
        let says_so = |idle: &Idle<B>| idle.connection.announced.as_ref() == announced;
        // Where nothing is said, that is the last.
        while let Some(at) = idle.iter().rposition(says_so) {
            let Idle { connection, expires } = idle.remove(at);
            if expires > now && connection.sender.is_ready() {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection for the next request.
    pub(super) fn put(self: &Rc<Self>, connection: Connection<B>, options: Options) {
        let now = Instant::now();
        let unused = now + options.idle_timeout;
        let expires = connection.stale_at.map_or(unused, |stale_at| stale_at.min(unused));
        let mut idle = self.idle.borrow_mut();
        if idle.len() >= options.idle_max || expires <= now {
            return;
        }
        idle.push(Idle { connection, expires });
        self.open.freed.notify_one();
        self.reap();
    }

    /// A place on a connection that is shared, on the first that has one, of those that said the same of a client.
    pub(super) fn stream(&self, announced: Option<&Rc<[u8]>>) -> Option<Stream<B>> {
        let mut shared = self.shared.borrow_mut();
        shared.retain(|(one, _)| !one.is_over());
        let says_so = |one: &&(Rc<Multiplexed<B>>, Duration)| one.0.announced.as_ref() == announced;
        shared.iter().filter(says_so).find_map(|(one, _)| one.stream())
    }

    /// Closes the connection that has been unused for longest; whether there was one.
    pub(super) fn make_way(&self) -> bool {
        let mut idle = self.idle.borrow_mut();
        if !idle.is_empty() {
            idle.remove(0);
            return true;
        }
        let mut shared = self.shared.borrow_mut();
        let unused = shared.iter().position(|(one, _)| one.unused_since().is_some());
        unused.inspect(|at| _ = shared.remove(*at)).is_some()
    }

    /// Lets others share a connection; the first place on it.
    pub(super) fn share(
        self: &Rc<Self>,
        connection: Multiplexed<B>,
        options: Options,
    ) -> Option<Stream<B>> {
        let connection = Rc::new(connection);
        let stream = connection.first();
        self.shared.borrow_mut().push((connection, options.idle_timeout));
        self.reap();
        stream
    }

    fn reap(self: &Rc<Self>) {
        if !self.reaping.replace(true) {
            tokio::task::spawn_local(reap(Rc::downgrade(self)));
        }
    }

    /// Drops what has expired or was closed; the next moment to look again.
    fn prune(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut shared = self.shared.borrow_mut();
        // One with streams is looked at again when it could have expired, had they ended now.
        let end = |one: &Multiplexed<B>, limit| one.unused_since().unwrap_or(now) + limit;
        shared.retain(|(one, limit)| !one.is_over() && end(one, *limit) > now);
        let of_shared = shared.iter().map(|(one, limit)| end(one, *limit)).min();
        let mut idle = self.idle.borrow_mut();
        idle.retain(|idle| idle.expires > now && !idle.connection.sender.is_closed());
        idle.iter().map(|idle| idle.expires).chain(of_shared).min()
    }
}

/// Closes connections when their time is up, for as long as there are any.
async fn reap<B>(pool: Weak<Pool<B>>)
where
    B: Body<Data = Bytes> + 'static,
{
    loop {
        let next = match pool.upgrade() {
            None => return,
            Some(pool) => match pool.prune() {
                Some(next) => next,
                None => {
                    pool.reaping.set(false);
                    return;
                }
            },
        };
        sleep_until(next).await;
    }
}

/// A connection in use, or a stream of one. A connection is given back whole once its response was read to the end, and
/// closed otherwise.
pub struct Lease<B> {
    carrier: Carrier<B>,
    of: InUse<B>,
    options: Options,
}

/// Counts a request among those of its endpoint, as long as it lasts.
struct InUse<B>(Rc<Pool<B>>);

impl<B> Drop for InUse<B> {
    fn drop(&mut self) {
        self.0.in_use.set(self.0.in_use.get().saturating_sub(1));
    }
}

impl<B> Lease<B>
where
    B: Body<Data = Bytes> + 'static,
{
    pub(super) fn new(pool: Rc<Pool<B>>, carrier: Carrier<B>, options: Options) -> Self {
        pool.in_use.set(pool.in_use.get() + 1);
        Self { carrier, of: InUse(pool), options }
    }

    /// The stream to the app behind its 101, which is asked for once; `None` if it broke. The lease counts it among
    /// the connections of its endpoint, and must be kept as long.
    pub async fn upgraded(&mut self) -> Option<Upgraded> {
        match &mut self.carrier {
            Carrier::Connection(connection) => {
                timeout(READY_TIMEOUT, connection.upgraded()).await.ok().flatten()
            }
            Carrier::Stream(_) => None,
        }
    }

    /// What sends on it.
    pub(super) fn carrier(&mut self) -> &mut Carrier<B> {
        &mut self.carrier
    }

    /// Nothing came for too long: no new request goes on a connection that others share.
    pub fn distrust(&self) {
        if let Carrier::Stream(stream) = &self.carrier {
            stream.of.distrust();
        }
    }

    /// Gives the connection back: the response has been read to its end.
    pub fn give_back(self) {
        let Self { carrier, of, options } = self;
        let Carrier::Connection(mut connection) = carrier else {
            // A stream ends by itself, and others go on.
            return;
        };
        let pool = Rc::clone(&of.0);
        if connection.sender.is_ready() {
            pool.put(connection, options);
        } else if !connection.sender.is_closed() {
            tokio::task::spawn_local(async move {
                let ready =
                    timeout(READY_TIMEOUT, poll_fn(|cx| connection.sender.poll_ready(cx))).await;
                if matches!(ready, Ok(Ok(()))) {
                    pool.put(connection, options);
                }
            });
        }
    }
}
