//! The built gateway as a process of its own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use rustix::process::{Resource, getrlimit, setrlimit};
use tempfile::TempDir;

use super::{App, Certificates, Cores, Leaf, Process, SITE};

/// How many descriptors a process may have; this one takes them, and what it starts inherits them.
pub(crate) fn descriptors() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    limit.maximum.map_or(usize::MAX, |maximum| usize::try_from(maximum).unwrap_or(usize::MAX))
}

/// The gateway that is measured.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_mtls-gateway");

pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) process: Process,
    /// Its configuration and files.
    pub(crate) folder: TempDir,
}

/// One site with default settings, but for what would end what is measured; `more` is added at the end.
pub(crate) fn configuration(listener: &str, app: SocketAddr, more: &str) -> String {
    format!(
        "[[listener]]\naddress = \"{listener}\"\n[[site]]\nserver_names = [\"{SITE}\"]\n\
         certificate = \"server.crt\"\nprivate_key = \"server.key\"\nclient_ca = \"ca.crt\"\n\
         upstream = \"http://{app}\"\n[site.timeouts]\nidle_timeout = \"1h\"\n\
         body_idle_timeout = \"1h\"\nresponse_header_timeout = \"1h\"\n\
         [limits]\nconnections_max = 100000\n[access_log]\ntarget = \"off\"\n\
         [log]\nformat = \"json\"\n{more}"
    )
}

/// Keys of `[runtime]` without which this user may not read what memory the gateway has; root needs none.
pub(crate) fn runtime_for_readers() -> &'static str {
    if rustix::process::geteuid().is_root() { "" } else { "core_dumps = true\n" }
}

impl Gateway {
    /// With the first of the server's certificates, on every address of this machine.
    pub(crate) fn start(app: &App, certificates: &Certificates, cores: &Cores, more: &str) -> Self {
        Self::start_by(Command::new(PROGRAM), app, certificates, cores, more)
    }

    /// The same; `command` is the program, or what runs it.
    pub(crate) fn start_by(
        command: Command,
        app: &App,
        certificates: &Certificates,
        cores: &Cores,
        more: &str,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        certificates.write(folder.path(), Leaf::First);
        let configuration = configuration("0.0.0.0:0", app.address, more);
        fs::write(folder.path().join("gateway.toml"), configuration).unwrap();
        let (address, process) = Self::launch(command, folder.path(), cores);
        Self { address, process, folder }
    }

    /// With the `gateway.toml` of a folder, whose first listener is on 127.0.0.1 or on every address; `command` is the
    /// program, or what runs it.
    pub(crate) fn launch(
        mut command: Command,
        folder: &Path,
        cores: &Cores,
    ) -> (SocketAddr, Process) {
        command.args(["run", "--config"]).arg(folder.join("gateway.toml"));
        command.stderr(Stdio::piped());
        let mut process = Process::start(command, cores).unwrap();
        let mut log = BufReader::new(process.child.stderr.take().unwrap()).lines();
        let address = log.find_map(|line| {
            let event: serde_json::Value = serde_json::from_str(&line.ok()?).ok()?;
            let is_it = event["message"] == "listening";
            is_it.then(|| event["address"].as_str()?.parse::<SocketAddr>().ok())?
        });
        let Some(address) = address else {
            panic!("the gateway did not start");
        };
        thread::spawn(move || {
            for line in log.map_while(Result::ok).filter(|line| !line.contains("\"INFO\"")) {
                eprintln!("{line}");
            }
        });
        (SocketAddr::from(([127, 0, 0, 1], address.port())), process)
    }
}
