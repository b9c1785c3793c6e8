//! An app that does as the test says: it records every byte that it receives, and answers by a script.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use super::PATIENCE;
use super::message::{Message, Reader};

/// A short answer.
pub const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

pub struct Upstream {
    /// As a configuration names it.
    pub url: String,
    seen: Arc<Seen>,
    wake: Box<dyn Fn() + Send>,
}

#[derive(Default)]
struct Seen {
    state: Mutex<State>,
    news: Condvar,
    ended: AtomicBool,
}

#[derive(Default)]
struct State {
    /// What came on each connection.
    received: Vec<Vec<u8>>,
    /// How many connections have ended.
    closed: usize,
    sockets: Vec<Socket>,
    /// How often a script may go on.
    go: usize,
}

impl Upstream {
    /// Answers every request with these bytes.
    pub fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::scripted(move |talk| {
            while let Ok(Some(_)) = talk.request() {
                talk.say(&answer);
            }
        })
    }

    /// Runs the script for each connection, on a thread of its own.
    pub fn scripted(script: impl Fn(&mut Talk) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let accept = move || listener.accept().map(|(stream, _)| Socket::Tcp(stream));
        let wake = move || drop(TcpStream::connect(address));
        Self::start(format!("http://{address}"), accept, wake, script)
    }

    /// The same on a Unix socket.
    pub fn on_unix_socket(path: &Path, script: impl Fn(&mut Talk) + Send + Sync + 'static) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let accept = move || listener.accept().map(|(stream, _)| Socket::Unix(stream));
        let (url, path) = (format!("unix:{}", path.display()), path.to_owned());
        let wake = move || drop(UnixStream::connect(&path));
        Self::start(url, accept, wake, script)
    }

    /// An address at which nobody listens.
    pub fn absent() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        // Bound and not listening: connecting is refused, and nobody else can get the port.
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        drop(listener);
        socket.bind(&address.into()).unwrap();
        let keep = Mutex::new(Some(socket));
        Self {
            url: format!("http://{address}"),
            seen: Arc::default(),
            wake: Box::new(move || drop(keep.lock().unwrap().take())),
        }
    }

    fn start(
        url: String,
        accept: impl Fn() -> io::Result<Socket> + Send + 'static,
        wake: impl Fn() + Send + 'static,
        script: impl Fn(&mut Talk) + Send + Sync + 'static,
    ) -> Self {
        let seen = Arc::new(Seen::default());
        let script = Arc::new(script);
        let all = Arc::clone(&seen);
        std::thread::spawn(move || {
            while let Ok(socket) = accept() {
                if all.ended.load(Ordering::SeqCst) {
                    return;
                }
                let (seen, script) = (Arc::clone(&all), Arc::clone(&script));
                let number = {
                    let mut state = seen.state.lock().unwrap();
                    state.received.push(Vec::new());
                    state.sockets.push(socket.try_clone());
                    seen.news.notify_all();
                    state.received.len() - 1
                };
                std::thread::spawn(move || {
                    let tap = Tap { socket, number, seen: Arc::clone(&seen), recording: true };
                    script(&mut Talk { number, reader: Reader::new(tap), is_heard: true });
                    seen.state.lock().unwrap().sockets[number].shutdown(Shutdown::Both);
                    seen.state.lock().unwrap().closed += 1;
                    seen.news.notify_all();
                });
            }
        });
        Self { url, seen, wake: Box::new(wake) }
    }

    /// What came on each connection so far.
    pub fn received(&self) -> Vec<Vec<u8>> {
        self.seen.state.lock().unwrap().received.clone()
    }

    /// Every request that came so far, parsed. Panics on what is no request.
    pub fn requests(&self) -> Vec<Message> {
        let mut requests = Vec::new();
        for bytes in self.received() {
            let mut reader = Reader::new(bytes.as_slice());
            while let Some(request) = reader.message().unwrap() {
                requests.push(request);
            }
        }
        requests
    }

    /// The one request that came.
    pub fn only_request(&self) -> Message {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.remove(0)
    }

    pub fn connections(&self) -> usize {
        self.seen.state.lock().unwrap().received.len()
    }

    /// How many connections have ended.
    pub fn closed(&self) -> usize {
        self.seen.state.lock().unwrap().closed
    }

    /// Waits until so many connections have ended.
    pub fn wait_until_closed(&self, count: usize) {
        self.wait(|state| state.closed >= count);
    }

    /// Waits until so many connections have come.
    pub fn wait_for_connections(&self, count: usize) {
        self.wait(|state| state.received.len() >= count);
    }

    /// Lets one script go on that waits for it.
    pub fn go_on(&self) {
        self.seen.state.lock().unwrap().go += 1;
        self.seen.news.notify_all();
    }

    fn wait(&self, enough: impl Fn(&State) -> bool) {
        let start = Instant::now();
        let mut state = self.seen.state.lock().unwrap();
        while !enough(&state) {
            assert!(start.elapsed() < PATIENCE, "the app waited in vain");
            (state, _) = self.seen.news.wait_timeout(state, PATIENCE).unwrap();
        }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.seen.ended.store(true, Ordering::SeqCst);
        (self.wake)();
        let state = self.seen.state.lock();
        for socket in &state.unwrap_or_else(std::sync::PoisonError::into_inner).sockets {
            socket.shutdown(Shutdown::Both);
        }
    }
}

/// One connection, as a script sees it.
pub struct Talk {
    /// How many came before it.
    pub number: usize,
    reader: Reader<Tap>,
    is_heard: bool,
}

impl Talk {
    /// A whole request; `None` at the end of the connection.
    pub fn request(&mut self) -> io::Result<Option<Message>> {
        self.reader.message()
    }

    /// A request's head.
    pub fn head(&mut self) -> Message {
        self.reader.head().unwrap().unwrap()
    }

    /// The body that belongs to a head.
    pub fn body(&mut self, head: &mut Message) -> io::Result<()> {
        self.reader.body(head)
    }

    /// The same; `None` at the end of the connection.
    pub fn try_head(&mut self) -> io::Result<Option<Message>> {
        self.reader.head()
    }

    /// Whether all that was said so far was taken.
    pub fn is_heard(&self) -> bool {
        self.is_heard
    }

    /// Waits until the test says [`Upstream::go_on`], or is over.
    pub fn wait_for_go(&self) {
        let Tap { seen, .. } = &self.reader.stream;
        let state = seen.state.lock().unwrap();
        let (mut state, _) =
            seen.news.wait_timeout_while(state, PATIENCE, |state| state.go == 0).unwrap();
        state.go = state.go.saturating_sub(1);
    }

    /// Some bytes, whatever they are; empty at the end.
    pub fn some(&mut self) -> io::Result<Vec<u8>> {
        self.reader.some()
    }

    /// Records no more, for bodies that are large.
    pub fn stop_recording(&mut self) {
        self.reader.stream.recording = false;
    }

    /// Writes; a gateway that is gone is the test's to notice.
    pub fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.is_heard &= self.reader.stream.socket.write_all(bytes.as_ref()).is_ok();
    }

    /// Writes until the gateway takes no more for a while; how much it took.
    pub fn push(&mut self, bytes_max: usize, patience: Duration) -> usize {
        let socket = &mut self.reader.stream.socket;
        socket.set_write_timeout(patience);
        let chunk = vec![b'x'; 64 * 1024];
        let mut written = 0;
        while written < bytes_max {
            match socket.write(&chunk[..chunk.len().min(bytes_max - written)]) {
                Ok(count) => written += count,
                Err(_) => break,
            }
        }
        written
    }

    /// Waits until the gateway closes its side.
    pub fn wait_for_end(&mut self) {
        while self.some().is_ok_and(|bytes| !bytes.is_empty()) {}
    }

    /// Closes the write side only.
    pub fn half_close(&mut self) {
        self.reader.stream.socket.shutdown(Shutdown::Write);
    }

    /// Ends the connection with a reset.
    pub fn reset(&mut self) {
        self.reader.stream.socket.reset_on_close();
        // The copies that would keep the socket open.
        let Tap { seen, number, .. } = &self.reader.stream;
        seen.state.lock().unwrap().sockets[*number] = Socket::Gone;
        self.reader.stream.socket = Socket::Gone;
    }
}

/// A socket whose input is recorded.
struct Tap {
    socket: Socket,
    number: usize,
    seen: Arc<Seen>,
    recording: bool,
}

impl Read for Tap {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.socket.read(buffer)?;
        if self.recording {
            let mut state = self.seen.state.lock().unwrap();
            state.received[self.number].extend_from_slice(&buffer[..count]);
            self.seen.news.notify_all();
        }
        Ok(count)
    }
}

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
    Gone,
}

impl Socket {
    fn try_clone(&self) -> Self {
        match self {
            Self::Tcp(stream) => stream.try_clone().map_or(Self::Gone, Self::Tcp),
            Self::Unix(stream) => stream.try_clone().map_or(Self::Gone, Self::Unix),
            Self::Gone => Self::Gone,
        }
    }

    fn shutdown(&self, how: Shutdown) {
        // It may have ended by itself.
        _ = match self {
            Self::Tcp(stream) => stream.shutdown(how),
            Self::Unix(stream) => stream.shutdown(how),
            Self::Gone => Ok(()),
        };
    }

    fn set_write_timeout(&self, limit: Duration) {
        match self {
            Self::Tcp(stream) => stream.set_write_timeout(Some(limit)).unwrap(),
            Self::Unix(stream) => stream.set_write_timeout(Some(limit)).unwrap(),
            Self::Gone => {}
        }
    }

    fn reset_on_close(&self) {
        if let Self::Tcp(stream) = self {
            let socket = socket2::SockRef::from(stream);
            socket.set_linger(Some(Duration::ZERO)).unwrap();
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
            Self::Gone => Ok(0),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
            Self::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
