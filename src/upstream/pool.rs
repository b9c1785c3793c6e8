//! Unused connections to one endpoint: a plain stack, newest first, with a bound and an end for each.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use hyper::client::conn::http1;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use super::Options;
use super::connect::Connection;
use super::upgraded::Upgraded;

/// How long a connection may take to become ready again after its response was read. It has nothing
/// left to wait for but the end of the request that it answered early.
const READY_TIMEOUT: Duration = Duration::from_secs(1);

/// The unused connections of one worker to one endpoint.
pub(super) struct Pool<B> {
    idle: RefCell<Vec<Idle<B>>>,
    reaping: Cell<bool>,
    in_use: Cell<usize>,
    open: Rc<Open>,
}

/// The connections to one endpoint, in use or not.
#[derive(Debug, Default)]
struct Open {
    count: Cell<usize>,
    /// Told when one closes or is given back.
    freed: Notify,
}

/// The place of one connection among those that an endpoint may have; dropped with it.
#[derive(Debug)]
pub(super) struct Slot(Rc<Open>);

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

    /// Waits until a connection closes or is given back.
    pub(super) async fn freed(&self) {
        self.open.freed.notified().await;
    }
}

impl<B> Pool<B>
where
    B: Body<Data = Bytes> + 'static,
{
    /// The connection used last, if one is still good.
    pub(super) fn take(&self) -> Option<Connection<B>> {
        let now = Instant::now();
        let mut idle = self.idle.borrow_mut();
        while let Some(Idle { connection, expires }) = idle.pop() {
            if expires > now && connection.sender.is_ready() {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection for the next request.
    pub(super) fn put(self: &Rc<Self>, connection: Connection<B>, options: Options) {
        let expires = Instant::now() + options.idle_timeout;
        let mut idle = self.idle.borrow_mut();
        if idle.len() >= options.idle_max {
            return;
        }
        idle.push(Idle { connection, expires });
        self.open.freed.notify_one();
        if !self.reaping.replace(true) {
            tokio::task::spawn_local(reap(Rc::downgrade(self)));
        }
    }

    /// Drops what has expired or was closed; the next moment to look again.
    fn prune(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut idle = self.idle.borrow_mut();
        idle.retain(|idle| idle.expires > now && !idle.connection.sender.is_closed());
        idle.iter().map(|idle| idle.expires).min()
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

/// A connection in use. Given back whole once its response was read to the end, closed otherwise.
pub struct Lease<B> {
    connection: Connection<B>,
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
    pub(super) fn new(pool: Rc<Pool<B>>, connection: Connection<B>, options: Options) -> Self {
        pool.in_use.set(pool.in_use.get() + 1);
        Self { connection, of: InUse(pool), options }
    }

    /// Notes whether the request that is sent next asks for a change of protocol.
    pub(super) fn upgrades(&self, is_upgrading: bool) {
        self.connection.is_upgrading.set(is_upgrading);
    }

    /// The stream to the app behind its 101, which is asked for once; `None` if it broke. The lease counts it among
    /// the connections of its endpoint, and must be kept as long.
    pub async fn upgraded(&mut self) -> Option<Upgraded> {
        timeout(READY_TIMEOUT, self.connection.upgraded()).await.ok().flatten()
    }

    /// What sends on it.
    pub(super) fn sender(&mut self) -> &mut http1::SendRequest<B> {
        &mut self.connection.sender
    }

    /// Gives the connection back: the response has been read to its end.
    pub fn give_back(self) {
        let Self { mut connection, of, options } = self;
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
