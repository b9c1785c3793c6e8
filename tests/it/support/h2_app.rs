//! An app that speaks HTTP/2 in clear text, stream by stream as the test says.

use std::future::Future;
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex};

use bytes::Bytes;
use h2::server::{Builder, SendResponse};
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Notify;

use super::PATIENCE;
use super::background::{Background, listen};

/// An app; it ends with the test.
pub struct H2App {
    /// As a configuration names it.
    pub url: String,
    seen: Arc<Seen>,
    _background: Background,
}

#[derive(Default)]
struct Seen {
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Default)]
struct State {
    connections: usize,
    /// How many of them have ended.
    closed: usize,
    /// The heads of requests, with the connection that each came on.
    heads: Vec<(usize, Request<()>)>,
    notes: Vec<String>,
}

/// One request, as the app sees it.
pub struct Asked {
    /// How many came before it.
    pub number: usize,
    pub head: Request<()>,
    pub body: RecvStream,
    pub respond: SendResponse<Bytes>,
    seen: Arc<Seen>,
    goes: Rc<Notify>,
    dies: Rc<Notify>,
}

impl Asked {
    /// Notes something for the test to wait for.
    pub fn note(&self, text: &str) {
        self.seen.state.lock().unwrap().notes.push(text.to_owned());
        self.seen.news.notify_all();
    }

    /// Says that the connection takes no further requests.
    pub fn go_away(&self) {
        self.goes.notify_one();
    }

    /// Ends the connection, whatever is under way on it.
    pub fn die(&self) {
        self.dies.notify_one();
    }

    /// Begins a response.
    pub fn begin(&mut self, status: u16) -> SendStream<Bytes> {
        let head = Response::builder().status(status).body(()).unwrap();
        self.respond.send_response(head, false).unwrap()
    }

    /// Answers with a body and trailers.
    pub fn answer(&mut self, body: &'static str) {
        let mut stream = self.begin(200);
        stream.send_data(Bytes::from_static(body.as_bytes()), false).unwrap();
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().unwrap());
        stream.send_trailers(trailers).unwrap();
    }

    /// The whole body, and its trailers.
    pub async fn read(&mut self) -> (Vec<u8>, Option<HeaderMap>) {
        let mut body = Vec::new();
        while let Some(data) = self.body.data().await {
            let data = data.unwrap();
            self.body.flow_control().release_capacity(data.len()).unwrap();
            body.extend_from_slice(&data);
        }
        (body, self.body.trailers().await.unwrap())
    }

    /// Waits until the gateway resets a stream that is not answered.
    pub async fn reset(&mut self) -> Reason {
        std::future::poll_fn(|cx| self.respond.poll_reset(cx)).await.unwrap()
    }
}

impl H2App {
    /// Answers every request.
    pub fn answering(body: &'static str) -> Self {
        Self::start(None, move |mut asked| async move {
            asked.read().await;
            asked.answer(body);
        })
    }

    /// Runs this for each request; so many at once on a connection, if that is said.
    pub fn start<F: Future<Output = ()> + 'static>(
        streams_max: Option<u32>,
        handle: impl Fn(Asked) -> F + Send + 'static,
    ) -> Self {
        Self::on_tcp(streams_max, false, handle)
    }

    /// The same, where each connection begins with a line of the PROXY protocol, which is noted.
    pub fn introduced<F: Future<Output = ()> + 'static>(
        handle: impl Fn(Asked) -> F + Send + 'static,
    ) -> Self {
        Self::on_tcp(None, true, handle)
    }

    /// The same on a Unix socket.
    pub fn on_unix_socket<F: Future<Output = ()> + 'static>(
        path: &Path,
        handle: impl Fn(Asked) -> F + Send + 'static,
    ) -> Self {
        let listener = std::os::unix::net::UnixListener::bind(path).unwrap();
        listener.set_nonblocking(true).unwrap();
        let seen = Arc::new(Seen::default());
        let all = Arc::clone(&seen);
        let background = Background::run(move || async move {
            let (handle, listener) = (Rc::new(handle), UnixListener::from_std(listener).unwrap());
            while let Ok((stream, _)) = listener.accept().await {
                connected(stream, None, false, &all, &handle);
            }
        });
        Self { url: format!("h2c+unix:{}", path.display()), seen, _background: background }
    }

    fn on_tcp<F: Future<Output = ()> + 'static>(
        streams_max: Option<u32>,
        is_introduced: bool,
        handle: impl Fn(Asked) -> F + Send + 'static,
    ) -> Self {
        let (listener, port) = listen();
        let seen = Arc::new(Seen::default());
        let all = Arc::clone(&seen);
        let background = Background::run(move || async move {
            let (handle, listener) = (Rc::new(handle), TcpListener::from_std(listener).unwrap());
            while let Ok((stream, _)) = listener.accept().await {
                connected(stream, streams_max, is_introduced, &all, &handle);
            }
        });
        Self { url: format!("h2c://127.0.0.1:{port}"), seen, _background: background }
    }

    pub fn connections(&self) -> usize {
        self.seen.state.lock().unwrap().connections
    }

    /// On which connection each request came.
    pub fn spread(&self) -> Vec<usize> {
        self.seen.state.lock().unwrap().heads.iter().map(|(number, _)| *number).collect()
    }

    /// The heads of all requests.
    pub fn heads(&self) -> Vec<Request<()>> {
        self.seen.state.lock().unwrap().heads.iter().map(|(_, head)| head.clone()).collect()
    }

    pub fn wait_for_requests(&self, count: usize) {
        self.wait(|state| state.heads.len() >= count);
    }

    pub fn wait_for_note(&self, text: &str) {
        self.wait_for_notes(text, 1);
    }

    /// Waits until this was noted so often.
    pub fn wait_for_notes(&self, text: &str, count: usize) {
        self.wait(|state| state.notes.iter().filter(|note| *note == text).count() >= count);
    }

    /// Waits until so many connections have ended.
    pub fn wait_until_closed(&self, count: usize) {
        self.wait(|state| state.closed >= count);
    }

    /// What was noted so far.
    pub fn notes(&self) -> Vec<String> {
        self.seen.state.lock().unwrap().notes.clone()
    }

    fn wait(&self, enough: impl Fn(&State) -> bool) {
        let state = self.seen.state.lock().unwrap();
        let (_state, waited) =
            self.seen.news.wait_timeout_while(state, PATIENCE, |state| !enough(state)).unwrap();
        assert!(!waited.timed_out(), "the app waited in vain");
    }
}

fn connected<F: Future<Output = ()> + 'static>(
    mut stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    streams_max: Option<u32>,
    is_introduced: bool,
    seen: &Arc<Seen>,
    handle: &Rc<impl Fn(Asked) -> F + 'static>,
) {
    let number = {
        let mut state = seen.state.lock().unwrap();
        state.connections += 1;
        state.connections - 1
    };
    seen.news.notify_all();
    let (seen, handle) = (Arc::clone(seen), Rc::clone(handle));
    tokio::task::spawn_local(async move {
        if is_introduced {
            let line = line(&mut stream).await;
            seen.state.lock().unwrap().notes.push(line);
        }
        serve(stream, streams_max, number, Arc::clone(&seen), handle).await;
        seen.state.lock().unwrap().closed += 1;
        seen.news.notify_all();
    });
}

/// What stands before the end of a line, and nothing of what follows it.
async fn line(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut line = Vec::new();
    while let Ok(byte) = stream.read_u8().await {
        line.push(byte);
        if byte == b'\n' {
            break;
        }
    }
    String::from_utf8(line).unwrap()
}

async fn serve<F: Future<Output = ()> + 'static>(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    streams_max: Option<u32>,
    connection_number: usize,
    seen: Arc<Seen>,
    handle: Rc<impl Fn(Asked) -> F>,
) {
    let mut builder = Builder::new();
    if let Some(max) = streams_max {
        builder.max_concurrent_streams(max);
    }
    let Ok(mut connection) = builder.handshake::<_, Bytes>(stream).await else { return };
    let (goes, dies) = (Rc::new(Notify::new()), Rc::new(Notify::new()));
    loop {
        let accepted = tokio::select! {
            accepted = connection.accept() => accepted,
            () = goes.notified() => { connection.graceful_shutdown(); continue }
            () = dies.notified() => return,
        };
        let Some(Ok((request, respond))) = accepted else { return };
        let (head, body) = request.into_parts();
        let head = Request::from_parts(head, ());
        let number = {
            let mut state = seen.state.lock().unwrap();
            state.heads.push((connection_number, head.clone()));
            state.heads.len() - 1
        };
        seen.news.notify_all();
        let (seen, goes, dies) = (Arc::clone(&seen), Rc::clone(&goes), Rc::clone(&dies));
        tokio::task::spawn_local(handle(Asked { number, head, body, respond, seen, goes, dies }));
    }
}
