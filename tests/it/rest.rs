//! A connection of HTTP/1.1 that is quiet for a while gives up its buffers; its client notices nothing, whatever comes
//! next.

use std::io::{ErrorKind, Read as _, Write as _};
use std::sync::mpsc::channel;
use std::time::Duration;

use mtls_gateway::pki::Authority;

use crate::support::client::End;
use crate::support::gateway::{Gateway, Setup};
use crate::support::message::SITE;
use crate::support::upstream::{OK, Upstream};

/// Longer than a connection keeps its buffers. Nothing outside tells that it has given them up; where it has not yet,
/// on a very busy machine, a test sees what it expects anyway.
fn rest() {
    let (_never, wait) = channel::<()>();
    _ = wait.recv_timeout(Duration::from_millis(300));
}

#[test]
fn a_connection_that_rested_goes_on_as_before() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    // Before the first request, between two, and again.
    for _ in 0..3 {
        rest();
        for _ in 0..2 {
            assert_eq!(client.get("/").body, b"ok");
        }
    }
    assert_eq!(client.events("access", 6).len(), 6);
}

#[test]
fn a_request_that_comes_in_pieces_with_a_rest_between_is_whole() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    let request = format!("GET / HTTP/1.1\r\nHost: {SITE}\r\n\r\n");
    for cut in [1, 20, request.len() - 1] {
        let (first, second) = request.split_at(cut);
        // Behind a whole one, where the beginning lies in the library's buffer, and by itself.
        for before in [&*request, ""] {
            client.send(format!("{before}{first}"));
            if !before.is_empty() {
                assert_eq!(client.response().body, b"ok");
            }
            rest();
            client.send(second);
            assert_eq!(client.response().body, b"ok", "cut at {cut}");
        }
    }
}

#[test]
fn a_connection_that_rests_is_closed_when_its_time_is_up() {
    let app = Upstream::answering(OK);
    let timeouts = "[site.timeouts]\nidle_timeout = \"2s\"";
    let gateway = Setup::new(&app).site_tables(timeouts).start();
    let mut client = gateway.connect();
    assert_eq!(client.get("/").body, b"ok");
    assert_eq!(client.end(), End::Clean);
}

#[test]
fn a_connection_that_rests_is_closed_when_it_is_not_trusted_any_more() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    assert_eq!(client.get("/").body, b"ok");
    let event = client.events_later();
    rest();
    gateway.pki.write_site(SITE, &Authority::root("Next CA").unwrap());
    gateway.replace("", "");
    assert_eq!(client.end(), End::Clean);
    assert_eq!(event.wait("refusal").field("live"), "true");
}

/// The error comes once: whoever swallows it has a connection that nobody can use any more, and that stays.
#[test]
fn a_connection_that_breaks_while_it_rests_is_closed_at_once() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    // A record that nobody can decrypt, and what is none.
    for broken in
        [[23, 3, 3, 0, 32].as_slice().iter().copied().chain([0; 32]).collect(), vec![0xff; 64]]
    {
        let mut client = gateway.connect();
        assert_eq!(client.get("/").body, b"ok");
        rest();
        let mut tcp = client.tcp();
        tcp.write_all(&broken).unwrap();
        let mut last_words = Vec::new();
        match tcp.read_to_end(&mut last_words) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
        assert!(!last_words.is_empty(), "there is an alert for it");
    }
}

#[test]
fn a_client_that_goes_away_while_its_connection_rests_leaves_nothing() {
    let app = Upstream::answering(OK);
    let setup = Setup::new(&app).process_tables("[limits]\nconnections_max = 1");
    let gateway = setup.start();
    for vanishes in [false, true] {
        let mut client = gateway.connect();
        assert_eq!(client.get("/").body, b"ok");
        rest();
        match vanishes {
            true => client.vanish(),
            false => drop(client),
        }
    }
    // Its place is free, or nobody would answer.
    assert_eq!(gateway.connect().get("/").body, b"ok");
}
