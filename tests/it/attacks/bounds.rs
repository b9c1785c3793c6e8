//! What a client can make the gateway hold or read ahead, on HTTP/1.1 and in the heads of HTTP/2.

use std::sync::{Mutex, mpsc};
use std::time::Duration;

use crate::support::frames::*;
use crate::support::gateway::{Gateway, Setup};
use crate::support::message::SITE;
use crate::support::upstream::{OK, Upstream};

#[test]
fn requests_that_are_sent_ahead_wait_in_the_clients_own_memory() {
    // An app that answers when it is told to, so that all further requests have to wait.
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let app = Upstream::scripted(move |talk| {
        while let Ok(Some(_)) = talk.request() {
            _ = wait.lock().unwrap().recv();
            talk.say(OK);
        }
    });
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    let request = format!("GET / HTTP/1.1\r\nHost: {SITE}\r\nX: {}\r\n\r\n", "x".repeat(4000));
    let mut sent = 0;
    // Written without end, until the gateway takes no more.
    client.set_patience(Duration::from_millis(500));
    while client.try_send(&request).is_ok() {
        sent += request.len();
        assert!(sent < 64 << 20, "it reads on without end");
    }
    // One is with the app; what the gateway holds of the rest is its read buffer, and the kernel has its own.
    assert_eq!(app.requests().len(), 1);
    drop(go);
    assert_eq!(gateway.connect().get("/").status(), 200);
}

#[test]
fn ten_thousand_requests_in_one_write_are_answered_in_their_order() {
    let app = Upstream::scripted(|talk| {
        talk.stop_recording();
        while let Ok(Some(request)) = talk.request() {
            let path = request.first_line.split(' ').nth(1).unwrap().to_owned();
            talk.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{path}", path.len()));
        }
    });
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    const MANY: usize = 10_000;
    let all: String =
        (0..MANY).map(|number| format!("GET /{number} HTTP/1.1\r\nHost: {SITE}\r\n\r\n")).collect();
    // In parts that fit, so that both sides of a client of one thread come to their turn.
    let mut answered = 0;
    for part in all.as_bytes().chunks(all.len() / 100 + 1) {
        client.send(part);
        let whole = String::from_utf8_lossy(part).matches("\r\n\r\n").count();
        for _ in 0..whole.saturating_sub(1) {
            assert_eq!(client.response().body, format!("/{answered}").as_bytes());
            answered += 1;
        }
    }
    while answered < MANY {
        assert_eq!(client.response().body, format!("/{answered}").as_bytes());
        answered += 1;
    }
}

/// Sends the start of a chunked body, and then a piece over and over; the gateway must end it, and the app must not
/// see the end of a request.
fn assert_chunks_end(name: &str, start: &str, again: &str) {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: {SITE}\r\nTransfer-Encoding: chunked\r\n\r\n{start}"
    ));
    // A megabyte, or as much as it takes.
    let many = again.repeat(10_000 / again.len());
    for _ in 0..100 {
        if client.try_send(&many).is_err() {
            break;
        }
    }
    let event = client.event("access");
    assert_eq!(event.field("status"), "400", "{name}: {event:?}");
    for received in app.received() {
        assert!(!received.ends_with(b"0\r\n\r\n"), "{name}");
        assert!(received.len() < 2000, "{name}: {} bytes", received.len());
    }
    assert_eq!(gateway.connect().get("/").status(), 200, "{name}");
}

#[test]
fn extensions_of_chunks_come_to_an_end() {
    assert_chunks_end("one without end", "1;", "x");
    assert_chunks_end("one that is quoted", "1;x=\"", "y");
    assert_chunks_end("one for each byte", "", &format!("1;{}\r\nx\r\n", "y".repeat(1000)));
}

#[test]
fn trailers_come_to_an_end() {
    assert_chunks_end("many", "1\r\nx\r\n0\r\n", "x: y\r\n");
    assert_chunks_end("one without end", "1\r\nx\r\n0\r\nx: ", "y");
}

#[test]
fn many_tiny_header_lines_are_too_many() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    let lines = "a:\r\n".repeat(5000);
    _ = client.try_send(format!("GET / HTTP/1.1\r\nHost: {SITE}\r\n{lines}\r\n"));
    assert_eq!(client.response().status(), 431);
    let mut over_h2 = Frames::connect(&gateway.caller());
    let fields = [head(&request("GET", "/")), field("a", "").repeat(500)].concat();
    over_h2.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, &fields));
    assert_eq!(over_h2.outcome(1), Outcome::Status(431));
    // Refused as a whole or by its number; the connection is good for more.
    over_h2.send(get(3));
    assert_eq!(over_h2.outcome(3), Outcome::Status(200));
    assert_eq!(app.requests().len(), 1);
}

#[test]
fn crumbs_of_cookies_are_counted_like_other_lines() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut client = Frames::connect(&gateway.caller());
    let crumbs =
        |count| [head(&request("GET", "/")), field("cookie", "a=b").repeat(count)].concat();
    client.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, &crumbs(101)));
    assert_eq!(client.outcome(1), Outcome::Status(431));
    client.send(frame(HEADERS, END_STREAM | END_HEADERS, 3, &crumbs(90)));
    assert_eq!(client.outcome(3), Outcome::Status(200));
    let request = app.only_request();
    assert_eq!(request.all("cookie").len(), 1);
}

#[test]
fn a_small_bomb_of_a_head_is_too_large() {
    let app = Upstream::answering(OK);
    let gateway = Setup::new(&app).site_tables("[site.limits]\nheader_count_max = 1000\n").start();
    let mut client = Frames::connect(&gateway.caller());
    // A field of 1000 bytes that the table remembers, and then one byte for each time it stands there again.
    let mut fields = head(&request("GET", "/"));
    fields.extend([0x40, 1, b'x', 127, 0xe9, 0x06]);
    fields.extend([b'y'; 1000]);
    fields.extend([0xbe; 60]);
    client.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, &fields));
    assert_eq!(client.outcome(1), Outcome::Status(431));
    assert_eq!(app.connections(), 0);
}

#[test]
fn streams_above_their_number_are_refused_and_reach_nobody() {
    let app = Upstream::scripted(|talk| {
        _ = talk.request();
        talk.wait_for_end();
    });
    let gateway = Setup::new(&app).site_tables("[site.limits]\nstreams_max = 3\n").start();
    let mut client = Frames::connect(&gateway.caller());
    // After the gateway's settings are known to both.
    client.until(|frame| frame.kind == SETTINGS && frame.flags & ACK == 0).unwrap();
    client.send(frame(SETTINGS, ACK, 0, b""));
    client.send((0..4).flat_map(|number| get(2 * number + 1)).collect::<Vec<_>>());
    const REFUSED_STREAM: u32 = 7;
    assert_eq!(client.outcome(7), Outcome::Reset(REFUSED_STREAM));
    app.wait_for_connections(3);
    assert_eq!(app.connections(), 3);
}
