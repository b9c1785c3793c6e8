//! Heads that can be read in two ways, or in none.

use super::{assert_refused, forwarded, refusal};
use crate::support::gateway::Gateway;
use crate::support::h2::{empty, request};
use crate::support::message::SITE;
use crate::support::upstream::{OK, Upstream};

#[test]
fn a_head_that_breaks_the_rules_is_refused() {
    let cases: &[(&str, &[u8])] = &[
        ("NUL in a value", b"GET / HTTP/1.1\r\nHost: a.example\r\nX: a\0b\r\n\r\n"),
        ("NUL in a name", b"GET / HTTP/1.1\r\nHost: a.example\r\nX\0: a\r\n\r\n"),
        ("NUL in the target", b"GET /\0 HTTP/1.1\r\nHost: a.example\r\n\r\n"),
        ("bare CR in a value", b"GET / HTTP/1.1\r\nHost: a.example\r\nX: a\rb\r\n\r\n"),
        ("folded line", b"GET / HTTP/1.1\r\nHost: a.example\r\nX: a\r\n b\r\n\r\n"),
        ("folded first line", b"GET / HTTP/1.1\r\n Host: a.example\r\n\r\n"),
        ("space before the colon", b"GET / HTTP/1.1\r\nHost: a.example\r\nX : a\r\n\r\n"),
        (
            "space in a framing name",
            b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length : 3\r\n\r\nabc",
        ),
        ("no colon", b"GET / HTTP/1.1\r\nHost: a.example\r\nX\r\n\r\n"),
        ("no name", b"GET / HTTP/1.1\r\nHost: a.example\r\n: a\r\n\r\n"),
        ("invalid method", b"G(T / HTTP/1.1\r\nHost: a.example\r\n\r\n"),
        ("no target", b"GET HTTP/1.1\r\nHost: a.example\r\n\r\n"),
        ("space in the target", b"GET /a b HTTP/1.1\r\nHost: a.example\r\n\r\n"),
        ("unknown version", b"GET / HTTP/1.2\r\nHost: a.example\r\n\r\n"),
        ("HTTP/2 version on HTTP/1", b"GET / HTTP/2.0\r\nHost: a.example\r\n\r\n"),
        ("HTTP/0.9", b"GET /\r\n\r\n"),
        ("TLS again", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    ];
    for (name, bytes) in cases {
        assert_refused(name, bytes, &[400]);
    }
}

#[test]
fn http_2_on_a_connection_that_agreed_on_http_1_ends_it() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    client.end();
    assert_eq!(app.connections(), 0);
}

#[test]
fn a_host_that_is_not_one_name_is_refused() {
    let cases: &[(&str, &str)] = &[
        ("two hosts", "GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n"),
        ("the same host twice", "GET / HTTP/1.1\r\nHost: a.example\r\nhost: a.example\r\n\r\n"),
        ("no host", "GET / HTTP/1.1\r\nX: a\r\n\r\n"),
        ("empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
        ("a list", "GET / HTTP/1.1\r\nHost: a.example, b.example\r\n\r\n"),
        ("a path", "GET / HTTP/1.1\r\nHost: a.example/x\r\n\r\n"),
        ("user", "GET / HTTP/1.1\r\nHost: x@a.example\r\n\r\n"),
        ("port that is none", "GET / HTTP/1.1\r\nHost: a.example:80x\r\n\r\n"),
        (
            "absolute form with another host",
            "GET http://b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
        ),
        (
            "absolute form of the site, Host of another",
            "GET http://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n",
        ),
        (
            "absolute form with a user",
            "GET http://x@a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
        ),
        ("authority form with GET", "GET a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n"),
        ("asterisk with GET", "GET * HTTP/1.1\r\nHost: a.example\r\n\r\n"),
        ("relative target", "GET x HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    ];
    for (name, text) in cases {
        assert_refused(name, text, &[400]);
    }
}

#[test]
fn tunnels_and_echoes_are_refused() {
    for request in [
        "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n",
        "CONNECT a.example HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "CONNECT / HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "TRACE / HTTP/1.1\r\nHost: a.example\r\n\r\n",
    ] {
        assert_refused(request, request, &[405, 400]);
    }
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut h2 = gateway.connect_h2();
    assert_eq!(h2.ask(request("TRACE", "/").body(empty()).unwrap()).status, 405);
    assert_eq!(app.connections(), 0);
}

#[test]
fn absolute_form_with_the_same_host_reaches_the_app_in_origin_form() {
    let bytes = "GET HTTP://A.Example/x?y HTTP/1.1\r\nHost: a.example\r\n\r\n";
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    assert_eq!(gateway.connect().ask(bytes).status(), 200);
    assert_eq!(app.only_request().first_line, "GET /x?y HTTP/1.1");
}

#[test]
fn an_upgrade_is_not_passed_on() {
    let bytes = "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade, HTTP2-Settings\r\n\
                 Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n";
    let request = forwarded("h2c", bytes, 1).remove(0);
    for name in ["upgrade", "http2-settings", "connection"] {
        assert_eq!(request.one(name), None);
    }
}

#[test]
fn a_switch_of_protocols_that_nobody_asked_for_is_an_invalid_answer() {
    let app = Upstream::answering(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    );
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    let response = client.ask(format!(
        "GET / HTTP/1.1\r\nHost: {SITE}\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    ));
    assert_eq!(response.status(), 502);
    assert_eq!(response.code(), "upstream-invalid");
}

#[test]
fn lines_that_end_in_a_bare_line_feed_are_read_in_one_way() {
    // RFC 9112 section 2.2 allows to take a lone LF for a line's end. Refused or taken: the app gets a
    // head that nobody can read otherwise.
    let bytes = "GET / HTTP/1.1\nHost: a.example\nX: a\n\n";
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    let response = client.ask(bytes);
    match response.status() {
        200 => {
            let request = app.only_request();
            assert_eq!(request.one("x"), Some("a"));
            assert_eq!(request.one("host"), Some("a.example"));
            assert!(!app.received().concat().windows(2).any(|w| w[1] == b'\n' && w[0] != b'\r'));
        }
        status => assert_eq!(status, 400),
    }
}

#[test]
fn what_follows_a_refused_request_is_never_read_as_another() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let good = "GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n";
    for bad in [
        "GET / HTTP/1.1\r\nHost: a.example\r\nX : a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.example\r\nHost: a.example\r\n\r\n",
        "TRACE / HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\nExpect: x\r\n\r\n",
    ] {
        let mut client = gateway.connect();
        client.send(format!("{bad}{good}"));
        refusal(bad, &mut client);
    }
    assert_eq!(app.connections(), 0);
    // A good one before a bad one is answered, once.
    let mut client = gateway.connect();
    client.send(format!("{good}GET / HTTP/1.1\r\nX : a\r\n\r\n{good}"));
    assert_eq!(client.response().status(), 200);
    refusal("after a good one", &mut client);
    assert_eq!(app.requests().len(), 1);
}
