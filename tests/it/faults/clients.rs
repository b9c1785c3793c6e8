//! What a client can do wrong once its request has come: the app is told soon, and the log says it.

use bytes::Bytes;
use hyper::body::Frame;

use crate::support::PATIENCE;
use crate::support::client::Client;
use crate::support::gateway::Setup;
use crate::support::h2::{Body, H2, channel, empty, request};
use crate::support::upstream::{OK, Talk, Upstream};

use super::{IMPATIENCE, app};

/// One way in which a client fails.
pub(super) struct ClientCase {
    pub(super) name: &'static str,
    fails: Fails,
    app_does: fn(&mut Talk),
    /// Of the access line.
    pub(super) outcome: &'static str,
    pub(super) app: &'static str,
    pub(super) note: &'static str,
}

enum Fails {
    /// What it asks, and how it goes on.
    Http1(&'static str, fn(Client)),
    /// What it does; its connection must live.
    Http2(fn(&mut H2, &Upstream)),
}

impl ClientCase {
    pub(super) fn over(&self) -> &'static str {
        match self.fails {
            Fails::Http1(..) => "HTTP/1.1",
            Fails::Http2(_) => "HTTP/2",
        }
    }
}

const CLOSED: &str = "its connection is reset at once";
const GETS: &str = "GET /fault HTTP/1.1\r\nHost: a.example\r\n\r\n";
const POSTS: &str = "POST /fault HTTP/1.1\r\nHost: a.example\r\nContent-Length: 10\r\n\r\nhello";

pub(super) const CLIENTS: &[ClientCase] = &[
    http1("resets while the app thinks", Client::vanish, Talk::wait_for_end, "aborted"),
    http1("closes while the app thinks", drop, Talk::wait_for_end, "aborted"),
    http1(
        "half-closes while the app thinks",
        |mut client| {
            client.reader.stream.conn.send_close_notify();
            client.reader.stream.conn.complete_io(&mut client.reader.stream.sock).unwrap();
            client.tcp().shutdown(std::net::Shutdown::Write).unwrap();
            _ = client.reader.rest();
        },
        Talk::wait_for_end,
        "aborted",
    )
    .note("A TLS connection that is closed on one side is closed."),
    http1("resets in the response", Client::vanish, endless, "aborted"),
    http1("closes in the response", drop, endless, "aborted"),
    http1("reads nothing of the response", wait_for_the_end, endless, "aborted")
        .after("its connection closes after `body_idle_timeout`"),
    http1_post("resets in its request", Client::vanish, "aborted"),
    http1_post("closes in its request", drop, "aborted"),
    http1_post("stalls in its request", wait_for_the_end, "answered")
        .after("its connection closes after `body_idle_timeout`")
        .note("408 `request-timeout`"),
    http2("resets the stream while the app thinks", resets_waiting, Talk::wait_for_end, "aborted"),
    http2("resets the stream in the response", resets_reading, endless, "aborted"),
    http2("gives the stream no window for the response", gives_no_window, endless, "aborted")
        .after("its connection closes after `body_idle_timeout`"),
    http2("resets the stream in its request", resets_posting, Talk::wait_for_end, "aborted"),
    http2("stalls in the request of a stream", stalls_posting, Talk::wait_for_end, "answered")
        .after("its connection closes after `body_idle_timeout`")
        .note("408 `request-timeout`; the other streams go on"),
];

const fn http1(
    name: &'static str,
    fails: fn(Client),
    app_does: fn(&mut Talk),
    outcome: &'static str,
) -> ClientCase {
    ClientCase { name, fails: Fails::Http1(GETS, fails), app_does, outcome, app: CLOSED, note: "" }
}

const fn http1_post(name: &'static str, fails: fn(Client), outcome: &'static str) -> ClientCase {
    let (fails, app_does) = (Fails::Http1(POSTS, fails), Talk::wait_for_end);
    ClientCase { name, fails, app_does, outcome, app: CLOSED, note: "" }
}

const fn http2(
    name: &'static str,
    fails: fn(&mut H2, &Upstream),
    app_does: fn(&mut Talk),
    outcome: &'static str,
) -> ClientCase {
    ClientCase { name, fails: Fails::Http2(fails), app_does, outcome, app: CLOSED, note: "" }
}

impl ClientCase {
    const fn after(self, app: &'static str) -> Self {
        Self { app, ..self }
    }

    const fn note(self, note: &'static str) -> Self {
        Self { note, ..self }
    }
}

/// A response that is never done.
fn endless(talk: &mut Talk) {
    talk.say("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
    let chunk = "x".repeat(64 * 1024);
    while talk.is_heard() {
        talk.say(&chunk);
    }
}

/// Keeps the connection and does nothing until the gateway has closed it.
fn wait_for_the_end(client: Client) {
    // The gateway gives up on a client that reads nothing, and this one must not read; what it has of the connection
    // is kept until the app was told.
    KEPT.with_borrow_mut(|kept| kept.push(client));
}

thread_local! {
    static KEPT: std::cell::RefCell<Vec<Client>> = const { std::cell::RefCell::new(Vec::new()) };
}

fn resets_waiting(client: &mut H2, app: &Upstream) {
    asks_and_resets(client, app, empty());
}

fn resets_posting(client: &mut H2, app: &Upstream) {
    let (sender, body) = channel();
    sender.try_send(Frame::data(Bytes::from_static(b"hello"))).unwrap();
    asks_and_resets(client, app, body);
    drop(sender);
}

/// Sends a request, and drops it once it has reached the app.
fn asks_and_resets(client: &mut H2, app: &Upstream, body: Body) {
    let response = client.sender.send_request(request("POST", "/fault").body(body).unwrap());
    client.wait(async {
        tokio::select! {
            _ = response => panic!("an answer"),
            () = until(|| !app.received().concat().is_empty()) => {}
        }
    });
}

fn resets_reading(client: &mut H2, _: &Upstream) {
    drop(client.begin(request("GET", "/fault").body(empty()).unwrap()).unwrap());
}

fn gives_no_window(client: &mut H2, app: &Upstream) {
    let response = client.begin(request("GET", "/fault").body(empty()).unwrap()).unwrap();
    client.wait(until(|| app.closed() > 0));
    drop(response);
}

fn stalls_posting(client: &mut H2, _: &Upstream) {
    let (sender, body) = channel();
    sender.try_send(Frame::data(Bytes::from_static(b"hello"))).unwrap();
    let response = client.begin(request("POST", "/fault").body(body).unwrap()).unwrap();
    assert_eq!(response.status(), 408);
    drop(sender);
}

/// Lets others move until this is so.
async fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        tokio::task::yield_now().await;
    }
}

#[test]
fn each_fault_of_a_client_is_told_to_the_app_and_harms_nobody_else() {
    for case in CLIENTS {
        let app = app(case.app_does, false);
        let gateway = Setup::new(&app).site_tables(IMPATIENCE).start();
        let event = match case.fails {
            Fails::Http1(request, fails) => {
                let mut client = gateway.connect();
                client.send(request);
                app.wait_for_connections(1);
                let later = client.events_later();
                fails(client);
                app.wait_until_closed(1);
                later.wait("access")
            }
            Fails::Http2(fails) => {
                let mut client = gateway.connect_h2();
                fails(&mut client, &app);
                client.wait(until(|| app.closed() > 0));
                assert_eq!(client.get("/well").status, 200, "{}: the connection", case.name);
                client.event("access")
            }
        };
        assert_eq!(event.field("outcome"), case.outcome, "{}: {event:?}", case.name);
        KEPT.with_borrow_mut(Vec::clear);
        assert_eq!(gateway.connect().get("/well").body, b"ok", "{}", case.name);
    }
}

/// Whoever closes first keeps the port for a minute, and a client that asks and goes away costs one each time.
#[test]
fn only_an_exchange_that_is_given_up_ends_with_a_reset() {
    let (told, ends) = std::sync::mpsc::channel();
    let app = Upstream::scripted(move |talk| {
        while let Ok(Some(request)) = talk.request() {
            if request.first_line.contains("/well") {
                talk.say(OK);
                continue;
            }
            told.send(talk.some().map_err(|error| error.kind())).unwrap();
            return;
        }
        // A request that never came: the end of the connection, or a reset.
        told.send(talk.some().map_err(|error| error.kind())).unwrap();
    });
    let gateway = Setup::new(&app).start();
    let mut client = gateway.connect_h2();
    asks_and_resets(&mut client, &app, empty());
    // The reset goes out with what follows.
    assert_eq!(client.get("/well").status, 200);
    let end = ends.recv_timeout(PATIENCE).unwrap();
    assert_eq!(end, Err(std::io::ErrorKind::ConnectionReset));
    // That of the second request is closed once it has been unused for long enough.
    assert_eq!(ends.recv_timeout(PATIENCE).unwrap(), Ok(Vec::new()));
}
