//! A folder that stands for a newcomer's machine: the built program on the path, the files of a platform's
//! guide, an app, and ports of its own in place of those that the pages name.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mtls_gateway::pki::Authority;
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;

/// How long a line of the log may take.
const LOG_TIMEOUT: Duration = Duration::from_secs(20);

/// The outer programs that the pages use.
const TOOLS: [&str; 2] = ["curl", "openssl"];

pub(crate) struct Stage {
    folder: TempDir,
    /// What the pages write, and what stands for it here.
    rewrites: Vec<(String, String)>,
    app_headers: Arc<Mutex<BTreeSet<String>>>,
    service: Option<Service>,
    /// Keeps the ports that the pages' gateways are to listen on from everybody else.
    _reserved: [Socket; 2],
}

/// A gateway that runs in the background.
struct Service {
    child: Child,
    lines: Receiver<String>,
}

impl Stage {
    /// A stage, or `None` and a word about it where a tool is missing. In CI that is a failure.
    pub(crate) fn new() -> Option<Self> {
        for tool in TOOLS {
            let version = if tool == "openssl" { "version" } else { "--version" };
            let found = Command::new(tool).arg(version).output();
            if found.is_err() {
                assert!(std::env::var_os("CI").is_none(), "`{tool}` is missing");
                _ = writeln!(std::io::stderr(), "skipped: `{tool}` is missing");
                return None;
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let app_headers = Arc::default();
        let app = serve_app(Arc::clone(&app_headers));
        let root = folder.path().display();
        let (trial_socket, trial) = reserved_address();
        let (service_socket, service) = reserved_address();
        let rewrites = vec![
            ("/etc/mtls-gateway".to_owned(), format!("{root}/etc/mtls-gateway")),
            ("127.0.0.1:8080".to_owned(), app),
            ("127.0.0.1:8443".to_owned(), trial),
            ("127.0.0.1:443".to_owned(), service),
        ];
        // The service listens where `curl` looks for it.
        let service = rewrites.last().map(|(_, to)| ("0.0.0.0:443".to_owned(), to.clone()));
        let stage = Self {
            rewrites: rewrites.into_iter().chain(service).collect(),
            folder,
            app_headers,
            service: None,
            _reserved: [trial_socket, service_socket],
        };
        stage.install_programs();
        stage.write_files_of_the_guide();
        Some(stage)
    }

    /// Where the reader is.
    pub(crate) fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// A text of a page with this stage's paths and ports.
    pub(crate) fn rewrite(&self, text: &str) -> String {
        // In one pass: what has been written in must not be taken for what the page says, as a port that
        // begins with 443 would be.
        let mut rewritten = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let found = self.rewrites.iter().find(|(from, _)| rest.starts_with(from.as_str()));
            let read = match found {
                Some((from, to)) => {
                    rewritten.push_str(to);
                    from.len()
                }
                None => {
                    rewritten.push(next);
                    next.len_utf8()
                }
            };
            rest = &rest[read..];
        }
        rewritten
    }

    /// The names of all headers that the app has seen.
    pub(crate) fn app_headers(&self) -> BTreeSet<String> {
        self.app_headers.lock().unwrap().clone()
    }

    /// Runs a script as a reader would paste it; whether it went well, and all that it printed.
    pub(crate) fn run(&self, script: &str) -> (bool, String) {
        let printed = self.folder.path().join("printed");
        let out = fs::File::create(&printed).unwrap();
        let mut child = self
            .command("sh")
            .args(["-e", "-c", &self.rewrite(script)])
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .process_group(0)
            .spawn()
            .unwrap();
        let status = child.wait().unwrap();
        // What it left in the background ends with it, also when the script failed half-way.
        let group = format!("-{}", child.id());
        let kill =
            Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        assert!(kill.is_ok());
        (status.success(), fs::read_to_string(printed).unwrap())
    }

    /// Starts the gateway as the unit would and waits until it serves.
    pub(crate) fn start_service(&mut self) {
        let config = self.rewrite("/etc/mtls-gateway/gateway.toml");
        let mut child = self
            .command("mtls-gateway")
            .args(["run", "--config", &config])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        self.service = Some(Service { child, lines });
        self.service_line(|line| line.contains("serving"));
    }

    /// The next line of the service's log that fits.
    pub(crate) fn service_line(&self, fits: impl Fn(&str) -> bool) -> String {
        let service = self.service.as_ref().expect("the service was started");
        let mut passed = Vec::new();
        loop {
            match service.lines.recv_timeout(LOG_TIMEOUT) {
                Ok(line) if fits(&line) => return line,
                Ok(line) => passed.push(line),
                Err(error) => panic!("no such line ({error}) among\n{}", passed.join("\n")),
            }
        }
    }

    fn command(&self, program: &str) -> Command {
        let bin = self.folder.path().join("bin");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(program);
        command
            .env("PATH", format!("{}:{path}", bin.display()))
            .env_remove("RUST_LOG")
            .current_dir(self.work());
        command
    }

    /// The built program, and stand-ins for what needs root.
    fn install_programs(&self) {
        let bin = self.folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        symlink(env!("CARGO_BIN_EXE_mtls-gateway"), bin.join("mtls-gateway")).unwrap();
        let sudo = "#!/bin/sh\nif [ \"$1\" = -u ]; then shift 2; fi\nexec \"$@\"\n";
        for (name, script) in [("sudo", sudo), ("useradd", "#!/bin/sh\n"), ("chown", "#!/bin/sh\n")]
        {
            fs::write(bin.join(name), script).unwrap();
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    fn write_files_of_the_guide(&self) {
        let work = self.work();
        fs::create_dir_all(work.join("ca")).unwrap();
        let issuer = Authority::root("Server CA").unwrap();
        let server = issuer.server(["www.example.com"]).issue().unwrap();
        let platform = Authority::root("Platform CA").unwrap();
        let files = [
            ("www.example.com.crt", server.certificate_pem().to_owned()),
            ("www.example.com.key", server.key_pem()),
            ("TencentQQAuthCA.crt", platform.certificate_pem().to_owned()),
            ("ca/TencentQQAuthCA.crt", platform.certificate_pem().to_owned()),
        ];
        for (name, text) in files {
            fs::write(work.join(name), text).unwrap();
            fs::set_permissions(work.join(name), fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(service) = &mut self.service {
            // It may have ended by itself.
            _ = service.child.kill();
            _ = service.child.wait();
        }
    }
}

/// An address that nobody else is given while the socket lives: bound, so that the kernel hands it to no other
/// test, and not listening, so that a gateway that is told of it may take it (both allow reuse).
fn reserved_address() -> (Socket, String) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap().to_string();
    (socket, address)
}

/// An app that answers every request and notes the names of its headers; its address.
fn serve_app(headers: Arc<Mutex<BTreeSet<String>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // `check` connects and says nothing.
            _ = answer(&stream, &headers);
        }
    });
    address
}

fn answer(stream: &TcpStream, headers: &Mutex<BTreeSet<String>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream).take(1 << 20);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, _)) => headers.lock().unwrap().insert(name.to_owned()),
            None => break,
        };
    }
    let response = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
    (&*stream).write_all(response.as_bytes())
}
