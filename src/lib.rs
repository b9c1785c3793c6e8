//! A reverse proxy that requires client certificates.
//!
//! The map of the house, from the top floor down; a module imports only from floors below its own
//! (`tests/it/layers.rs` checks every import):
//!
//! | floor | modules |
//! |---|---|
//! | command line | [`cli`]: one file a subcommand |
//! | whole | [`app`]: bind, run · [`process`]: being a Unix process |
//! | sockets | [`serve`]: from a TCP socket to a verified connection |
//! | requests | [`forward`]: from a request to a response · [`admin`]: what operators ask of a gateway that runs |
//! | snapshot | [`generation`]: one configuration, fully built |
//! | tools | [`tls`]: everything rustls · [`upstream`]: the app's side · [`pki`]: making certificates · [`local_socket`]: Unix sockets · [`proxy_protocol`]: what a balancer says |
//! | records | [`observe`]: logs, refusals, counters |
//! | decisions | [`policy`], [`route`]: pure |
//! | configuration | [`config`]: `gateway.toml` to domain types, all problems at once |
//! | facts | [`identity`]: what a certificate says, and the proof that it was verified |
//!
//! Beside the floors, and in no build that serves: `fuzzing`, what holds of any input at all.

pub mod admin;
pub mod app;
pub mod cli;
pub mod config;
pub mod forward;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod generation;
pub mod identity;
pub mod local_socket;
pub mod observe;
pub mod pki;
pub mod policy;
pub mod process;
pub mod proxy_protocol;
pub mod route;
pub mod serve;
pub mod tls;
pub mod upstream;
