//! The gateway as strangers meet it: the built binary, between clients and an app that share no code
//! with it (`curl`, `openssl s_client`, Python's `ssl` and `http.server`), with keys and certificates
//! that `openssl` made.
//!
//! A test that lacks a tool says so and passes, except where the environment has `CI`: there it fails.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "that is how a test fails"
)]

mod app;
mod curl;
mod gateway;
mod guides;
mod keys;
mod legacy;
mod load;
mod material;
mod nginx;
mod process;
mod python;
mod race;
mod revocation;
mod s_client;
mod stage;
mod websocket;
