//! A gateway inside the test's process: built from the text of a configuration, as the binary builds it.

use std::io::{self, PipeWriter, pipe};
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};

use mtls_gateway::app::App;
use mtls_gateway::config::{self, Source};
use mtls_gateway::generation::Generation;
use mtls_gateway::pki::Authority;
use mtls_gateway::process::{self, Reloads, Service, unix_now};
use mtls_gateway::serve::{BindError, Control, Stop};

use super::client::{Client, Connector};
use super::h2::H2;
use super::message::SITE;
use super::pki::Pki;
use super::upstream::Upstream;
use super::{PATIENCE, events};

/// The configuration's name in the folder of a test's files.
const CONFIG: &str = "gateway.toml";

/// A gateway that is being described.
pub struct Setup {
    pub pki: Pki,
    listeners: Vec<&'static str>,
    sites: Vec<String>,
    process: String,
    workers: usize,
    watch: bool,
}

impl Setup {
    /// One site, [`SITE`], in front of an app.
    pub fn new(upstream: &Upstream) -> Self {
        Self::with_url(&upstream.url)
    }

    /// The same with the app's address as a configuration writes it.
    pub fn with_url(upstream: &str) -> Self {
        let pki = Pki::new();
        let first = site(&pki, SITE, &pki.client_ca, upstream);
        Self {
            pki,
            listeners: vec!["127.0.0.1:0"],
            sites: vec![first],
            process: String::new(),
            workers: 1,
            watch: false,
        }
    }

    /// More of the first site, such as `[site.limits]`.
    pub fn site_tables(mut self, text: &str) -> Self {
        self.sites[0].push_str(text);
        self.sites[0].push('\n');
        self
    }

    /// The first site with other text in place of some.
    pub fn replacing(mut self, from: &str, to: &str) -> Self {
        assert!(self.sites[0].contains(from), "{from:?} is not in:\n{}", self.sites[0]);
        self.sites[0] = self.sites[0].replace(from, to);
        self
    }

    /// The first site with pins, as a configuration writes them, in place of its CA, and more of `[site.client]`.
    pub fn pinning(self, pins: &str, lines: &str) -> Self {
        self.replacing(&format!("client_ca = \"{SITE}.ca.crt\"\n"), "")
            .site_tables(&format!("[site.client]\npinned_spki_sha256 = [{pins}]\n{lines}"))
    }

    /// One more site, for the clients of another CA.
    pub fn site(mut self, name: &str, client_ca: &Authority, upstream: &Upstream) -> Self {
        self.sites.push(site(&self.pki, name, client_ca, &upstream.url));
        self
    }

    /// Another file's name wherever a site names one.
    pub fn with_file(mut self, from: &str, to: &str) -> Self {
        self.sites.iter_mut().for_each(|site| *site = site.replace(from, to));
        self
    }

    /// More of the process, such as `[limits]`.
    pub fn process_tables(mut self, text: &str) -> Self {
        self.process.push_str(text);
        self.process.push('\n');
        self
    }

    pub fn listen(mut self, address: &'static str) -> Self {
        self.listeners = vec![address];
        self
    }

    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Has reloads look at the files by themselves, too.
    pub fn watching(mut self) -> Self {
        self.watch = true;
        self
    }

    /// Its files alone, for the built program: the pki that they are of, and where the configuration lies.
    pub fn written(self) -> (Pki, PathBuf) {
        let mut text = self.listeners_and_sites();
        text.push_str(&format!("[runtime]\nworkers = {}\nwatch = {}\n", self.workers, self.watch));
        let path = self.pki.folder().join(CONFIG);
        std::fs::write(&path, &text).unwrap();
        (self.pki, path)
    }

    fn listeners_and_sites(&self) -> String {
        let mut text = String::new();
        for address in &self.listeners {
            text.push_str(&format!("[[listener]]\naddress = \"{address}\"\n"));
        }
        text.push_str(&self.sites.concat());
        text.push_str(&self.process);
        text
    }

    /// Builds, binds and runs it.
    pub fn start(self) -> Gateway {
        self.try_start().unwrap_or_else(|report| panic!("{report}"))
    }

    /// The same, or what is wrong with its files.
    pub fn try_start(self) -> Result<Gateway, String> {
        events::collect();
        let mut text = self.listeners_and_sites();
        if !text.contains("[log]") {
            // A test may refuse more clients in a minute than anybody wants to read of.
            text.push_str("[log]\nrefusals_per_minute = \"unlimited\"\n");
        }
        let (access, writer) = pipe().unwrap();
        if !text.contains("[access_log]") {
            // Opened anew by this name, so what is written there is read here.
            let fd = writer.as_raw_fd();
            text.push_str(&format!("[access_log]\ntarget = \"/dev/fd/{fd}\"\nformat = \"json\"\n"));
        }
        events::read(access);
        text.push_str(&format!("[runtime]\nworkers = {}\nwatch = {}\n", self.workers, self.watch));
        // For reloads; what it starts from is the text itself.
        std::fs::write(self.pki.folder().join(CONFIG), &text).unwrap();
        let generation = build(&self.pki, &text)?;
        let stop = Stop::default();
        let bound = App::bind(generation, stop.clone()).unwrap();
        let address = bound.addresses()[0];
        let control = bound.control();
        control.open_door().unwrap();
        let (tell, ended) = channel();
        std::thread::spawn(move || {
            // Nobody listens any more if the test is over.
            _ = tell.send(bound.run());
        });
        Ok(Gateway { pki: self.pki, address, stop, control, text, ended, _access: writer })
    }
}

/// A configuration as the binary would build it.
fn build(pki: &Pki, text: &str) -> Result<Generation, String> {
    let path = pki.folder().join(CONFIG);
    let (config, mut report) = config::parse(Source { path, text: text.to_owned() });
    let config = config.unwrap_or_else(|| panic!("{report}"));
    Generation::build(config, unix_now(), &mut report).ok_or_else(|| report.to_string())
}

fn site(pki: &Pki, name: &str, client_ca: &Authority, upstream: &str) -> String {
    pki.write_site(name, client_ca);
    format!(
        "[[site]]\nserver_names = [\"{name}\"]\ncertificate = \"{name}.crt\"\n\
         private_key = \"{name}.key\"\nclient_ca = \"{name}.ca.crt\"\nupstream = \"{upstream}\"\n"
    )
}

/// A gateway that runs; it ends with the test.
pub struct Gateway {
    pub pki: Pki,
    pub address: SocketAddr,
    pub stop: Stop,
    control: Control,
    /// The configuration that it started with.
    text: String,
    ended: Receiver<io::Result<()>>,
    /// Open for as long as the gateway may open it anew.
    _access: PipeWriter,
}

impl Gateway {
    /// One site in front of an app, with every default.
    pub fn before(upstream: &Upstream) -> Self {
        Setup::new(upstream).start()
    }

    /// A client that the gateway admits, before it connects.
    pub fn caller(&self) -> Connector {
        Connector::new(self.address, self.pki.roots()).presenting(self.pki.caller())
    }

    /// A verified HTTP/1.1 connection.
    pub fn connect(&self) -> Client {
        self.caller().connect()
    }

    /// A verified HTTP/2 connection.
    pub fn connect_h2(&self) -> H2 {
        H2::connect(&self.caller())
    }

    /// Reads every file anew, under a configuration in which `from` stands as `to`, and puts it in force.
    pub fn replace(&self, from: &str, to: &str) {
        assert!(self.text.contains(from), "{from:?} is not in:\n{}", self.text);
        self.put_in_force(&self.text.replace(from, to));
    }

    /// Reads every file anew, under another configuration, and puts it in force.
    pub fn put_in_force(&self, text: &str) {
        let generation = build(&self.pki, text);
        let generation = generation.unwrap_or_else(|report| panic!("{report}"));
        self.control.replace(generation, || Ok::<_, BindError>(())).unwrap();
    }

    /// Has the gateway reload from its files, as the service does.
    pub fn reloads(&self) -> Reloads {
        let path = self.pki.folder().join(CONFIG);
        let loaded = mtls_gateway::generation::load(&path, unix_now());
        let loaded = (loaded.files, loaded.keys);
        process::start_reloads(self.control.clone(), path, loaded, None, Service::none()).unwrap()
    }

    /// Writes its configuration anew, with `from` as `to`.
    pub fn rewrite(&self, from: &str, to: &str) {
        assert!(self.text.contains(from), "{from:?} is not in:\n{}", self.text);
        self.pki.write(CONFIG, &self.text.replace(from, to));
    }

    /// The addresses that it listens on now.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.control.addresses()
    }

    /// What can be done to it, and asked, while it runs.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Waits until the gateway has ended by itself.
    pub fn wait_for_end(&self) {
        self.ended.recv_timeout(PATIENCE).unwrap().unwrap();
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&self) -> bool {
        self.ended.try_recv().is_ok()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop.drain.cancel();
        self.stop.cut.cancel();
        // So that the temporary files outlive it. It may have been seen to end before.
        _ = self.ended.recv_timeout(PATIENCE);
    }
}
