//! The body is in `src/fuzzing`, where `cargo test` runs it too.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mtls_gateway::fuzzing::run("headers", bytes));
