//! An app that costs little: `/bytes/NUMBER` answers so many bytes, `/padded/NUMBER` with so many bytes of headers, and
//! `/` and any other path `ok`, each when the request is there as a whole. `/held` never answers, and `/large` streams
//! without end.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::Cores;
use super::http1::{head_end, header, padding};
use super::run::block_on;

pub(crate) struct App {
    pub(crate) address: SocketAddr,
    /// Requests of `/held` and `/large`.
    begun: Arc<AtomicUsize>,
}

impl App {
    /// Serves from a thread of its own, on these processors, until the process ends.
    pub(crate) fn start(cores: Cores) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let begun = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&begun);
        thread::spawn(move || {
            cores.take();
            block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                loop {
                    // Without descriptors for a moment; the benchmark will complain of what is missing.
                    let Ok((stream, _)) = listener.accept().await else { continue };
                    tokio::task::spawn_local(serve(stream, Arc::clone(&counted)));
                }
            });
        });
        Self { address, begun }
    }

    pub(crate) fn begun(&self) -> usize {
        self.begun.load(Ordering::Relaxed)
    }

    pub(crate) fn wait_for(&self, count: usize) {
        while self.begun() < count {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

async fn serve(mut stream: TcpStream, begun: Arc<AtomicUsize>) {
    // The other end has closed, which is its right.
    _ = serve_all(&mut stream, &begun).await;
}

async fn serve_all(stream: &mut TcpStream, begun: &AtomicUsize) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut answers = HashMap::new();
    let mut bytes = Vec::with_capacity(4096);
    loop {
        let end = loop {
            if let Some(end) = head_end(&bytes) {
                break end;
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        bytes.drain(..end);
        let path = head.split(' ').nth(1).unwrap_or_default();
        if let "/held" | "/large" = path {
            begun.fetch_add(1, Ordering::Relaxed);
            return endless(stream, path == "/large").await;
        }
        receive(stream, &head, &mut bytes).await?;
        let number = |prefix| path.strip_prefix(prefix).and_then(|text| text.parse::<usize>().ok());
        let (length, padded) = (number("/bytes/"), number("/padded/"));
        let answer = answers.entry((length, padded)).or_insert_with(|| {
            let body = length.map_or(b"ok".to_vec(), |length| vec![b'x'; length]);
            let more: String = padding(padded.unwrap_or(0))
                .map(|(name, value)| format!("{name}: {value}\r\n"))
                .collect();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{more}\r\n", body.len());
            [head.into_bytes(), body].concat()
        });
        stream.write_all(answer).await?;
        if header(&head, "connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            return Ok(());
        }
    }
}

/// Reads a body to its end; of what is in `bytes` its part is taken away.
async fn receive(stream: &mut TcpStream, head: &str, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
    let mut buffer = Vec::new();
    if let Some(length) = header(head, "content-length") {
        let mut left: usize = length.parse().unwrap_or(0);
        let taken = left.min(bytes.len());
        bytes.drain(..taken);
        left -= taken;
        while left > 0 {
            buffer.resize(left.min(256 * 1024), 0);
            match stream.read(&mut buffer).await? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                count => left -= count,
            }
        }
    } else if header(head, "transfer-encoding").is_some() {
        // No body of a benchmark has such bytes within, and nothing follows before the answer.
        buffer.resize(256 * 1024, 0);
        while !bytes.ends_with(LAST_CHUNK) {
            match stream.read(&mut buffer).await? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                count => bytes.extend_from_slice(&buffer[..count]),
            }
            let last = bytes.len().saturating_sub(LAST_CHUNK.len());
            bytes.drain(..last);
        }
        bytes.clear();
    }
    Ok(())
}

async fn endless(stream: &mut TcpStream, is_large: bool) -> std::io::Result<()> {
    if is_large {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n").await?;
        loop {
            stream.write_all(&[b'x'; 16 * 1024]).await?;
        }
    }
    // Until the other end closes.
    let mut buffer = [0; 1024];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}
