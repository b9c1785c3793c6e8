//! Writing without sending: what is written in one turn leaves in as few records as can be, and in one system call.

use std::io::{self, IoSlice, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite as _;

use super::TlsStream;

/// What one record holds (RFC 8446 section 5.1).
const RECORD_MAX: usize = 16 * 1024;

/// What may be left over behind whole records, to begin the next with. More becomes a record of its own, as to keep it
/// means to copy it.
const LEFT_OVER_MAX: usize = 1024;

/// What was written to a stream and is not encrypted yet: less than a record. Whoever writes so must flush once it is
/// done.
#[derive(Default)]
pub struct Gathered(Vec<u8>);

impl Gathered {
    /// Takes what is written, and sends only where rustls, which keeps 64 KiB, has no room for what is encrypted.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn poll_write(
        &mut self,
        stream: &mut TlsStream,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written: usize = slices.iter().map(|slice| slice.len()).sum();
        loop {
            let all = self.0.len() + written;
            if all < RECORD_MAX {
                self.keep(slices, 0);
                return Poll::Ready(Ok(written));
            }
            let left_over = all % RECORD_MAX;
            let whole = if left_over <= LEFT_OVER_MAX { all - left_over } else { all };
            let before = self.0.len();
            let taken = stream.get_mut().1.writer().write_vectored(&self.with(slices, whole))?;
            self.0.drain(..taken.min(before));
            if taken == whole {
                self.keep(slices, whole - before);
                return Poll::Ready(Ok(written));
            }
            if taken > before {
                return Poll::Ready(Ok(taken - before));
            }
            ready!(Pin::new(&mut *stream).poll_flush(cx))?;
        }
    }

    /// Encrypts and sends everything.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn poll_flush(
        &mut self,
        stream: &mut TlsStream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.0.is_empty() {
            let taken = stream.get_mut().1.writer().write(&self.0)?;
            self.0.drain(..taken);
            if taken == 0 {
                ready!(Pin::new(&mut *stream).poll_flush(cx))?;
            }
        }
        Pin::new(stream).poll_flush(cx)
    }

    /// Gives back the memory, where nothing is in it.
    pub fn rest(&mut self) {
        if self.0.is_empty() {
            self.0 = Vec::new();
        }
    }

    /// The first bytes of what was kept and is written now.
    fn with<'a>(&'a self, slices: &'a [IoSlice<'_>], count: usize) -> Vec<IoSlice<'a>> {
        let mut left = count;
        let mut parts = Vec::with_capacity(slices.len() + 1);
        for bytes in std::iter::once(&self.0[..]).chain(slices.iter().map(|slice| &slice[..])) {
            let part = &bytes[..left.min(bytes.len())];
            left -= part.len();
            parts.push(IoSlice::new(part));
        }
        parts
    }

    /// Keeps all behind the first bytes.
    fn keep(&mut self, slices: &[IoSlice<'_>], mut skipped: usize) {
        for slice in slices {
            let skip = skipped.min(slice.len());
            skipped -= skip;
            self.0.extend_from_slice(&slice[skip..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::Read as _;
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    use rustls::pki_types::{PrivateKeyDer, pem::PemObject as _};
    use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned};
    use socket2::SockRef;
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::pki::Authority;
    use crate::tls::ClientStream;

    const LENGTH: usize = 6 * 1024 * 1024 + 321;

    /// How often the content repeats itself: not in step with any buffer.
    const PERIOD: usize = 251;

    /// What is written at once, over and over: heads of frames, parts of records, whole ones, and more.
    const WRITES: [&[usize]; 7] = [
        &[9, 1],
        &[9, 16 * 1024],
        &[700],
        &[9, 5000, 9, 4000],
        &[16 * 1024 - 9],
        &[40_000, 9],
        &[0, 333, 0],
    ];

    /// Reads all that comes, slowly at first.
    #[expect(clippy::disallowed_methods, reason = "nothing tells of a peer that does not read")]
    fn taken(mut client: StreamOwned<ClientConnection, TcpStream>) -> Vec<u8> {
        let (mut all, mut part) = (Vec::new(), [0; 7000]);
        loop {
            let count = client.read(&mut part).unwrap();
            if count == 0 {
                return all;
            }
            all.extend_from_slice(&part[..count]);
            if all.len() < 1024 * 1024 {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }

    #[test]
    fn all_arrives_in_order_however_little_is_taken_at_once() {
        let authority = Authority::root("CA").unwrap();
        let server = authority.server(["a.example"]).issue().unwrap();
        let key = PrivateKeyDer::from_pem_slice(server.key_pem().as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![server.der().clone()], key)
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).unwrap();
        let trusting = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let tcp = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        SockRef::from(&tcp).set_recv_buffer_size(16 * 1024).unwrap();
        let name = "a.example".try_into().unwrap();
        let client = ClientConnection::new(Arc::new(trusting), name).unwrap();
        let client = thread::spawn(move || taken(StreamOwned::new(client, tcp)));

        let content: Vec<u8> = (0..=250).cycle().take(LENGTH + 64 * 1024).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (tcp, _) = listener.accept().unwrap();
            SockRef::from(&tcp).set_send_buffer_size(16 * 1024).unwrap();
            tcp.set_nonblocking(true).unwrap();
            let tcp = tokio::net::TcpStream::from_std(tcp).unwrap();
            let accepted =
                TlsAcceptor::from(Arc::new(config)).accept(ClientStream::new(tcp, false));
            let (mut stream, mut gathered) = (accepted.await.unwrap(), Gathered::default());
            let mut written = 0;
            for (turn, lengths) in WRITES.iter().cycle().enumerate() {
                let mut at = written;
                let mut slices = Vec::new();
                for length in *lengths {
                    let end = (at + length).min(LENGTH);
                    slices.push(IoSlice::new(&content[at..end]));
                    at = end;
                }
                written +=
                    poll_fn(|cx| gathered.poll_write(&mut stream, cx, &slices)).await.unwrap();
                if written == LENGTH {
                    break;
                }
                if turn % 5 == 0 {
                    // As at the end of a turn, which does not wait.
                    _ = poll_fn(|cx| Poll::Ready(gathered.poll_flush(&mut stream, cx))).await;
                }
            }
            poll_fn(|cx| gathered.poll_flush(&mut stream, cx)).await.unwrap();
            poll_fn(|cx| Pin::new(&mut stream).poll_shutdown(cx)).await.unwrap();
        });
        let taken = client.join().unwrap();
        assert_eq!(taken.len(), LENGTH);
        let differs = (0..LENGTH).find(|at| usize::from(taken[*at]) != at % PERIOD);
        assert_eq!(differs, None);
    }
}
