//! An app, clients that keep their connections, and a look at the gateway's process.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use mtls_gateway::tls::client;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::support::{PATIENCE, Place, any_port};

#[expect(
    clippy::disallowed_methods,
    reason = "another process gives no sign of what is waited for"
)]
pub(super) fn pause(length: Duration) {
    thread::sleep(length);
}

/// An app that keeps its connections, and answers `/hold` when it is let.
pub(super) struct App {
    pub(super) address: SocketAddr,
    gate: Arc<(Mutex<Gate>, Condvar)>,
}

#[derive(Default)]
struct Gate {
    held: usize,
    is_open: bool,
}

impl App {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind(any_port()).unwrap();
        let address = listener.local_addr().unwrap();
        let gate = Arc::<(Mutex<Gate>, Condvar)>::default();
        let shared = Arc::clone(&gate);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let gate = Arc::clone(&shared);
                thread::spawn(move || _ = answer(stream, &gate));
            }
        });
        Self { address, gate }
    }

    /// Waits until so many requests are held.
    pub(super) fn await_held(&self, count: usize) {
        let gate = self.gate.0.lock().unwrap();
        let (gate, _) =
            self.gate.1.wait_timeout_while(gate, PATIENCE, |gate| gate.held < count).unwrap();
        assert!(gate.held >= count);
    }

    /// Answers what is held, and all that comes.
    pub(super) fn release(&self) {
        self.gate.0.lock().unwrap().is_open = true;
        self.gate.1.notify_all();
    }
}

fn answer(mut stream: TcpStream, gate: &(Mutex<Gate>, Condvar)) -> io::Result<()> {
    let mut head = Vec::new();
    let mut bytes = [0; 4096];
    loop {
        let count = stream.read(&mut bytes)?;
        if count == 0 {
            return Ok(());
        }
        head.extend_from_slice(&bytes[..count]);
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        if head.starts_with(b"GET /hold ") {
            let mut held = gate.0.lock().unwrap();
            held.held += 1;
            gate.1.notify_all();
            drop(gate.1.wait_while(held, |gate| !gate.is_open).unwrap());
        }
        head.clear();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nallowed")?;
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A client that keeps its connection.
pub(super) struct Caller {
    runtime: Runtime,
    stream: Box<dyn Stream>,
}

impl Caller {
    /// Connects, and ends the handshake.
    pub(super) fn connect(place: &Place, gateway: SocketAddr) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (server_ca, own) = place.of_callers();
        let connecting = async {
            let stream = tokio::net::TcpStream::connect(gateway).await?;
            client::connect(stream, "localhost", server_ca, Some(own))
                .await
                .map_err(io::Error::other)
        };
        let stream = runtime.block_on(async { timeout(PATIENCE, connecting).await })??;
        Ok(Self { runtime, stream: Box::new(stream) })
    }

    /// Sends a request without a body.
    pub(super) fn send(&mut self, path: &str) -> io::Result<()> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let Self { runtime, stream } = self;
        runtime.block_on(async {
            stream.write_all(request.as_bytes()).await?;
            stream.flush().await
        })
    }

    /// The status of the answer, and whether the connection may be used again.
    pub(super) fn answer(&mut self) -> io::Result<(u16, bool)> {
        let Self { runtime, stream } = self;
        runtime.block_on(async { timeout(PATIENCE, read_answer(stream)).await })?
    }

    /// Both.
    pub(super) fn ask(&mut self, path: &str) -> io::Result<(u16, bool)> {
        self.send(path)?;
        self.answer()
    }

    /// Asks, and must be let through.
    #[track_caller]
    pub(super) fn is_served(&mut self) {
        assert_eq!(self.ask("/").unwrap().0, 200);
    }
}

async fn read_answer(stream: &mut dyn Stream) -> io::Result<(u16, bool)> {
    let mut response = Vec::new();
    loop {
        if stream.read_buf(&mut response).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let text = String::from_utf8_lossy(&response);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let head = head.to_ascii_lowercase();
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
        let length: usize = field("content-length: ").unwrap_or("0").parse().unwrap();
        if body.len() < length {
            continue;
        }
        let status = head[9..12].parse().unwrap();
        return Ok((status, field("connection: ") != Some("close")));
    }
}

/// A running process, as `/proc` shows it.
#[derive(Clone, Copy)]
pub(super) struct Seen(pub(super) u32);

impl Seen {
    fn file(self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.0)).unwrap()
    }

    /// Open file descriptors.
    pub(super) fn descriptors(self) -> Vec<u64> {
        let entries = fs::read_dir(format!("/proc/{}/fd", self.0)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut open: Vec<_> = names.map(|name| name.parse().unwrap()).collect();
        open.sort_unstable();
        open
    }

    pub(super) fn threads(self) -> usize {
        fs::read_dir(format!("/proc/{}/task", self.0)).unwrap().count()
    }

    /// Resident memory, in KiB.
    pub(super) fn resident(self) -> u64 {
        let status = self.file("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Processor time used, of all threads.
    pub(super) fn used(self) -> Duration {
        let stat = self.file("stat");
        // Behind the name, which may contain anything, from the third field on.
        let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        // A tick is a hundredth of a second to all programs, whatever the kernel uses itself.
        Duration::from_millis(ticks * 10)
    }
}
