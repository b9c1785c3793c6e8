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
    /// What those say of a client that are being opened and that many requests may share.
    opening: RefCell<Vec<Option<Rc<[u8]>>>>,
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

/// One connection is being opened that many requests may share: the others of which it says the same wait for it
/// instead of opening their own.
pub(super) struct Opening(Rc<Open>, Option<Rc<[u8]>>);

impl Drop for Opening {
    fn drop(&mut self) {
        self.0.opening.borrow_mut().retain(|announced| *announced != self.1);
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

    /// Whether there is any connection, in use or not.
    pub(super) fn has_connections(&self) -> bool {
        self.open.count.get() > 0
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

    /// A place for one more connection that is shared, unless one is being opened that says the same of a client.
    pub(super) fn opening(
        &self,
        announced: Option<&Rc<[u8]>>,
        ceiling: Option<usize>,
    ) -> Option<(Opening, Slot)> {
        let mut opening = self.open.opening.borrow_mut();
        if opening.iter().any(|other| other.as_ref() == announced) {
            return None;
        }
        let slot = self.slot(ceiling)?;
        opening.push(announced.cloned());
        Some((Opening(Rc::clone(&self.open), announced.cloned()), slot))
    }

    /// No new request goes on the connections that are shared now.
    pub(super) fn distrust(&self) {
        self.shared.borrow_mut().drain(..).for_each(|(shared, _)| shared.distrust());
    }

    /// Closes unused connections that are shared while more are kept than may be, first the one that has been unused
    /// for longest.
    fn thin_out(&self, idle_max: usize) {
        let mut shared = self.shared.borrow_mut();
        // Nearly always there are fewer, in use or not.
        while shared.len() > idle_max {
            let unused = shared.iter().enumerate();
            let unused = unused.filter_map(|(at, (one, _))| Some((one.unused_since()?, at)));
            let unused: Vec<_> = unused.collect();
            let Some((_, at)) = unused.iter().min().filter(|_| unused.len() > idle_max) else {
                return;
            };
            shared.remove(*at);
        }
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

    /// Keeps a connection for the next request. Where too many are kept, the one goes that has been unused for longest:
    /// it may speak for a client that is long gone.
    pub(super) fn put(self: &Rc<Self>, connection: Connection<B>, options: Options) {
        let now = Instant::now();
        let unused = now + options.idle_timeout;
        let expires = connection.stale_at.map_or(unused, |stale_at| stale_at.min(unused));
        let mut idle = self.idle.borrow_mut();
        if options.idle_max == 0 || expires <= now {
            return;
        }
        if idle.len() >= options.idle_max {
            idle.remove(0);
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

    /// Lets others share a connection; the first place on it. One that allows none is not kept.
    pub(super) fn share(
        self: &Rc<Self>,
        connection: Multiplexed<B>,
        options: Options,
    ) -> Option<Stream<B>> {
        let connection = Rc::new(connection);
        let stream = connection.first()?;
        self.shared.borrow_mut().push((connection, options.idle_timeout));
        self.reap();
        Some(stream)
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
    // Behind the carrier, so that its end finds a stream that has ended.
    of: InUse<B>,
    options: Options,
}

/// Counts a request among those of its endpoint, as long as it lasts.
struct InUse<B> {
    of: Rc<Pool<B>>,
    idle_max: usize,
}

impl<B> Drop for InUse<B> {
    fn drop(&mut self) {
        self.of.in_use.set(self.of.in_use.get().saturating_sub(1));
        self.of.thin_out(self.idle_max);
    }
}

impl<B> Lease<B>
where
    B: Body<Data = Bytes> + 'static,
{
    pub(super) fn new(pool: Rc<Pool<B>>, carrier: Carrier<B>, options: Options) -> Self {
        pool.in_use.set(pool.in_use.get() + 1);
        if let Carrier::Connection(connection) = &carrier {
            connection.is_busy.set(true);
        }
        Self { carrier, of: InUse { of: pool, idle_max: options.idle_max }, options }
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
        // What is bound last is dropped first.
        let Self { of, carrier, options } = self;
        let Carrier::Connection(mut connection) = carrier else {
            // A stream ends by itself, and others go on.
            return;
        };
        connection.is_busy.set(false);
        let pool = Rc::clone(&of.of);
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
