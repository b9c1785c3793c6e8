//! From a TCP socket to a verified connection: listeners, workers, the handshake, HTTP.
//!
//! One thread per core. The first worker also accepts, and gives each connection to the worker that has
//! the fewest; from then on the connection, its requests and their upstream calls stay on that worker.

mod accepting_socket;
mod activity;
mod addresses;
mod client_io;
mod complaints;
mod connection;
mod control;
mod counts;
mod expiries;
mod frames;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod gateway;
mod handshakes;
mod health_checks;
mod http;
mod http_settings;
mod inherited;
mod introduction;
mod known_clients;
mod linger;
mod listener;
mod plain;
mod pulse;
mod rest;
mod roster;
mod standing;
mod tunnel;
mod worker;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::admin::Door;
use crate::config;
use crate::generation::Generation;
use crate::observe::metrics::Metrics;
use crate::observe::{AccessLog, Callers, Refusals, ReloadLog};
use crate::policy::Rates;
use crate::tls::unix_now;
use crate::upstream::EndpointStates;

pub use control::Control;
pub use inherited::Inherited;
pub use listener::BindError;
pub use pulse::Pulse;
// For `benches` alone.
#[doc(hidden)]
pub use standing::Term;

use addresses::Addresses;
use counts::{Counts, Places};
use expiries::Expiries;
use listener::Listening;
use pulse::Beats;

/// How the process asks the workers to stop.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// Accept nothing more, finish what runs, tell connections to close.
    pub drain: CancellationToken,
    /// Drop what still runs.
    pub cut: CancellationToken,
    /// Said before `drain`: another process serves already, so nobody waits for idle connections to close.
    pub handed_over: CancellationToken,
}

/// What all workers share.
struct Shared {
    /// When it was made, Unix time.
    started: i64,
    /// What connections and requests are judged by.
    generation: ArcSwap<Generation>,
    /// Counts generations; moves on after the generation was swapped.
    epoch: AtomicU64,
    /// Tells the workers that it did.
    changed: watch::Sender<u64>,
    /// Open connections of each worker.
    open: Vec<AtomicUsize>,
    /// Tells the acceptor that one has ended, or that more may be open than before.
    room: Notify,
    /// What is listened on; the acceptor has copies.
    listening: Mutex<Vec<Listening>>,
    /// Sockets that were handed to us and that no listener wants. They stay open: opening them again may not be
    /// ours to do.
    spare: Mutex<Vec<Inherited>>,
    /// Tells the acceptor that it has changed.
    relisten: Notify,
    /// Those of every worker and generation.
    refusals: Refusals,
    /// The clients of every worker and generation.
    callers: Callers,
    beats: Beats,
    /// What the workers count.
    metrics: Metrics,
    /// Where access lines go.
    access_log: AccessLog,
    /// Connections of each client address.
    addresses: Arc<Addresses>,
    /// What clients have left of their rates.
    rates: Arc<Rates>,
    /// What is known of the endpoints of apps.
    endpoint_states: Arc<EndpointStates>,
    /// What became of reloads.
    reloads: ReloadLog,
    /// Where operators look in.
    door: Door,
    stop: Stop,
}

impl Shared {
    fn listening(&self) -> std::sync::MutexGuard<'_, Vec<Listening>> {
        self.listening.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An accepted connection on its way to its worker.
struct Accepted {
    stream: std::net::TcpStream,
    arrival: Arrival,
    slot: Slot,
}

/// Where a connection comes from, and where to.
struct Arrival {
    peer: SocketAddr,
    local: SocketAddr,
    /// The listener's table, as it was when the connection came.
    listener: Arc<config::Listener>,
    counts: Arc<Counts>,
}

/// A connection's place among its worker's open ones, and among its listener's.
struct Slot {
    shared: Arc<Shared>,
    counts: Arc<Counts>,
    /// Among those of its address; a client behind a balancer gets them when its address is known.
    _places: Option<Places>,
    worker: usize,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.shared.open[self.worker].fetch_sub(1, Ordering::Relaxed);
        self.counts.open.fetch_sub(1, Ordering::Relaxed);
        self.shared.room.notify_one();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves until `stop.drain`, then until the last connection has ended or `stop.cut`. Takes the calling
/// thread for the first worker, and starts one more for each other.
///
/// # Errors
/// A thread or runtime that cannot be started.
pub fn run(control: &Control) -> io::Result<()> {
    let shared = Arc::clone(&control.shared);
    let workers = shared.open.len();
    // Channels without a bound of their own: no more can wait in them than there are permits.
    let (senders, receivers): (Vec<_>, Vec<_>) =
        (0..workers).map(|_| mpsc::unbounded_channel()).unzip();
    let mut receivers = receivers.into_iter();
    let first = receivers.next();
    let mut threads = Vec::with_capacity(workers);
    for (number, receiver) in (1..).zip(receivers) {
        let thread = std::thread::Builder::new().name(format!("worker-{number}"));
        let shared = Arc::clone(&shared);
        threads.push(thread.spawn(move || {
            let runtime = worker::runtime()?;
            runtime.block_on(worker::run(number, shared, receiver));
            io::Result::Ok(())
        })?);
    }
    let runtime = worker::runtime()?;
    runtime.block_on(async {
        let sweeping = tokio::task::spawn_local(sweep(Arc::clone(&shared)));
        let accepting = listener::accept(senders, Arc::clone(&shared));
        match first {
            Some(receiver) => {
                tokio::join!(accepting, worker::run(0, Arc::clone(&shared), receiver));
            }
            None => accepting.await,
        }
        sweeping.abort();
    });
    let mut ended = Ok(());
    for thread in threads {
        let own = thread.join().unwrap_or_else(|_| Err(io::Error::other("a worker panicked")));
        ended = ended.and(own);
    }
    shared.door.close();
    shared.refusals.flush();
    shared.access_log.close();
    ended
}

/// Has told in time what nobody's request brings up: the number of refusals that were not logged, of all workers, and
/// what is about to run out.
async fn sweep(shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(Refusals::SWEEP_EVERY);
    let mut expiries = Expiries::default();
    loop {
        ticks.tick().await;
        shared.refusals.sweep();
        let epoch = shared.epoch.load(Ordering::Acquire);
        expiries.look(&shared.generation.load(), epoch, unix_now());
    }
}
