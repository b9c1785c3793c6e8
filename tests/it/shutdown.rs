//! The end: a drain loses nothing that was asked, and a cut waits for nobody.

use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::support::PATIENCE;
use crate::support::client::{Connector, End};
use crate::support::gateway::{Gateway, Setup};
use crate::support::h2::{H2, empty, request};
use crate::support::message::SITE;
use crate::support::upstream::{OK, Upstream};

/// Something that asks until the gateway ends, and counts the answers.
type Load = fn(&Connector, &AtomicUsize);

#[test]
fn a_drain_under_load_loses_no_request() {
    let app = Upstream::answering(OK);
    let gateway = Setup::new(&app).workers(2).start();
    let caller = gateway.caller();
    let answered = Arc::new(AtomicUsize::new(0));
    let keepers = [keep_asking as Load; 4];
    let over_h2 = [keep_asking_over_h2 as Load; 2];
    let comers = [keep_coming as Load; 2];
    let threads: Vec<_> = [&keepers[..], &over_h2, &comers]
        .concat()
        .into_iter()
        .map(|load| {
            let (caller, answered) = (caller.clone(), Arc::clone(&answered));
            std::thread::spawn(move || load(&caller, &answered))
        })
        .collect();
    let start = Instant::now();
    while answered.load(Ordering::SeqCst) < 300 {
        assert!(start.elapsed() < PATIENCE);
        std::thread::yield_now();
    }
    gateway.stop.drain.cancel();
    for thread in threads {
        thread.join().unwrap();
    }
    gateway.wait_for_end();
    assert_eq!(app.requests().len(), answered.load(Ordering::SeqCst));
}

/// Asks without a pause until the gateway says that it closes.
fn keep_asking(caller: &Connector, answered: &AtomicUsize) {
    let mut client = caller.connect();
    loop {
        let response = client.get("/");
        assert_eq!(response.body, b"ok");
        answered.fetch_add(1, Ordering::SeqCst);
        if response.one("connection") == Some("close") {
            assert_eq!(client.end(), End::Clean);
            return;
        }
    }
}

/// The same over HTTP/2, until the gateway takes no more requests.
fn keep_asking_over_h2(caller: &Connector, answered: &AtomicUsize) {
    let mut client = H2::connect(caller);
    // What is refused was not begun: the number of requests that the app saw tells.
    while let Ok(response) = client.begin(request("GET", "/").body(empty()).unwrap()) {
        assert_eq!(client.finish(response).unwrap().body, "ok");
        answered.fetch_add(1, Ordering::SeqCst);
    }
}

/// Connects for each request anew until nobody accepts any more.
fn keep_coming(caller: &Connector, answered: &AtomicUsize) {
    while let Some(mut client) = caller.try_open() {
        if client.handshake().is_err() {
            // In the kernel's queue when the socket was closed: never accepted.
            return;
        }
        assert_eq!(client.get("/").body, b"ok");
        answered.fetch_add(1, Ordering::SeqCst);
    }
}

/// An app whose answers wait for the test.
fn gated() -> (Upstream, std::sync::mpsc::Sender<()>) {
    let (open, gate) = channel();
    let gate = Mutex::new(gate);
    let app = Upstream::scripted(move |talk| {
        while let Ok(Some(_)) = talk.request() {
            talk.say("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello");
            _ = gate.lock().unwrap().recv_timeout(PATIENCE);
            talk.say("world");
        }
    });
    (app, open)
}

#[test]
fn what_runs_is_finished() {
    let (app, open) = gated();
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    client.send(format!("GET / HTTP/1.1\r\nHost: {SITE}\r\n\r\n"));
    let mut response = client.head();
    let mut h2 = gateway.connect_h2();
    let over_h2 = h2.begin(request("GET", "/").body(empty()).unwrap()).unwrap();

    gateway.stop.drain.cancel();
    // The listener is closed while the exchanges run.
    let start = Instant::now();
    while TcpStream::connect(gateway.address).is_ok() {
        assert!(start.elapsed() < PATIENCE);
        std::thread::yield_now();
    }
    assert!(!gateway.has_ended());
    open.send(()).unwrap();
    open.send(()).unwrap();
    client.reader.body(&mut response).unwrap();
    assert_eq!(response.body, b"helloworld");
    assert_eq!(client.end(), End::Clean);
    assert_eq!(h2.finish(over_h2).unwrap().body, "helloworld");
    h2.end();
    gateway.wait_for_end();
}

#[test]
fn an_answer_that_began_before_the_drain_is_not_the_last_of_its_connection() {
    let (app, open) = gated();
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    client.send(format!("GET / HTTP/1.1\r\nHost: {SITE}\r\n\r\n"));
    let mut response = client.head();
    // Its client is told nothing of an end, and so may ask again.
    assert_eq!(response.one("connection"), None);
    gateway.stop.drain.cancel();
    let start = Instant::now();
    while TcpStream::connect(gateway.address).is_ok() {
        assert!(start.elapsed() < PATIENCE);
        std::thread::yield_now();
    }
    open.send(()).unwrap();
    open.send(()).unwrap();
    client.reader.body(&mut response).unwrap();
    let last = client.get("/");
    assert_eq!(last.body, b"helloworld");
    assert_eq!(last.one("connection"), Some("close"));
    assert_eq!(client.end(), End::Clean);
    gateway.wait_for_end();
}

#[test]
fn idle_connections_are_closed_in_good_order() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut unused = gateway.connect();
    let mut used = gateway.connect();
    used.get("/");
    let mut h2 = gateway.connect_h2();
    h2.get("/");
    gateway.stop.drain.cancel();
    assert_eq!(unused.end(), End::Clean);
    assert_eq!(used.end(), End::Clean);
    h2.end();
    gateway.wait_for_end();
}

#[test]
fn a_request_that_was_on_its_way_is_the_last_of_its_connection() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    assert_eq!(client.get("/").one("connection"), None);
    gateway.stop.drain.cancel();
    let response = client.get("/");
    assert_eq!(response.status(), 200);
    assert_eq!(response.one("connection"), Some("close"));
    assert_eq!(client.end(), End::Clean);
    gateway.wait_for_end();
}

#[test]
fn a_gateway_that_is_cut_waits_for_nobody() {
    let (app, _never) = gated();
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    client.send(format!("GET / HTTP/1.1\r\nHost: {SITE}\r\n\r\n"));
    client.head();
    let mut silent = gateway.caller().open();
    gateway.stop.drain.cancel();
    gateway.stop.cut.cancel();
    gateway.wait_for_end();
    assert_eq!(client.reader.exactly(5).unwrap(), b"hello");
    assert_eq!(client.end(), End::CutOff);
    silent.handshake().unwrap_err();
}
