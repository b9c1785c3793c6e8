//! A place of its own for each test, with certificates and a `gateway.toml`; the program in it; and the
//! two ends that it stands between.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use mtls_gateway::pki::Authority;
use mtls_gateway::tls::client;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The program with these arguments, untouched by the environment of whoever runs the tests.
pub fn program<A: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mtls-gateway"));
    command.args(arguments).env_remove("RUST_LOG").env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub fn output<A: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = A>) -> Output {
    program(arguments).output().unwrap()
}

/// The standard output as text.
pub fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

/// The standard error as text.
pub fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// A folder with a server's certificate, a client CA and a client of it.
pub struct Place {
    folder: TempDir,
    server_ca: String,
    client: String,
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server_ca = Authority::root("Test Server CA").unwrap();
        let client_ca = Authority::root("Test Client CA").unwrap();
        let server = server_ca.server(["localhost"]).issue().unwrap();
        let client = client_ca.client("caller").issue().unwrap();
        let place = Self {
            server_ca: server_ca.certificate_pem().to_owned(),
            client: format!("{}{}", client.certificate_pem(), client.key_pem()),
            folder,
        };
        place.write("server.crt", server.certificate_pem());
        place.write("server.key", &server.key_pem());
        place.write("clients.crt", client_ca.certificate_pem());
        place
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A configuration without a fault: `listen` and `app` are addresses, `more` further tables.
    pub fn config(&self, listen: SocketAddr, app: SocketAddr, more: &str) -> PathBuf {
        let text = format!(
            "[[listener]]\naddress = \"{listen}\"\n\n[[site]]\nserver_names = [\"localhost\"]\n\
             certificate = \"server.crt\"\nprivate_key = \"server.key\"\n\
             client_ca = \"clients.crt\"\nupstream = \"http://{app}\"\n\n{more}"
        );
        self.write("gateway.toml", &text)
    }

    /// A client that trusts this CA, and has the client's certificate, after its handshake.
    pub async fn connect(&self, gateway: SocketAddr, server_ca: &str) -> client::ClientStream {
        let stream = TcpStream::connect(gateway).await.unwrap();
        client::connect(stream, "localhost", server_ca, Some(&self.client)).await.unwrap()
    }

    /// Whom a client is to trust, and what it shows: a certificate and its key.
    pub fn of_callers(&self) -> (&str, &str) {
        (&self.server_ca, &self.client)
    }

    /// Sends one request with the client's certificate; the whole response.
    pub fn call(&self, gateway: SocketAddr) -> String {
        self.call_as(gateway, "test")
    }

    /// The same, with a `User-Agent`.
    pub fn call_as(&self, gateway: SocketAddr, agent: &str) -> String {
        let exchange = async {
            let mut stream = self.connect(gateway, &self.server_ca).await;
            let request = format!(
                "POST /callback HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                 User-Agent: {agent}\r\nContent-Length: 2\r\n\r\n{{}}"
            );
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut response = String::new();
            stream.read_to_string(&mut response).await.unwrap();
            response
        };
        block_on(exchange)
    }
}

/// Waits for what a client does, for so long as anything may take.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, future).await.unwrap() })
}

/// Runs `openssl` in a folder, its arguments split at spaces; `false` where there is none, which is said. What it
/// makes is for its owner alone.
pub fn openssl(folder: &Path, arguments: &str) -> bool {
    let mut openssl = Command::new("openssl");
    openssl.args(arguments.split(' ')).current_dir(folder).stdin(Stdio::null());
    match openssl.output() {
        Ok(output) => {
            assert!(output.status.success(), "openssl {arguments}: {}", stderr(&output));
            true
        }
        Err(_) => {
            skip("openssl is not installed", false);
            false
        }
    }
}

/// Says loudly that something was not tested; with `CI` set that fails, unless nobody can help it.
#[expect(clippy::disallowed_macros, reason = "a test has nowhere else to say it")]
pub fn skip(why: &str, is_excused: bool) {
    let name = thread::current().name().unwrap_or_default().to_owned();
    eprintln!("!! SKIPPED ({name}): {why}");
    assert!(
        is_excused || std::env::var_os("CI").is_none(),
        "with `CI` set nothing is skipped: {why}"
    );
}

/// Waits until something holds of which nobody tells.
#[track_caller]
#[expect(
    clippy::disallowed_methods,
    reason = "another process gives no sign of what is waited for"
)]
pub fn await_that(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Any free port of this machine.
pub fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// An app that says when a request has come, and answers it when it is told to.
pub struct SlowApp {
    pub address: SocketAddr,
    pub asked: Receiver<()>,
    pub answer: Sender<()>,
}

impl SlowApp {
    pub fn start() -> Self {
        let listener = TcpListener::bind(any_port()).unwrap();
        let address = listener.local_addr().unwrap();
        let (asked_sender, asked) = channel();
        let (answer, answer_receiver) = channel();
        thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                // All of it: closing a stream with something unread would take the answer with it.
                let (mut request, mut piece) = (Vec::new(), [0; 4096]);
                while !is_whole(&request) {
                    let count = stream.read(&mut piece).unwrap();
                    assert_ne!(count, 0);
                    request.extend(&piece[..count]);
                }
                asked_sender.send(()).unwrap();
                if answer_receiver.recv().is_err() {
                    return;
                }
                let response =
                    "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nallowed";
                stream.write_all(response.as_bytes()).unwrap();
            }
        });
        Self { address, asked, answer }
    }

    /// Waits for a request.
    pub fn await_request(&self) {
        self.asked.recv_timeout(PATIENCE).unwrap();
    }
}

/// Whether a request is there with its body.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    body.len() >= length.map_or(0, |length| length.trim().parse().unwrap())
}

/// The program while it runs; it ends with the test.
pub struct Gateway {
    child: Child,
    lines: Receiver<String>,
    /// Every line so far, of both output streams.
    pub log: Vec<String>,
}

impl Gateway {
    pub fn start(command: Command) -> Self {
        let (gateway, stdout, sender) = Self::spawn(command);
        forward(stdout, sender);
        gateway
    }

    /// The same, without anybody who reads its standard output: that is the test's.
    pub fn start_unread(command: Command) -> (Self, ChildStdout) {
        let (gateway, stdout, _) = Self::spawn(command);
        (gateway, stdout)
    }

    /// The same, with a standard error that is the test's.
    pub fn start_with(mut command: Command, stderr: impl Into<Stdio>) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        let (sender, lines) = channel();
        forward(child.stdout.take().unwrap(), sender);
        Self { child, lines, log: Vec::new() }
    }

    fn spawn(mut command: Command) -> (Self, ChildStdout, Sender<String>) {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = channel();
        forward(child.stderr.take().unwrap(), sender.clone());
        let stdout = child.stdout.take().unwrap();
        (Self { child, lines, log: Vec::new() }, stdout, sender)
    }

    /// Waits for a line that contains `text`.
    pub fn await_line(&mut self, text: &str) -> String {
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                panic!("no line with {text:?} in {:#?}", self.log);
            };
            self.log.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Waits until it listens; where.
    pub fn await_address(&mut self) -> SocketAddr {
        let line = self.await_line("listening");
        let at = line.find("127.0.0.").unwrap();
        let address = line[at..].trim_end_matches(|c: char| !c.is_ascii_digit());
        let end = address.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':'));
        address[..end.unwrap_or(address.len())].parse().unwrap()
    }

    /// The number of the process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, `TERM` or `INT`.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Sends a signal to the process that has taken over from it.
    pub fn signal_successor(&self, name: &str) {
        let line = self.log.iter().rev().find(|line| line.contains("another process serves now"));
        let line = line.cloned().unwrap_or_else(|| panic!("nobody took over: {:#?}", self.log));
        let digits = line.rsplit_once("process=").unwrap().1;
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let sent = Command::new("kill").args(["-s", name, &digits[..end]]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end, with the rest of its log.
    pub fn await_end(&mut self) -> ExitStatus {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.log.push(line),
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
                Err(_) => panic!("it does not end: {:#?}", self.log),
            }
        }
        self.child.wait().unwrap()
    }
}

/// Sends every line of a stream, for as long as somebody listens.
fn forward(stream: impl io::Read + Send + 'static, lines: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
