//! What the benchmarks share that load a program from outside: an app, certificates, processes on processors of their
//! own, and a load of an exact number of operations with the time that the processes spent on it.
//!
//! ```text
//! let cores = Cores::of_machine();
//! let app = App::start(cores.load());
//! let certificates = Certificates::make(Algorithm::EcP256);
//! let gateway = Gateway::start(&app, &certificates, &cores.measured(), "[runtime]\nworkers = 1\n");
//! let client = Client { address: gateway.address, tls: certificates.client(&Tls::default()) };
//! let load = Load { kind: Kind::Http1, connections: 16, warm_up: 10, ask: Ask::bytes(1024) };
//! let outcome = cores.load().run(|| load.run(&client, 20_000, &gateway.process));
//! outcome.expect_no_errors();
//! println!("{:.1} µs, p99 {:?}", outcome.processor_micros(), outcome.latency(99));
//! ```
//!
//! A benchmark takes it in with `#[path = "../load/mod.rs"] mod load;`.

#![allow(dead_code, unused_imports, reason = "each benchmark needs a part of it")]

mod app;
mod certificates;
mod client;
mod cores;
mod gateway;
mod http1;
mod http2;
mod outcome;
mod process;
mod run;

pub(crate) use app::App;
pub(crate) use certificates::{Certificates, Group, Leaf, SITE, Tls};
pub(crate) use client::{Client, Stream};
pub(crate) use cores::Cores;
pub(crate) use gateway::{Gateway, PROGRAM, configuration, descriptors, runtime_for_readers};
pub(crate) use http1::{Answer, Ask, exchange};
pub(crate) use outcome::Outcome;
pub(crate) use process::Process;
pub(crate) use run::{Kind, Load, block_on, resting, within};
