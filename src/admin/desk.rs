//! The thread that answers operators: it accepts from every socket of the door, samples what the plots show, and
//! remembers for a moment which apps could be reached.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::config::Endpoint;
use crate::generation::Generation;
use crate::upstream;

use super::door::{Open, Socket};
use super::history::{History, SAMPLE_EVERY};
use super::{Gateway, http};

/// Operators' connections at once; further ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 32;

/// How long accepting rests when the system has no room for another connection.
const PAUSE: Duration = Duration::from_millis(100);

/// How long an app may take to accept a connection, how long the answer is believed, and how many are asked at once.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);
const PROBE_LIFETIME: Duration = Duration::from_secs(2);
const PROBES_MAX: usize = 32;

/// What all operators' connections share.
pub(super) struct Desk {
    gateway: Weak<dyn Gateway>,
    pub(super) history: RefCell<History>,
    probed: RefCell<HashMap<Endpoint, Probe>>,
    slots: Arc<Semaphore>,
}

/// What came of connecting to an endpoint: why it could not be reached, if so.
#[derive(Clone)]
struct Probe {
    at: Instant,
    found: Result<(), String>,
}

/// Serves what is open until the end, or until the gateway is gone.
pub(super) async fn run(
    gateway: Weak<impl Gateway>,
    mut open: watch::Receiver<Arc<Vec<Arc<Open>>>>,
    ended: CancellationToken,
) {
    let desk = Rc::new(Desk {
        gateway,
        history: RefCell::default(),
        probed: RefCell::default(),
        slots: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
    });
    let mut ticks = interval(SAMPLE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut accepting: Vec<(Arc<Open>, AbortHandle)> = Vec::new();
    let mut is_changed = true;
    loop {
        if std::mem::take(&mut is_changed) {
            let wanted = Arc::clone(&open.borrow_and_update());
            accepting.retain(|(one, task)| {
                let stays = wanted.iter().any(|wanted| Arc::ptr_eq(wanted, one));
                if !stays {
                    task.abort();
                }
                stays
            });
            for one in wanted.iter() {
                if !accepting.iter().any(|(known, _)| Arc::ptr_eq(known, one)) {
                    let task = tokio::task::spawn_local(accept(Arc::clone(one), Rc::clone(&desk)));
                    accepting.push((Arc::clone(one), task.abort_handle()));
                }
            }
        }
        tokio::select! {
            changed = open.changed() => match changed {
                Ok(()) => is_changed = true,
                Err(_) => return,
            },
            _ = ticks.tick() => {
                let Some(gateway) = desk.gateway() else { return };
                desk.history.borrow_mut().sample(&*gateway);
            }
            () = ended.cancelled() => return,
        }
    }
}

async fn accept(open: Arc<Open>, desk: Rc<Desk>) {
    let served = match &open.socket {
        Socket::Tcp(socket) => accept_tcp(&open, socket, &desk).await,
        Socket::Unix(socket, _) => accept_unix(socket, &desk).await,
    };
    if let Err(error) = served
        && !open.has_stopped()
    {
        error!(%error, "a listener for operators cannot be registered");
    }
}

async fn accept_tcp(
    open: &Open,
    socket: &std::net::TcpListener,
    desk: &Rc<Desk>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(socket.try_clone()?)?;
    let is_loopback = listener.local_addr()?.ip().to_canonical().is_loopback();
    loop {
        let Some(slot) = desk.slot().await else { return Ok(()) };
        match listener.accept().await {
            Ok((stream, _)) => {
                // Whether it was possible does not matter for so little traffic.
                _ = stream.set_nodelay(true);
                let desk = Rc::clone(desk);
                tokio::task::spawn_local(http::serve(stream, desk, is_loopback, slot));
            }
            Err(_) if open.has_stopped() => return Ok(()),
            Err(error) => complain(&error).await,
        }
    }
}

async fn accept_unix(socket: &std::os::unix::net::UnixListener, desk: &Rc<Desk>) -> io::Result<()> {
    let listener = UnixListener::from_std(socket.try_clone()?)?;
    loop {
        let Some(slot) = desk.slot().await else { return Ok(()) };
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::task::spawn_local(http::serve(stream, Rc::clone(desk), false, slot));
            }
            Err(error) => complain(&error).await,
        }
    }
}

async fn complain(error: &io::Error) {
    warn!(%error, "an operator's connection cannot be accepted");
    sleep(PAUSE).await;
}

impl Desk {
    /// The gateway, unless it has ended.
    pub(super) fn gateway(&self) -> Option<Arc<dyn Gateway>> {
        self.gateway.upgrade()
    }

    async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.slots).acquire_owned().await.ok()
    }

    /// Which of these endpoints cannot be reached, and why. Whoever asks again within a moment gets the same answer,
    /// so that no app is bothered more often.
    pub(super) async fn unreachable(
        &self,
        generation: &Generation,
        endpoints: &[&Endpoint],
    ) -> HashMap<Endpoint, String> {
        let now = Instant::now();
        self.probed.borrow_mut().retain(|_, probe| now - probe.at < PROBE_LIFETIME);
        let mut unknown: Vec<_> = endpoints.iter().map(|endpoint| (*endpoint).clone()).collect();
        unknown.retain(|endpoint| !self.probed.borrow().contains_key(endpoint));
        for some in unknown.chunks(PROBES_MAX) {
            let probing: Vec<_> = some
                .iter()
                .map(|endpoint| {
                    let (own, (tls, proxy)) = (endpoint.clone(), generation.way_to(endpoint));
                    let probe = async move {
                        upstream::probe(&own, tls.as_deref(), proxy, PROBE_TIMEOUT).await
                    };
                    (endpoint.clone(), tokio::task::spawn_local(probe))
                })
                .collect();
            for (endpoint, task) in probing {
                let found = task.await.unwrap_or_else(|error| Err(error.to_string()));
                let probe = Probe { at: Instant::now(), found };
                self.probed.borrow_mut().insert(endpoint, probe);
            }
        }
        let probed = self.probed.borrow();
        let failed = endpoints.iter().filter_map(|endpoint| {
            let found = &probed.get(*endpoint)?.found;
            Some(((*endpoint).clone(), found.as_ref().err()?.clone()))
        });
        failed.collect()
    }
}
