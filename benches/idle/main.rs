//! What connections cost in memory, and what thousands of idle ones cost others: the built gateway as a process of its
//! own, before an app that waits or streams without end. `docs/performance.md` has the figures.
//!
//! ```sh
//! cargo bench --bench idle              # 20,000 idle connections, or as many as the system lets one process have
//! cargo bench --bench idle -- 5000      # so many
//! cargo bench --bench idle -- --test    # a few, to see that it runs
//! ```

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot be set up has nothing else to say")]
#![allow(clippy::panic, reason = "the same")]
#![allow(clippy::disallowed_macros, reason = "it prints its figures")]
#![allow(clippy::disallowed_methods, reason = "memory gives no sign when it has settled")]

mod client;
#[path = "../load/mod.rs"]
mod load;

use std::net::TcpStream;
use std::time::{Duration, Instant};

use client::{Alpn, Clients, Kept};
use load::{App, Certificates, Cores, Gateway};
use mtls_gateway::pki::Algorithm;

/// How many there are of each kind.
struct Counts {
    idle: usize,
    /// That wait for the app, read nothing, or send nothing more.
    busy: usize,
    /// Requests whose time is taken.
    requests: usize,
}

/// What all measurements have in common.
struct Stage {
    app: App,
    certificates: Certificates,
}

impl Stage {
    fn gateway(&self) -> Gateway {
        let more = format!("[runtime]\nwatch = false\n{}", load::runtime_for_readers());
        Gateway::start(&self.app, &self.certificates, &Cores::of_machine(), &more)
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_test = arguments.iter().any(|argument| argument == "--test");
    let asked = arguments.iter().find_map(|argument| argument.parse().ok());
    if asked.is_none() && arguments.iter().any(|argument| !argument.starts_with("--")) {
        // A filter for the other benchmark.
        return;
    }
    let counts = if is_test {
        Counts { idle: 50, busy: 20, requests: 20 }
    } else {
        let idle = asked.unwrap_or(20_000).min(load::descriptors() - 500);
        Counts { idle, busy: 1000.min(idle), requests: 2000 }
    };
    let stage = Stage {
        app: App::start(Cores::of_machine()),
        certificates: Certificates::make(Algorithm::EcP256),
    };
    println!("| what | how many | memory in all (PSS) | each |\n|---|---|---|---|");
    let mut latencies = Vec::new();
    for alpn in [Alpn::Http1, Alpn::Http2] {
        latencies.extend(idle(&stage, alpn, &counts));
    }
    for alpn in [Alpn::Http1, Alpn::Http2] {
        busy(&stage, alpn, counts.busy);
    }
    println!(
        "\n| beside them | a request on a kept connection, p50, p99 | handshake and request, p50, p99 |"
    );
    println!("|---|---|---|");
    for line in latencies {
        println!("{line}");
    }
}

/// Verified connections that have asked once and are kept.
fn idle(stage: &Stage, alpn: Alpn, counts: &Counts) -> Vec<String> {
    let gateway = stage.gateway();
    let clients = Clients::new(&gateway, &stage.certificates, alpn);
    let before = warmed_up(&gateway, &clients);
    let mut lines = Vec::new();
    if alpn == Alpn::Http1 {
        lines.push(latency("none", &clients, counts.requests));
    }
    let began = Instant::now();
    let parked = clients.park(counts.idle, client::GET);
    eprintln!("{} {} connections in {:?}", parked.len(), alpn.name(), began.elapsed());
    row(&format!("idle, {}", alpn.name()), parked.len(), before, gateway.process.settled_memory());
    let name = format!("{} idle, {}", parked.len(), alpn.name());
    lines.push(latency(&name, &clients, counts.requests));
    drop(parked);
    let left = gateway.process.settled_memory();
    println!("| after all of them closed | | {} KiB | |", left / 1024);
    lines
}

/// Connections whose exchange does not end.
fn busy(stage: &Stage, alpn: Alpn, count: usize) {
    for (what, request) in [
        ("request that waits for the app", client::HELD),
        ("client that reads nothing of a large response", client::LARGE),
        ("client that sends a body and stops", client::SLOW_POST),
    ] {
        let gateway = stage.gateway();
        let clients = Clients::new(&gateway, &stage.certificates, alpn);
        let before = warmed_up(&gateway, &clients);
        let begun = stage.app.begun();
        let parked: Vec<TcpStream> = clients.park(count, request);
        stage.app.wait_for(begun + count);
        row(
            &format!("{what}, {}", alpn.name()),
            parked.len(),
            before,
            gateway.process.settled_memory(),
        );
    }
}

/// What the gateway needs once it has done each thing that is done once.
fn warmed_up(gateway: &Gateway, clients: &Clients) -> u64 {
    drop(clients.park(50, client::GET));
    gateway.process.settled_memory()
}

fn row(what: &str, count: usize, before: u64, after: u64) {
    let each = after.saturating_sub(before) as f64 / count as f64 / 1024.0;
    let (before, after) = (before / 1024, after / 1024);
    println!("| {what} | {count} | {before} → {after} KiB | {each:.1} KiB |");
}

fn latency(beside: &str, clients: &Clients, count: usize) -> String {
    let mut kept = Kept::connect(clients);
    let asked = times(count, || kept.ask());
    let shaken = times(count / 5, || Kept::connect(clients).ask());
    format!("| {beside} | {} | {} |", percentiles(asked), percentiles(shaken))
}

fn times(count: usize, mut once: impl FnMut()) -> Vec<Duration> {
    let time = |_| {
        let began = Instant::now();
        once();
        began.elapsed()
    };
    (0..count).map(time).collect()
}

fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1000.0;
    format!("{:.2}, {:.2} ms", at(50), at(99))
}
