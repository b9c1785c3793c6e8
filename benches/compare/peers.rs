//! The programs that are compared, and how one runs: a configuration of its own in a folder of its own, one worker,
//! and everything that it has started gone in the end.

use std::collections::HashMap;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::load::{self, Ask, Certificates, Client, Cores, Leaf, Process, Tls, block_on, exchange};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Gateway,
    Nginx,
    Haproxy,
    Envoy,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Gateway, Self::Nginx, Self::Haproxy, Self::Envoy];

    /// As the command line and the figures call it.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Envoy => "envoy",
        }
    }

    /// As people call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gateway => "mtls-gateway",
            Self::Nginx => "nginx",
            Self::Haproxy => "HAProxy",
            Self::Envoy => "Envoy",
        }
    }
}

/// One that is on this machine.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) kind: Kind,
    program: PathBuf,
    /// Its version, and that of its TLS library where it tells.
    pub(crate) version: String,
}

impl Peer {
    /// The named program, or that of the path; `None` if there is none that runs.
    pub(crate) fn find(kind: Kind, named: Option<&Path>) -> Option<Self> {
        let program = match (kind, named) {
            (_, Some(named)) => named.to_owned(),
            (Kind::Gateway, None) => PathBuf::from(env!("CARGO_BIN_EXE_mtls-gateway")),
            (_, None) => {
                let path = std::env::var_os("PATH").unwrap_or_default();
                let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
                let mut programs = folders.map(|folder| folder.join(kind.key()));
                programs.find(|program| program.is_file())?
            }
        };
        let version = version(kind, &program)?;
        Some(Self { kind, program, version })
    }
}

fn version(kind: Kind, program: &Path) -> Option<String> {
    let argument = match kind {
        Kind::Gateway | Kind::Envoy => "--version",
        Kind::Nginx => "-V",
        Kind::Haproxy => "-vv",
    };
    let output = Command::new(program).arg(argument).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    let after = |start: &str| {
        let (_, rest) = text.split_once(start)?;
        Some(rest.split_whitespace())
    };
    // Its name and its number.
    let library = |start| Some(after(start)?.take(2).collect::<Vec<_>>().join(" "));
    match kind {
        Kind::Gateway => Some(text.split_whitespace().nth(1)?.to_owned()),
        Kind::Nginx => {
            let library = library("(running with ").or_else(|| library("built with "));
            Some(with_library(after("nginx/")?.next()?, library))
        }
        Kind::Haproxy => {
            let library = library("Running on OpenSSL version :");
            Some(with_library(after("version ")?.next()?, library))
        }
        Kind::Envoy => {
            let mut parts = text.trim().rsplit('/');
            let (library, number) = (parts.next()?, parts.nth(2)?);
            Some(with_library(number, Some(library.to_owned())))
        }
    }
}

fn with_library(version: &str, library: Option<String>) -> String {
    library.map_or(version.to_owned(), |library| format!("{version} ({library})"))
}

/// A peer that runs.
pub(crate) struct Instance {
    pub(crate) peer: Peer,
    pub(crate) address: SocketAddr,
    pub(crate) process: Process,
    folder: TempDir,
    leaf: Leaf,
}

/// What an instance is to be like.
#[derive(Clone, Copy)]
pub(crate) struct Plan<'a> {
    pub(crate) app: SocketAddr,
    pub(crate) certificates: &'a Certificates,
    pub(crate) cores: &'a Cores,
    pub(crate) workers: usize,
}

impl Instance {
    /// Starts it and waits until it answers; once more if it does not, as somebody may have taken its port.
    pub(crate) fn start(peer: &Peer, plan: Plan<'_>) -> Result<Self, String> {
        Self::try_start(peer, plan).or_else(|_| Self::try_start(peer, plan))
    }

    fn try_start(peer: &Peer, plan: Plan<'_>) -> Result<Self, String> {
        let mut instance = Self::launch(peer, plan)?;
        let client = instance.client(plan.certificates, &Tls::default());
        let answered = block_on(instance.answers(&client, Duration::from_secs(20)));
        answered.map_err(|error| format!("{error}; {}", instance.last_words()))?;
        Ok(instance)
    }

    /// Starts it.
    pub(crate) fn launch(peer: &Peer, plan: Plan<'_>) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        plan.certificates.write(folder.path(), Leaf::First);
        // Nobody else takes it in the moment until the peer does, or it does not start.
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        drop(listener);
        let command = command(peer, plan, folder.path(), address)?;
        let process = Process::start(command, plan.cores);
        let process = process.map_err(|error| format!("{}: {error}", peer.program.display()))?;
        Ok(Self { peer: peer.clone(), address, process, folder, leaf: Leaf::First })
    }

    pub(crate) fn client(&self, certificates: &Certificates, tls: &Tls) -> Client {
        Client { address: self.address, tls: certificates.client(tls) }
    }

    /// Tries again and again until one request is answered.
    pub(crate) async fn answers(
        &mut self,
        client: &Client,
        within: Duration,
    ) -> Result<(), String> {
        let began = Instant::now();
        let ask = Ask::bytes(1024);
        let (head, mut buffer) = (ask.head(true), vec![0; 16 * 1024]);
        loop {
            let attempt = async {
                let mut stream = client.connect().await?;
                exchange(&mut stream, &head, b"", ask.length, &mut buffer).await
            };
            match load::within(PATIENCE, attempt).await.and_then(|answer| answer) {
                Ok(_) => return Ok(()),
                Err(error) if began.elapsed() > within => return Err(error),
                Err(_) if self.process.has_ended() => return Err("it has ended".to_owned()),
                Err(_) => tokio::time::sleep(Duration::from_micros(500)).await,
            }
        }
    }

    /// Puts the other certificate in place and has it loaded, as an operator would.
    pub(crate) fn reload(&mut self, certificates: &Certificates) -> Leaf {
        self.leaf = self.leaf.other();
        certificates.write(self.folder.path(), self.leaf);
        match self.peer.kind {
            Kind::Gateway | Kind::Nginx => self.process.signal(Signal::HUP),
            Kind::Haproxy => self.process.signal(Signal::USR2),
            Kind::Envoy => {
                // It waits for a file that is moved to this name.
                let secret = self.folder.path().join(ENVOY_SECRET);
                let new = secret.with_extension("new");
                fs::copy(&secret, &new).unwrap();
                fs::rename(new, secret).unwrap();
            }
        }
        self.leaf
    }

    /// The end of what it said.
    pub(crate) fn last_words(&self) -> String {
        let read = |name| fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        let text = read("error.log") + &read(OUTPUT);
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(5)..].join(" / ")
    }
}

/// For one attempt.
const PATIENCE: Duration = Duration::from_secs(5);
const OUTPUT: &str = "output.log";
const ENVOY_SECRET: &str = "envoy-secret.yaml";

/// Writes what the peer reads, and says how it is started.
fn command(
    peer: &Peer,
    plan: Plan<'_>,
    folder: &Path,
    address: SocketAddr,
) -> Result<Command, String> {
    let output = File::create(folder.join(OUTPUT)).map_err(|error| error.to_string())?;
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, fill(text, peer, plan, folder, address)).map(|()| path)
    };
    let mut command = Command::new(&peer.program);
    let written = match peer.kind {
        Kind::Gateway => {
            let readable = load::runtime_for_readers();
            let more = format!("[runtime]\nwatch = false\nworkers = {}\n{readable}", plan.workers);
            let text = load::configuration(&address.to_string(), plan.app, &more);
            let path = folder.join("gateway.toml");
            command.args(["run", "--config"]).arg(&path);
            fs::write(path, text)
        }
        Kind::Nginx => write("nginx.conf", include_str!("peers/nginx.conf")).map(|path| {
            command.arg("-e").arg(folder.join("error.log")).arg("-c").arg(path);
        }),
        Kind::Haproxy => write("haproxy.cfg", include_str!("peers/haproxy.cfg")).map(|path| {
            command.args(["-W", "-db", "-q", "-f"]).arg(path);
        }),
        Kind::Envoy => {
            let secret = write(ENVOY_SECRET, include_str!("peers/envoy-secret.yaml"));
            let main = write("envoy.yaml", include_str!("peers/envoy.yaml"));
            secret.and(main).map(|path| {
                command.args(["--disable-hot-restart", "--log-level", "error"]);
                command.args(["--concurrency", &plan.workers.to_string(), "-c"]).arg(path);
            })
        }
    };
    written.map_err(|error| error.to_string())?;
    let error = output.try_clone().map_err(|error| error.to_string())?;
    command.stdin(Stdio::null()).stdout(output).stderr(error);
    Ok(command)
}

/// Puts places, addresses and bounds into a configuration.
fn fill(text: &str, peer: &Peer, plan: Plan<'_>, folder: &Path, address: SocketAddr) -> String {
    // Two descriptors a connection, and some to spare.
    let connections = (load::descriptors() / 3).min(6000);
    let is_root = rustix::process::geteuid().is_root();
    let has_http2_of_its_own = is_at_least(&peer.version, [1, 25, 1]);
    let values = HashMap::from([
        ("folder", folder.display().to_string()),
        ("listen", address.to_string()),
        ("listen_host", address.ip().to_string()),
        ("listen_port", address.port().to_string()),
        ("app", plan.app.to_string()),
        ("app_host", plan.app.ip().to_string()),
        ("app_port", plan.app.port().to_string()),
        ("workers", plan.workers.to_string()),
        ("connections", connections.to_string()),
        // Its worker writes below the folder, which is this user's.
        ("user", if is_root { "user root;" } else { "" }.to_owned()),
        ("http2", if has_http2_of_its_own { "http2 on;" } else { "" }.to_owned()),
        ("http2_of_listen", if has_http2_of_its_own { "" } else { "http2" }.to_owned()),
    ]);
    values
        .iter()
        .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

fn is_at_least(version: &str, wanted: [u32; 3]) -> bool {
    let number = version.split(' ').next().unwrap_or_default();
    let parts: Vec<u32> = number.split('.').map_while(|part| part.parse().ok()).collect();
    parts.as_slice() >= wanted.as_slice()
}
