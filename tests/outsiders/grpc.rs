//! gRPC end to end by Google's library: its client with a certificate, the gateway, its server in clear text.
//!
//! The library is a wheel of PyPI that `.ci/run` unpacks into `target/grpc`; it is used from where it lies.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::material::Folder;
use crate::process::{self, Process, are_installed};
use crate::stage::Stage;

const SITE: &str = r#"
    [[site]]
    server_names = ["www.example.com"]
    certificate = "server.crt"
    private_key = "server.key"
    client_ca = "client-ca.crt"
    upstream = "h2c://127.0.0.1:GRPC_PORT"
    [[site.route]]
    path_prefix = "/closed"
    allow = [{ subject_cn = "nobody" }]
    [[site.route]]
    path_prefix = "/away"
    upstream = "h2c://127.0.0.1:1"
"#;

/// Python with the library on its path; `None` where that is missing and may be.
fn python() -> Option<Command> {
    if !are_installed(&["openssl", "python3"]) {
        return None;
    }
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/grpc");
    if !library.join("grpc").is_dir() {
        assert!(
            std::env::var_os("CI").is_none(),
            "there is no {library:?}, and CI may skip nothing"
        );
        process::skipped("grpcio is not unpacked in target/grpc");
        return None;
    }
    let mut python = Command::new("python3");
    python.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/outsiders/grpc_peer.py"));
    python.env("PYTHONPATH", library).env("PYTHONDONTWRITEBYTECODE", "1");
    Some(python)
}

#[test]
fn every_kind_of_call_works_and_ends_as_the_server_or_the_client_wants() {
    let (Some(mut server), Some(mut client)) = (python(), python()) else {
        return;
    };
    let mut server = Process::spawn(server.arg("server"));
    let _open = server.stdin();
    let port: u16 = server.stdout().find(|line| line.parse().ok());
    let site = SITE.replace("GRPC_PORT", &port.to_string());
    let stage = Stage::with_site(Folder::with_household(), &site);
    client.args(["client", &stage.gateway.address.port().to_string()]);
    let said = process::run(client.current_dir(stage.folder.path()), b"").text();
    let said: Value = serde_json::from_str(&said).unwrap();
    let expected = json!({
        "unary": [true, "early", "late", true],
        "large": "SUCCESS||".len(),
        "fail": ["FAILED_PRECONDITION", "not so: ä %"],
        "unknown": "UNIMPLEMENTED",
        "download": 1000,
        "upload": "500000",
        "both": ["echo 0", "echo 1", "echo 2", "echo 3", "echo 4"],
        "stall": "begun",
        "cancelled": "1",
        "soon": true,
        "deadline": "DEADLINE_EXCEEDED",
        "after": true,
        // The gateway's own answers.
        "denied": ["PERMISSION_DENIED", "this client certificate is not admitted here"],
        "away": ["UNAVAILABLE", "the app cannot be reached"],
    });
    assert_eq!(said, expected);
}
