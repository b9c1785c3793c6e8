//! Bodies of requests: whole, in chunks, with trailers, none at all, and answered before their end.

use http::HeaderMap;
use hyper::body::Frame;

use crate::support::gateway::Gateway;
use crate::support::h2::{channel, full, request};
use crate::support::message::SITE;
use crate::support::upstream::{OK, Upstream};

#[test]
fn a_body_of_known_length_keeps_its_length() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    gateway
        .connect()
        .ask(format!("POST / HTTP/1.1\r\nHost: {SITE}\r\nContent-Length: 5\r\n\r\nhello"));
    let mut h2 = gateway.connect_h2();
    h2.ask(request("PUT", "/").header("content-length", "5").body(full("hello")).unwrap());
    for request in app.requests() {
        assert_eq!(request.one("content-length"), Some("5"));
        assert_eq!(request.framing_headers(), 1, "{request:?}");
        assert_eq!(request.body, b"hello");
    }
}

#[test]
fn an_empty_body_is_still_one() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    gateway.connect().ask(format!("POST / HTTP/1.1\r\nHost: {SITE}\r\nContent-Length: 0\r\n\r\n"));
    // RFC 9110 section 8.6: a POST without content says so.
    assert_eq!(app.only_request().one("content-length"), Some("0"));
}

#[test]
fn a_request_without_a_body_gets_none() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    gateway.connect().get("/");
    gateway.connect_h2().get("/");
    for request in app.requests() {
        assert_eq!(request.framing_headers(), 0, "{request:?}");
    }
}

#[test]
fn a_body_in_chunks_stays_in_chunks() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    client.ask(format!(
        "POST / HTTP/1.1\r\nHost: {SITE}\r\nTransfer-Encoding: Chunked\r\n\r\n\
         3\r\nabc\r\n00A\r\ndefghijklm\r\n0\r\n\r\n"
    ));
    let request = app.only_request();
    assert_eq!(request.body, b"abcdefghijklm");
    assert_eq!(request.one("transfer-encoding"), Some("chunked"));
    assert_eq!(request.framing_headers(), 1);
    assert_eq!(client.get("/").status(), 200);
}

#[test]
fn a_get_may_have_a_body() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    client.ask(format!("GET / HTTP/1.1\r\nHost: {SITE}\r\nContent-Length: 3\r\n\r\nabc"));
    client.ask(format!(
        "GET / HTTP/1.1\r\nHost: {SITE}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    ));
    gateway.connect_h2().ask(request("GET", "/").body(full("abc")).unwrap());
    for request in app.requests() {
        assert_eq!(request.body, b"abc");
        assert_eq!(request.framing_headers(), 1);
    }
    assert_eq!(app.requests().len(), 3);
}

#[test]
fn trailers_of_a_request_reach_the_app() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    client.ask(format!(
        "POST / HTTP/1.1\r\nHost: {SITE}\r\nTransfer-Encoding: chunked\r\nTrailer: X-Checksum\r\n\r\n\
         3\r\nabc\r\n0\r\nX-Checksum: 77\r\n\r\n"
    ));
    let (sender, body) = channel();
    let mut trailers = HeaderMap::new();
    trailers.insert("x-checksum", "77".parse().unwrap());
    sender.try_send(Frame::data("abc".into())).unwrap();
    sender.try_send(Frame::trailers(trailers)).unwrap();
    drop(sender);
    let request_h2 = request("POST", "/").header("trailer", "x-checksum");
    gateway.connect_h2().ask(request_h2.body(body).unwrap());
    for request in app.requests() {
        assert_eq!(request.body, b"abc");
        let trailers: Vec<_> =
            request.trailers.iter().map(|(n, v)| (n.to_ascii_lowercase(), v.as_str())).collect();
        assert_eq!(trailers, [("x-checksum".to_owned(), "77")]);
    }
}

#[test]
fn trailers_of_a_response_reach_the_client() {
    let app = Upstream::answering(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Checksum\r\n\r\n\
         3\r\nabc\r\n0\r\nX-Checksum: 77\r\n\r\n",
    );
    let gateway = Gateway::before(&app);
    let response = gateway
        .connect()
        .ask(format!("GET / HTTP/1.1\r\nHost: {SITE}\r\nTE: trailers\r\nConnection: TE\r\n\r\n"));
    assert_eq!(response.body, b"abc");
    assert_eq!(response.trailers.len(), 1, "{response:?}");
    assert_eq!(response.trailers[0].1, "77");
    let answer = gateway.connect_h2().get("/");
    assert_eq!(answer.body, "abc");
    assert_eq!(answer.trailers["x-checksum"], "77");
}

#[test]
fn an_answer_may_come_before_the_end_of_the_request() {
    let app = Upstream::scripted(|talk| {
        talk.head();
        talk.say("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno");
        talk.wait_for_end();
    });
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    client.send(format!("POST / HTTP/1.1\r\nHost: {SITE}\r\nContent-Length: 1000\r\n\r\nabc"));
    let response = client.response();
    assert_eq!(response.status(), 403);
    assert_eq!(response.body, b"no");

    let (_unfinished, body) = channel();
    let answer = gateway.connect_h2().ask(request("POST", "/").body(body).unwrap());
    assert_eq!(answer.status, 403);
    assert_eq!(answer.body, "no");
}
