//! What becomes of a verdict later: in a session that is resumed, and on a connection that is open when the
//! mode or the trust changes or a certificate runs out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mtls_gateway::pki::Authority;
use mtls_gateway::process::unix_now;
use rustls::HandshakeKind;
use rustls::client::{ClientSessionMemoryCache, Resumption};

use super::{asks, assert_told, caller, cases, gateway, last};
use crate::support::client::{Client, Connector, End, VERSIONS};
use crate::support::h2::H2;
use crate::support::message::SITE;
use crate::support::pki::Credentials;
use crate::support::upstream::{OK, Upstream};

/// Within this an idle connection that is not let in any more is closed.
const SOON: Duration = Duration::from_secs(1);

/// A session store of the caller's own.
fn resuming(caller: Connector) -> Connector {
    caller.resuming(Resumption::store(Arc::new(ClientSessionMemoryCache::new(8)))).sharing()
}

#[test]
fn a_session_gives_what_a_full_handshake_would() {
    for mode in ["optional", "request"] {
        let app = Upstream::answering(OK);
        let gateway = gateway(&app, mode);
        let mut clients = vec![(None, "NONE".to_owned())];
        clients.push((Some(gateway.pki.caller()), "SUCCESS".to_owned()));
        if mode == "request" {
            let failed = cases(&gateway).into_iter().skip(1);
            clients
                .extend(failed.map(|case| (case.credentials, format!("FAILED:{}", case.reason))));
        }
        for (credentials, verdict) in &clients {
            for version in VERSIONS {
                let caller = caller(&gateway, credentials.as_ref()).speaking(version);
                let caller = resuming(caller);
                for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
                    let mut client = caller.connect();
                    asks(&mut client, &app, verdict);
                    client.assert_kind(kind);
                }
            }
        }
    }
}

#[test]
fn a_session_does_not_outlive_the_certificate_it_stands_for() {
    for mode in ["optional", "request"] {
        let app = Upstream::answering(OK);
        let gateway = gateway(&app, mode);
        let ends = unix_now() + 3;
        let short = gateway.pki.client_ca.client("short").valid(ends - 60..ends);
        let short = Credentials::of(&short.issue().unwrap());
        let callers = VERSIONS.map(|version| {
            let caller = resuming(caller(&gateway, Some(&short)).speaking(version));
            asks(&mut caller.connect(), &app, "SUCCESS");
            caller
        });
        let mut open = callers[0].connect();
        open.assert_kind(HandshakeKind::Resumed);
        if mode == "optional" {
            // Its end is the sign that the certificate has run out.
            assert_eq!(open.end(), End::Clean);
            let event = open.event("refusal");
            assert_eq!((event.field("reason"), event.field("live")), ("expired", "true"));
        } else {
            let event = open.event("unverified");
            assert_eq!((event.field("reason"), event.field("live")), ("expired", "true"));
            asks(&mut open, &app, "FAILED:expired");
        }
        let served = app.requests().len();
        for caller in &callers {
            let mut client = caller.open();
            if mode == "request" {
                client.handshake().unwrap();
                asks(&mut client, &app, "FAILED:expired");
                continue;
            }
            let answered = client
                .handshake()
                .and_then(|()| client.try_send(format!("GET / HTTP/1.1\r\nhost: {SITE}\r\n\r\n")))
                .and_then(|()| client.reader.some());
            assert!(!matches!(&answered, Ok(bytes) if !bytes.is_empty()), "{answered:?}");
            assert_eq!(client.event("refusal").field("reason"), "expired");
            assert_eq!(app.requests().len(), served);
        }
    }
}

/// The three clients of the tests below: without a certificate, with a good one, with one that is not
/// admitted; and what each is in each mode.
const VERDICTS: [(&str, [Option<&str>; 3]); 3] = [
    ("require", [None, Some("SUCCESS"), None]),
    ("optional", [Some("NONE"), Some("SUCCESS"), None]),
    ("request", [Some("NONE"), Some("SUCCESS"), Some("FAILED:not-allowed")]),
];

const REASONS: [&str; 3] = ["no-certificate", "", "not-allowed"];

#[test]
fn a_change_of_mode_reaches_sessions_and_open_and_new_connections() {
    for version in VERSIONS {
        let app = Upstream::answering(OK);
        let gateway = gateway(&app, "require");
        let ca = &gateway.pki.client_ca;
        let somebody = Credentials::of(&ca.client("somebody").issue().unwrap());
        let credentials = [None, Some(gateway.pki.caller()), Some(somebody)];
        let callers =
            credentials.map(|one| resuming(caller(&gateway, one.as_ref()).speaking(version)));
        let mut open: [Option<Client>; 3] = Default::default();
        for mode in ["require", "optional", "request", "optional", "request", "require"] {
            gateway.replace("mode = \"require\"", &format!("mode = \"{mode}\""));
            let (_, verdicts) = VERDICTS.iter().find(|(known, _)| *known == mode).unwrap();
            for (number, verdict) in verdicts.iter().enumerate() {
                let Some(verdict) = verdict else {
                    if let Some(mut lost) = open[number].take() {
                        let start = Instant::now();
                        assert_eq!(lost.end(), End::Clean);
                        assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
                        let event = lost.event("refusal");
                        assert_eq!(event.field("reason"), REASONS[number]);
                        assert_eq!(event.field("live"), "true");
                    }
                    let (_, event) = callers[number].refused();
                    assert_eq!(event.field("reason"), REASONS[number]);
                    continue;
                };
                if let Some(client) = &mut open[number] {
                    asks(client, &app, verdict);
                }
                // Sessions of another generation are gone; those of this one are what it would say anew.
                let mut client = callers[number].connect();
                client.assert_kind(HandshakeKind::Full);
                asks(&mut client, &app, verdict);
                let mut again = callers[number].connect();
                again.assert_kind(HandshakeKind::Resumed);
                asks(&mut again, &app, verdict);
                open[number].get_or_insert(again);
            }
        }
    }
}

#[test]
fn a_request_on_its_way_when_the_mode_becomes_require_is_told_why_it_is_refused() {
    let app = Upstream::answering(OK);
    let gateway = gateway(&app, "optional");
    let mut client = gateway.caller().presenting_nothing().connect();
    asks(&mut client, &app, "NONE");
    client.send("GET / HTTP/1.1\r\nho");
    // One worker serves both in turn, so the first bytes have been read.
    asks(&mut gateway.connect(), &app, "SUCCESS");

    gateway.replace("mode = \"optional\"", "mode = \"require\"");
    let nobody = gateway.caller().presenting_nothing();
    assert_eq!(nobody.refused().1.field("reason"), "no-certificate");

    client.send(format!("st: {SITE}\r\n\r\n"));
    let response = client.response();
    assert_eq!((response.status(), &*response.code()), (403, "not-trusted"));
    let body: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(body["reason"], "no-certificate");
    assert_eq!(client.end(), End::Clean);
    assert_eq!(app.requests().len(), 2);
}

#[test]
fn under_request_a_verdict_changes_with_the_trust_on_connections_that_are_open() {
    for version in VERSIONS {
        let app = Upstream::answering(OK);
        let gateway = gateway(&app, "request");
        let next = Authority::root("Next CA").unwrap();
        let of_next = Credentials::of(&next.client("caller").issue().unwrap());
        let mut old = gateway.caller().speaking(version).connect();
        let mut new = gateway.caller().presenting(of_next).speaking(version).connect();
        asks(&mut old, &app, "SUCCESS");
        asks(&mut new, &app, "FAILED:unknown-ca");

        gateway.pki.write_site(SITE, &next);
        gateway.replace("", "");

        asks(&mut old, &app, "FAILED:unknown-ca");
        asks(&mut new, &app, "SUCCESS");
        let event = old.event("unverified");
        assert_eq!((event.field("reason"), event.field("live")), ("unknown-ca", "true"));

        gateway.pki.write_site(SITE, &gateway.pki.client_ca);
        gateway.replace("", "");

        asks(&mut old, &app, "SUCCESS");
        asks(&mut new, &app, "FAILED:unknown-ca");
    }
}

#[test]
fn a_verdict_changes_between_two_requests_of_one_http2_connection() {
    let app = Upstream::answering(OK);
    let gateway = gateway(&app, "request");
    let somebody = gateway.pki.client_ca.client("somebody").issue().unwrap();
    let mut known = gateway.connect_h2();
    let mut unknown = H2::connect(&caller(&gateway, Some(&Credentials::of(&somebody))));
    let mut nobody = H2::connect(&caller(&gateway, None));
    let told = |client: &mut H2, verdict: &str| {
        assert_eq!(client.get("/").status, 200);
        assert_told(&last(&app), verdict);
    };
    told(&mut known, "SUCCESS");
    told(&mut unknown, "FAILED:not-allowed");
    gateway.replace("\"caller\", \"denied\"", "\"somebody\"");
    told(&mut known, "FAILED:not-allowed");
    told(&mut unknown, "SUCCESS");
    told(&mut nobody, "NONE");

    gateway.replace("mode = \"request\"", "mode = \"require\"");
    for (mut client, reason) in [(unknown, "not-allowed"), (nobody, "no-certificate")] {
        client.end();
        assert_eq!(client.event("refusal").field("reason"), reason);
    }
    told(&mut known, "SUCCESS");
}

#[test]
fn a_certificate_that_was_verified_late_ends_in_time() {
    let app = Upstream::answering(OK);
    let gateway = gateway(&app, "request");
    let ends = unix_now() + 3;
    let next = Authority::root("Next CA").unwrap();
    let short = next.client("short").valid(ends - 60..ends).issue().unwrap();
    let mut client = caller(&gateway, Some(&Credentials::of(&short))).connect();
    asks(&mut client, &app, "FAILED:unknown-ca");

    gateway.pki.write_site(SITE, &next);
    gateway.replace("", "");
    asks(&mut client, &app, "SUCCESS");

    let events = client.events("unverified", 2);
    assert_eq!((events[1].field("reason"), events[1].field("live")), ("expired", "true"));
    assert!(unix_now() >= ends);
    asks(&mut client, &app, "FAILED:expired");
}

#[test]
fn a_session_with_a_long_chain_is_not_kept() {
    let app = Upstream::answering(OK);
    let gateway = gateway(&app, "request");
    let stranger = Authority::root("Stranger CA").unwrap();
    let issued = stranger.client("caller").issue().unwrap();
    for version in VERSIONS {
        for (others, kind) in [(2, HandshakeKind::Resumed), (60, HandshakeKind::Full)] {
            let mut credentials = Credentials::of(&issued);
            for _ in 0..others {
                credentials = credentials.followed_by(&stranger);
            }
            let bytes: usize = credentials.chain.iter().map(|der| der.len()).sum();
            assert_eq!(bytes > 16 * 1024, kind == HandshakeKind::Full);
            let caller = resuming(gateway.caller().presenting(credentials).speaking(version));
            asks(&mut caller.connect(), &app, "FAILED:unknown-ca");
            let mut again = caller.connect();
            asks(&mut again, &app, "FAILED:unknown-ca");
            again.assert_kind(kind);
        }
    }
}
