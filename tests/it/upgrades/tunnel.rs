//! What a tunnel carries, and what ends it.

use std::net::Shutdown;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use rustls::StreamOwned;

use crate::support::PATIENCE;
use crate::support::client::{Client, End};
use crate::support::gateway::{Gateway, Setup};
use crate::support::upstream::Talk;

use super::stage::{IN_FLIGHT_MAX, WHILE, app, echo, handshake, is_echoed, open};

/// Says goodbye, and listens on.
fn half_close(client: &mut Client) {
    let StreamOwned { conn, sock } = &mut client.reader.stream;
    conn.send_close_notify();
    while conn.wants_write() {
        conn.write_tls(sock).unwrap();
    }
    sock.shutdown(Shutdown::Write).unwrap();
}

#[test]
fn large_messages_arrive_whole() {
    let app = echo();
    let gateway = Gateway::before(&app);
    let mut client = open(&gateway);
    let text: Vec<u8> = (0..=250).cycle().take(300_000).collect();
    for _ in 0..20 {
        is_echoed(&mut client, &text);
    }
    let events = client.events_later();
    drop(client);
    let event = events.wait("access");
    assert_eq!(event.field("request_bytes"), "6000000");
    assert_eq!(event.field("response_bytes"), "6000000");
}

#[test]
fn many_tunnels_live_side_by_side() {
    let app = echo();
    let gateway = Setup::new(&app).workers(2).start();
    let mut clients: Vec<_> = (0..60).map(|_| open(&gateway)).collect();
    for round in 0..3 {
        for (number, client) in clients.iter_mut().enumerate() {
            is_echoed(client, format!("{number} in round {round}").as_bytes());
        }
    }
    assert_eq!(app.connections(), 60);
    drop(clients);
    app.wait_until_closed(60);
}

#[test]
fn an_end_of_the_client_reaches_the_app_whose_last_words_reach_the_client() {
    let app = app(|talk| {
        let mut all = Vec::new();
        while let Ok(bytes) = talk.some()
            && !bytes.is_empty()
        {
            all.extend(bytes);
        }
        // Only now does it speak.
        talk.say(format!("{} bytes, goodbye", all.len()));
    });
    let gateway = Gateway::before(&app);
    let mut client = open(&gateway);
    client.send("some words");
    half_close(&mut client);
    assert_eq!(client.reader.rest().unwrap(), b"10 bytes, goodbye");
    assert_eq!(client.event("access").field("outcome"), "complete");
}

#[test]
fn an_end_of_the_app_reaches_the_client_which_may_still_speak() {
    let (tell, told) = channel();
    let tell = Mutex::new(tell);
    let app = app(move |talk: &mut Talk| {
        talk.say("goodbye");
        talk.half_close();
        let mut all = Vec::new();
        while let Ok(bytes) = talk.some()
            && !bytes.is_empty()
        {
            all.extend(bytes);
        }
        tell.lock().unwrap().send(all).unwrap();
    });
    let gateway = Gateway::before(&app);
    let mut client = open(&gateway);
    assert_eq!(client.reader.rest().unwrap(), b"goodbye");
    client.send("one thing more");
    half_close(&mut client);
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), b"one thing more");
    assert_eq!(client.event("access").field("outcome"), "complete");
}

#[test]
fn an_app_that_vanishes_ends_the_tunnel() {
    let app = app(|talk| {
        talk.some().unwrap();
        talk.reset();
    });
    let gateway = Gateway::before(&app);
    let mut client = open(&gateway);
    client.send("hello");
    assert!(client.reader.rest().is_ok_and(|rest| rest.is_empty()));
    assert_eq!(client.event("access").field("outcome"), "truncated");
}

#[test]
fn a_client_that_vanishes_ends_the_tunnel() {
    let app = echo();
    let gateway = Gateway::before(&app);
    let mut client = open(&gateway);
    is_echoed(&mut client, b"hello");
    let events = client.events_later();
    client.vanish();
    app.wait_until_closed(1);
    assert_eq!(events.wait("access").field("outcome"), "aborted");
}

#[test]
fn silence_ends_it() {
    let app = echo();
    let gateway = Setup::new(&app)
        .site_tables("[site.timeouts]\ntunnel_idle_timeout = \"3s\"\nidle_timeout = \"100ms\"\n")
        .start();
    let mut client = open(&gateway);
    // While something is said it lives, beyond all lengths of HTTP too.
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(4) {
        is_echoed(&mut client, b"ping");
    }
    assert_eq!(client.end(), End::Clean);
    let event = client.event("access");
    assert_eq!(event.field("outcome"), "truncated");
    assert_eq!(event.field("cause"), "nothing came for 3s");
    app.wait_until_closed(1);
}

#[test]
fn a_client_that_takes_no_more_makes_the_app_wait() {
    let (tell, taken) = channel();
    let tell = Mutex::new(tell);
    let app = app(move |talk: &mut Talk| {
        let taken = talk.push(268_435_456, WHILE);
        _ = tell.lock().unwrap().send(taken);
    });
    let gateway = Gateway::before(&app);
    let _client = open(&gateway);
    let taken = taken.recv_timeout(PATIENCE).unwrap();
    assert!(taken < IN_FLIGHT_MAX, "{taken}");
}

#[test]
fn an_app_that_takes_no_more_makes_the_client_wait() {
    let (end, ended) = channel::<()>();
    let ended = Mutex::new(ended);
    let app = app(move |_| _ = ended.lock().unwrap().recv_timeout(PATIENCE));
    let gateway = Gateway::before(&app);
    let mut client = open(&gateway);
    client.set_patience(WHILE);
    let page = vec![b'x'; 64 * 1024];
    let mut sent = 0;
    while client.try_send(&page).is_ok() {
        sent += page.len();
        assert!(sent < IN_FLIGHT_MAX, "{sent}");
    }
    drop(end);
}

#[test]
fn a_tunnel_is_a_request_under_way_and_a_connection_of_its_endpoint() {
    let app = echo();
    let gateway = Setup::new(&app).process_tables("[limits]\nrequests_max = 2\n").start();
    let tunnels = [open(&gateway), open(&gateway)];
    let refused = gateway.connect().ask(handshake("/"));
    assert_eq!((refused.status(), refused.code().as_str()), (503, "overloaded"));
    let events = tunnels[0].events_later();
    drop(tunnels);
    events.wait("access");
    app.wait_until_closed(2);
    is_echoed(&mut open(&gateway), b"hello");
}
