//! What the process, the door of operators and tests can do to a gateway while it serves, from any thread.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Notify, watch};

use crate::admin::{Door, OpenError, Place};
use crate::generation::Generation;
use crate::observe::metrics::Metrics;
use crate::observe::{AccessLog, Callers, Refusals, ReloadLog};
use crate::tls::unix_now;

use super::inherited::Inherited;
use super::listener::{self, BindError, Listening};
use super::pulse::{Beats, Pulse};
use super::{Shared, Stop, lock};

/// What can be done to a gateway while it serves, from any thread.
#[derive(Clone)]
pub struct Control {
    pub(super) shared: Arc<Shared>,
}

impl Control {
    /// Opens the listeners of a generation, to serve it on so many workers until `stop`. Sockets that are open
    /// already are taken over.
    ///
    /// # Errors
    /// The first address that cannot be listened on.
    pub fn bind(
        generation: Arc<Generation>,
        workers: usize,
        access_log: AccessLog,
        mut inherited: Vec<Inherited>,
        stop: Stop,
    ) -> Result<Self, BindError> {
        let listening = listener::bind_new(&generation.config.listeners, &[], &mut inherited)?;
        inherited.retain(|one| !one.is_own());
        let shared = Shared {
            started: unix_now(),
            generation: ArcSwap::new(generation),
            epoch: AtomicU64::new(0),
            changed: watch::Sender::new(0),
            open: (0..workers).map(|_| AtomicUsize::new(0)).collect(),
            room: Notify::new(),
            listening: Mutex::new(listening),
            spare: Mutex::new(inherited),
            relisten: Notify::new(),
            refusals: Refusals::default(),
            callers: Callers::default(),
            beats: Beats::new(workers),
            metrics: Metrics::new(workers),
            access_log,
            addresses: Arc::default(),
            rates: Arc::default(),
            endpoint_states: Arc::default(),
            reloads: ReloadLog::default(),
            door: Door::default(),
            stop,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// How many workers it has.
    pub fn workers(&self) -> usize {
        self.shared.open.len()
    }

    /// The generation in force.
    pub fn generation(&self) -> Arc<Generation> {
        self.shared.generation.load_full()
    }

    /// The addresses that are listened on, in the order of the configuration.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let mut addresses: Vec<_> = self.listening().iter().map(Listening::address).collect();
        // Several sockets may share one.
        addresses.dedup();
        addresses
    }

    /// Whether it accepts nothing more: a new generation would be too late.
    pub fn is_ending(&self) -> bool {
        self.shared.stop.drain.is_cancelled()
    }

    /// Which generation is in force: the first, the second and so on.
    pub fn number(&self) -> u64 {
        self.shared.epoch.load(Ordering::Acquire) + 1
    }

    /// Copies of all listening sockets, those that no listener wants included, for the process that comes next.
    ///
    /// # Errors
    /// No room for another file descriptor.
    pub fn sockets(&self) -> io::Result<Vec<Inherited>> {
        let listening = self.listening();
        let spare = lock(&self.shared.spare);
        let spare = spare.iter().map(|one| (&one.name, &one.socket));
        let all = listening.iter().map(|one| (&one.name, &one.socket)).chain(spare);
        all.map(|(name, socket)| Ok(Inherited { name: name.clone(), socket: socket.try_clone()? }))
            .collect()
    }

    /// Sockets that were handed to us and that no listener wants: their names, and where they listen.
    pub fn unwanted(&self) -> Vec<(String, SocketAddr)> {
        let spare = lock(&self.shared.spare);
        spare.iter().filter_map(|one| Some((one.name.clone(), one.address()?))).collect()
    }

    /// Has the workers say that they still turn, so often; to be asked for before they start.
    pub fn pulse(&self, every: Duration) -> Pulse {
        Pulse::new(Arc::clone(&self.shared), every)
    }

    /// Listens where the generation in force wants operators to look in, and nowhere else. It is done after the
    /// start and after every [`Self::replace`].
    ///
    /// # Errors
    /// A place that cannot be listened on; what listened before goes on.
    pub fn open_door(&self) -> Result<(), OpenError> {
        let weak = Arc::downgrade(&self.shared);
        self.shared.door.open(&self.generation().config.admin, weak)
    }

    /// Ends that operators can look in here, for the process that comes next.
    pub fn close_door(&self) {
        self.shared.door.close();
    }

    /// Where operators can look in now.
    pub fn door(&self) -> Vec<Place> {
        self.shared.door.places()
    }

    /// Where access lines go.
    pub fn access_log(&self) -> &AccessLog {
        &self.shared.access_log
    }

    /// What became of reloads.
    pub fn reloads(&self) -> &ReloadLog {
        &self.shared.reloads
    }

    /// The clients that were refused: how many, and the last ones.
    pub fn refusals(&self) -> &Refusals {
        &self.shared.refusals
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// Puts another generation in force. Every later request is judged by it, also on connections that are
    /// open; those that it does not admit are closed. New listeners are open before old ones close, and what
    /// waits in the queue of an old one is still served. The number of workers stays as it was.
    ///
    /// `open` opens what else it takes, when new listeners are open and nothing is in force yet.
    ///
    /// # Errors
    /// An address that cannot be listened on, or what `open` complains of; then nothing has changed.
    pub fn replace<T, E: From<BindError>>(
        &self,
        generation: Generation,
        open: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let mut listening = self.shared.listening();
        let wanted = &generation.config.listeners;
        let mut spare = lock(&self.shared.spare);
        let new = listener::bind_new(wanted, &listening, &mut spare)?;
        let opened = match open() {
            Ok(opened) => opened,
            Err(error) => {
                let handed = new.into_iter().map(Inherited::from);
                spare.extend(handed.filter(|one| !one.is_own()));
                return Err(error);
            }
        };
        let addresses: Vec<_> = wanted.iter().map(|listener| listener.address.value).collect();
        self.shared.generation.store(Arc::new(generation));
        let epoch = self.shared.epoch.fetch_add(1, Ordering::AcqRel) + 1;
        self.shared.changed.send_replace(epoch);
        let unwanted = listening.extract_if(.., |one| !addresses.contains(&one.configured));
        spare.extend(unwanted.map(Inherited::from).filter(|one| !one.is_own()));
        drop(spare);
        listening.extend(new);
        listening
            .sort_by_key(|one| addresses.iter().position(|address| *address == one.configured));
        drop(listening);
        self.shared.relisten.notify_one();
        // `connections_max` may have grown.
        self.shared.room.notify_one();
        Ok(opened)
    }

    fn listening(&self) -> MutexGuard<'_, Vec<Listening>> {
        lock(&self.shared.listening)
    }
}
