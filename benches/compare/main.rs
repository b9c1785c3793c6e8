//! The gateway beside nginx, HAProxy and Envoy on this machine: what a handshake, a request and a body cost each of
//! them in processor time, what an idle connection takes in memory, how long a start takes, and what a reload does to
//! others. `docs/performance.md` has the method, the figures and what they mean.
//!
//! ```sh
//! cargo bench --bench compare                           # all that is there, less than ten minutes after the build
//! cargo bench --bench compare -- --cases h1-c16,idle    # these; --help has all options
//! cargo bench --bench compare -- --test                 # each once with a few operations, to see that it runs
//! ```
//!
//! It installs nothing: a program that is neither on the path nor given by `--bin` is left out with a note. It fails
//! where the gateway fails an operation.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot be set up has nothing else to say")]
#![allow(clippy::panic, reason = "the same")]
#![allow(clippy::disallowed_macros, reason = "it prints its figures")]
#![allow(clippy::disallowed_methods, reason = "memory gives no sign when it has settled")]

mod arguments;
mod cases;
#[path = "../load/mod.rs"]
mod load;
mod machine;
mod measure;
mod peers;
mod plot;
mod reload;
mod report;
mod results;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use mtls_gateway::pki::Algorithm;

use arguments::{Arguments, Asked};
use cases::{Case, Work};
use machine::Machine;
use measure::{Instances, Stage, is_rsa, measure};
use peers::{Kind, Peer};
use report::Report;
use results::Results;

fn main() -> ExitCode {
    let arguments = match arguments::parse(std::env::args().skip(1)) {
        Ok(Asked::Run(arguments)) => arguments,
        Ok(Asked::Another) => return ExitCode::SUCCESS,
        Ok(Asked::Help) => {
            println!("{}", arguments::USAGE);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("compare: {error}\n\n{}", arguments::USAGE);
            return ExitCode::FAILURE;
        }
    };
    let began = Instant::now();
    load::descriptors();
    let mut results = Results::default();
    let peers = find(&arguments, &mut results);
    let stage = Stage::set_up(arguments.scale, arguments.is_test);
    if stage.cores.count() == 1 {
        results.notes.push("one processor: the load ran on that of what is measured".to_owned());
    }
    let machine = Machine::look(&stage.cores);
    run(&arguments, &stage, &peers, &mut results);
    let has_failed = results.has_gateway_failed;
    let report = Report {
        arguments: &arguments,
        peers: &peers,
        machine: &machine,
        results: &results,
        elapsed: began.elapsed(),
        load_after: machine::load(),
    };
    let text = report.markdown();
    println!("{text}");
    if let Some(path) = &arguments.markdown {
        report::put(path, &text);
    }
    if let Some(path) = &arguments.json {
        write(path, &format!("{:#}\n", report.json()));
    }
    if let Some(path) = &arguments.svg {
        write(path, &plot::draw(&arguments.cases, &peers, &results));
    }
    if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// The peers that are asked for and are here.
fn find(arguments: &Arguments, results: &mut Results) -> Vec<Peer> {
    let mut found = Vec::new();
    for kind in &arguments.peers {
        match Peer::find(*kind, arguments.programs.get(kind).map(std::path::PathBuf::as_path)) {
            Some(peer) => found.push(peer),
            None => {
                let key = kind.key();
                let note = format!("{} was not found, see `--bin {key}=PATH`", kind.name());
                eprintln!("! {note}");
                results.notes.push(note);
            }
        }
    }
    found
}

/// First what needs all peers up at once, then what starts one of its own: a program that runs twice shares memory with
/// itself, which would count half.
fn run(arguments: &Arguments, stage: &Stage, peers: &[Peer], results: &mut Results) {
    let is_load = |case: &&Case| matches!(case.work, Work::Load(_));
    let (loads, others): (Vec<_>, Vec<_>) = arguments.cases.iter().partition(is_load);
    let instances = start(&loads, stage, peers, results);
    rounds(arguments.rounds, &loads, stage, peers, &instances, results);
    drop(instances);
    rounds(arguments.rounds, &others, stage, peers, &Instances::new(), results);
}

/// Rounds go case by case, and in a case peer by peer in an order that is drawn anew, so that what else the machine
/// does meanwhile hits all alike.
fn rounds(
    count: usize,
    cases: &[&Case],
    stage: &Stage,
    peers: &[Peer],
    instances: &Instances,
    results: &mut Results,
) {
    for round in 0..count {
        for case in cases.iter().filter(|case| round < case.rounds) {
            let mut order: Vec<_> = peers.iter().collect();
            fastrand::shuffle(&mut order);
            for peer in order {
                match measure(stage, instances, peer, case) {
                    Some(Ok(sample)) => {
                        if matches!(case.work, Work::Reload) && reload::lost(&sample) {
                            // Of the others it is a figure.
                            results.has_gateway_failed |= peer.kind == Kind::Gateway;
                        }
                        results.add(case, peer.kind, round, sample);
                    }
                    Some(Err(error)) => {
                        let what = format!("{}, round {}: {error}", case.name, round + 1);
                        results.fail(peer.kind, &what);
                    }
                    None => {}
                }
            }
        }
        if !cases.is_empty() {
            eprintln!("round {} of {count}, load {:.2}", round + 1, machine::load());
        }
    }
}

/// An instance of each peer for each kind of keys that a case needs.
fn start(cases: &[&Case], stage: &Stage, peers: &[Peer], results: &mut Results) -> Instances {
    let mut instances = Instances::new();
    let needs = |wanted: bool| {
        let is_it = |case: &&Case| match &case.work {
            Work::Load(operations) => is_rsa(operations) == wanted,
            _ => false,
        };
        cases.iter().any(is_it)
    };
    for peer in peers {
        for (is_rsa, algorithm) in [(false, Algorithm::EcP256), (true, Algorithm::Rsa2048)] {
            if !needs(is_rsa) {
                continue;
            }
            match stage.start(peer, algorithm) {
                Ok(instance) => {
                    instances.insert((peer.kind, is_rsa), instance);
                }
                Err(error) => results.fail(peer.kind, &format!("did not start: {error}")),
            }
        }
    }
    instances
}
