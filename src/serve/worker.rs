//! One worker: a thread with a runtime of its own, its connections, and their upstream connections.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tracing::debug;

use crate::config::Listener;
use crate::forward::RequestBody;
use crate::observe::AccessLog;
use crate::observe::metrics::LocalCounters;
use crate::upstream::Upstreams;

use super::connection;
use super::handshakes::{Handshake, Handshakes};
use super::health_checks;
use super::known_clients::KnownClients;
use super::roster::Roster;
use super::{Accepted, Shared};

/// How long an idle connection may still ask once when the gateway drains, so that a request which is on
/// its way is answered instead of meeting a closed door.
pub(super) const DRAIN_GRACE: Duration = Duration::from_secs(1);

/// How many files of challenges are read at once.
const CHALLENGE_READS_MAX: usize = 4;

/// What the connections of one worker share.
pub(super) struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) upstreams: Rc<Upstreams<RequestBody>>,
    /// Its way to the access log.
    pub(super) access_log: Rc<AccessLog>,
    /// What the apps are told of clients that have come before.
    pub(super) known_clients: KnownClients,
    /// What happens here is counted here.
    pub(super) counters: Rc<LocalCounters>,
    /// The connections that are open, to be woken when the trust changes or the gateway drains.
    pub(super) roster: Rc<Roster>,
    /// The handshakes that are under way.
    pub(super) handshakes: Rc<Handshakes>,
    /// Those of each listener that has a ceiling of its own.
    pub(super) listener_handshakes: RefCell<HashMap<SocketAddr, Rc<Handshakes>>>,
    /// The connections of plain HTTP, which last no longer than a handshake may.
    pub(super) plain: Rc<Handshakes>,
    /// Files of challenges that are read at once: each takes a thread.
    pub(super) challenge_reads: Semaphore,
    /// How many requests are under way.
    pub(super) requests: Cell<usize>,
    /// Since when the gateway drains.
    pub(super) draining: Cell<Option<Instant>>,
}

impl Worker {
    /// This worker's part of a ceiling of the whole process, rounded up.
    pub(super) fn share(&self, ceiling: usize) -> usize {
        ceiling.div_ceil(self.shared.open.len().max(1))
    }

    /// A place among the handshakes of a listener, where it has a ceiling of its own.
    pub(super) fn begin_at(&self, listener: &Listener) -> Option<Handshake> {
        let max = self.share(listener.handshakes_max?);
        let mut all = self.listener_handshakes.borrow_mut();
        // Listeners come and go with reloads.
        all.retain(|_, handshakes| !handshakes.is_idle());
        Some(all.entry(listener.address.value).or_default().begin(max))
    }

    /// How long an idle connection may still ask once when the gateway drains. Where another process serves already,
    /// nobody waits for it: it has until shortly before the drain ends, so that whoever asks again at all is answered.
    pub(super) fn drain_grace(&self) -> Duration {
        if !self.shared.stop.handed_over.is_cancelled() {
            return DRAIN_GRACE;
        }
        let drain_timeout = self.shared.generation.load().config.runtime.drain_timeout;
        drain_timeout.saturating_sub(DRAIN_GRACE).max(DRAIN_GRACE)
    }

    /// Wakes all connections when something has happened that concerns them.
    async fn tell(self: Rc<Self>) {
        let mut changed = self.shared.changed.subscribe();
        loop {
            tokio::select! {
                result = changed.changed() => if result.is_err() { return },
                () = self.shared.stop.drain.cancelled(), if self.draining.get().is_none() => {
                    self.draining.set(Some(Instant::now()));
                }
            }
            self.roster.wake_all();
        }
    }
}

/// A runtime for the calling thread, whose tasks need not be able to leave it.
///
/// # Errors
/// The kernel gives no epoll instance.
pub(super) fn runtime() -> io::Result<LocalRuntime> {
    Builder::new_current_thread().enable_all().build_local(LocalOptions::default())
}

/// Serves connections until no more can come and the last has ended.
pub(super) async fn run(
    number: usize,
    shared: Arc<Shared>,
    mut accepted: UnboundedReceiver<Accepted>,
) {
    let counters = Rc::new(shared.metrics.of_worker(number));
    let states = Arc::clone(&shared.endpoint_states);
    let upstreams = Upstreams::new(Rc::clone(&counters), states, shared.open.len());
    let access_log = Rc::new(shared.access_log.clone());
    let worker = Rc::new(Worker {
        shared,
        access_log,
        upstreams: Rc::new(upstreams),
        known_clients: KnownClients::default(),
        counters,
        roster: Rc::default(),
        handshakes: Rc::default(),
        listener_handshakes: RefCell::default(),
        plain: Rc::default(),
        challenge_reads: Semaphore::new(CHALLENGE_READS_MAX),
        requests: Cell::new(0),
        draining: Cell::new(None),
    });
    let beating = Arc::clone(&worker.shared);
    let beating = tokio::task::spawn_local(async move { beating.beats.beat(number).await });
    let telling = tokio::task::spawn_local(Rc::clone(&worker).tell());
    let asking = Arc::clone(&worker.shared);
    let asking = (number == 0).then(|| tokio::task::spawn_local(health_checks::run(asking)));
    let tracker = TaskTracker::new();
    let ended = Arc::clone(&worker.shared);
    while let Some(Accepted { stream, arrival, slot }) = accepted.recv().await {
        worker.counters.accepted();
        let stream = match TcpStream::from_std(stream) {
            Ok(stream) => stream,
            Err(error) => {
                debug!(peer = %arrival.peer, %error, "a connection could not be registered");
                continue;
            }
        };
        let worker = Rc::clone(&worker);
        tracker.spawn_local(async move {
            let cut = worker.shared.stop.cut.clone();
            tokio::select! {
                () = connection::serve(worker, stream, arrival) => {}
                () = cut.cancelled() => {}
            }
            drop(slot);
        });
    }
    tracker.close();
    tracker.wait().await;
    telling.abort();
    if let Some(asking) = asking {
        asking.abort();
    }
    beating.abort();
    ended.beats.end(number);
}
