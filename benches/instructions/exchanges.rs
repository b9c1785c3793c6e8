//! What a request and a connection cost the built gateway, end to end: its one worker, all libraries and the way into
//! the kernel, but not the kernel itself.

use std::path::Path;

use mtls_gateway::pki::Algorithm;
use rustls::HandshakeKind;
use rustls::client::Resumption;

use crate::callgrind::Callgrind;
use crate::client::{Http1, Http2};
use crate::connect::{Alpn, Clients, Tls};
use crate::load::{App, Certificates, Cores, Gateway, PROGRAM};

/// One thing that clients do, again and again.
pub(crate) struct Exchange {
    pub(crate) name: &'static str,
    /// How often it is done while instructions are counted, and before.
    count: u64,
    prepare: fn(&Stage) -> Box<dyn FnMut()>,
}

/// A gateway, and whom it knows.
struct Stage {
    gateway: Gateway,
    certificates: Certificates,
}

impl Stage {
    fn clients(&self, alpn: Alpn, resumption: Resumption) -> Clients {
        Clients::resuming(&self.gateway, &self.certificates, alpn, resumption)
    }

    fn connect(&self, alpn: Alpn) -> Tls {
        self.clients(alpn, Resumption::disabled()).connect(0)
    }
}

pub(crate) const EXCHANGES: [Exchange; 5] = [
    Exchange { name: "h1 GET, 1 KiB", count: 500, prepare: |stage| http1(stage, 1024) },
    Exchange { name: "h1 GET, 64 KiB", count: 100, prepare: |stage| http1(stage, 64 * 1024) },
    Exchange { name: "h2 GET, 1 KiB", count: 500, prepare: http2 },
    Exchange { name: "full handshake, GET and close", count: 50, prepare: shaken },
    Exchange { name: "resumed handshake, GET and close", count: 50, prepare: resumed },
];

impl Exchange {
    /// Instructions of one of them.
    pub(crate) fn measure(&self) -> u64 {
        let callgrind = Callgrind::new(self.name);
        let cores = Cores::of_machine();
        let app = App::start(cores.clone());
        let mut command = callgrind.command(Path::new(PROGRAM), None);
        // It would warn of what is allowed below.
        command.env("RUST_LOG", "info,mtls_gateway::process=error");
        // The sandbox would keep valgrind from its own files, and nobody but root could tell a process anything that
        // lets no debugger in.
        let more = "[runtime]\nwatch = false\nworkers = 1\nsandbox = \"off\"\ncore_dumps = true\n";
        let certificates = Certificates::make(Algorithm::EcP256);
        let gateway = Gateway::start_by(command, &app, &certificates, &cores, more);
        let stage = Stage { gateway, certificates };
        let mut exchange = (self.prepare)(&stage);
        // What is made once and what is remembered, such as a connection to the app.
        (0..self.count).for_each(|_| exchange());
        let work = || (0..self.count).for_each(|_| exchange());
        callgrind.count(stage.gateway.process.child.id(), work) / self.count
    }
}

fn http1(stage: &Stage, bytes: usize) -> Box<dyn FnMut()> {
    let mut connection = Http1(stage.connect(Alpn::Http1));
    Box::new(move || connection.get(bytes))
}

fn http2(stage: &Stage) -> Box<dyn FnMut()> {
    let mut connection = Http2::new(stage.connect(Alpn::Http2));
    Box::new(move || connection.get(1024))
}

fn shaken(stage: &Stage) -> Box<dyn FnMut()> {
    connections(stage.clients(Alpn::Http1, Resumption::disabled()), HandshakeKind::Full)
}

fn resumed(stage: &Stage) -> Box<dyn FnMut()> {
    let clients = stage.clients(Alpn::Http1, Resumption::in_memory_sessions(8));
    once(&clients);
    connections(clients, HandshakeKind::Resumed)
}

fn connections(clients: Clients, expected: HandshakeKind) -> Box<dyn FnMut()> {
    Box::new(move || assert_eq!(once(&clients), Some(expected)))
}

/// A connection, a request, the end of both.
fn once(clients: &Clients) -> Option<HandshakeKind> {
    let mut connection = Http1(clients.connect(0));
    connection.get(1024);
    let kind = connection.0.conn.handshake_kind();
    connection.close();
    kind
}
