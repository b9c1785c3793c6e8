//! The app behind the gateway: `app.py`, an HTTP server that is not ours.

use std::process::{ChildStdin, Command};

use serde_json::Value;

use crate::process::{Lines, Process};

/// A running app.
pub(crate) struct App {
    pub(crate) port: u16,
    lines: Lines,
    // It ends when its standard input does, even if nobody is left to end it.
    _stdin: ChildStdin,
    _process: Process,
}

impl App {
    /// Starts one on a port of the system's choice.
    pub(crate) fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/outsiders/app.py");
        let mut process = Process::spawn(Command::new("python3").args(["-I", script]));
        let mut lines = process.stdout();
        let port = lines.find(|line| line.parse().ok());
        Self { port, lines, _stdin: process.stdin(), _process: process }
    }

    /// The next request that it saw.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Seen {
        let seen: Value = self.lines.find(|line| serde_json::from_str(line).ok());
        assert!(seen.get("error").is_none(), "the app says {seen}");
        Seen(seen)
    }

    /// What next it could not read to its end.
    #[track_caller]
    pub(crate) fn next_error(&mut self) -> String {
        let seen: Value = self.lines.find(|line| serde_json::from_str(line).ok());
        seen["error"].as_str().expect("an error").to_owned()
    }

    /// Whether it saw no request beyond those asked for.
    pub(crate) fn saw_no_more(&self) -> bool {
        self.lines.is_empty()
    }
}

/// One request as the app saw it.
#[derive(Debug)]
pub(crate) struct Seen(Value);

impl Seen {
    /// A value of the app's record, such as `method` or `body_sha256`.
    #[track_caller]
    pub(crate) fn text(&self, key: &str) -> &str {
        self.0[key].as_str().expect(key)
    }

    /// The length of the body.
    pub(crate) fn body_bytes(&self) -> u64 {
        self.0["body_bytes"].as_u64().expect("body_bytes")
    }

    /// All values of a header; the name in lower case.
    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        let lines = self.0["headers"].as_array().expect("headers");
        lines.iter().filter(|line| line[0] == name).filter_map(|line| line[1].as_str()).collect()
    }
}
