//! The built program from outside: its exit codes, what it prints, and what signals do to it.

// Helpers of tests may panic like tests; Clippy's own exception stops at functions marked as tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(missing_docs, unreachable_pub, reason = "nobody reaches into a test")]

mod access_log;
mod check;
mod demo;
mod explain;
mod faults;
mod keys;
mod memory;
mod reload;
mod run;
mod sandbox;
mod service;
mod socket;
mod support;
mod upgrade;
mod usage;
