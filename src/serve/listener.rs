//! Listening sockets: opening them, and giving what they accept to the workers, evenly.

use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, sleep};
use tracing::{debug, error};

use super::{Accepted, Shared, Slot};

/// Connections that the kernel keeps for us between two accepts.
const BACKLOG: i32 = 4096;

/// How long accepting rests when the system has no room for another connection.
const PAUSE: Duration = Duration::from_millis(100);

/// How often the log tells that accepting fails.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(5);

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}{}", remedy(source))]
pub struct BindError {
    address: SocketAddr,
    source: io::Error,
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; another process has it: `ss -ltnp` shows which",
        io::ErrorKind::PermissionDenied => {
            "; ports below 1024 need CAP_NET_BIND_SERVICE or a systemd socket unit"
        }
        io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
        _ => "",
    }
}

/// Opens a listening socket. IPv6 sockets take IPv6 clients only, so that `0.0.0.0` and `[::]` can stand
/// beside each other.
///
/// # Errors
/// The address is taken, not allowed, or not this machine's.
pub fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    let open = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // A restart must not wait for connections of the last run to time out.
        socket.set_reuse_address(true)?;
        // Accepted sockets inherit it, which saves a call for each.
        socket.set_tcp_nodelay(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(socket.into())
    };
    open().map_err(|source| BindError { address, source })
}

/// Accepts until told to drain, then takes what the kernel already holds and closes the sockets.
pub(super) async fn accept(
    listeners: Vec<TcpListener>,
    workers: Vec<UnboundedSender<Accepted>>,
    shared: Arc<Shared>,
) {
    let mut acceptor = Acceptor { workers, shared: Arc::clone(&shared), next: 0 };
    let mut open = Vec::with_capacity(listeners.len());
    for listener in listeners {
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => open.push(listener),
            Err(error) => error!(%error, "a listener cannot be registered"),
        }
    }
    let mut from = 0;
    let mut complaints = Complaints::default();
    while !shared.stop.drain.is_cancelled() {
        // A permit first: without one, connections wait in the kernel and not in memory of ours.
        let permit = tokio::select! {
            permit = Arc::clone(&shared.permits).acquire_owned() => permit,
            () = shared.stop.drain.cancelled() => break,
        };
        let Ok(permit) = permit else { break };
        let accepted = tokio::select! {
            accepted = accept_any(&open, &mut from) => accepted,
            () = shared.stop.drain.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer, local)) => acceptor.give(stream, peer, local, permit),
            Err(error) => complaints.pause_after(&error).await,
        }
    }
    // What came in before the end is served: closing a socket would reset what waits in its queue.
    for listener in open.into_iter().filter_map(|listener| listener.into_std().ok()) {
        let Ok(local) = listener.local_addr() else {
            continue;
        };
        while let Ok(permit) = Arc::clone(&shared.permits).try_acquire_owned()
            && let Ok((stream, peer)) = listener.accept()
        {
            // tokio wants it non-blocking, as it would have made it.
            if stream.set_nonblocking(true).is_ok() {
                acceptor.give(stream, peer, local, permit);
            }
        }
    }
}

struct Acceptor {
    workers: Vec<UnboundedSender<Accepted>>,
    shared: Arc<Shared>,
    next: usize,
}

impl Acceptor {
    /// Gives a connection to the worker with the fewest; among equals, to each in turn.
    fn give(
        &mut self,
        stream: std::net::TcpStream,
        peer: SocketAddr,
        local: SocketAddr,
        permit: tokio::sync::OwnedSemaphorePermit,
    ) {
        let count = self.workers.len();
        let open = |worker: &usize| self.shared.open[*worker].load(Ordering::Relaxed);
        let in_turn = (0..count).map(|offset| (self.next + offset) % count);
        let Some(worker) = in_turn.min_by_key(open) else {
            return;
        };
        self.next = (worker + 1) % count;
        self.shared.open[worker].fetch_add(1, Ordering::Relaxed);
        let slot = Slot { shared: Arc::clone(&self.shared), worker, _permit: permit };
        // A worker that is gone takes its connections with it.
        let _ = self.workers[worker].send(Accepted { stream, peer, local, slot });
    }
}

/// The next connection of any listener. Starts behind the one that was served last, so that a busy one
/// does not starve the others.
async fn accept_any(
    listeners: &[tokio::net::TcpListener],
    from: &mut usize,
) -> io::Result<(std::net::TcpStream, SocketAddr, SocketAddr)> {
    poll_fn(|cx| {
        for offset in 0..listeners.len() {
            let at = (*from + offset) % listeners.len();
            if let Poll::Ready(accepted) = listeners[at].poll_accept(cx) {
                *from = at + 1;
                let accepted = accepted.and_then(|(stream, peer)| {
                    Ok((stream.into_std()?, peer, listeners[at].local_addr()?))
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
