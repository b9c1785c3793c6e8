//! What the app sees of a request and the client of a response: everything that was meant, unchanged.

mod bodies;
mod expectation;
mod framing;

use http::Request;

use crate::support::gateway::{Gateway, Setup};
use crate::support::h2::{empty, full, request};
use crate::support::message::SITE;
use crate::support::upstream::{OK, Upstream};

#[test]
fn the_method_is_the_clients() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "x-Own"];
    for method in methods {
        let request = format!("{method} / HTTP/1.1\r\nHost: {SITE}\r\n\r\n");
        assert_eq!(client.ask(request).status(), 200, "{method}");
    }
    for (request, method) in app.requests().iter().zip(methods) {
        assert_eq!(request.first_line, format!("{method} / HTTP/1.1"));
    }
}

#[test]
fn path_and_query_are_passed_byte_for_byte() {
    const TARGETS: [&str; 9] = [
        "/",
        "/a/../b/./c//d",
        "/%2e%2E/%2F%00?",
        "/?a=b&a=c&&=",
        "/p;v=1,2?q=a+b%20c#",
        "/?http://other.example/?x",
        "/\"<>\\^`{|}",
        "//two",
        "/caf\u{e9}",
    ];
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    let mut passed = 0;
    for target in TARGETS {
        let response = client.get(target);
        if response.status() != 200 {
            // What the gateway does not pass on unchanged it refuses.
            assert_eq!(response.status(), 400, "{target}");
            client = gateway.connect();
            continue;
        }
        passed += 1;
        let sent = target.split('#').next().unwrap();
        let received = app.received().concat();
        let line = format!("GET {sent} HTTP/1.1\r\n");
        let seen = received.windows(line.len()).any(|window| window == line.as_bytes());
        assert!(seen, "{target}: {}", received.escape_ascii());
    }
    assert!(passed >= 6, "{passed}");
}

#[test]
fn the_upstreams_base_comes_before_the_path() {
    let app = Upstream::answering(OK);
    let gateway = Setup::with_url(&format!("{}/base/v1/", app.url)).start();
    let mut client = gateway.connect();
    client.get("/a?b");
    client.get("/");
    client.ask(format!("GET http://{SITE}?q HTTP/1.1\r\nHost: {SITE}\r\n\r\n"));
    client.ask(format!("OPTIONS * HTTP/1.1\r\nHost: {SITE}\r\n\r\n"));
    let lines: Vec<_> = app.requests().into_iter().map(|r| r.first_line).collect();
    assert_eq!(
        lines,
        [
            "GET /base/v1/a?b HTTP/1.1",
            "GET /base/v1/ HTTP/1.1",
            "GET /base/v1/?q HTTP/1.1",
            "OPTIONS * HTTP/1.1"
        ]
    );
}

#[test]
fn the_host_is_the_one_that_the_client_asked_for() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    client.ask("GET / HTTP/1.1\r\nhOST:  A.example:8443 \r\n\r\n");
    assert_eq!(app.only_request().one("host"), Some("A.example:8443"));
    // HTTP/1.0 knows no Host; the site's name stands in.
    client.ask("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(app.requests()[1].one("host"), Some(SITE));

    let mut h2 = gateway.connect_h2();
    let request = Request::get("https://a.example:8443/").body(empty());
    h2.ask(request.unwrap());
    let over_h2 = app.requests().pop().unwrap();
    assert_eq!(over_h2.one("host"), Some("a.example:8443"));
    assert_eq!(over_h2.first_line, "GET / HTTP/1.1");
}

#[test]
fn headers_come_through_in_their_order_and_number() {
    let app = Upstream::answering(
        "HTTP/1.1 200 Fine\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Empty:\r\ncontent-length: 0\r\n\r\n",
    );
    let gateway = Gateway::before(&app);
    let response = gateway.connect().ask(format!(
        "GET / HTTP/1.1\r\nHost: {SITE}\r\nAccept: a\r\nX-Many: 1\r\nX-Many: 2\r\nX-Empty:\r\n\
         Authorization: Basic eDp5\r\nX-Bytes: \u{fc}\r\n\r\n"
    ));
    let request = app.only_request();
    assert_eq!(request.all("x-many"), ["1", "2"]);
    assert_eq!(request.one("x-empty"), Some(""));
    assert_eq!(request.one("authorization"), Some("Basic eDp5"));
    assert_eq!(request.one("x-bytes"), Some("\u{fc}"));
    assert_eq!(response.all("set-cookie"), ["a=1", "b=2"]);
    assert_eq!(response.one("x-empty"), Some(""));
}

#[test]
fn cookies_that_http_2_splits_become_one_line() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let request = request("GET", "/")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .header("cookie", "c=3; d=4")
        .body(empty());
    gateway.connect_h2().ask(request.unwrap());
    assert_eq!(app.only_request().all("cookie"), ["a=1; b=2; c=3; d=4"]);
}

#[test]
fn upstream_connections_are_used_again() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    for _ in 0..5 {
        client.get("/");
    }
    // Also by another client of the same worker.
    let mut h2 = gateway.connect_h2();
    for _ in 0..5 {
        h2.ask(request("POST", "/").body(full("body")).unwrap());
    }
    assert_eq!(app.requests().len(), 10);
    assert_eq!(app.connections(), 1);
}

#[test]
fn the_app_may_listen_on_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let app = Upstream::on_unix_socket(&folder.path().join("app.sock"), |talk| {
        while let Ok(Some(_)) = talk.request() {
            talk.say(OK);
        }
    });
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    assert_eq!(client.get("/x").body, b"ok");
    assert_eq!(client.get("/x").body, b"ok");
    assert_eq!(app.connections(), 1);
    assert_eq!(app.requests()[0].one("host"), Some(SITE));
}

#[test]
fn clients_may_come_over_ipv6() {
    let app = Upstream::answering(OK);
    let gateway = Setup::new(&app).listen("[::1]:0").start();
    assert_eq!(gateway.connect().get("/").body, b"ok");
    let request = app.only_request();
    assert_eq!(request.one("x-forwarded-for"), Some("::1"));
    let forwarded = request.one("forwarded").unwrap();
    assert!(forwarded.starts_with("for=\"[::1]\";"), "{forwarded}");
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let app = Upstream::scripted(|talk| {
        while let Ok(Some(request)) = talk.request() {
            let path = request.first_line.split(' ').nth(1).unwrap().to_owned();
            let length = path.len();
            talk.say(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{path}"));
        }
    });
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    let one = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: {SITE}\r\n\r\n");
    client.send([one("/1"), one("/2"), one("/3")].concat());
    for path in ["/1", "/2", "/3"] {
        assert_eq!(client.response().body, path.as_bytes());
    }
}
