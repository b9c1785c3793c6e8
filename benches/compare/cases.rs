//! What is compared: each case with its name, its unit and its work.

use mtls_gateway::pki::Algorithm;

use crate::load::{Ask, Group, Kind, Load, Tls};

/// How many handshakes, or requests of the smaller kind, a test makes.
const TEST_OPERATIONS: usize = 8;
const MIB: usize = 1024 * 1024;

#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// What one figure is, as a sentence begins.
    pub(crate) what: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) work: Work,
    /// Rounds, at most.
    pub(crate) rounds: usize,
}

#[derive(Clone)]
pub(crate) enum Work {
    /// A load on an instance that stays up, and the time on processors for each operation.
    Load(Operations),
    /// Memory of so many connections.
    Idle { connections: usize },
    /// From the start of the process to the first answer.
    Startup,
    /// A steady load while certificates are swapped.
    Reload,
    /// The gateway with two workers beside the gateway with one.
    Workers,
}

#[derive(Clone)]
pub(crate) struct Operations {
    pub(crate) load: Load,
    pub(crate) count: usize,
    pub(crate) tls: Tls,
    pub(crate) algorithm: Algorithm,
    /// Bytes of a body, where the figure is for a GiB of those.
    pub(crate) body: Option<usize>,
}

impl Operations {
    pub(crate) fn resumes(&self) -> bool {
        matches!(self.load.kind, Kind::Handshakes { resumes: true })
    }

    /// How many there are in a run of this scale; in a test only as many as show that it works.
    pub(crate) fn scaled(&self, scale: f64, is_test: bool) -> usize {
        if is_test {
            return if self.body.is_some() { self.load.connections } else { TEST_OPERATIONS };
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive")]
        let scaled = (self.count as f64 * scale) as usize;
        scaled.max(self.load.connections)
    }
}

const PLAIN: Tls = Tls { is_1_2: false, group: Group::X25519, is_http2: false };
const TLS_1_2: Tls = Tls { is_1_2: true, ..PLAIN };
const HTTP_2: Tls = Tls { is_http2: true, ..PLAIN };

/// All of them, in the order of the table.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    handshakes(&mut cases);
    requests(&mut cases);
    bodies(&mut cases);
    let mut other = |name, what, unit, work, rounds| {
        cases.push(Case { name, what, unit, work, rounds });
    };
    let idle = Work::Idle { connections: 2000 };
    other("idle", "memory of an idle connection", "KiB", idle, 2);
    other("startup", "start to first answer", "ms", Work::Startup, usize::MAX);
    other("reload", "p99 with reloads ÷ p99 without", "×", Work::Reload, 1);
    other("workers2", "two workers ÷ one", "×", Work::Workers, usize::MAX);
    cases
}

fn handshakes(cases: &mut Vec<Case>) {
    let ec = Algorithm::EcP256;
    let hybrid = Tls { group: Group::Hybrid, ..PLAIN };
    for (name, what, tls, algorithm, resumes, count) in [
        ("full13-ec", "full handshake, TLS 1.3, P-256", PLAIN, ec, false, 600),
        ("full12-ec", "full handshake, TLS 1.2, P-256", TLS_1_2, ec, false, 600),
        ("full13-rsa", "full handshake, TLS 1.3, RSA-2048", PLAIN, Algorithm::Rsa2048, false, 400),
        ("full13-mlkem", "full handshake, ML-KEM offered", hybrid, ec, false, 500),
        ("resume13-ec", "resumed handshake, TLS 1.3", PLAIN, ec, true, 800),
        ("resume12-ec", "resumed handshake, TLS 1.2", TLS_1_2, ec, true, 1000),
    ] {
        let ask = Ask::bytes(1024);
        let kind = Kind::Handshakes { resumes };
        let load = Load { kind, connections: 8, warm_up: 3, ask };
        cases.push(operation(name, what, Operations { load, count, tls, algorithm, body: None }));
    }
}

fn requests(cases: &mut Vec<Case>) {
    let streams = Kind::Http2 { streams: 16 };
    for (name, what, kind, connections, length, count) in [
        ("h1-c1", "request, 1 connection", Kind::Http1, 1, 1024, 5000),
        ("h1-c16", "request, 16 connections", Kind::Http1, 16, 1024, 16_000),
        ("h1-c64", "request, 64 connections", Kind::Http1, 64, 1024, 16_000),
        ("h1-64k", "request for 64 KiB, 16 connections", Kind::Http1, 16, 64 * 1024, 4000),
        ("h2-1x16", "HTTP/2 request, 16 streams", streams, 1, 1024, 12_000),
        ("h2-16x16", "HTTP/2 request, 16 × 16 streams", streams, 16, 1024, 16_000),
    ] {
        let tls = if matches!(kind, Kind::Http1) { PLAIN } else { HTTP_2 };
        let load = Load { kind, connections, warm_up: 5, ask: Ask::bytes(length) };
        let algorithm = Algorithm::EcP256;
        cases.push(operation(name, what, Operations { load, count, tls, algorithm, body: None }));
    }
}

fn bodies(cases: &mut Vec<Case>) {
    const BODY: usize = 10 * MIB;
    let one = Kind::Http2 { streams: 1 };
    for (name, what, kind, ask, count) in [
        ("dl-10m", "10 MiB bodies to clients", Kind::Http1, Ask::bytes(BODY), 48),
        ("ul-10m", "10 MiB bodies from clients", Kind::Http1, Ask::upload(BODY), 40),
        ("h2-dl-10m", "10 MiB to clients, HTTP/2", one, Ask::bytes(BODY), 40),
        ("h2-ul-10m", "10 MiB from clients, HTTP/2", one, Ask::upload(BODY), 24),
    ] {
        let tls = if matches!(kind, Kind::Http1) { PLAIN } else { HTTP_2 };
        let load = Load { kind, connections: 4, warm_up: 1, ask };
        let (algorithm, body) = (Algorithm::EcP256, Some(BODY));
        let mut case = operation(name, what, Operations { load, count, tls, algorithm, body });
        case.unit = "ms for a GiB";
        cases.push(case);
    }
}

fn operation(name: &'static str, what: &'static str, operations: Operations) -> Case {
    Case { name, what, unit: "µs", work: Work::Load(operations), rounds: usize::MAX }
}
