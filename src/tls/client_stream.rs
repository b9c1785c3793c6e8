//! A client's socket below TLS. Where a site drops the clients that it refuses, it holds back what the TLS library
//! writes until that asks for it to be sent. An alert is written and never sent: the library tries to write it while it
//! gives up, and flushes no more. So a refused client sees no byte of one, whatever it was refused for.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A client's socket.
pub struct ClientStream {
    tcp: TcpStream,
    /// What is written and not sent, during a handshake whose alerts are kept back.
    held: Option<Vec<u8>>,
    /// How many bytes the kernel has taken.
    sent: u64,
}

impl ClientStream {
    /// For a handshake whose alerts are sent, or kept back.
    pub(super) fn new(tcp: TcpStream, keeps_alerts: bool) -> Self {
        Self { tcp, held: keeps_alerts.then(Vec::new), sent: 0 }
    }

    /// Keeps nothing back any more: the handshake is over, and all of it is sent.
    pub(super) fn pass(&mut self) {
        self.held = None;
    }

    /// How many bytes the kernel has taken: while that grows, somebody reads.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Counts what the kernel has taken.
    fn count(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(count)) = written {
            self.sent += count as u64;
        }
        written
    }

    /// The socket itself.
    pub fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// The socket, to read what a client still sends at the end.
    pub fn tcp_mut(&mut self) -> &mut TcpStream {
        &mut self.tcp
    }

    /// The socket alone.
    pub fn into_tcp(self) -> TcpStream {
        self.tcp
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(cx, buffer)
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(held) = &mut self.held {
            held.extend_from_slice(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut self.tcp).poll_write(cx, bytes);
        self.count(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [only] = slices {
            // The kernel takes one at less cost than a list of one.
            return self.poll_write(cx, only);
        }
        if let Some(held) = &mut self.held {
            let before = held.len();
            slices.iter().for_each(|slice| held.extend_from_slice(slice));
            return Poll::Ready(Ok(held.len() - before));
        }
        let written = Pin::new(&mut self.tcp).poll_write_vectored(cx, slices);
        self.count(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Some(held) = &mut this.held {
            while !held.is_empty() {
                let count = ready!(Pin::new(&mut this.tcp).poll_write(cx, held))?;
                if count == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                held.drain(..count);
            }
        }
        Pin::new(&mut this.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
