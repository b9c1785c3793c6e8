//! An app that answers `/`, never answers `/held`, and streams `/large` without end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub(crate) struct App {
    pub(crate) address: SocketAddr,
    /// Requests but those of `/`.
    begun: Arc<AtomicUsize>,
}

impl App {
    pub(crate) fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let begun = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&begun);
        thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, Arc::clone(&counted)));
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
    let mut bytes = Vec::new();
    while stream.read_buf(&mut bytes).await.is_ok_and(|count| count > 0) {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        bytes.drain(..end + 4);
        if head.starts_with("GET / ") {
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            if stream.write_all(answer).await.is_err() {
                return;
            }
            continue;
        }
        begun.fetch_add(1, Ordering::Relaxed);
        if head.starts_with("GET /large") {
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n";
            _ = stream.write_all(head).await;
            let chunk = [b'x'; 16 * 1024];
            while stream.write_all(&chunk).await.is_ok() {}
        }
        // Until the gateway closes.
        while stream.read_buf(&mut bytes).await.is_ok_and(|count| count > 0) {}
    }
}
