//! `Expect: 100-continue` and interim responses: the app decides whether it wants the body.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::gateway::Gateway;
use crate::support::h2::{full, request};
use crate::support::message::SITE;
use crate::support::upstream::{OK, Upstream};

fn expecting() -> String {
    format!("POST / HTTP/1.1\r\nHost: {SITE}\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
}

#[test]
fn the_apps_100_opens_the_body() {
    let waiting = Arc::new(AtomicBool::new(false));
    let was_waiting = Arc::clone(&waiting);
    let app = Upstream::scripted(move |talk| {
        let mut request = talk.head();
        assert_eq!(request.one("expect"), Some("100-continue"));
        was_waiting.store(true, Ordering::SeqCst);
        talk.say("HTTP/1.1 100 Continue\r\n\r\n");
        talk.body(&mut request).unwrap();
        talk.say(OK);
        talk.wait_for_end();
    });
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    client.send(expecting());
    assert_eq!(client.head().status(), 100);
    // Not before the app had been asked.
    assert!(waiting.load(Ordering::SeqCst));
    client.send("hello");
    assert_eq!(client.response().status(), 200);
    assert_eq!(app.only_request().body, b"hello");
}

#[test]
fn an_app_that_answers_at_once_never_gets_the_body() {
    let app = Upstream::scripted(|talk| {
        talk.head();
        talk.say("HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\nno");
        talk.wait_for_end();
    });
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    client.send(expecting());
    // The first head is the final one: the client was never told to go on.
    let response = client.response();
    assert_eq!(response.status(), 401);
    assert_eq!(response.body, b"no");
    // The client may close now, or send the body after all and close: what it may not do is go on.
    assert_eq!(response.one("connection"), Some("close"));
    client.end();
    app.wait_until_closed(1);
    let received = app.received().concat();
    assert!(received.ends_with(b"\r\n\r\n"), "{}", received.escape_ascii());
}

#[test]
fn an_app_that_does_not_know_100_gets_the_body_after_a_while() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    client.send(expecting());
    assert_eq!(client.head().status(), 100);
    client.send("hello");
    assert_eq!(client.response().status(), 200);
    assert_eq!(app.only_request().body, b"hello");
}

#[test]
fn a_client_that_does_not_wait_is_served_as_well() {
    let app = Upstream::answering(format!("HTTP/1.1 100 Continue\r\n\r\n{OK}"));
    let gateway = Gateway::before(&app);
    let mut h2 = gateway.connect_h2();
    let request = request("POST", "/").header("expect", "100-continue");
    let answer = h2.ask(request.body(full("hello")).unwrap());
    assert_eq!(answer.status, 200);
    assert_eq!(app.only_request().body, b"hello");
}

#[test]
fn another_expectation_is_refused() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let response = gateway.connect().ask(format!(
        "POST / HTTP/1.1\r\nHost: {SITE}\r\nContent-Length: 0\r\nExpect: 200-ok\r\n\r\n"
    ));
    assert_eq!(response.status(), 417);
    assert_eq!(response.code(), "expectation-failed");
    assert_eq!(app.connections(), 0);
}

#[test]
fn interim_responses_do_not_stand_in_for_the_final_one() {
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n\
                   HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n";
    let app = Upstream::answering(format!("{interim}{OK}"));
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    client.send(format!("GET / HTTP/1.1\r\nHost: {SITE}\r\n\r\n"));
    // Whether they are passed on or kept is the gateway's to choose; the answer is the last one.
    let mut head = client.head();
    while head.status() < 200 {
        assert_ne!(head.status(), 101);
        head = client.head();
    }
    client.reader.body(&mut head).unwrap();
    assert_eq!((head.status(), &head.body[..]), (200, &b"ok"[..]));
    assert_eq!(client.get("/").status(), 200);
    let mut h2 = gateway.connect_h2();
    assert_eq!(h2.get("/").body, "ok");
    assert_eq!(app.connections(), 1);
}
