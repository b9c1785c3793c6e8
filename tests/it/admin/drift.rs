//! A client that comes with another issuer, key or names than before is told of.

use std::thread;

use mtls_gateway::pki::{Authority, Issued};
use mtls_gateway::process::unix_now;
use rustls::client::Resumption;
use serde_json::json;
use tracing::Level;

use super::{TABLE, look};
use crate::support::events;
use crate::support::gateway::{Gateway, Setup};
use crate::support::message::SITE;
use crate::support::pki::Credentials;
use crate::support::upstream::{OK, Upstream};

const DAY: i64 = 24 * 60 * 60;

/// A gateway that believes two CAs, and the second of them.
fn started(app: &Upstream) -> (Gateway, Authority) {
    let other = Authority::root("Other CA").unwrap();
    let setup = Setup::new(app).process_tables(TABLE).workers(2);
    let both = [setup.pki.client_ca.certificate_pem(), other.certificate_pem()].concat();
    setup.pki.write(&format!("{SITE}.ca.crt"), &both);
    (setup.start(), other)
}

fn call(gateway: &Gateway, issued: &Issued) {
    let caller = gateway.caller().presenting(Credentials::of(issued));
    assert_eq!(caller.connect().get("/").status(), 200);
}

fn count(gateway: &Gateway, what: &str) -> f64 {
    let name = "mtls_gateway_client_identity_changes_total";
    look(gateway, "/metrics").metric(&format!("{name}{{site=\"{SITE}\",what=\"{what}\"}}"))
}

#[test]
fn another_issuer_key_or_name_is_told_once() {
    const NAME: &str = "drifting.example";
    let app = Upstream::answering(OK);
    let (gateway, other) = started(&app);
    let ca = &gateway.pki.client_ca;
    let draft = |ca: &Authority| ca.client("x").name(NAME).issue().unwrap();
    let (first, renewed, moved) = (draft(ca), draft(ca), draft(&other));
    let widened = other.client("x").name(NAME).name("second.example").issue().unwrap();
    let mark = events::mark();
    // By turns, as a fleet does in the middle of a rollover.
    for issued in [&first, &first, &renewed, &first, &renewed, &moved, &renewed, &moved, &widened] {
        call(&gateway, issued);
    }
    let told = events::wait_for_prefix("drift", ("name", NAME), mark, 3);
    let what: Vec<_> = told.iter().map(|one| (one.field("changed"), one.level)).collect();
    let expected = [("key", Level::INFO), ("issuer, key", Level::WARN), ("key, san", Level::WARN)];
    assert_eq!(what, expected);
    assert_eq!(told[1].field("issuer_before"), "CN=Client CA");
    assert_eq!(told[1].field("issuer"), "CN=Other CA");
    assert_eq!(told[1].field("san"), told[1].field("san_before"));
    assert_eq!(told[2].field("san_before"), format!("DNS:{NAME}"));
    assert_eq!(told[2].field("san"), format!("DNS:{NAME}, DNS:second.example"));
    assert_ne!(told[0].field("key"), told[0].field("key_before"));
    assert!(told[0].field("peer").starts_with("127.0.0.1:"), "{told:?}");

    assert_eq!(["issuer", "key", "san"].map(|what| count(&gateway, what)), [1.0, 3.0, 1.0]);
    let status = look(&gateway, "/status.json").json();
    let changes = status["identity_changes"].as_array().unwrap();
    assert_eq!(changes.len(), 3);
    assert_eq!(changes[0]["changed"], json!(["key", "san"]));
    assert_eq!(changes[2]["sentence"], "has renewed its certificate, with another key");
    let page = look(&gateway, "/status").body;
    assert!(page.contains("id=\"drift\"") && page.contains("<ins>CN=Other CA</ins>"), "{page}");
}

#[test]
fn a_hostile_name_begins_no_line_of_the_log() {
    const NAME: &str = "a\nWARN drift: forged \u{1b}[31m";
    let app = Upstream::answering(OK);
    let (gateway, other) = started(&app);
    let mark = events::mark();
    for ca in [&gateway.pki.client_ca, &other] {
        call(&gateway, &ca.client(NAME).issue().unwrap());
    }
    let told = events::wait_for_prefix("drift", ("name", "a\nWARN"), mark, 1);
    let message = told[0].field("message");
    let expected = "the client `a\\nWARN drift: forged \\u{1b}[31m` came with";
    assert!(message.starts_with(expected), "{message}");
}

#[test]
fn a_client_that_opens_many_connections_at_once_is_told_of_once() {
    let app = Upstream::answering(OK);
    let (gateway, _) = started(&app);
    let now = unix_now();
    let draft = gateway.pki.client_ca.client("busy").name("busy.example");
    let issued = draft.valid(now - 300 * DAY..now + 5 * DAY).issue().unwrap();
    let mark = events::mark();
    let caller = gateway.caller().presenting(Credentials::of(&issued));
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| assert_eq!(caller.connect().get("/").status(), 200));
        }
    });
    assert_eq!(events::wait_for_prefix("expiry", ("subject", "CN=busy"), mark, 1).len(), 1);
}

#[test]
fn a_resumed_session_is_no_handshake_to_compare() {
    let app = Upstream::answering(OK);
    let (gateway, _) = started(&app);
    let issued = gateway.pki.client_ca.client("resumes").issue().unwrap();
    let caller = gateway.caller().presenting(Credentials::of(&issued));
    let caller = caller.resuming(Resumption::in_memory_sessions(8)).sharing();
    for _ in 0..3 {
        assert_eq!(caller.connect().get("/").status(), 200);
    }
    assert!(!look(&gateway, "/status").body.contains("id=\"drift\""));
}

#[test]
fn a_name_at_another_site_is_another_client() {
    let app = Upstream::answering(OK);
    let other = Authority::root("Other CA").unwrap();
    let setup = Setup::new(&app).process_tables(TABLE).site("b.example", &other, &app);
    let gateway = setup.start();
    call(&gateway, &gateway.pki.client_ca.client("same").issue().unwrap());
    let there = Credentials::of(&other.client("same").issue().unwrap());
    let caller = gateway.caller().asking_for("b.example").presenting(there);
    let request = "GET / HTTP/1.1\r\nhost: b.example\r\n\r\n";
    assert_eq!(caller.connect().ask(request).status(), 200);
    let status = look(&gateway, "/status.json").json();
    assert_eq!(status["identity_changes"], json!([]));
    assert_eq!(status["clients"].as_array().unwrap().len(), 2);
}

#[test]
fn a_fleet_of_many_keys_floods_nothing() {
    const CLIENTS: usize = 14;
    let app = Upstream::answering(OK);
    let (gateway, _) = started(&app);
    let mark = events::mark();
    for _ in 0..CLIENTS {
        let issued = gateway.pki.client_ca.client("x").name("fleet.example").issue().unwrap();
        call(&gateway, &issued);
    }
    // All are counted, and as many told as one client may have in an hour.
    assert_eq!(count(&gateway, "key"), (CLIENTS - 1) as f64);
    let told = events::wait_for_prefix("drift", ("name", "fleet.example"), mark, 4);
    assert_eq!(told.len(), 4);
    let status = look(&gateway, "/status.json").json();
    assert_eq!(status["identity_changes"].as_array().unwrap().len(), 4);
}
