//! Every ceiling and every deadline: what is over it gets an answer that says so, or is cut off.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use hyper::body::Frame;

use crate::support::PATIENCE;
use crate::support::client::{Client, End};
use crate::support::gateway::{Gateway, Setup};
use crate::support::h2::{self, empty, full};
use crate::support::message::{SITE, code_of};
use crate::support::upstream::{OK, Talk, Upstream};

fn limited(app: &Upstream, limits: &str) -> Gateway {
    let table = format!("[site.limits]\n{limits}");
    Setup::new(app).site_tables(&table).start()
}

fn impatient(app: &Upstream, timeouts: &str) -> Gateway {
    let table = format!("[site.timeouts]\n{timeouts}");
    Setup::new(app).site_tables(&table).start()
}

/// Sends a request that must get this answer, after which the connection ends.
fn assert_refused(gateway: &Gateway, request: &str, status: u16, code: &str) {
    let mut client = gateway.connect();
    // The answer may come before all is sent.
    _ = client.try_send(request);
    let response = client.response();
    assert_eq!((response.status(), &*response.code()), (status, code));
    assert_eq!(response.one("connection"), Some("close"));
    client.end();
    assert_eq!(client.event("access").field("code"), code);
}

/// Waits so long, for what must not happen meanwhile.
fn pass(time: Duration) {
    let (_keep, nothing) = channel::<()>();
    assert_eq!(nothing.recv_timeout(time), Err(RecvTimeoutError::Timeout));
}

#[test]
fn a_head_above_the_ceiling_is_refused() {
    let app = Upstream::answering(OK);
    let gateway = limited(&app, "header_bytes_max = \"8KiB\"");
    let filler = "x".repeat(9000);
    let request = format!("GET / HTTP/1.1\r\nHost: {SITE}\r\nX: {filler}\r\n\r\n");
    assert_refused(&gateway, &request, 431, "header-too-large");
    let endless = format!("GET / HTTP/1.1\r\nHost: {SITE}\r\nX: {}", "x".repeat(100_000));
    assert_refused(&gateway, &endless, 431, "header-too-large");
    let mut over_h2 = gateway.connect_h2();
    let request = h2::request("GET", "/").header("x", &filler);
    assert_eq!(over_h2.ask(request.body(empty()).unwrap()).status, 431);
    assert_eq!(app.connections(), 0);

    let fits = "x".repeat(7000);
    let request = format!("GET / HTTP/1.1\r\nHost: {SITE}\r\nX: {fits}\r\n\r\n");
    assert_eq!(gateway.connect().ask(request).status(), 200);
    let request = h2::request("GET", "/").header("x", fits);
    assert_eq!(over_h2.ask(request.body(empty()).unwrap()).status, 200);
}

#[test]
fn too_many_header_lines_are_refused() {
    let app = Upstream::answering(OK);
    let gateway = limited(&app, "header_count_max = 10");
    let request = |lines: usize| {
        let lines = "X: y\r\n".repeat(lines);
        format!("GET / HTTP/1.1\r\nHost: {SITE}\r\n{lines}\r\n")
    };
    assert_refused(&gateway, &request(10), 431, "header-too-large");
    assert_eq!(app.connections(), 0);
    assert_eq!(gateway.connect().ask(request(9)).status(), 200);
}

#[test]
fn the_number_of_header_lines_counts_on_http_2_as_well() {
    let app = Upstream::answering(OK);
    let gateway = limited(&app, "header_count_max = 10");
    let mut over_h2 = gateway.connect_h2();
    let mut many = h2::request("GET", "/");
    for _ in 0..11 {
        many = many.header("x", "y");
    }
    let answer = over_h2.ask(many.body(empty()).unwrap());
    assert_eq!(answer.status, 431);
    assert_eq!(code_of(&answer.body), "header-too-large");
    assert_eq!(app.connections(), 0);
}

#[test]
fn a_target_that_is_too_long_is_refused() {
    let app = Upstream::answering(OK);
    let gateway = limited(&app, "header_bytes_max = \"128KiB\"");
    let target = "x".repeat(70_000);
    let request = format!("GET /{target} HTTP/1.1\r\nHost: {SITE}\r\n\r\n");
    assert_refused(&gateway, &request, 414, "uri-too-long");
    assert_eq!(app.connections(), 0);
}

#[test]
fn a_body_whose_length_is_above_the_ceiling_is_refused_unread() {
    let app = Upstream::answering(OK);
    let gateway = limited(&app, "body_bytes_max = \"1KiB\"");
    let post = |length: usize| {
        let body = "x".repeat(length);
        format!("POST / HTTP/1.1\r\nHost: {SITE}\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    assert_refused(&gateway, &post(1025), 413, "body-too-large");
    let mut over_h2 = gateway.connect_h2();
    let answer = over_h2.ask(h2::request("POST", "/").body(full(vec![0; 1025])).unwrap());
    assert_eq!((answer.status, &*code_of(&answer.body)), (413, "body-too-large"));
    assert_eq!(app.connections(), 0);

    assert_eq!(gateway.connect().ask(post(1024)).status(), 200);
    let fits = h2::request("POST", "/").body(full(vec![0; 1024]));
    assert_eq!(over_h2.ask(fits.unwrap()).status, 200);
}

#[test]
fn a_body_that_grows_above_the_ceiling_is_cut_there() {
    let app = Upstream::answering(OK);
    let gateway = limited(&app, "body_bytes_max = \"1KiB\"");
    let chunk = format!("200\r\n{}\r\n", "x".repeat(0x200));
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {SITE}\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        chunk.repeat(5)
    );
    assert_refused(&gateway, &request, 413, "body-too-large");

    let (sender, body) = h2::channel();
    for _ in 0..3 {
        sender.try_send(Frame::data(vec![b'x'; 512].into())).unwrap();
    }
    let mut over_h2 = gateway.connect_h2();
    let answer = over_h2.ask(h2::request("POST", "/").body(body).unwrap());
    assert_eq!((answer.status, &*code_of(&answer.body)), (413, "body-too-large"));
    // The connection is good for more.
    assert_eq!(over_h2.get("/").status, 200);

    app.wait_until_closed(2);
    for received in &app.received()[..2] {
        let content = received.iter().filter(|byte| **byte == b'x').count();
        // The names of forwarding headers have that letter, too.
        assert!(content <= 1024 + 100, "{content}");
        assert!(!received.ends_with(b"0\r\n\r\n"));
    }
}

#[test]
fn a_head_that_drips_in_is_cut_off() {
    let app = Upstream::answering(OK);
    let gateway = impatient(&app, "header_timeout = \"300ms\"");
    let mut client = gateway.connect();
    // Also on a connection that has proven itself.
    assert_eq!(client.get("/").status(), 200);
    let start = Instant::now();
    let mut byte = format!("GET / HTTP/1.1\r\nHost: {SITE}\r\nX: ").into_bytes();
    while client.try_send(&byte).is_ok() {
        assert!(start.elapsed() < PATIENCE);
        pass(Duration::from_millis(20));
        byte = b"x".to_vec();
    }
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert_eq!(app.requests().len(), 1);
}

#[test]
fn an_idle_connection_is_closed_in_good_order() {
    let app = Upstream::answering(OK);
    let gateway = impatient(&app, "idle_timeout = \"300ms\"\nheader_timeout = \"300ms\"");
    let mut unused = gateway.connect();
    let mut used = gateway.connect();
    assert_eq!(used.get("/").status(), 200);
    let mut over_h2 = gateway.connect_h2();
    assert_eq!(over_h2.get("/").status, 200);
    assert_eq!(unused.end(), End::Clean);
    assert_eq!(used.end(), End::Clean);
    over_h2.end();
}

#[test]
fn a_connection_in_use_is_not_idle() {
    let app = Upstream::scripted(|talk| {
        while let Ok(Some(_)) = talk.request() {
            pass(Duration::from_millis(500));
            talk.say(OK);
        }
    });
    let gateway = impatient(&app, "idle_timeout = \"200ms\"\nheader_timeout = \"200ms\"");
    assert_eq!(gateway.connect().get("/").status(), 200);
    assert_eq!(gateway.connect_h2().get("/").status, 200);
}

#[test]
fn an_upload_that_stands_still_is_given_up() {
    let app = Upstream::scripted(|talk| {
        let mut request = talk.head();
        _ = talk.body(&mut request);
        talk.wait_for_end();
    });
    let gateway = impatient(&app, "body_idle_timeout = \"200ms\"");
    let request = format!("POST / HTTP/1.1\r\nHost: {SITE}\r\nContent-Length: 10\r\n\r\nabc");
    assert_refused(&gateway, &request, 408, "request-timeout");
    let (sender, body) = h2::channel();
    sender.try_send(Frame::data("abc".into())).unwrap();
    let mut over_h2 = gateway.connect_h2();
    let answer = over_h2.ask(h2::request("POST", "/").body(body).unwrap());
    assert_eq!((answer.status, &*code_of(&answer.body)), (408, "request-timeout"));
    app.wait_until_closed(2);
}

/// An app that sends without end.
fn endless() -> Upstream {
    Upstream::scripted(|talk: &mut Talk| {
        talk.request().unwrap();
        talk.stop_recording();
        talk.say("HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n");
        talk.push(10_000_000_000, PATIENCE);
    })
}

#[test]
fn a_client_that_does_not_read_is_cut_off() {
    let app = endless();
    let gateway = impatient(&app, "body_idle_timeout = \"300ms\"");
    let mut client = gateway.connect();
    client.send(format!("GET / HTTP/1.1\r\nHost: {SITE}\r\n\r\n"));
    client.head();
    app.wait_until_closed(1);
    assert_eq!(client.event("access").field("outcome"), "aborted");
}

#[test]
fn a_client_of_http_2_that_does_not_read_is_cut_off() {
    let app = endless();
    let gateway = impatient(&app, "body_idle_timeout = \"300ms\"");
    let mut client = gateway.connect_h2();
    let response = client.begin(h2::request("GET", "/").body(empty()).unwrap());
    // The client is not driven from here on, so it neither reads nor opens its windows.
    let response = response.unwrap();
    app.wait_until_closed(1);
    drop(response);
}

#[test]
fn connections_above_the_ceiling_wait_their_turn() {
    let app = Upstream::answering(OK);
    let gateway = Setup::new(&app).process_tables("[limits]\nconnections_max = 2").start();
    let first = gateway.connect();
    let mut second = gateway.connect();
    let mut third = gateway.caller().open();
    third.set_patience(Duration::from_millis(300));
    let error = third.handshake().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    third.set_patience(PATIENCE);
    assert_eq!(second.get("/").status(), 200);
    close(first);
    third.handshake().unwrap();
    assert_eq!(third.get("/").status(), 200);
}

/// Ends a connection as a client should.
fn close(mut client: Client) {
    client.reader.stream.conn.send_close_notify();
    _ = client.try_send("");
}
