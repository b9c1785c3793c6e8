//! WebSocket by Python's `websockets`, which is the client and the app.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::material::Folder;
use crate::process::{self, Process, are_installed, skipped};
use crate::stage::{SITE, Stage};

#[test]
fn a_client_and_an_app_that_share_no_code_with_the_gateway_understand_each_other() {
    let Some(wheel) = wheel() else {
        return;
    };
    if !are_installed(&["openssl", "python3"]) {
        return;
    }
    let mut app = Process::spawn(python(&wheel).arg("app"));
    let port: u16 = app.stdout().find(|line| line.parse().ok());
    let _stdin = app.stdin();
    let sites = SITE.replace("APP_PORT", &port.to_string());
    let stage = Stage::with_site(Folder::with_household(), &sites);
    let mut client = python(&wheel);
    client.args(["client", &stage.gateway.address.port().to_string()]);
    let said = process::run(client.current_dir(stage.folder.path()), b"").text();
    let mut said: Value = serde_json::from_str(&said).unwrap();
    let identity = said["identity"].take();
    assert!(identity.as_str().is_some_and(|name| name.contains("CN=")), "{identity}");
    assert_eq!(
        said,
        json!({
            "identity": null, "subprotocol": "chat", "compressed": true, "large": true, "fragments": "one two three",
            "ping": true, "closed_by_client": 1000, "closed_by_app": [4001, "enough"], "refused": 403, "many": [1000],
        })
    );
}

/// Python's `websockets`, where `.ci/run` puts it. If it is not there, says so; with `CI` set, fails.
fn wheel() -> Option<PathBuf> {
    let wheels = concat!(env!("CARGO_MANIFEST_DIR"), "/target/wheels");
    let mut files = std::fs::read_dir(wheels).into_iter().flatten().flatten();
    let found = files.find(|file| file.file_name().to_string_lossy().starts_with("websockets-"));
    if found.is_none() {
        skipped("Python's websockets is not in target/wheels");
    }
    found.map(|file| file.path())
}

fn python(wheel: &PathBuf) -> Command {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/outsiders/websocket.py");
    let mut python = Command::new("python3");
    python.args(["-I", script]).arg(wheel);
    python
}
