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
use tokio::time::{Instant, sleep_until};
use tracing::error;

use crate::config;
use crate::observe::ConnectionFacts;
use crate::policy::{Reason, Refusal};
use crate::tls::unix_now;

use super::accepting_socket::AcceptingSocket;
use super::complaints::Complaints;
use super::counts::{Counts, Places};
use super::inherited::{self, Inherited};
use super::{Accepted, Arrival, Shared, Slot};

/// Connections that the kernel keeps for us between two accepts.
const BACKLOG: i32 = 4096;

/// How often a listener is tried again for which the system had no room.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

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
    wanted: &[Arc<config::Listener>],
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
            loop {
                shared.has_room().await;
                let is_any_full = open.iter().any(Open::is_full);
                tokio::select! {
                    accepted = accept_any(&open, &mut acceptor.from) => return accepted,
                    // A connection has ended, perhaps one of a listener that was full.
                    () = shared.room.notified(), if is_any_full => {}
                }
            }
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
            Ok((at, stream, peer, local)) => {
                let Open { listener, counts, .. } = &open[at];
                acceptor.give(stream, peer, local, (listener, counts));
            }
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

/// A listener of the acceptor's runtime.
struct Open {
    /// Its table in the generation that was the last to have it.
    listener: Arc<config::Listener>,
    counts: Arc<Counts>,
    socket: AcceptingSocket,
    /// Its own address.
    local: SocketAddr,
}

impl Open {
    fn is_full(&self) -> bool {
        self.counts.is_full(&self.listener)
    }
}

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
        let mut wanted: Vec<Open> = Vec::new();
        let shared = Arc::clone(&self.shared);
        let listening = shared.listening.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = shared.generation.load();
        for one in listening.iter() {
            // What is listened on is what this generation wants; both change under one lock.
            let Some(listener) = generation.listener(one.configured) else { continue };
            let is_same = |other: &Open| other.listener.address.value == one.configured;
            // Several sockets may share an address, and what is counted there.
            let counts = wanted.iter().chain(open.iter()).find(|other| is_same(other));
            let counts = counts.map(|other| Arc::clone(&other.counts)).unwrap_or_default();
            let socket = match open.iter().position(is_same) {
                Some(at) => {
                    let Open { socket, local, .. } = open.swap_remove(at);
                    Ok((socket, local))
                }
                None => {
                    let socket = one.socket.try_clone().and_then(AcceptingSocket::new);
                    socket.map(|socket| (socket, one.address()))
                }
            };
            match socket {
                Ok((socket, local)) => {
                    wanted.push(Open { listener: Arc::clone(listener), counts, socket, local });
                }
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
    fn close(&mut self, Open { listener, counts, socket, local }: Open) {
        let socket = socket.into_std();
        while let Ok((stream, peer)) = socket.accept() {
            // tokio wants it non-blocking, as it would have made it.
            if stream.set_nonblocking(true).is_ok() {
                self.give(stream, peer, local, (&listener, &counts));
            }
        }
    }

    /// Gives a connection to the worker with the fewest; among equals, to each in turn.
    fn give(
        &mut self,
        stream: std::net::TcpStream,
        peer: SocketAddr,
        local: SocketAddr,
        (listener, counts): (&Arc<config::Listener>, &Arc<Counts>),
    ) {
        // A socket of systemd's may take clients of both families, those of IPv4 disguised.
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let generation = self.shared.generation.load();
        // A listener that is gone serves what waits there as it would have before.
        let listener = generation.listener(listener.address.value).unwrap_or(listener);
        let places = match self.admit(&generation.config.limits, listener, counts, peer) {
            Ok(places) => places,
            Err(refusal) => {
                let (told, facts) =
                    (generation.config.log.refusals_per_minute, ConnectionFacts::new(peer, local));
                self.shared.refusals.report(told, unix_now(), facts, refusal, false);
                return;
            }
        };
        let count = self.workers.len();
        let open = |worker: &usize| self.shared.open[*worker].load(Ordering::Relaxed);
        let in_turn = (0..count).map(|offset| (self.next + offset) % count);
        let Some(worker) = in_turn.min_by_key(open) else {
            return;
        };
        self.next = (worker + 1) % count;
        self.shared.open[worker].fetch_add(1, Ordering::Relaxed);
        counts.open.fetch_add(1, Ordering::Relaxed);
        let (listener, counts) = (Arc::clone(listener), Arc::clone(counts));
        let slot = Slot {
            shared: Arc::clone(&self.shared),
            counts: Arc::clone(&counts),
            _places: places,
            worker,
        };
        let arrival = Arrival { peer, local, listener, counts };
        // A worker that is gone takes its connections with it.
        let _ = self.workers[worker].send(Accepted { stream, arrival, slot });
    }

    /// Whether an address may come to a listener. A balancer does not count: its clients do, when they are known.
    fn admit(
        &self,
        limits: &config::Limits,
        listener: &config::Listener,
        counts: &Counts,
        peer: SocketAddr,
    ) -> Result<Option<Places>, Refusal> {
        if listener.proxy_protocol_from.is_empty() {
            return counts.begin(&self.shared.addresses, limits, listener, peer.ip()).map(Some);
        }
        if listener.is_balancer(peer.ip()) {
            return Ok(None);
        }
        let sentence =
            "came by itself to a listener that only the balancers of `proxy_protocol_from` may use";
        Err(Refusal::new(Reason::NotFromBalancer, sentence))
    }
}

/// The next connection of any listener. Starts behind the one that was served last, so that a busy one
/// does not starve the others, and leaves out those that are full.
async fn accept_any(
    listeners: &[Open],
    from: &mut usize,
) -> io::Result<(usize, std::net::TcpStream, SocketAddr, SocketAddr)> {
    poll_fn(|cx| {
        for offset in 0..listeners.len() {
            let at = (*from + offset) % listeners.len();
            let open = &listeners[at];
            if !open.is_full()
                && let Poll::Ready(accepted) = open.socket.poll_accept(cx)
            {
                *from = at + 1;
                let accepted = accepted.map(|(stream, peer)| (at, stream, peer, open.local));
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    })
    .await
}
