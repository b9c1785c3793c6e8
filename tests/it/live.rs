//! Continuous verification: a change of trust, or the end of a certificate, reaches connections that are
//! open. Each event is looked at on an old connection and on a new one.

use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use mtls_gateway::process::unix_now;
use rustls::AlertDescription;

use crate::support::client::{Client, End};
use crate::support::gateway::{Gateway, Setup};
use crate::support::h2::{H2, empty, request};
use crate::support::message::SITE;
use crate::support::pki::Credentials;
use crate::support::upstream::{OK, Upstream};

/// Within this an idle connection that does not pass any more is closed.
const SOON: Duration = Duration::from_secs(1);

/// Another CA takes the place of the one that vouched for the caller.
fn exchange_the_ca(gateway: &Gateway) {
    let other = mtls_gateway::pki::Authority::root("Next CA").unwrap();
    gateway.pki.write_site(SITE, &other);
    gateway.replace("", "");
}

#[track_caller]
fn is_closed_soon(mut client: Client) {
    let start = Instant::now();
    assert_eq!(client.end(), End::Clean);
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
}

#[test]
fn an_idle_connection_is_closed_when_its_ca_is_taken_away() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut used = gateway.connect();
    assert_eq!(used.get("/").body, b"ok");
    let fresh = gateway.connect();
    let events = [used.events_later(), fresh.events_later()];

    exchange_the_ca(&gateway);

    is_closed_soon(used);
    is_closed_soon(fresh);
    for event in events.map(|later| later.wait("refusal")) {
        assert_eq!(event.field("reason"), "unknown-ca");
        assert_eq!(event.field("live"), "true");
        assert!(event.field("chain").contains("CN=caller"), "{event:?}");
    }
    let caller = gateway.caller();
    let (alert, event) = caller.refused();
    assert_eq!(alert, AlertDescription::UnknownCA);
    assert_eq!(event.field("live"), "false");
}

#[test]
fn an_http2_connection_is_told_to_go_when_its_ca_is_taken_away() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect_h2();
    assert_eq!(client.get("/").body.as_ref(), b"ok");

    exchange_the_ca(&gateway);

    client.end();
    assert_eq!(client.event("refusal").field("reason"), "unknown-ca");
}

#[test]
fn a_request_that_runs_is_finished_and_is_the_last() {
    let (go_on, gate) = channel::<()>();
    let gate = Mutex::new(gate);
    let (tell, asked) = channel();
    let tell = Mutex::new(tell);
    let app = Upstream::scripted(move |talk| {
        while let Ok(Some(_)) = talk.request() {
            tell.lock().unwrap().send(()).unwrap();
            gate.lock().unwrap().recv().unwrap();
            talk.say(OK);
        }
    });
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    client.send(format!("GET / HTTP/1.1\r\nhost: {SITE}\r\n\r\n"));
    asked.recv().unwrap();
    let mut http2 = gateway.connect_h2();
    let running = http2.sender.send_request(request("GET", "/").body(empty()).unwrap());
    let running = http2.runtime.spawn(running);
    http2.wait(async {
        while asked.try_recv().is_err() {
            tokio::task::yield_now().await;
        }
    });

    exchange_the_ca(&gateway);

    go_on.send(()).unwrap();
    go_on.send(()).unwrap();
    let response = client.response();
    assert_eq!((response.status(), response.body.as_slice()), (200, &b"ok"[..]));
    assert_eq!(response.one("connection"), Some("close"));
    assert_eq!(client.end(), End::Clean);
    assert_eq!(http2.wait(running).unwrap().unwrap().status(), 200);
    http2.end();
}

#[test]
fn a_request_that_arrives_after_the_change_is_told_why_it_is_refused() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    assert_eq!(client.get("/").body, b"ok");
    // The head has begun before the change and ends behind it.
    client.send("GET / HTTP/1.1\r\nho");
    // A second connection proves that the first bytes were read: one worker serves both in turn.
    assert_eq!(gateway.connect().get("/").body, b"ok");

    exchange_the_ca(&gateway);
    assert_eq!(gateway.caller().refused().1.field("reason"), "unknown-ca");

    client.send(format!("st: {SITE}\r\n\r\n"));
    let response = client.response();
    assert_eq!(response.status(), 403);
    let body: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(body["code"], "not-trusted");
    assert_eq!(body["reason"], "unknown-ca");
    assert_eq!(response.one("connection"), Some("close"));
    assert_eq!(client.end(), End::Clean);
    assert_eq!(app.requests().len(), 2);
}

#[test]
fn a_connection_that_still_passes_notices_nothing() {
    let app = Upstream::answering(OK);
    let rule = "[site.client]\nallow = [{ subject_cn = \"caller\" }]";
    let gateway = Setup::new(&app).site_tables(rule).start();
    let mut client = gateway.connect();
    let mut http2 = gateway.connect_h2();
    for round in 0..3 {
        assert_eq!(client.get("/").body, b"ok");
        assert_eq!(http2.get("/").body.as_ref(), b"ok");
        let rules = format!("{{ subject_cn = \"caller\" }}, {{ subject_cn = \"other-{round}\" }}");
        gateway.replace("{ subject_cn = \"caller\" }", &rules);
    }
    assert_eq!(client.get("/").body, b"ok");
    assert_eq!(http2.get("/").body.as_ref(), b"ok");
}

#[test]
fn a_narrower_rule_closes_whom_it_does_not_admit() {
    let app = Upstream::answering(OK);
    let rules = "[site.client]\nallow = [{ subject_cn = \"caller\" }, { subject_cn = \"other\" }]";
    let gateway = Setup::new(&app).site_tables(rules).start();
    let other = gateway.pki.client_ca.client("other").issue().unwrap();
    let mut stays = gateway.connect();
    let leaves = gateway.caller().presenting(Credentials::of(&other)).connect();
    let events = leaves.events_later();

    gateway.replace(", { subject_cn = \"other\" }", "");

    is_closed_soon(leaves);
    assert_eq!(events.wait("refusal").field("reason"), "not-allowed");
    assert_eq!(stays.get("/").body, b"ok");
}

#[test]
fn a_connection_ends_with_the_certificate_it_was_opened_with() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let short = gateway
        .pki
        .client_ca
        .client("short")
        .valid(unix_now() - 60..unix_now() + 3)
        .issue()
        .unwrap();
    let ends = unix_now() + 3;
    let caller = gateway.caller().presenting(Credentials::of(&short));
    let mut client = caller.connect();
    let mut http2 = H2::connect(&caller);
    assert_eq!(client.get("/").body, b"ok");
    assert_eq!(http2.get("/").body.as_ref(), b"ok");
    let events = client.events_later();
    let mut others = gateway.connect();

    assert_eq!(client.end(), End::Clean);
    http2.end();
    // The certificate may be a second older than the test's clock tells.
    assert!((ends - 1..=ends + 2).contains(&unix_now()), "{ends} {}", unix_now());
    let event = events.wait("refusal");
    assert_eq!((event.field("reason"), event.field("live")), ("expired", "true"));
    assert_eq!(caller.refused().0, AlertDescription::CertificateExpired);
    assert_eq!(others.get("/").body, b"ok");
}
