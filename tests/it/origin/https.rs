//! `https://`: the gateway believes only the app that it means, and proves itself where it is asked.

use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use mtls_gateway::pki::{Authority, Issued};
use rustls::version::{TLS12, TLS13};

use crate::support::gateway::{Gateway, Setup};
use crate::support::message::SITE;
use crate::support::tls_front::TlsFront;
use crate::support::upstream::{OK, Upstream};

/// A gateway before an app behind TLS, with these lines of `[upstream.tls]`.
fn gateway(endpoint: &str, ca: &Authority, lines: &str) -> Gateway {
    setup(endpoint, ca, lines).start()
}

fn setup(endpoint: &str, ca: &Authority, lines: &str) -> Setup {
    let tables = format!(
        "[[upstream]]\nname = \"app\"\nendpoints = [\"{endpoint}\"]\n[upstream.tls]\nca = \"app-ca.crt\"\n{lines}"
    );
    let setup = Setup::with_url("app").process_tables(&tables);
    setup.pki.write("app-ca.crt", ca.certificate_pem());
    setup
}

fn ca() -> Authority {
    Authority::root("App CA").unwrap()
}

fn issued(ca: &Authority, names: &[&str]) -> Issued {
    ca.server(names).issue().unwrap()
}

/// Why the gateway's first request to the app failed, as the log has it.
fn why_not(gateway: &Gateway) -> String {
    let mut client = gateway.connect();
    assert_eq!(client.get("/").status(), 502);
    client.event("access").field("cause").to_owned()
}

#[test]
fn an_app_behind_tls_gets_requests_on_kept_connections() {
    for version in [&TLS12, &TLS13] {
        let (ca, app) = (ca(), Upstream::answering(OK));
        let front = TlsFront::speaking(&app, &issued(&ca, &["127.0.0.1"]), None, &[version]);
        let gateway = gateway(&front.url, &ca, "");
        let mut client = gateway.connect();
        for _ in 0..3 {
            assert_eq!(client.get("/").status(), 200);
        }
        let mut client = gateway.connect_h2();
        assert_eq!(client.get("/").status, 200);
        assert_eq!((app.requests().len(), app.connections()), (4, 1));
        let shaken = front.shaken();
        assert_eq!(shaken.len(), 1);
        assert_eq!(shaken[0].alpn.as_deref(), Some(&b"http/1.1"[..]));
        assert!(shaken[0].server_name.is_none() && shaken[0].certificate.is_none());
    }
}

#[test]
fn the_name_is_asked_for_and_verified() {
    let (ca, app) = (ca(), Upstream::answering(OK));
    let front = TlsFront::new(&app, &issued(&ca, &["app.internal", "localhost"]), None);
    let by_name = gateway(&front.url, &ca, "server_name = \"app.internal\"");
    assert_eq!(by_name.connect().get("/").status(), 200);
    assert_eq!(front.shaken()[0].server_name.as_deref(), Some("app.internal"));
    let by_host = gateway(&format!("https://localhost:{}", front.port), &ca, "");
    assert_eq!(by_host.connect().get("/").status(), 200);
    assert_eq!(front.shaken()[1].server_name.as_deref(), Some("localhost"));

    let by_address = gateway(&front.url, &ca, "");
    let why = why_not(&by_address);
    assert!(why.contains("not for `127.0.0.1`") && why.contains("app.internal"), "{why}");
    assert_eq!(app.requests().len(), 2);
}

#[test]
fn who_cannot_be_verified_gets_no_request_and_the_log_says_why() {
    let (ca, other, app) = (ca(), Authority::root("Other CA").unwrap(), Upstream::answering(OK));
    let name = ["127.0.0.1"];
    let expired = ca.server(name).expired().issue().unwrap();
    let early = ca.server(name).not_yet_valid().issue().unwrap();
    let client = ca.client("127.0.0.1").issue().unwrap();
    for (server, words) in [
        (issued(&other, &name), "leads to no CA that is trusted"),
        (expired, "has run out"),
        (early, "is not valid yet"),
        (client, "not for servers"),
    ] {
        let front = TlsFront::new(&app, &server, None);
        let why = why_not(&gateway(&front.url, &ca, ""));
        assert!(why.contains(words), "{words}: {why}");
        assert!(front.shaken().is_empty());
    }
    let expired_ca = Authority::draft("Old CA").expired().authority().unwrap();
    let front = TlsFront::new(&app, &issued(&expired_ca, &name), None);
    let why = why_not(&gateway(&front.url, &expired_ca, ""));
    assert!(why.contains("no CA of `ca` is within its dates"), "{why}");
    // No CA of a file: those of browsers, which issued none of these.
    let public = Setup::with_url(&front.url).start();
    assert!(why_not(&public).contains("leads to no CA that is trusted"));
    assert!(app.requests().is_empty());
}

#[test]
fn one_that_speaks_the_other_language_is_told() {
    let (ca, app) = (ca(), Upstream::answering(OK));
    let plain = Upstream::scripted(|talk| {
        talk.some().unwrap();
        talk.say("HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let url = plain.url.replace("http://", "https://");
    let why = why_not(&gateway(&url, &ca, ""));
    assert!(
        why.contains("does not answer in TLS; if it speaks plain HTTP, write `http://`"),
        "{why}"
    );

    let front = TlsFront::new(&app, &issued(&ca, &["127.0.0.1"]), None);
    let gateway = Setup::with_url(&front.url.replace("https://", "http://")).start();
    let why = why_not(&gateway);
    assert!(why.contains("if it speaks TLS, write `https://`"), "{why}");
}

#[test]
fn the_gateway_proves_itself_where_the_app_asks() {
    let (ca, app, clients) = (ca(), Upstream::answering(OK), Authority::root("Hops").unwrap());
    for version in [&TLS12, &TLS13] {
        let server = issued(&ca, &["127.0.0.1"]);
        let front = TlsFront::speaking(&app, &server, Some(&clients), &[version]);
        let own = clients.client("gateway").issue().unwrap();
        let lines = "certificate = \"own.crt\"\nprivate_key = \"own.key\"";
        let setup = setup(&front.url, &ca, lines);
        setup.pki.write("own.crt", own.certificate_pem());
        setup.pki.write("own.key", &own.key_pem());
        let with = setup.start();
        assert_eq!(with.connect().get("/").status(), 200);
        assert_eq!(front.shaken()[0].certificate.as_ref(), Some(own.der()));

        let why = why_not(&gateway(&front.url, &ca, ""));
        let asks = why.contains("certificate_required") || why.contains("handshake_failure");
        assert!(asks, "{why}");
        assert_eq!(app.requests().len(), app.connections());
    }
}

#[test]
fn sessions_are_resumed_by_later_connections() {
    let (ca, app) =
        (ca(), Upstream::answering(OK.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n")));
    let front = TlsFront::new(&app, &issued(&ca, &["127.0.0.1"]), None);
    let gateway = gateway(&front.url, &ca, "");
    let mut client = gateway.connect();
    for _ in 0..3 {
        assert_eq!(client.get("/").status(), 200);
    }
    let resumed: Vec<_> = front.shaken().iter().map(|one| one.is_resumed).collect();
    assert_eq!(resumed, [false, true, true]);
}

#[test]
fn connections_under_a_ca_that_was_taken_away_are_not_used_any_more() {
    let (ca, app) = (ca(), Upstream::answering(OK));
    let front = TlsFront::new(&app, &issued(&ca, &["127.0.0.1"]), None);
    let setup =
        setup(&front.url, &ca, "").site_tables("[site.timeouts]\nupstream_idle_timeout = \"1h\"");
    let gateway = setup.start();
    let (mut old, mut old_h2) = (gateway.connect(), gateway.connect_h2());
    assert_eq!((old.get("/").status(), old_h2.get("/").status), (200, 200));
    // The same files: connections and sessions stay.
    gateway.replace("", "");
    assert_eq!(old.get("/").status(), 200);
    assert_eq!(app.connections(), 1);

    let other = Authority::root("Other CA").unwrap();
    gateway.pki.write("app-ca.crt", other.certificate_pem());
    gateway.replace("", "");
    let mut new = gateway.connect();
    assert_eq!(
        (old.get("/").status(), old_h2.get("/").status, new.get("/").status()),
        (502, 502, 502)
    );

    gateway
        .pki
        .write("app-ca.crt", &format!("{}{}", other.certificate_pem(), ca.certificate_pem()));
    gateway.replace("", "");
    assert_eq!(
        (old.get("/").status(), old_h2.get("/").status, new.get("/").status()),
        (200, 200, 200)
    );
}

/// As while an app comes back with a certificate of a new CA, which the gateway is told of only then.
#[test]
fn a_request_that_waits_is_sent_under_what_is_trusted_by_then() {
    let (ca, other, app) = (ca(), Authority::root("Other CA").unwrap(), Upstream::answering(OK));
    let front = TlsFront::new(&app, &issued(&other, &["127.0.0.1"]), None);
    let tables = "[site.timeouts]\nhold_timeout = \"1m\"";
    let gateway = setup(&front.url, &ca, "").site_tables(tables).start();
    let mut client = gateway.connect();
    client.send(format!("POST / HTTP/1.1\r\nHost: {SITE}\r\nContent-Length: 4\r\n\r\nbody"));
    front.wait_for_attempts(1);
    gateway.pki.write("app-ca.crt", other.certificate_pem());
    gateway.replace("", "");
    assert_eq!(client.reader.message().unwrap().unwrap().status(), 200);
    assert_eq!(app.only_request().body, b"body");
}

#[test]
fn who_is_trusted_no_more_when_its_connection_is_open_gets_no_request() {
    let (ca, other, app) = (ca(), Authority::root("Other CA").unwrap(), Upstream::answering(OK));
    let front = TlsFront::new(&app, &issued(&ca, &["127.0.0.1"]), None);
    let slow = TcpListener::bind("127.0.0.1:0").unwrap();
    let gateway = gateway(&format!("https://{}", slow.local_addr().unwrap()), &ca, "");
    let mut client = gateway.connect();
    client.send(format!("POST / HTTP/1.1\r\nHost: {SITE}\r\nContent-Length: 4\r\n\r\nbody"));
    // The gateway waits for the handshake; meanwhile the CA changes.
    let waiting = slow.accept().unwrap().0;
    gateway.pki.write("app-ca.crt", other.certificate_pem());
    gateway.replace("", "");
    relay(&waiting, front.port);
    // It went well, under what held when it began; the next does not.
    thread::spawn(move || relay(&slow.accept().unwrap().0, front.port));
    assert_eq!(client.reader.message().unwrap().unwrap().status(), 502);
    assert!(app.requests().is_empty());
}

/// Passes bytes both ways until either side ends.
fn relay(near: &TcpStream, port: u16) {
    let far = TcpStream::connect(("127.0.0.1", port)).unwrap();
    for (mut from, mut to) in [(near, &far), (&far, near)]
        .map(|(from, to)| (from.try_clone().unwrap(), to.try_clone().unwrap()))
    {
        thread::spawn(move || {
            _ = std::io::copy(&mut from, &mut to);
            _ = to.shutdown(Shutdown::Both);
        });
    }
}

#[test]
fn a_response_that_is_cut_off_without_a_word_is_not_whole() {
    // Until the end of the connection; TLS tells that end from a cut.
    let app = Upstream::scripted(|talk| {
        talk.request().unwrap();
        talk.say("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhalf");
        talk.reset();
    });
    let ca = ca();
    let front = TlsFront::new(&app, &issued(&ca, &["127.0.0.1"]), None);
    let gateway = gateway(&front.url, &ca, "");
    let mut client = gateway.connect_h2();
    let request = crate::support::h2::request("GET", "/").body(crate::support::h2::empty());
    let response = client.begin(request.unwrap());
    assert!(response.and_then(|response| client.finish(response)).is_err());
}

#[test]
fn wrong_material_is_told_before_anything_is_served() {
    let (ca, hops) = (ca(), Authority::root("Hops").unwrap());
    let lines = "certificate = \"own.crt\"\nprivate_key = \"own.key\"";
    let setup = setup("https://127.0.0.1:1", &ca, lines);
    setup.pki.write("own.crt", hops.client("gateway").issue().unwrap().certificate_pem());
    setup.pki.write("own.key", &hops.client("gateway").issue().unwrap().key_pem());
    setup.pki.write("app-ca.crt", hops.client("no CA").issue().unwrap().certificate_pem());
    let said = setup.try_start().err().unwrap();
    assert!(said.contains("does not belong to the certificate"), "{said}");
    assert!(said.contains("holds no CA certificate"), "{said}");
}

#[test]
fn health_checks_speak_tls_too() {
    let (ca, app) = (ca(), Upstream::answering(OK));
    let front = TlsFront::new(&app, &issued(&ca, &["127.0.0.1"]), None);
    let tables = format!(
        "[[upstream]]\nname = \"app\"\nendpoints = [\"{}\"]\nhealth_check_path = \"/well\"\n\
         health_check_interval = \"100ms\"\n[upstream.tls]\nca = \"app-ca.crt\"",
        front.url
    );
    let setup = Setup::with_url("app").process_tables(&tables);
    setup.pki.write("app-ca.crt", ca.certificate_pem());
    let _gateway = setup.start();
    app.wait_for_connections(2);
    assert!(app.requests().iter().any(|request| request.first_line.contains("/well")));
}
