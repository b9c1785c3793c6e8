//! Responses in every framing that an app may choose.

use crate::support::gateway::Gateway;
use crate::support::h2::{empty, request};
use crate::support::message::SITE;
use crate::support::upstream::Upstream;

#[test]
fn a_response_of_known_length_keeps_it() {
    let app = Upstream::answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    let gateway = Gateway::before(&app);
    let response = gateway.connect().get("/");
    assert_eq!(response.one("content-length"), Some("5"));
    assert_eq!(response.framing_headers(), 1);
    assert_eq!(response.body, b"hello");
    let answer = gateway.connect_h2().get("/");
    assert_eq!(answer.headers["content-length"], "5");
    assert_eq!(answer.body, "hello");
}

#[test]
fn a_response_in_chunks_stays_in_chunks() {
    let app = Upstream::answering(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    );
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    for _ in 0..2 {
        let response = client.get("/");
        assert_eq!(response.one("transfer-encoding"), Some("chunked"));
        assert_eq!(response.framing_headers(), 1);
        assert_eq!(response.body, b"hello");
    }
    assert_eq!(app.connections(), 1);
    let answer = gateway.connect_h2().get("/");
    assert!(!answer.headers.contains_key("transfer-encoding"));
    assert_eq!(answer.body, "hello");
}

#[test]
fn a_response_that_ends_with_its_connection_gets_chunks() {
    for version in ["1.0", "1.1"] {
        let head = format!("HTTP/{version} 200 OK\r\nX-A: b\r\n\r\nhello");
        let app = Upstream::scripted(move |talk| {
            if talk.request().unwrap().is_some() {
                talk.say(&head);
            }
        });
        let gateway = Gateway::before(&app);
        let mut client = gateway.connect();
        for _ in 0..2 {
            let response = client.get("/");
            assert_eq!(response.one("transfer-encoding"), Some("chunked"));
            assert_eq!(response.body, b"hello");
        }
        assert_eq!(gateway.connect_h2().get("/").body, "hello");
        assert_eq!(app.connections(), 3);
    }
}

#[test]
fn a_client_of_http_1_0_gets_no_chunks() {
    let app = Upstream::answering(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    );
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    client.send(format!("GET / HTTP/1.0\r\nHost: {SITE}\r\n\r\n"));
    let all = String::from_utf8(client.reader.rest().unwrap()).unwrap();
    assert!(!all.to_ascii_lowercase().contains("transfer-encoding"), "{all}");
    assert!(all.ends_with("\r\n\r\nhello"), "{all}");
}

#[test]
fn a_head_is_answered_with_the_head_alone() {
    for framing in ["Content-Length: 5", "Transfer-Encoding: chunked", "X-No: framing"] {
        let app = Upstream::answering(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n"));
        let gateway = Gateway::before(&app);
        let mut client = gateway.connect();
        for _ in 0..2 {
            client.send(format!("HEAD / HTTP/1.1\r\nHost: {SITE}\r\n\r\n"));
            let head = client.head();
            assert_eq!(head.status(), 200);
            if framing.starts_with("Content-Length") {
                assert_eq!(head.one("content-length"), Some("5"));
            }
        }
        let answer = gateway.connect_h2().ask(request("HEAD", "/").body(empty()).unwrap());
        assert_eq!((answer.status, answer.body.len()), (200, 0));
    }
}

#[test]
fn responses_that_have_no_body_get_none() {
    for head in [
        "204 No Content\r\n",
        "304 Not Modified\r\nETag: \"x\"\r\n",
        "304 Not Modified\r\nContent-Length: 5\r\n",
        "205 Reset Content\r\nContent-Length: 0\r\n",
    ] {
        let app = Upstream::answering(format!("HTTP/1.1 {head}\r\n"));
        let gateway = Gateway::before(&app);
        let mut client = gateway.connect();
        let status: u16 = head[..3].parse().unwrap();
        for _ in 0..2 {
            client.send(format!("GET / HTTP/1.1\r\nHost: {SITE}\r\n\r\n"));
            // Were a body sent, it would be taken for the head of the next response.
            let response = client.head();
            assert_eq!(response.status(), status);
            assert_eq!(response.one("transfer-encoding"), None, "{head}");
        }
        let answer = gateway.connect_h2().get("/");
        assert_eq!((answer.status, answer.body.len()), (status, 0));
        assert_eq!(app.connections(), 1, "{head}");
    }
}

#[test]
fn the_status_is_the_apps() {
    for status in [201, 302, 400, 418, 500, 503, 599, 799] {
        let app = Upstream::answering(format!(
            "HTTP/1.1 {status} Of Its Own\r\nContent-Length: 1\r\n\r\nx"
        ));
        let gateway = Gateway::before(&app);
        assert_eq!(gateway.connect().get("/").status(), status);
        assert_eq!(gateway.connect_h2().get("/").status, status);
    }
}
