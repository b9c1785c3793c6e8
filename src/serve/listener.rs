//! Listening sockets: opening them, and giving what they accept to the workers, evenly.

use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::task::Poll;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, error};

use crate::config;
use crate::observe::ConnectionFacts;
use crate::policy::{Reason, Refusal};
use crate::tls::unix_now;

use super::inherited::{self, Inherited};
use super::{Accepted, Shared, Slot};

/// Connections that the kernel keeps for us between two accepts.
const BACKLOG: i32 = 4096;

/// How long accepting rests when the system has no room for another connection.
const PAUSE: Duration = Duration::from_millis(100);

/// How often a listener is tried again for which the system had no room.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// How often the log tells that accepting fails.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(5);

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}{}", remedy(source, *address, *handed))]
pub struct BindError {
    address: SocketAddr,
    source: io::Error,
    /// A socket of the same port that was handed to us, for another address.
    handed: Option<SocketAddr>,
}

impl BindError {
    /// The address that was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

fn remedy(error: &io::Error, address: SocketAddr, handed: Option<SocketAddr>) -> String {
    if let Some(handed) = handed {
        return format!(
            "; systemd hands over {handed}: write `ListenStream={address}` in the socket unit, or \
             `address = \"{handed}\"` in the configuration"
        );
    }
    let remedy = match error.kind() {
        io::ErrorKind::AddrInUse => "; another process has it: `ss -ltnp` shows which",
        io::ErrorKind::PermissionDenied => {
            "; ports below 1024 need CAP_NET_BIND_SERVICE or a systemd socket unit"
        }
        io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
        _ => "",
    };
    remedy.to_owned()
}

/// One listening socket.
pub(super) struct Listening {
    /// What the configuration says, perhaps with port 0.
    pub(super) configured: SocketAddr,
    /// What systemd calls it, or would.
    pub(super) name: String,
    pub(super) socket: TcpListener,
}

impl From<Listening> for Inherited {
    fn from(Listening { name, socket, .. }: Listening) -> Self {
        Self { name, socket }
    }
}

impl Listening {
    /// Where it listens really.
    pub(super) fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap_or(self.configured)
    }
}

/// Opens the listeners that are not among the open ones, or takes them out of the spare ones.
///
/// # Errors
/// The first address that is taken, not allowed, or not this machine's; then nothing has changed.
pub(super) fn bind_new(
    wanted: &[config::Listener],
    open: &[Listening],
    spare: &mut Vec<Inherited>,
) -> Result<Vec<Listening>, BindError> {
    let addresses = || wanted.iter().map(|listener| listener.address.value);
    let new = addresses().filter(|address| !open.iter().any(|one| one.configured == *address));
    let (mut taken, mut bound) = (Vec::new(), Vec::new());
    for address in new {
        let failed = match inherited::take(spare, address, |at| addresses().any(|one| one == at)) {
            Ok(found) if !found.is_empty() => {
                taken.extend(found.into_iter().map(|Inherited { name, socket }| Listening {
                    configured: address,
                    name,
                    socket,
                }));
                continue;
            }
            Ok(_) => None,
            Err(source) => Some(source),
        };
        // An old listener that makes way, such as that of all addresses for that of one, must not stand in it.
        let leaving = open.iter().filter(|one| {
            one.address().port() == address.port()
                && !wanted.iter().any(|listener| listener.address.value == one.configured)
        });
        let leaving: Vec<_> = leaving.collect();
        match failed.map_or_else(|| bind(address, &leaving), Err) {
            Ok(listening) => bound.push(listening),
            Err(source) => {
                let same_port = |at: &SocketAddr| at.port() == address.port();
                let handed = spare.iter().filter_map(Inherited::address).find(same_port);
                spare.extend(taken.into_iter().map(Inherited::from));
                return Err(BindError { address, source, handed });
            }
        }
    }
    taken.append(&mut bound);
    taken.sort_by_key(|one| addresses().position(|address| address == one.configured));
    Ok(taken)
}

/// Opens a listening socket. IPv6 sockets take IPv6 clients only, so that `0.0.0.0` and `[::]` can stand
/// beside each other.
fn bind(configured: SocketAddr, leaving: &[&Listening]) -> io::Result<Listening> {
    let socket = Socket::new(Domain::for_address(configured), Type::STREAM, Some(Protocol::TCP))?;
    if configured.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A restart must not wait for connections of the last run to time out.
    socket.set_reuse_address(true)?;
    // Accepted sockets inherit it, which saves a call for each.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    share_port(&socket, leaving, !leaving.is_empty())?;
    // To listen is to bind once more, as far as the kernel's check goes.
    let listening = socket.bind(&configured.into()).and_then(|()| socket.listen(BACKLOG));
    // For this moment only: nobody else is to share the port later.
    share_port(&socket, leaving, false)?;
    listening?;
    let socket = TcpListener::from(socket);
    let name = inherited::own_name(socket.local_addr()?);
    Ok(Listening { configured, name, socket })
}

fn share_port(new: &Socket, old: &[&Listening], is_shared: bool) -> io::Result<()> {
    new.set_reuse_port(is_shared)?;
    old.iter().try_for_each(|old| SockRef::from(&old.socket).set_reuse_port(is_shared))
}

/// Accepts until told to drain, then takes what the kernel already holds and closes the sockets.
pub(super) async fn accept(workers: Vec<UnboundedSender<Accepted>>, shared: Arc<Shared>) {
    let mut acceptor = Acceptor { workers, shared: Arc::clone(&shared), next: 0, from: 0 };
    let mut open = Vec::new();
    let mut again_at = acceptor.relisten(&mut open);
    let mut complaints = Complaints::default();
    loop {
        // Room first: without it, connections wait in the kernel and not in memory of ours.
        let accepted = async {
            shared.has_room().await;
            accept_any(&open, &mut acceptor.from).await
        };
        let accepted = tokio::select! {
            accepted = accepted => accepted,
            () = shared.relisten.notified() => {
                again_at = acceptor.relisten(&mut open);
                continue;
            }
            // Clients wait at a listener that nobody accepts from. However many come to others, its time comes.
            () = sleep_until(again_at.unwrap_or_else(Instant::now)), if again_at.is_some() => {
                again_at = acceptor.relisten(&mut open);
                continue;
            }
            () = shared.stop.drain.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer, local)) => acceptor.give(stream, peer, local),
            Err(error) => complaints.pause_after(&error).await,
        }
    }
    shared.listening.lock().unwrap_or_else(PoisonError::into_inner).clear();
    open.into_iter().for_each(|listener| acceptor.close(listener));
}

impl Shared {
    /// Waits until fewer connections are open than there may be.
    async fn has_room(&self) {
        loop {
            let open: usize = self.open.iter().map(|open| open.load(Ordering::Relaxed)).sum();
            if open < self.generation.load().config.limits.connections_max {
                return;
            }
            self.room.notified().await;
        }
    }
}

/// A listener of the acceptor's runtime, by the address that the configuration gives it.
type Open = (SocketAddr, tokio::net::TcpListener);

struct Acceptor {
    workers: Vec<UnboundedSender<Accepted>>,
    shared: Arc<Shared>,
    /// Whose turn it is.
    next: usize,
    /// The listener to ask first.
    from: usize,
}

impl Acceptor {
    /// Takes over what is to be listened on now, and closes the rest; when to try again, if the system had no room for
    /// all of it.
    fn relisten(&mut self, open: &mut Vec<Open>) -> Option<Instant> {
        let mut wanted = Vec::new();
        let shared = Arc::clone(&self.shared);
        let listening = shared.listening.lock().unwrap_or_else(PoisonError::into_inner);
        for one in listening.iter() {
            let at = open.iter().position(|(address, _)| *address == one.configured);
            let listener = match at {
                Some(at) => Ok(open.swap_remove(at).1),
                None => one.socket.try_clone().and_then(tokio::net::TcpListener::from_std),
            };
            match listener {
                Ok(listener) => wanted.push((one.configured, listener)),
                Err(error) => {
                    let again =
                        "a listener cannot be registered; it is tried again, and its clients wait";
                    error!(%error, address = %one.configured, "{again}");
                }
            }
        }
        let are_all_open = wanted.len() == listening.len();
        drop(listening);
        for old in std::mem::replace(open, wanted) {
            self.close(old);
        }
        (!are_all_open).then(|| Instant::now() + RETRY_INTERVAL)
    }

    /// Closes a listener. What came in before is served: closing the socket would reset what waits in its queue.
    fn close(&mut self, (_, listener): Open) {
        let Ok(listener) = listener.into_std() else {
            return;
        };
        let Ok(local) = listener.local_addr() else {
            return;
        };
        while let Ok((stream, peer)) = listener.accept() {
            // tokio wants it non-blocking, as it would have made it.
            if stream.set_nonblocking(true).is_ok() {
                self.give(stream, peer, local);
            }
        }
    }

    /// Gives a connection to the worker with the fewest; among equals, to each in turn.
    fn give(&mut self, stream: std::net::TcpStream, peer: SocketAddr, local: SocketAddr) {
        // A socket of systemd's may take clients of both families, those of IPv4 disguised.
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let generation = self.shared.generation.load();
        let max = generation.config.limits.connections_per_address_max;
        let Some(place) = self.shared.addresses.begin(peer.ip(), max) else {
            let sentence = "comes from an address that has as many connections as it may";
            let refusal = Refusal::new(Reason::TooManyConnections, sentence);
            let (told, facts) =
                (generation.config.log.refusals_per_minute, ConnectionFacts::new(peer, local));
            self.shared.refusals.report(told, unix_now(), facts, refusal, false);
            return;
        };
        let count = self.workers.len();
        let open = |worker: &usize| self.shared.open[*worker].load(Ordering::Relaxed);
        let in_turn = (0..count).map(|offset| (self.next + offset) % count);
        let Some(worker) = in_turn.min_by_key(open) else {
            return;
        };
        self.next = (worker + 1) % count;
        self.shared.open[worker].fetch_add(1, Ordering::Relaxed);
        let slot = Slot { shared: Arc::clone(&self.shared), _place: place, worker };
        // A worker that is gone takes its connections with it.
        let _ = self.workers[worker].send(Accepted { stream, peer, local, slot });
    }
}

/// The next connection of any listener. Starts behind the one that was served last, so that a busy one
/// does not starve the others.
async fn accept_any(
    listeners: &[Open],
    from: &mut usize,
) -> io::Result<(std::net::TcpStream, SocketAddr, SocketAddr)> {
    poll_fn(|cx| {
        for offset in 0..listeners.len() {
            let at = (*from + offset) % listeners.len();
            if let Poll::Ready(accepted) = listeners[at].1.poll_accept(cx) {
                *from = at + 1;
                let accepted = accepted.and_then(|(stream, peer)| {
                    Ok((stream.into_std()?, peer, listeners[at].1.local_addr()?))
                });
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    })
    .await
}

/// What has been said of accepting that fails.
#[derive(Default)]
struct Complaints {
    last: Option<Instant>,
    unsaid: u64,
}

impl Complaints {
    /// Accept errors have classes: a client that has gone already is nothing; a system without room is told,
    /// with the remedy, and left alone for a moment.
    async fn pause_after(&mut self, error: &io::Error) {
        use io::ErrorKind as K;
        if matches!(error.kind(), K::ConnectionAborted | K::ConnectionReset | K::Interrupted) {
            debug!(%error, "a client went away before it was accepted");
            return;
        }
        if self.last.is_some_and(|last| last.elapsed() < COMPLAINT_INTERVAL) {
            self.unsaid += 1;
        } else {
            error!(
                %error,
                unsaid = self.unsaid,
                "cannot accept, pausing for {PAUSE:?} each time; if this is about file descriptors, raise \
                 `LimitNOFILE=` in the unit or lower `connections_max`"
            );
            *self = Self { last: Some(Instant::now()), unsaid: 0 };
        }
        sleep(PAUSE).await;
    }
}
