//! Python's `ssl` and `http.client`: pipelining, and ends of connections in good and bad manner.

use std::process::Command;

use serde_json::{Value, json};

use crate::process;
use crate::stage::Stage;

const VERSIONS: [&str; 2] = ["1.2", "1.3"];

#[test]
fn three_requests_of_every_framing_share_a_connection() {
    let Some(mut stage) = Stage::new("python3") else {
        return;
    };
    for version in VERSIONS {
        let said = client(&stage, version, "requests");
        let answers = json!([[200, 11, "GET", 0], [200, 11, "POST", 12], [200, 11, "PUT", 10]]);
        assert_eq!(said, json!({"tls": format!("TLSv{version}"), "answers": answers}));
        let framings = [(0, 0), (1, 0), (0, 1)];
        for (lengths, codings) in framings {
            let seen = stage.app.next();
            assert_eq!(seen.headers("content-length").len(), lengths, "{seen:?}");
            assert_eq!(seen.headers("transfer-encoding").len(), codings, "{seen:?}");
        }
        let peers = [(); 3].map(|()| stage.gateway.next_event("access")["peer"].clone());
        assert!(peers.iter().all(|peer| *peer == peers[0]));
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let Some(stage) = Stage::new("python3") else {
        return;
    };
    for version in VERSIONS {
        let said = client(&stage, version, "pipelined");
        assert_eq!(said, json!({"lengths": [1, 2, 3]}));
    }
}

#[test]
fn a_connection_ends_with_a_goodbye() {
    let Some(stage) = Stage::new("python3") else {
        return;
    };
    for version in VERSIONS {
        let said = client(&stage, version, "goodbye");
        assert_eq!(said, json!({"received": "000102030405060708"}));
    }
}

#[test]
fn a_client_that_leaves_without_a_goodbye_harms_nobody() {
    let Some(mut stage) = Stage::new("python3") else {
        return;
    };
    for version in VERSIONS {
        client(&stage, version, "no_goodbye");
        assert_eq!(stage.gateway.next_event("access")["outcome"], "complete");
        client(&stage, version, "requests");
        for _ in 0..3 {
            assert_eq!(stage.gateway.next_event("access")["outcome"], "complete");
        }
    }
}

#[test]
fn an_upload_that_is_cut_short_is_no_request_to_the_app() {
    let Some(mut stage) = Stage::new("python3") else {
        return;
    };
    for version in VERSIONS {
        client(&stage, version, "cut_upload");
        let event = stage.gateway.next_event("access");
        assert_ne!(event["outcome"], "complete", "{event}");
        // It is told by a reset, which may overtake what it has not read yet.
        let error = stage.app.next_error();
        assert!(
            ["cut short", "ConnectionResetError"].iter().any(|one| error.contains(one)),
            "{error}"
        );
    }
    assert!(stage.app.saw_no_more());
}

/// Runs a client of `client.py`.
#[track_caller]
fn client(stage: &Stage, version: &str, what: &str) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/outsiders/client.py");
    let port = stage.gateway.address.port().to_string();
    let mut python = Command::new("python3");
    python.args(["-I", script, &port, version, what]);
    let said = process::run(python.current_dir(stage.folder.path()), b"").text();
    serde_json::from_str(&said).unwrap()
}
