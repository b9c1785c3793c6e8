//! An app that fails in each way it can: the client learns that it failed, soon, and nothing else breaks.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use crate::support::PATIENCE;
use crate::support::client::End;
use crate::support::gateway::{Gateway, Setup};
use crate::support::h2::{empty, request};
use crate::support::message::{SITE, code_of};
use crate::support::upstream::{OK, Talk, Upstream};

/// Asks over both versions of HTTP; each must get this answer of the gateway's own, on a connection that
/// stays good.
fn assert_answer(gateway: &Gateway, status: u16, code: &str) {
    let mut client = gateway.connect();
    for _ in 0..2 {
        let response = client.get("/");
        assert_eq!((response.status(), &*response.code()), (status, code));
    }
    let event = client.event("access");
    assert_eq!(event.field("status"), status.to_string());
    assert_eq!(event.field("code"), code);
    assert!(!event.field("cause").is_empty(), "{event:?}");
    let mut h2 = gateway.connect_h2();
    for _ in 0..2 {
        let answer = h2.get("/");
        assert_eq!((answer.status, &*code_of(&answer.body)), (status, code));
    }
}

/// An app that does this after each request's head.
fn app(after_head: impl Fn(&mut Talk) + Send + Sync + 'static) -> Upstream {
    Upstream::scripted(move |talk| {
        if talk.request().is_ok_and(|request| request.is_some()) {
            after_head(talk);
        }
    })
}

#[test]
fn an_app_that_is_not_there() {
    let gateway = Gateway::before(&Upstream::absent());
    assert_answer(&gateway, 502, "upstream-unreachable");
    let gateway = Setup::with_url("unix:/nonexistent/app.sock").start();
    assert_answer(&gateway, 502, "upstream-unreachable");
}

#[test]
fn an_app_that_closes_or_resets_before_it_answers() {
    assert_answer(&Gateway::before(&app(|_| {})), 502, "upstream-closed");
    assert_answer(&Gateway::before(&app(Talk::reset)), 502, "upstream-closed");
    let half = app(|talk| {
        talk.half_close();
        talk.wait_for_end();
    });
    assert_answer(&Gateway::before(&half), 502, "upstream-closed");
    // A connection that is reset at once may not even be seen to have been there.
    let before_the_request = Upstream::scripted(Talk::reset);
    let response = Gateway::before(&before_the_request).connect().get("/");
    assert_eq!(response.status(), 502);
    assert!(["upstream-closed", "upstream-unreachable"].contains(&&*response.code()));
}

#[test]
fn an_app_that_breaks_off_in_the_head_of_its_answer() {
    let closing = app(|talk| talk.say("HTTP/1.1 200 OK\r\nContent-Le"));
    assert_answer(&Gateway::before(&closing), 502, "upstream-closed");
    let resetting = app(|talk| {
        talk.say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n");
        talk.reset();
    });
    assert_answer(&Gateway::before(&resetting), 502, "upstream-closed");
}

#[test]
fn an_answer_that_is_no_http() {
    for answer in [
        "SSH-2.0-app\r\n\r\n",
        "<html>hello</html>\r\n\r\n",
        "HTTP/0.9 200 OK\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nNo colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: \0\r\nContent-Length: 0\r\n\r\n",
        "\x16\x03\x01\x00\x00",
    ] {
        let app = app(move |talk| {
            talk.say(answer);
            talk.wait_for_end();
        });
        let response = Gateway::before(&app).connect().get("/");
        assert_eq!(response.status(), 502, "{answer:?}");
        assert_eq!(response.code(), "upstream-invalid", "{answer:?}");
    }
    let garbage = app(|talk| talk.say("no http\r\n\r\n"));
    assert_answer(&Gateway::before(&garbage), 502, "upstream-invalid");
}

#[test]
fn a_head_without_end_is_given_up() {
    let app = app(|talk| {
        talk.say("HTTP/1.1 200 OK\r\n");
        let line = format!("X-Filler: {}\r\n", "x".repeat(1000));
        for _ in 0..4000 {
            talk.say(&line);
        }
        talk.wait_for_end();
    });
    assert_answer(&Gateway::before(&app), 502, "upstream-invalid");
}

#[test]
fn more_header_lines_than_anybody_sends_are_given_up() {
    let lines = "X: y\r\n".repeat(5000);
    let app = app(move |talk| {
        talk.say(format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 0\r\n\r\n"));
        talk.wait_for_end();
    });
    assert_answer(&Gateway::before(&app), 502, "upstream-invalid");
}

#[test]
fn a_body_that_breaks_off_looks_broken_off() {
    const HEADS: [&str; 2] = [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ];
    for head in HEADS {
        for reset in [false, true] {
            let (go_on, wait) = channel();
            let wait = Mutex::new(wait);
            let app = app(move |talk| {
                talk.say(head);
                // A reset may overtake what was said before it, so the client is let read that first.
                wait_for(&wait);
                if reset {
                    talk.reset();
                }
            });
            let gateway = Gateway::before(&app);
            let mut client = gateway.connect();
            client.send(format!("GET / HTTP/1.1\r\nHost: {SITE}\r\n\r\n"));
            let response = client.head();
            assert_eq!(response.status(), 200);
            let chunked = response.one("transfer-encoding").is_some();
            let began = if chunked { &b"5\r\nhello\r\n"[..] } else { b"hello" };
            assert_eq!(client.reader.exactly(began.len()).unwrap(), began);
            go_on.send(()).unwrap();
            assert_eq!(client.end(), End::CutOff, "{head}");
            let event = client.event("access");
            assert_eq!(event.field("outcome"), "truncated");
            assert_eq!(event.field("response_bytes"), "5");

            let mut h2 = gateway.connect_h2();
            let response = h2.begin(request("GET", "/").body(empty()).unwrap()).unwrap();
            go_on.send(()).unwrap();
            h2.finish(response).unwrap_err();
            // Only that stream is broken.
            go_on.send(()).unwrap();
            let response = h2.begin(request("GET", "/").body(empty()).unwrap()).unwrap();
            assert_eq!(response.status(), 200);
        }
    }
}

fn wait_for(signal: &Mutex<Receiver<()>>) {
    // The test may be over already.
    _ = signal.lock().unwrap().recv_timeout(PATIENCE);
}

#[test]
fn a_client_of_http_1_0_can_tell_a_body_that_breaks_off() {
    let app =
        app(|talk| talk.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"));
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    client.send(format!("GET / HTTP/1.0\r\nHost: {SITE}\r\n\r\n"));
    client.head();
    // Nothing but the missing close_notify says so: there is no length and there are no chunks.
    assert!(client.reader.rest().is_err());
}

#[test]
fn a_broken_chunk_looks_broken_off() {
    let app = app(|talk| {
        talk.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nxyz\r\n");
        talk.wait_for_end();
    });
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    client.send(format!("GET / HTTP/1.1\r\nHost: {SITE}\r\n\r\n"));
    assert_eq!(client.head().status(), 200);
    let rest = client.reader.rest();
    assert!(rest.is_err(), "{rest:?}");
}

/// A gateway with short timeouts.
fn impatient(app: &Upstream, timeouts: &str) -> Gateway {
    let table = format!("[site.timeouts]\n{timeouts}");
    Setup::new(app).site_tables(&table).start()
}

#[test]
fn a_silent_app_is_given_up() {
    let silent = app(Talk::wait_for_end);
    let gateway = impatient(&silent, "response_header_timeout = \"200ms\"");
    let start = Instant::now();
    assert_answer(&gateway, 504, "upstream-timeout");
    assert!(start.elapsed() >= Duration::from_millis(800));
    silent.wait_until_closed(4);
}

#[test]
fn the_time_for_an_answer_begins_at_the_end_of_the_request() {
    let app = Upstream::scripted(|talk| {
        let mut request = talk.head();
        talk.body(&mut request).unwrap();
        talk.say(OK);
        talk.wait_for_end();
    });
    let gateway =
        impatient(&app, "response_header_timeout = \"300ms\"\nbody_idle_timeout = \"2s\"");
    let mut client = gateway.connect();
    client.send(format!("POST / HTTP/1.1\r\nHost: {SITE}\r\nContent-Length: 2\r\n\r\na"));
    app.wait_for_connections(1);
    // Longer than the app may take for its answer.
    let (_never, wait) = channel::<()>();
    _ = wait.recv_timeout(Duration::from_millis(500));
    client.send("b");
    assert_eq!(client.response().status(), 200);
}

#[test]
fn an_exchange_that_takes_too_long_is_ended() {
    let (_keep, never): (Sender<()>, _) = channel();
    let never = Mutex::new(never);
    let dripping = app(move |talk| {
        talk.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        // Never still for long, and never done.
        for _ in 0..1000 {
            talk.say("1\r\nx\r\n");
            _ = never.lock().unwrap().recv_timeout(Duration::from_millis(20));
        }
    });
    let gateway = impatient(&dripping, "exchange_timeout = \"300ms\"");
    let mut client = gateway.connect();
    client.send(format!("GET / HTTP/1.1\r\nHost: {SITE}\r\n\r\n"));
    assert_eq!(client.head().status(), 200);
    assert!(client.reader.rest().is_err());
    assert_eq!(client.event("access").field("outcome"), "truncated");

    let silent = app(Talk::wait_for_end);
    let gateway = impatient(&silent, "exchange_timeout = \"200ms\"");
    assert_answer(&gateway, 504, "upstream-timeout");
}

#[test]
fn a_body_that_stands_still_is_given_up() {
    let stalling = app(|talk| {
        talk.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
        talk.wait_for_end();
    });
    let gateway = impatient(&stalling, "body_idle_timeout = \"200ms\"");
    let mut client = gateway.connect();
    client.send(format!("GET / HTTP/1.1\r\nHost: {SITE}\r\n\r\n"));
    assert_eq!(client.head().status(), 200);
    assert_eq!(client.reader.exactly(5).unwrap(), b"hello");
    assert_eq!(client.end(), End::CutOff);
    let mut h2 = gateway.connect_h2();
    let response = h2.begin(request("GET", "/").body(empty()).unwrap()).unwrap();
    h2.finish(response).unwrap_err();
    stalling.wait_until_closed(2);
}

#[test]
fn an_idle_connection_that_the_app_closed_fails_no_request() {
    // Each connection serves one request, and is closed although nobody said so.
    let app = app(|talk| talk.say(OK));
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    let mut h2 = gateway.connect_h2();
    for served in 1..=20 {
        assert_eq!(client.get("/").status(), 200);
        app.wait_until_closed(served * 2 - 1);
        assert_eq!(h2.get("/").status, 200);
        app.wait_until_closed(served * 2);
    }
}

#[test]
fn a_request_that_was_sent_is_not_sent_again() {
    // The second request on a connection is read and then left without an answer.
    let app = Upstream::scripted(|talk| {
        talk.request().unwrap();
        talk.say(OK);
        _ = talk.request();
    });
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    assert_eq!(client.get("/").status(), 200);
    let response =
        client.ask(format!("POST / HTTP/1.1\r\nHost: {SITE}\r\nContent-Length: 1\r\n\r\nx"));
    assert_eq!(response.code(), "upstream-closed");
    assert_eq!(app.requests().len(), 2);
}

#[test]
fn a_client_that_goes_away_ends_the_upstreams_work() {
    let silent = app(Talk::wait_for_end);
    let gateway = Gateway::before(&silent);
    let mut client = gateway.connect();
    client.send(format!("GET / HTTP/1.1\r\nHost: {SITE}\r\n\r\n"));
    silent.wait_for_connections(1);
    let waiting = Instant::now();
    client.vanish();
    silent.wait_until_closed(1);

    let mut h2 = gateway.connect_h2();
    let response = h2.sender.send_request(request("GET", "/").body(empty()).unwrap());
    let sent = async {
        tokio::select! {
            _ = response => panic!("an answer"),
            () = async { while silent.connections() < 2 { tokio::task::yield_now().await; } } => {}
        }
    };
    h2.wait(sent);
    // The stream is reset, the connection lives.
    h2.wait(async {
        while silent.closed() < 2 {
            tokio::task::yield_now().await;
        }
    });
    assert!(waiting.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_client_that_goes_away_in_the_answer_ends_it() {
    let pushing = app(|talk| {
        talk.say("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
        talk.push(1_000_000_000, PATIENCE);
    });
    let gateway = Gateway::before(&pushing);
    let mut client = gateway.connect();
    client.send(format!("GET / HTTP/1.1\r\nHost: {SITE}\r\n\r\n"));
    client.head();
    let event_of = client.events_later();
    client.vanish();
    pushing.wait_until_closed(1);
    assert_eq!(event_of.wait("access").field("outcome"), "aborted");

    let mut h2 = gateway.connect_h2();
    let response = h2.begin(request("GET", "/").body(empty()).unwrap()).unwrap();
    drop(response);
    h2.wait(async {
        while pushing.closed() < 2 {
            tokio::task::yield_now().await;
        }
    });
}
