//! What holds of any input at all: the bodies of the fuzz targets in `fuzz/`, with the seeds that they start from.
//!
//! A body takes any bytes and panics if a promise is broken. It asks somebody else where that is cheap: another
//! parser, or a few plain lines that do the same more slowly. `tests` runs the same bodies over damaged seeds
//! in every `cargo test`. In no build that serves: `lib.rs` compiles this for tests and fuzzing only.

// A broken promise is told by a panic; nothing of this serves.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod certificate;
mod configuration;
mod der;
mod frames;
mod headers;
mod list;
mod names;
mod path;
mod pattern;
mod proxy_protocol;
mod reading_back;
mod seeds;
#[cfg(test)]
mod tests;
mod wire;

/// One fuzz target.
pub struct Target {
    /// Its name, and that of its file in `fuzz/targets`.
    pub name: &'static str,
    /// Its body.
    pub run: fn(&[u8]),
    /// What it starts from; made anew each time, with keys of its own.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: [Target; 10] = [
    // A certificate, from its first byte.
    Target { name: "certificate", run: certificate::run, seeds: seeds::certificates },
    // A certificate that can always be read, with names made of the input.
    Target { name: "names", run: names::run, seeds: seeds::names },
    // A revocation list, from its first byte.
    Target { name: "list", run: list::run, seeds: seeds::lists },
    // A rule's pattern and the names that it is compared with.
    Target { name: "pattern", run: pattern::run, seeds: seeds::patterns },
    // A request's path, and servers that read it in their own ways.
    Target { name: "path", run: path::run, seeds: seeds::paths },
    // The text of a `gateway.toml`.
    Target { name: "configuration", run: configuration::run, seeds: seeds::configurations },
    // What a balancer says first.
    Target { name: "proxy_protocol", run: proxy_protocol::run, seeds: seeds::proxy_headers },
    // What comes in from outside before anything else is known of it: a ClientHello, a file.
    Target { name: "wire", run: wire::run, seeds: seeds::wire },
    // The headers of a request, line by line.
    Target { name: "headers", run: headers::run, seeds: seeds::headers },
    // What a client of HTTP/2 sends, in pieces.
    Target { name: "frames", run: frames::run, seeds: seeds::frames },
];

/// Runs the target of this name.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.expect("a fuzz target of this name").run)(bytes);
}
