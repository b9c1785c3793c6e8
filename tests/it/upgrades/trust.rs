//! Tunnels and endless responses under the trust in force: whoever loses it loses them, the one within a second, the
//! other after a while. And a drain waits for them no longer than it waits for anything.

use std::io::ErrorKind;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use http_body_util::BodyExt as _;
use mtls_gateway::pki::Authority;
use mtls_gateway::process::unix_now;
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use crate::support::PATIENCE;
use crate::support::client::{Client, End};
use crate::support::gateway::{Gateway, Setup};
use crate::support::h2::{empty, request};
use crate::support::message::SITE;
use crate::support::pki::Credentials;
use crate::support::upstream::{OK, Upstream};

use super::http2;
use super::stage::{echo, handshake, is_echoed, open};

/// Within this a tunnel is closed whose client is not trusted any more: a second, and what a busy machine adds to it.
const SOON: Duration = Duration::from_secs(5);

fn exchange_the_ca(gateway: &Gateway) {
    gateway.pki.write_site(SITE, &Authority::root("Next CA").unwrap());
    gateway.replace("", "");
}

#[track_caller]
fn is_closed_soon(client: &mut Client) {
    let start = Instant::now();
    assert_eq!(client.end(), End::Clean);
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
}

#[test]
fn a_tunnel_ends_when_its_ca_is_taken_away() {
    let app = echo();
    let gateway = Gateway::before(&app);
    let mut client = open(&gateway);
    is_echoed(&mut client, b"hello");

    exchange_the_ca(&gateway);

    is_closed_soon(&mut client);
    let event = client.event("access");
    assert_eq!(event.field("outcome"), "truncated");
    assert!(event.field("cause").contains("unknown-ca"), "{event:?}");
    assert_eq!(client.event("refusal").field("live"), "true");
    app.wait_until_closed(1);
    gateway.caller().refused();
}

#[test]
fn a_tunnel_over_http_2_ends_when_its_ca_is_taken_away() {
    let app = echo();
    let gateway = Gateway::before(&app);
    let mut client = http2::connect(&gateway);
    let mut stream = http2::open(&mut client);
    http2::is_echoed(&client, &mut stream, b"hello");

    exchange_the_ca(&gateway);

    let start = Instant::now();
    let mut rest = Vec::new();
    _ = client.wait(stream.read_to_end(&mut rest));
    assert!(rest.is_empty());
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    drop(stream);
    client.end();
    app.wait_until_closed(1);
}

#[test]
fn a_tunnel_survives_a_change_that_does_not_concern_it() {
    let app = echo();
    let gateway = Gateway::before(&app);
    let mut client = open(&gateway);
    let mut over_h2 = http2::connect(&gateway);
    let mut stream = http2::open(&mut over_h2);
    for _ in 0..3 {
        gateway.replace("", "");
        is_echoed(&mut client, b"hello");
        http2::is_echoed(&over_h2, &mut stream, b"hello");
    }
}

#[test]
fn a_tunnel_ends_when_its_certificate_runs_out() {
    let app = echo();
    let gateway = Gateway::before(&app);
    let client_ca = &gateway.pki.client_ca;
    let short = client_ca.client("short").valid(unix_now() - 60..unix_now() + 4).issue().unwrap();
    let caller = gateway.caller().presenting(Credentials::of(&short));
    let mut client = caller.connect();
    client.send(handshake("/"));
    assert_eq!(client.head().status(), 101);
    is_echoed(&mut client, b"hello");
    assert_eq!(client.end(), End::Clean);
    assert!(client.event("access").field("cause").contains("expired"));
    app.wait_until_closed(1);
}

#[test]
fn a_tunnel_ends_when_the_rule_of_its_route_is_narrowed() {
    let app = echo();
    let gateway = Setup::new(&app)
        .site_tables("[[site.route]]\npath = \"/chat\"\nallow = [{ subject_cn = \"caller\" }]\n")
        .start();
    let mut client = gateway.connect();
    client.send(handshake("/chat"));
    assert_eq!(client.head().status(), 101);
    let mut elsewhere = open(&gateway);
    let mut over_h2 = http2::connect(&gateway);
    let mut stream = http2::open(&mut over_h2);
    let response = over_h2.begin(http2::asking("/chat", "websocket")).unwrap();
    let mut narrowed =
        hyper_util::rt::TokioIo::new(over_h2.wait(hyper::upgrade::on(response)).unwrap());
    http2::is_echoed(&over_h2, &mut narrowed, b"hello");

    gateway.replace("subject_cn = \"caller\"", "subject_cn = \"another\"");

    is_closed_soon(&mut client);
    assert!(
        client.event("access").field("cause").contains("allow"),
        "{:?}",
        client.event("access")
    );
    let mut rest = Vec::new();
    _ = over_h2.wait(narrowed.read_to_end(&mut rest));
    assert!(rest.is_empty());
    // The client itself is as trusted as before.
    is_echoed(&mut elsewhere, b"hello");
    http2::is_echoed(&over_h2, &mut stream, b"hello");
    assert_eq!(over_h2.get("/").body, "ok");
}

#[test]
fn a_tunnel_lives_until_the_drain_ends() {
    let app = echo();
    let gateway = Setup::new(&app).start();
    let mut client = open(&gateway);
    let mut over_h2 = http2::connect(&gateway);
    let mut stream = http2::open(&mut over_h2);
    gateway.stop.drain.cancel();
    is_echoed(&mut client, b"hello");
    http2::is_echoed(&over_h2, &mut stream, b"hello");
    assert!(!gateway.has_ended());
    gateway.stop.cut.cancel();
    gateway.wait_for_end();
    client.end();
    app.wait_until_closed(2);
    let event = client.event("access");
    assert_eq!(event.field("outcome"), "truncated");
    assert_eq!(event.field("cause"), "the gateway has stopped");
}

#[test]
fn a_drain_ends_with_its_last_tunnel() {
    let app = echo();
    let gateway = Setup::new(&app).start();
    let mut client = open(&gateway);
    gateway.stop.drain.cancel();
    is_echoed(&mut client, b"hello");
    drop(client);
    gateway.wait_for_end();
}

/// An app whose answer goes on for as long as somebody listens, and word when it does not.
fn endless() -> (Upstream, Receiver<()>) {
    let (tell, told) = channel();
    let tell = Mutex::new(tell);
    let app = Upstream::scripted(move |talk| {
        while let Ok(Some(request)) = talk.request() {
            if !request.first_line.contains("/events") {
                talk.say(OK);
                continue;
            }
            talk.say("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
            talk.say("b\r\ndata: one\n\n\r\n");
            // Silent from here on, until the gateway closes.
            talk.wait_for_end();
            _ = tell.lock().unwrap().send(());
        }
    });
    (app, told)
}

const GRACE: &str = "[site.timeouts]\nuntrusted_exchange_timeout = \"400ms\"\n";

fn listen(gateway: &Gateway) -> Client {
    let mut client = gateway.connect();
    client.send(format!("GET /events HTTP/1.1\r\nHost: {SITE}\r\n\r\n"));
    assert_eq!(client.head().status(), 200);
    assert_eq!(client.reader.exactly(16).unwrap(), b"B\r\ndata: one\n\n\r\n");
    client
}

#[test]
fn an_endless_response_is_cut_a_while_after_its_trust_is_lost() {
    let (app, ended) = endless();
    let gateway = Setup::new(&app).site_tables(GRACE).start();
    let mut client = listen(&gateway);
    let mut over_h2 = gateway.connect_h2();
    let response = over_h2.begin(request("GET", "/events").body(empty()).unwrap()).unwrap();
    let mut body = response.into_body();
    over_h2.wait(body.frame()).unwrap().unwrap();

    exchange_the_ca(&gateway);

    assert_eq!(client.end(), End::CutOff);
    // Two connections to the app, one of each.
    for _ in 0..2 {
        ended.recv_timeout(PATIENCE).unwrap();
    }
    let event = client.event("access");
    assert_eq!(event.field("outcome"), "truncated");
    assert!(event.field("cause").contains("unknown-ca"), "{event:?}");
    assert!(over_h2.wait(body.frame()).unwrap().is_err());
    assert_eq!(over_h2.event("access").field("outcome"), "truncated");
}

#[test]
fn an_endless_response_is_cut_when_the_rule_of_its_route_is_narrowed() {
    let (app, ended) = endless();
    let gateway = Setup::new(&app)
        .site_tables(&format!(
            "{GRACE}[[site.route]]\npath = \"/events\"\nallow = [{{ subject_cn = \"caller\" }}]\n"
        ))
        .start();
    let mut client = listen(&gateway);
    gateway.replace("subject_cn = \"caller\"", "subject_cn = \"another\"");
    assert_eq!(client.end(), End::CutOff);
    ended.recv_timeout(PATIENCE).unwrap();
    assert!(client.event("access").field("cause").contains("allow"));
}

#[test]
fn a_request_that_waits_for_its_app_is_cut_too() {
    let (tell, asked) = channel();
    let tell = Mutex::new(tell);
    let app = Upstream::scripted(move |talk| {
        talk.request().unwrap();
        tell.lock().unwrap().send(()).unwrap();
        talk.wait_for_end();
    });
    let gateway = Setup::new(&app).site_tables(GRACE).start();
    let mut client = gateway.connect();
    client.send(format!("GET / HTTP/1.1\r\nHost: {SITE}\r\n\r\n"));
    asked.recv_timeout(PATIENCE).unwrap();
    exchange_the_ca(&gateway);
    assert_eq!(client.end(), End::CutOff);
    app.wait_until_closed(1);
    assert!(client.event("access").field("cause").contains("unknown-ca"));
}

#[test]
fn an_endless_response_goes_on_while_its_client_is_trusted() {
    let (app, ended) = endless();
    let gateway = Setup::new(&app).site_tables(GRACE).start();
    let mut client = listen(&gateway);
    gateway.replace("", "");
    client.set_patience(Duration::from_millis(900));
    let kind = client.reader.some().unwrap_err().kind();
    assert!(matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{kind}");
    assert!(ended.try_recv().is_err());
}

#[test]
fn what_runs_beside_a_request_that_ended_in_time_goes_on() {
    let (go_on, gate) = channel::<()>();
    let (tell, asked) = channel();
    let (tell, gate) = (Mutex::new(tell), Mutex::new(gate));
    let app = Upstream::scripted(move |talk| {
        let request = talk.request().unwrap().unwrap();
        tell.lock().unwrap().send(()).unwrap();
        if request.first_line.contains("/slow") {
            gate.lock().unwrap().recv().unwrap();
            talk.say(OK);
        } else {
            talk.say("HTTP/1.1 200 OK\r\n\r\ndata");
        }
        talk.wait_for_end();
    });
    let gateway = Setup::new(&app)
        .site_tables(&format!(
            "{GRACE}[[site.route]]\npath = \"/slow\"\nallow = [{{ subject_cn = \"caller\" }}]\n"
        ))
        .start();
    let mut client = gateway.connect_h2();
    let response = client.begin(request("GET", "/events").body(empty()).unwrap()).unwrap();
    let mut body = response.into_body();
    client.wait(body.frame()).unwrap().unwrap();
    let slow = client.sender.send_request(request("GET", "/slow").body(empty()).unwrap());
    let slow = client.runtime.spawn(slow);
    client.wait(async {
        // The first of the two has been told already.
        let mut count = 0;
        while count < 2 {
            count += asked.try_iter().count();
            tokio::task::yield_now().await;
        }
    });

    gateway.replace("subject_cn = \"caller\"", "subject_cn = \"another\"");
    go_on.send(()).unwrap();

    assert_eq!(client.wait(slow).unwrap().unwrap().status(), 200);
    // Longer than the grace.
    let more = client.wait(async { timeout(Duration::from_millis(900), body.frame()).await });
    assert!(more.is_err(), "{more:?}");
}
