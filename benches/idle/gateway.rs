//! The built gateway as a process of its own, and its memory.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use mtls_gateway::pki::{Authority, Issued};
use rustix::process::{Resource, getrlimit, setrlimit};
use tempfile::TempDir;

use crate::app::App;

pub(crate) const SITE: &str = "www.example.com";

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_mtls-gateway");

/// How many descriptors a process may have; this one takes them, and the gateway inherits them.
pub(crate) fn descriptors() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    limit.maximum.map_or(usize::MAX, |maximum| usize::try_from(maximum).unwrap_or(usize::MAX))
}

pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) server_ca: Authority,
    pub(crate) caller: Issued,
    process: Child,
    _folder: TempDir,
}

impl Gateway {
    pub(crate) fn start(app: &App, more: &str) -> Self {
        Self::start_by(Command::new(PROGRAM), app, more)
    }

    /// One site with default settings, but for what would end what is measured; `command` is the program, or what runs
    /// it.
    pub(crate) fn start_by(mut command: Command, app: &App, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server_ca = Authority::root("Server CA").unwrap();
        let client_ca = Authority::root("Client CA").unwrap();
        let server = server_ca.server([SITE]).issue().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("server.crt", server.certificate_pem());
        write("server.key", &server.key_pem());
        write("ca.crt", client_ca.certificate_pem());
        write(
            "gateway.toml",
            &format!(
                "[[listener]]\naddress = \"0.0.0.0:0\"\n[[site]]\nserver_names = [\"{SITE}\"]\n\
                 certificate = \"server.crt\"\nprivate_key = \"server.key\"\nclient_ca = \"ca.crt\"\n\
                 upstream = \"http://{}\"\n[site.timeouts]\nidle_timeout = \"1h\"\n\
                 body_idle_timeout = \"1h\"\nresponse_header_timeout = \"1h\"\n\
                 [limits]\nconnections_max = 100000\n[access_log]\ntarget = \"off\"\n\
                 [log]\nformat = \"json\"\n[runtime]\nwatch = false\n{more}",
                app.address
            ),
        );
        let mut process = command
            .args(["run", "--config"])
            .arg(folder.path().join("gateway.toml"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = log.find_map(|line| {
            let event: serde_json::Value = serde_json::from_str(&line.ok()?).ok()?;
            let is_it = event["message"] == "listening";
            is_it.then(|| event["address"].as_str()?.parse().ok())?
        });
        let Some(address) = address else {
            panic!("the gateway did not start");
        };
        thread::spawn(move || {
            for line in log.map_while(Result::ok).filter(|line| !line.contains("\"INFO\"")) {
                eprintln!("{line}");
            }
        });
        let caller = client_ca.client("caller").issue().unwrap();
        Self { address, server_ca, caller, process, _folder: folder }
    }

    /// Its memory in bytes, once that moves no more: pages that it shares count in part (PSS).
    pub(crate) fn settled_memory(&self) -> u64 {
        const ENOUGH: Duration = Duration::from_secs(10);
        let began = Instant::now();
        let mut last = self.memory();
        while began.elapsed() < ENOUGH {
            thread::sleep(Duration::from_millis(500));
            let now = self.memory();
            if now.abs_diff(last) < 64 * 1024 {
                return now;
            }
            last = now;
        }
        last
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    fn memory(&self) -> u64 {
        let path = format!("/proc/{}/smaps_rollup", self.id());
        let text = fs::read_to_string(path).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended already.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}
