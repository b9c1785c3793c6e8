//! A listening socket of the acceptor's runtime. It accepts as tokio's own does, but that a connection is not made known
//! to the acceptor's runtime: the connection is a worker's, and each runtime that knows it costs two system calls.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::task::{Context, Poll, ready};

use rustix::net::{SocketFlags, acceptfrom_with};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

pub(super) struct AcceptingSocket(AsyncFd<TcpListener>);

impl AcceptingSocket {
    /// Of the runtime that calls.
    ///
    /// # Errors
    /// The system has no room for it.
    pub(super) fn new(socket: TcpListener) -> io::Result<Self> {
        // One that was handed over may block.
        socket.set_nonblocking(true)?;
        #[expect(
            deprecated,
            reason = "for types that lie about their descriptor; the standard library's does not"
        )]
        let socket = AsyncFd::with_interest(socket, Interest::READABLE)?;
        Ok(Self(socket))
    }

    /// The next connection, which does not block, and where it comes from.
    pub(super) fn poll_accept(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        loop {
            let mut ready = ready!(self.0.poll_read_ready(cx))?;
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let accepted = ready.try_io(|socket| Ok(acceptfrom_with(socket, flags)?));
            // None is left; the runtime tells of the next.
            let Ok(accepted) = accepted else { continue };
            return Poll::Ready(accepted.and_then(|(stream, peer)| {
                let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok());
                Ok((stream.into(), peer.ok_or(io::ErrorKind::NotConnected)?))
            }));
        }
    }

    /// The socket alone, without the runtime.
    pub(super) fn into_std(self) -> TcpListener {
        self.0.into_inner()
    }
}
