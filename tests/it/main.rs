//! The gateway from the outside: real sockets, real certificates, an app that records every byte.
//!
//! One binary, one module a behaviour. A test makes its own certificates, starts its own gateway and app
//! on free ports, and waits for what must happen instead of sleeping.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(missing_docs, unreachable_pub, reason = "nobody reaches into a test")]

mod access_log;
mod admin;
mod attacks;
mod ceilings;
mod continuous;
mod faults;
mod forwarding;
mod headers;
mod identity_formats;
mod layers;
mod legacy;
mod limits;
mod live;
mod matrix;
mod modes;
mod mtls;
mod partial_chain;
mod pins;
mod pkits;
mod refusals;
mod reload;
mod rest;
mod resumption;
mod revocation;
mod routes;
mod rules;
mod shutdown;
mod smuggling;
mod spread;
mod streaming;
mod support;
mod upgrades;
mod upstream_failures;
mod upstreams;
