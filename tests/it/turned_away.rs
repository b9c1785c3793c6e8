//! What a refused client gets by `refused`: a TLS alert, nothing at all, or an answer behind its handshake; and that
//! none of them lets anybody through.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;

use mtls_gateway::pki::Authority;
use mtls_gateway::process::unix_now;
use rustls::ClientConnection;
use rustls::client::Resumption;

use crate::support::PATIENCE;
use crate::support::client::{Connector, End, VERSIONS, reason_in};
use crate::support::events;
use crate::support::frames::{self, Frames};
use crate::support::gateway::{Gateway, Setup};
use crate::support::h2::{H2, empty, request};
use crate::support::pki::Credentials;
use crate::support::port;
use crate::support::upstream::{OK, Upstream};

const DAY: i64 = 24 * 60 * 60;

fn gateway(app: &Upstream, refused: &str) -> Gateway {
    let client =
        format!("[site.client]\nrefused = \"{refused}\"\ndeny = [{{ subject_cn = \"denied\" }}]\n");
    Setup::new(app).site_tables(&client).start()
}

/// Clients that are refused, and why.
fn refused(gateway: &Gateway) -> Vec<(&'static str, Connector)> {
    let (ca, now) = (&gateway.pki.client_ca, unix_now());
    let stranger = Authority::root("Stranger CA").unwrap();
    let with = |draft: mtls_gateway::pki::Draft<'_>| {
        gateway.caller().presenting(Credentials::of(&draft.issue().unwrap()))
    };
    vec![
        ("no-certificate", gateway.caller().presenting_nothing()),
        ("unknown-ca", with(stranger.client("caller"))),
        ("expired", with(ca.client("old").valid(now - 2 * DAY..now - DAY))),
        ("not-allowed", with(ca.client("denied"))),
        ("wrong-usage", with(ca.server(["caller"]))),
    ]
}

#[test]
fn a_refused_client_is_answered_once_and_goes() {
    let app = Upstream::answering(OK);
    let gateway = gateway(&app, "answer");
    for version in VERSIONS {
        for (reason, connector) in refused(&gateway) {
            let connector = connector.speaking(version);
            let mut client = connector.connect();
            let answer = client.get("/");
            assert_eq!((answer.status(), answer.code().as_str()), (403, "refused"), "{reason}");
            assert_eq!(reason_in(&answer.body), reason);
            assert_eq!(answer.one("connection"), Some("close"));
            assert_eq!(client.end(), End::Clean);
            assert_eq!(client.event("refusal").field("reason"), reason);
            let line = client.event("access");
            assert_eq!((line.field("code"), line.field("identity")), ("refused", ""));
            // A second request that came with the first is not answered, and a body is not waited for.
            let mut client = connector.connect();
            let twice = "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 1000000\r\n\r\nGET / HTTP/1.1\r\n";
            assert_eq!(client.ask(twice).status(), 403);
            assert_eq!(client.end(), End::Clean);
        }
    }
    for (reason, connector) in refused(&gateway) {
        let mut h2 = H2::connect(&connector);
        let answer = h2.ask(request("GET", "/").body(empty()).unwrap());
        assert_eq!((answer.status, reason_in(&answer.body).as_str()), (403, reason));
        h2.end();
    }
    assert!(app.requests().is_empty());
    assert_eq!(gateway.connect().get("/").status(), 200);
    assert_eq!(gateway.connect_h2().get("/").status, 200);
}

/// The proof of the key is still asked for: an answer is for whoever a certificate belongs to.
#[test]
fn who_proves_nothing_gets_the_alert_all_the_same() {
    let app = Upstream::answering(OK);
    let gateway = gateway(&app, "answer");
    let ca = &gateway.pki.client_ca;
    let (denied, other) = (ca.client("denied").issue().unwrap(), ca.client("x").issue().unwrap());
    let stolen = Credentials::from_parts(vec![denied.der().clone()], &other.key_pem());
    for version in VERSIONS {
        let connector = gateway.caller().presenting(stolen.clone()).speaking(version);
        let (_, event) = connector.refused();
        assert_eq!(event.field("reason"), "bad-certificate-verify");
    }
}

#[test]
fn a_session_of_a_refused_client_grants_nothing() {
    let app = Upstream::answering(OK);
    let gateway = gateway(&app, "answer");
    for version in VERSIONS {
        for (reason, connector) in refused(&gateway) {
            let connector =
                connector.speaking(version).resuming(Resumption::in_memory_sessions(8)).sharing();
            for _ in 0..3 {
                let mut client = connector.connect();
                let answer = client.get("/");
                assert_eq!((answer.status(), reason_in(&answer.body).as_str()), (403, reason));
            }
        }
    }
    assert!(app.requests().is_empty());
}

#[test]
fn no_reload_makes_more_of_a_refused_client() {
    let app = Upstream::answering(OK);
    let gateway = gateway(&app, "answer");
    let mut early = gateway.caller().presenting_nothing().connect();
    early.events("refusal", 1);
    gateway.replace("refused = \"answer\"", "mode = \"request\"");
    assert_eq!(reason_in(&early.get("/").body), "no-certificate");
    assert_eq!(gateway.caller().presenting_nothing().connect().get("/").status(), 200);
    assert_eq!(app.requests().len(), 1);
}

/// It has a place only for as long as it takes to ask.
#[test]
fn a_refused_client_that_asks_nothing_is_closed() {
    let app = Upstream::answering(OK);
    let tables = "[site.client]\nrefused = \"answer\"\n[site.timeouts]\nheader_timeout = \"1s\"\n";
    let gateway = Setup::new(&app).site_tables(tables).start();
    assert_eq!(gateway.caller().presenting_nothing().connect().end(), End::Clean);
    H2::connect(&gateway.caller().presenting_nothing()).end();
}

/// However it does not take its answer, it has no longer than another.
#[test]
fn a_refused_client_that_takes_no_answer_is_closed() {
    let app = Upstream::answering(OK);
    let tables = "[site.client]\nrefused = \"answer\"\n[site.timeouts]\nheader_timeout = \"1s\"\n\
                  body_idle_timeout = \"1s\"\n";
    let gateway = Setup::new(&app).site_tables(tables).start();
    let mut client = Frames::connect(&gateway.caller().presenting_nothing());
    // No window for any response, and a body that never ends.
    let no_window = frames::frame(frames::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let fields = frames::head(&frames::request("POST", "/"));
    let post = |stream| frames::frame(frames::HEADERS, frames::END_HEADERS, stream, &fields);
    client.send([no_window, post(1), post(3)].concat());
    let end = client.until(|_| false).unwrap_err();
    assert_ne!(end.kind(), std::io::ErrorKind::WouldBlock, "it is still open");
    assert!(app.requests().is_empty());
}

/// Nobody knows who they are, so all of them together hold no more places than handshakes may, and keep nobody out.
#[test]
fn refused_clients_that_ask_nothing_make_way() {
    let app = Upstream::answering(OK);
    let tables = "[site.client]\nrefused = \"answer\"\n[site.timeouts]\nheader_timeout = \"10m\"\n";
    let limits = "[limits]\nhandshakes_max = 2\n";
    let gateway = Setup::new(&app).site_tables(tables).process_tables(limits).start();
    let idle: Vec<_> = (0..4)
        .map(|_| {
            let client = gateway.caller().presenting_nothing().connect();
            client.events("refusal", 1);
            client
        })
        .collect();
    let mut idle = idle.into_iter();
    for mut oldest in idle.by_ref().take(2) {
        oldest.end();
    }
    // Whoever asks in time is answered, and whoever is let in holds none of these places.
    let mut let_in: Vec<_> = (0..2).map(|_| gateway.connect()).collect();
    for client in &mut let_in {
        assert_eq!(client.get("/").status(), 200);
    }
    let mut last = gateway.caller().presenting_nothing().connect();
    assert_eq!(last.get("/").status(), 403);
    assert_eq!(let_in[0].get("/").status(), 200);
}

/// No alert, in either version, whatever the client is refused for.
#[test]
fn a_dropped_client_sees_no_alert() {
    let app = Upstream::answering(OK);
    let gateway = gateway(&app, "drop");
    for version in VERSIONS {
        for (reason, connector) in refused(&gateway) {
            let connector = connector.speaking(version);
            let mark = events::mark();
            let (seen, own) = records(&connector);
            let refusal = events::wait_for("refusal", own, mark);
            assert_eq!(refusal.field("reason"), reason);
            // TLS 1.2 shows alerts in the clear; of TLS 1.3 the last record must be of the server's first flight.
            assert!(!seen.contains(&ALERT), "{reason} {seen:?}");
            assert_eq!(seen.len(), first_flight(&gateway, version), "{reason} {seen:?}");
        }
    }
    assert!(app.requests().is_empty());
    for version in VERSIONS {
        assert_eq!(gateway.caller().speaking(version).connect().get("/").status(), 200);
    }
}

const ALERT: u8 = 21;

/// The types of the TLS records that a server says before the client's certificate: those to one that goes away then.
fn first_flight(gateway: &Gateway, version: &'static rustls::SupportedProtocolVersion) -> usize {
    let connector = gateway.caller().speaking(version);
    let mut tcp = port::connect(gateway.address).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    let config = connector.config("http/1.1").into();
    let mut tls = ClientConnection::new(config, connector.name()).unwrap();
    tls.write_tls(&mut tcp).unwrap();
    tcp.shutdown(Shutdown::Write).unwrap();
    let mut said = Vec::new();
    tcp.read_to_end(&mut said).unwrap();
    types(&said).len()
}

/// Goes through with a handshake and takes note of the types of all records that come, to the end.
fn records(connector: &Connector) -> (Vec<u8>, std::net::SocketAddr) {
    let mut tcp = port::connect(connector.address).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    let own = tcp.local_addr().unwrap();
    let config = connector.config("http/1.1").into();
    let mut tls = ClientConnection::new(config, connector.name()).unwrap();
    let (mut said, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        while tls.wants_write() {
            let mut bytes = Vec::new();
            tls.write_tls(&mut bytes).unwrap();
            // The gateway may be gone.
            _ = tcp.write_all(&bytes);
        }
        match tcp.read(&mut chunk) {
            Ok(0) | Err(_) => return (types(&said), own),
            Ok(count) => {
                said.extend_from_slice(&chunk[..count]);
                let mut unread = &chunk[..count];
                while !unread.is_empty() {
                    tls.read_tls(&mut unread).unwrap();
                    tls.process_new_packets().unwrap();
                }
            }
        }
    }
}

fn types(mut records: &[u8]) -> Vec<u8> {
    let mut types = Vec::new();
    while let [kind, _, _, high, low, rest @ ..] = records {
        types.push(*kind);
        records = &rest[usize::from(u16::from_be_bytes([*high, *low]))..];
    }
    types
}
