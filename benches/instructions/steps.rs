//! Steps that need no socket. Each is run alone, in a process of its own that is this program again: what it is to work
//! on is made there, then it says so, and does the step when it is told to.

use std::hint::black_box;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, Method};
use mtls_gateway::config::{
    CanonicalPath, ClientMode, IdentityFormat, IdentityHeaders, ProxyProtocol, Source, parse,
};
use mtls_gateway::forward::ClientIdentityHeaders;
use mtls_gateway::observe::RequestId;
use mtls_gateway::policy::Verdict;
use mtls_gateway::proxy_protocol::{self, Client, Introduction, Parsed};
use mtls_gateway::serve::Term;
use mtls_gateway::tls::revocation::List;
use mtls_gateway::tls::unix_now;
use mtls_gateway::{config, generation, route};

use crate::big_list::BigList;
use crate::callgrind::Callgrind;
use crate::certificates::Stage;
use crate::exchange::{exchanges, log_to};

/// The first argument of the process that does a step; the second is its name.
pub(crate) const ALONE: &str = "--alone";

/// One step.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// How often it is done while instructions are counted, and before.
    count: usize,
    /// Makes what it is done on; it is done at most twice `count` times.
    prepare: fn(count: usize) -> Box<dyn FnMut()>,
}

pub(crate) const STEPS: [Step; 19] = [
    Step { name: "ask whether a connection stands", count: 10_000, prepare: standing },
    Step { name: "verdict, known chain", count: 1000, prepare: known_chain },
    Step { name: "verdict, new chain, P-256", count: 50, prepare: new_chain },
    Step {
        name: "x_ssl headers, made",
        count: 1000,
        prepare: |_| headers_made(IdentityFormat::XSsl),
    },
    Step {
        name: "x_ssl headers, set",
        count: 1000,
        prepare: |count| headers_set(IdentityFormat::XSsl, count),
    },
    Step {
        name: "xfcc header, made",
        count: 1000,
        prepare: |_| headers_made(IdentityFormat::Xfcc),
    },
    Step {
        name: "xfcc header, set",
        count: 1000,
        prepare: |count| headers_set(IdentityFormat::Xfcc, count),
    },
    Step { name: "list of 1,000, found", count: 1000, prepare: |_| listed(1000) },
    Step { name: "list of 1,000,000, found", count: 1000, prepare: |_| listed(1_000_000) },
    Step { name: "exchange without an access line", count: 1000, prepare: |_| exchange(false) },
    Step {
        name: "exchange that leaves an access line",
        count: 20_000,
        prepare: |_| exchange(true),
    },
    Step { name: "site of a name, 1 site", count: 10_000, prepare: |_| site(1) },
    Step { name: "site of a name, 1,000 sites", count: 10_000, prepare: |_| site(1000) },
    Step { name: "route of a path, the last of 20", count: 10_000, prepare: |_| route(20) },
    Step {
        name: "path that is canonical",
        count: 10_000,
        prepare: |_| path("/api/v1/callback/State.StateChange"),
    },
    Step {
        name: "path that is made canonical",
        count: 1000,
        prepare: |_| path("/api//v1/%63allback/./x/../State%2estateChange;a=b"),
    },
    Step { name: "request id", count: 10_000, prepare: request_id },
    Step {
        name: "PROXY header, version 1",
        count: 1000,
        prepare: |_| introduced(ProxyProtocol::V1),
    },
    Step {
        name: "PROXY header, version 2",
        count: 1000,
        prepare: |_| introduced(ProxyProtocol::V2),
    },
];

impl Step {
    /// Instructions of one of them.
    pub(crate) fn measure(&self) -> u64 {
        let callgrind = Callgrind::new(self.name);
        let program = std::env::current_exe().unwrap();
        // So that neither the waiting nor another thread counts.
        let command = callgrind.command(&program, Some("*instructions::steps::repeat*"));
        let mut process = Alone::start(command, self.name);
        process.wait();
        let id = process.0.id();
        let total = callgrind.count(id, || {
            process.tell();
            process.wait();
        });
        total / self.count as u64
    }
}

/// The process that does one step.
struct Alone(Child);

impl Alone {
    fn start(mut command: Command, step: &str) -> Self {
        command.args([ALONE, step]).stdin(Stdio::piped()).stdout(Stdio::piped());
        Self(command.spawn().unwrap())
    }

    fn wait(&mut self) {
        let mut line = String::new();
        // It writes a line only after it was told to, so that none is lost in here.
        BufReader::new(self.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the step failed");
    }

    fn tell(&mut self) {
        writeln!(self.0.stdin.as_mut().unwrap()).unwrap();
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        // It may have ended already.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// What the process of a step does.
pub(crate) fn alone(name: &str) {
    let step = STEPS.iter().find(|step| step.name == name).unwrap();
    let mut work = (step.prepare)(step.count);
    // What is made once and what is remembered.
    (0..step.count).for_each(|_| work());
    println!("prepared");
    let mut lines = std::io::stdin().lines();
    lines.next();
    repeat(&mut *work, step.count);
    println!("done");
    lines.next();
}

/// What valgrind knows by its name.
#[inline(never)]
fn repeat(work: &mut dyn FnMut(), count: usize) {
    for _ in 0..count {
        work();
    }
}

fn standing(_: usize) -> Box<dyn FnMut()> {
    let epoch = AtomicU64::new(7);
    let term = Term { epoch: 7, reached: unix_now(), valid_until: unix_now() + 1_000_000 };
    Box::new(move || {
        let epoch = black_box(&epoch).load(Ordering::Acquire);
        assert!(black_box(term).holds(epoch, unix_now()));
    })
}

fn stage(clients: usize) -> Stage {
    Stage::new(&rcgen::PKCS_ECDSA_P256_SHA256, clients as u64)
}

fn known_chain(_: usize) -> Box<dyn FnMut()> {
    let stage = stage(1);
    Box::new(move || drop(stage.site.tls.judge(black_box(&stage.chains[0])).unwrap()))
}

fn new_chain(count: usize) -> Box<dyn FnMut()> {
    let stage = stage(2 * count);
    let mut chains = stage.chains.into_iter();
    let site = stage.site;
    Box::new(move || drop(site.tls.judge(&chains.next().unwrap()).unwrap()))
}

fn verdict() -> Verdict {
    let stage = stage(1);
    stage.site.tls.judge(&stage.chains[0]).unwrap().verdict
}

fn headers_config(format: IdentityFormat) -> IdentityHeaders {
    IdentityHeaders { formats: vec![format], bytes_max: 1 << 16 }
}

fn headers_made(format: IdentityFormat) -> Box<dyn FnMut()> {
    let (verdict, config) = (verdict(), headers_config(format));
    Box::new(move || {
        let verdict = black_box(&verdict);
        black_box(ClientIdentityHeaders::new(verdict, ClientMode::Require, &config));
    })
}

fn headers_set(format: IdentityFormat, count: usize) -> Box<dyn FnMut()> {
    let config = headers_config(format);
    let made = ClientIdentityHeaders::new(&verdict(), ClientMode::Require, &config);
    let mut empty: Vec<_> = (0..2 * count).map(|_| HeaderMap::with_capacity(32)).collect();
    let mut number = 0;
    Box::new(move || {
        made.set(&mut empty[number]).unwrap();
        number += 1;
    })
}

fn listed(count: usize) -> Box<dyn FnMut()> {
    let big = BigList::new(count);
    let list = List::read(big.der, Path::new("ca.crl")).unwrap();
    let mut number = 0;
    Box::new(move || {
        black_box(list.find(&big.serials[number % count]).unwrap());
        number += 1;
    })
}

fn exchange(has_line: bool) -> Box<dyn FnMut()> {
    let log = has_line.then(|| log_to(Path::new("/dev/null")));
    Box::new(exchanges(log, &verdict()))
}

fn site(count: usize) -> Box<dyn FnMut()> {
    let sites = configured(count, 0);
    let names = generation::names(&sites);
    let host = format!("site{}.example.com", count / 2);
    Box::new(move || assert_eq!(names.site(black_box(&host)), Some(count / 2)))
}

fn route(count: usize) -> Box<dyn FnMut()> {
    let site = configured(1, count).remove(0);
    let path = format!("/api/v{}/callback", count - 1);
    Box::new(move || {
        let path = black_box(path.as_str());
        assert!(black_box(route::find(&site.routes, &Method::GET, path)).is_some());
    })
}

/// So many sites, each with so many routes beside its own.
fn configured(sites: usize, routes: usize) -> Vec<config::Site> {
    let routes: String = (0..routes)
        .map(|number| format!("[[site.route]]\npath_prefix = \"/api/v{number}\"\n"))
        .collect();
    let site = |number| {
        format!(
            "[[site]]\nserver_names = [\"site{number}.example.com\"]\ncertificate = \"server.pem\"\n\
             private_key = \"key.pem\"\nclient_ca = \"ca.pem\"\nupstream = \"http://127.0.0.1:8080\"\n{routes}"
        )
    };
    let sites: String = (0..sites).map(site).collect();
    let text = format!("[[listener]]\naddress = \"127.0.0.1:0\"\n{sites}");
    let (config, _) = parse(Source { path: "gateway.toml".into(), text });
    config.unwrap().sites
}

fn path(path: &'static str) -> Box<dyn FnMut()> {
    Box::new(move || drop(black_box(CanonicalPath::of(black_box(path), false).unwrap())))
}

fn request_id(_: usize) -> Box<dyn FnMut()> {
    Box::new(|| _ = black_box(RequestId::random().hex()))
}

fn introduced(version: ProxyProtocol) -> Box<dyn FnMut()> {
    let introduction = Introduction {
        client: SocketAddr::from((Ipv4Addr::new(192, 0, 2, 7), 51034)),
        gateway: SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 443)),
        tls_version: "TLS 1.3",
        is_resumed: false,
        server_name: Some("www.example.com".to_owned()),
        unique_id: RequestId::random(),
    };
    let client = Client::Verified(Some("caller"));
    let header = proxy_protocol::header(version, &introduction, client);
    Box::new(move || {
        let parsed = proxy_protocol::parse(black_box(&header));
        assert!(matches!(parsed, Ok(Parsed::Whole(..))));
    })
}
