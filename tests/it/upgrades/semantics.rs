//! Small print of HTTP: `TE`, `Max-Forwards`, interim responses, and who speaks HTTP/1.0.

use http_body_util::BodyExt as _;

use crate::support::client::End;
use crate::support::gateway::Gateway;
use crate::support::h2::{empty, request};
use crate::support::message::SITE;
use crate::support::upstream::{OK, Upstream};

/// A request of the first site's with more lines.
fn asking(first: &str, lines: &str) -> String {
    format!("{first}\r\nHost: {SITE}\r\n{lines}\r\n")
}

#[test]
fn the_app_is_asked_for_trailers_if_the_client_takes_them_and_never_for_more() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    for (lines, te) in [
        ("TE: trailers\r\nConnection: TE\r\n", Some("trailers")),
        ("TE: deflate;q=0.5, Trailers\r\n", Some("trailers")),
        ("TE: gzip, chunked\r\nConnection: TE\r\n", None),
        ("TE: trailersx\r\n", None),
        ("", None),
    ] {
        assert_eq!(client.ask(asking("GET / HTTP/1.1", lines)).status(), 200);
        let requests = app.requests();
        let seen = requests.last().unwrap();
        assert_eq!(seen.one("te"), te, "{lines}");
        assert_eq!(seen.one("connection"), te.map(|_| "TE"), "{lines}");
    }
    let mut over_h2 = gateway.connect_h2();
    over_h2.ask(request("GET", "/").header("te", "trailers").body(empty()).unwrap());
    assert_eq!(app.requests().last().unwrap().one("te"), Some("trailers"));
}

#[test]
fn max_forwards_counts_options_down_and_ends_here() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    let answer = client.ask(asking("OPTIONS / HTTP/1.1", "Max-Forwards: 0\r\n"));
    assert_eq!((answer.status(), app.connections()), (204, 0));
    assert!(answer.one("allow").unwrap().contains("OPTIONS"));
    assert_eq!(client.event("access").field("outcome"), "answered");
    for (first, sent, seen) in [
        ("OPTIONS * HTTP/1.1", "7", Some("6")),
        ("OPTIONS / HTTP/1.1", "1", Some("0")),
        ("OPTIONS / HTTP/1.1", "many", Some("many")),
        ("OPTIONS / HTTP/1.1", "-1", Some("-1")),
        // It means something for OPTIONS and TRACE only.
        ("GET / HTTP/1.1", "0", Some("0")),
    ] {
        let answer = client.ask(asking(first, &format!("Max-Forwards: {sent}\r\n")));
        assert_eq!(answer.status(), 200);
        assert_eq!(app.requests().last().unwrap().one("max-forwards"), seen, "{first}");
    }
    let trace = client.ask(asking("TRACE / HTTP/1.1", "Max-Forwards: 0\r\n"));
    assert_eq!(trace.status(), 405);
}

#[test]
fn early_hints_are_dropped_and_the_final_response_arrives() {
    let app = Upstream::scripted(|talk| {
        while let Ok(Some(_)) = talk.request() {
            talk.say("HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n");
            talk.say("HTTP/1.1 102 Processing\r\n\r\n");
            talk.say(OK);
        }
    });
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    for _ in 0..2 {
        let answer = client.get("/");
        assert_eq!((answer.status(), answer.body.as_slice()), (200, &b"ok"[..]));
        assert!(answer.all("link").is_empty(), "{answer:?}");
    }
    assert_eq!(gateway.connect_h2().get("/").body, "ok");
}

#[test]
fn a_client_of_http_1_0_gets_no_chunks_and_its_end_by_the_close() {
    let app = Upstream::answering(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    );
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    client.send(asking("GET / HTTP/1.0", ""));
    let text = String::from_utf8(client.reader.rest().unwrap()).unwrap();
    assert!(text.starts_with("HTTP/1.0 200 OK\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\nok"), "{text}");
    assert!(!text.to_ascii_lowercase().contains("transfer-encoding"), "{text}");
    // The app is spoken to in HTTP/1.1 all the same.
    assert!(app.only_request().first_line.ends_with("HTTP/1.1"));
}

#[test]
fn a_client_of_http_1_0_may_keep_its_connection() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    for _ in 0..3 {
        client.send(asking("GET / HTTP/1.0", "Connection: keep-alive\r\n"));
        let answer = client.reader.message().unwrap().unwrap();
        assert_eq!(answer.first_line, "HTTP/1.0 200 OK");
        assert_eq!(answer.one("connection"), Some("keep-alive"));
        assert_eq!(answer.body, b"ok");
    }
    client.send(asking("GET / HTTP/1.0", ""));
    assert_eq!(client.reader.message().unwrap().unwrap().body, b"ok");
    assert_eq!(client.end(), End::Clean);
}

#[test]
fn an_app_of_http_1_0_is_asked_on_a_new_connection_each_time() {
    let app = Upstream::scripted(|talk| {
        if let Ok(Some(_)) = talk.request() {
            talk.say("HTTP/1.0 200 OK\r\nserver: old\r\n\r\nto the end");
        }
    });
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    for _ in 0..3 {
        let answer = client.get("/");
        assert_eq!(answer.body, b"to the end");
        assert_eq!(answer.one("transfer-encoding"), Some("chunked"));
    }
    assert_eq!(app.connections(), 3);
}

#[test]
fn chunks_of_an_app_of_http_1_0_are_not_trusted() {
    let app = Upstream::answering(
        "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    );
    let gateway = Gateway::before(&app);
    let answer = gateway.connect().get("/");
    assert_eq!((answer.status(), answer.code().as_str()), (502, "upstream-invalid"));
}

#[test]
fn an_expectation_over_http_2_is_met_at_once() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect_h2();
    let request = request("POST", "/").header("expect", "100-continue");
    let body = http_body_util::Full::from("hello").boxed();
    assert_eq!(client.ask(request.body(body).unwrap()).status, 200);
    let seen = app.only_request();
    assert_eq!((seen.one("expect"), seen.body.as_slice()), (None, &b"hello"[..]));
}
