//! WebSocket by Python's `websockets`, which is the client and the app, and over HTTP/2 by its `h2`.

use std::process::{ChildStdin, Command};

use serde_json::{Value, json};

use crate::material::Folder;
use crate::process::{self, Process, are_installed, skipped};
use crate::stage::{SITE, Stage};

/// Where `.ci/run` puts what Python needs.
const WHEELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/wheels");

#[test]
fn a_client_and_an_app_that_share_no_code_with_the_gateway_understand_each_other() {
    let Some(stage) = WebSocketStage::new() else {
        return;
    };
    let mut said = stage.client("client");
    let identity = said["identity"].take();
    assert!(identity.as_str().is_some_and(|name| name.contains("CN=")), "{identity}");
    let expected = json!({
        "identity": null, "subprotocol": "chat", "compressed": true, "large": true, "fragments": "one two three",
        "ping": true, "closed_by_client": 1000, "closed_by_app": [4001, "enough"], "refused": 403, "many": [1000],
    });
    assert_eq!(said, expected);
}

#[test]
fn so_do_they_over_http_2() {
    let Some(stage) = WebSocketStage::new() else {
        return;
    };
    let mut said = stage.client("client2");
    let identity = said["identity"].take();
    assert!(identity.as_str().is_some_and(|name| name.contains("CN=")), "{identity}");
    let expected = json!({
        "can": 1, "status": [200], "large": 8, "closed": [1000], "identity": null, "refused": 403,
    });
    assert_eq!(said, expected);
}

/// A gateway before an app of WebSocket.
struct WebSocketStage {
    stage: Stage,
    // It ends when its standard input does.
    _stdin: ChildStdin,
    _app: Process,
}

impl WebSocketStage {
    /// `None`, if a tool is missing and may be.
    fn new() -> Option<Self> {
        if !are_installed(&["openssl", "python3"]) || !has_wheels() {
            return None;
        }
        let mut app = Process::spawn(python().arg("app"));
        let port: u16 = app.stdout().find(|line| line.parse().ok());
        let stdin = app.stdin();
        let sites = SITE.replace("APP_PORT", &port.to_string());
        let stage = Stage::with_site(Folder::with_household(), &sites);
        Some(Self { stage, _stdin: stdin, _app: app })
    }

    /// What a client of `websocket.py` says.
    #[track_caller]
    fn client(&self, which: &str) -> Value {
        let mut client = python();
        client.args([which, &self.stage.gateway.address.port().to_string()]);
        let said = process::run(client.current_dir(self.stage.folder.path()), b"").text();
        serde_json::from_str(&said).unwrap()
    }
}

/// Whether they are there. If not, says so; with `CI` set, fails.
fn has_wheels() -> bool {
    let files: Vec<_> = std::fs::read_dir(WHEELS)
        .into_iter()
        .flatten()
        .flatten()
        .map(|file| file.file_name().to_string_lossy().into_owned())
        .collect();
    let missing = ["websockets-", "h2-", "hpack-", "hyperframe-"]
        .into_iter()
        .find(|package| !files.iter().any(|file| file.starts_with(package)));
    if let Some(package) = missing {
        skipped(&format!("Python's {} is not in target/wheels", package.trim_end_matches('-')));
    }
    missing.is_none()
}

fn python() -> Command {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/outsiders/websocket.py");
    let mut python = Command::new("python3");
    python.args(["-I", script, WHEELS]);
    python
}
