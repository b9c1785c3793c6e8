//! The built binary, running.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::process::{Lines, Process};

/// A running gateway.
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    log: Lines,
    process: Process,
}

impl Gateway {
    /// Starts one with a configuration file that has one listener and logs in JSON.
    #[track_caller]
    pub(crate) fn start(config: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mtls-gateway"));
        command.args(["run", "--config"]).arg(config);
        command.env_remove("RUST_LOG");
        let mut process = Process::spawn(&mut command);
        let mut log = process.stderr();
        let address = log.find(|line| {
            let event: Value = serde_json::from_str(line).ok()?;
            let is_it = event["message"] == "listening";
            is_it.then(|| event["address"].as_str()?.parse().ok())?
        });
        Self { address, log, process }
    }

    /// Its number, for signals.
    pub(crate) fn process(&self) -> u32 {
        self.process.id()
    }

    /// The next event that it logged under `target`, such as `access` or `refusal`.
    #[track_caller]
    pub(crate) fn next_event(&mut self, target: &str) -> Value {
        self.log.find(|line| {
            let event: Value = serde_json::from_str(line).ok()?;
            (event["target"] == target).then_some(event)
        })
    }

    /// The code of the next refusal that it logged.
    #[track_caller]
    pub(crate) fn next_refusal(&mut self) -> String {
        let event = self.next_event("refusal");
        event["reason"].as_str().expect("a reason").to_owned()
    }
}
