//! Ceilings of how many: connections, handshakes, requests at once, on one connection, and a minute.

use std::io::{Read as _, Write as _};

use crate::admin::soon;
use crate::support::client::End;
use crate::support::gateway::{Gateway, Setup};
use crate::support::h2::{empty, request};
use crate::support::pki::Credentials;
use crate::support::port;
use crate::support::upstream::{OK, Upstream};

const GET: &str = "GET / HTTP/1.1\r\nhost: a.example\r\n\r\n";

fn with_limits(app: &Upstream, lines: &str) -> Gateway {
    Setup::new(app).process_tables(&format!("[limits]\n{lines}")).start()
}

fn with_site_limits(app: &Upstream, lines: &str) -> Gateway {
    Setup::new(app).site_tables(&format!("[site.limits]\n{lines}")).start()
}

/// However many handshakes begin and never end, one that goes on comes through.
#[test]
fn a_flood_of_handshakes_keeps_nobody_out() {
    let app = Upstream::answering(OK);
    let gateway = with_limits(&app, "handshakes_max = 8");
    let mut open = gateway.connect();
    let mut flood = Vec::new();
    for number in 0..60 {
        let mut stream = port::connect(gateway.address).unwrap();
        stream.write_all(b"\x16\x03\x01").unwrap();
        flood.push(stream);
        if number % 20 == 10 {
            assert_eq!(gateway.connect().get("/").status(), 200);
            assert_eq!(open.get("/").status(), 200);
        }
    }
    // Only the last ones are still there.
    let is_gone = |stream: &mut std::net::TcpStream| {
        stream.set_nonblocking(true).unwrap();
        !matches!(stream.read(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    };
    soon(|| flood.iter_mut().filter_map(|stream| is_gone(stream).then_some(())).count() >= 52);
}

#[test]
fn an_address_has_no_more_connections_than_it_may_and_gets_them_back() {
    let app = Upstream::answering(OK);
    let gateway = with_limits(&app, "connections_per_address_max = 2");
    let (mut one, two) = (gateway.connect(), gateway.connect());
    assert!(gateway.caller().try_open().is_none_or(|mut third| third.handshake().is_err()));
    assert_eq!(one.get("/").status(), 200);
    drop(two);
    soon(|| {
        let again = gateway.caller().try_open();
        again.is_some_and(|mut again| again.handshake().is_ok() && again.get("/").status() == 200)
    });
    assert_eq!(one.get("/").status(), 200);
}

#[test]
fn what_runs_goes_on_while_further_requests_are_told_to_come_again() {
    let app = Upstream::scripted(|talk| {
        while let Ok(Some(request)) = talk.request() {
            // Answered when the client says so, by its body.
            if request.first_line.starts_with("POST") || request.first_line.contains("/now") {
                talk.say(OK);
            }
        }
    });
    let gateway = with_limits(&app, "requests_max = 1");
    let mut slow = gateway.connect();
    slow.send("POST /slow HTTP/1.1\r\nhost: a.example\r\ncontent-length: 2\r\n\r\nx");
    app.wait_for_connections(1);
    let mut other = gateway.connect();
    let answer = other.get("/now");
    assert_eq!((answer.status(), answer.code().as_str()), (503, "overloaded"));
    assert_eq!(answer.one("retry-after"), Some("1"));
    slow.send("x");
    assert_eq!(slow.response().status(), 200);
    // On the same connection: an answer of the gateway ends none.
    soon(|| other.get("/now").status() == 200);
}

#[test]
fn a_connection_ends_after_as_many_requests_as_it_may_carry() {
    let app = Upstream::answering(OK);
    let gateway = with_site_limits(&app, "requests_per_connection_max = 3");
    let mut client = gateway.connect();
    for _ in 0..2 {
        assert_eq!(client.get("/").one("connection"), None);
    }
    let last = client.get("/");
    assert_eq!((last.status(), last.one("connection")), (200, Some("close")));
    assert!(matches!(client.end(), End::Clean));
    let mut h2 = gateway.connect_h2();
    for _ in 0..3 {
        assert_eq!(h2.get("/").status, 200);
    }
    h2.end();
}

#[test]
fn a_target_above_the_ceiling_is_refused() {
    let app = Upstream::answering(OK);
    let gateway = with_site_limits(&app, "uri_bytes_max = \"256B\"");
    let fitting = format!("/{}", "x".repeat(255));
    assert_eq!(gateway.connect().get(&fitting).status(), 200);
    let answer = gateway.connect().get(&format!("{fitting}x"));
    assert_eq!((answer.status(), answer.code().as_str()), (414, "uri-too-long"));
    let mut h2 = gateway.connect_h2();
    let long = format!("{fitting}?x");
    assert_eq!(h2.ask(request("GET", &long).body(empty()).unwrap()).status, 414);
    assert_eq!(app.requests().len(), 1);
}

#[test]
fn a_client_asks_no_more_often_than_it_may_whatever_its_connections() {
    let app = Upstream::answering(OK);
    let setup = Setup::new(&app);
    let issued = |name: &str| Credentials::of(&setup.pki.client_ca.client(name).issue().unwrap());
    let (one, two) = (issued("One"), issued("Two"));
    let limits = "[site.limits]\nrequests_per_minute_per_client = 3\n";
    let gateway = setup.site_tables(limits).workers(2).start();
    let ask = |who: &Credentials| gateway.caller().presenting(who.clone()).connect().ask(GET);
    for _ in 0..3 {
        assert_eq!(ask(&one).status(), 200);
    }
    let answer = ask(&one);
    assert_eq!((answer.status(), answer.code().as_str()), (429, "too-many-requests"));
    let wait: u32 = answer.one("retry-after").unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    assert_eq!(ask(&two).status(), 200);
    assert_eq!(app.requests().len(), 4);
}

#[test]
fn a_site_takes_no_more_requests_than_it_may_from_all_together() {
    let app = Upstream::answering(OK);
    let gateway = with_site_limits(&app, "requests_per_minute = 2");
    let mut client = gateway.connect();
    let statuses: Vec<_> = (0..4).map(|_| client.get("/").status()).collect();
    assert_eq!(statuses, [200, 200, 429, 429]);
}

/// A listener that is full leaves its clients in the kernel, and all others alone.
#[test]
fn a_listener_that_is_full_has_its_clients_wait_and_no_others() {
    let app = Upstream::answering(OK);
    let doors = "connections_max = 2\n[[listener]]\naddress = \"127.0.0.2:0\"";
    let gateway = Setup::new(&app).doors(doors).start();
    let (mut one, two) = (gateway.connect(), gateway.connect());
    let mut third = gateway.caller().open();
    third.set_patience(std::time::Duration::from_millis(200));
    assert!(third.handshake().is_err());
    third.set_patience(crate::support::PATIENCE);
    // Meanwhile the other listener serves as ever, and so do those that are in.
    let mut caller = gateway.caller();
    caller.address = gateway.addresses()[1];
    let others: Vec<_> = (0..5).map(|_| caller.connect()).collect();
    assert!(others.into_iter().all(|mut other| other.get("/").status() == 200));
    assert_eq!(one.get("/").status(), 200);
    drop(two);
    third.handshake().unwrap();
    assert_eq!(third.get("/").status(), 200);
    // A reload that lifts it lets everybody in.
    let mut fourth = gateway.caller().open();
    gateway.replace("connections_max = 2", "connections_max = 20");
    fourth.handshake().unwrap();
    assert_eq!((fourth.get("/").status(), one.get("/").status()), (200, 200));
}

#[test]
fn an_address_has_no_more_connections_at_a_listener_than_it_may() {
    let app = Upstream::answering(OK);
    let doors = "connections_per_address_max = 1\n[[listener]]\naddress = \"127.0.0.2:0\"";
    let gateway = Setup::new(&app).doors(doors).start();
    let mut one = gateway.connect();
    assert!(gateway.caller().try_open().is_none_or(|mut other| other.handshake().is_err()));
    let mut caller = gateway.caller();
    caller.address = gateway.addresses()[1];
    let others: Vec<_> = (0..3).map(|_| caller.connect()).collect();
    assert!(others.into_iter().all(|mut other| other.get("/").status() == 200));
    assert_eq!(one.get("/").status(), 200);
}

/// A flood at one listener takes no place from handshakes at another.
#[test]
fn handshakes_of_a_listener_make_way_among_themselves() {
    let app = Upstream::answering(OK);
    let doors = "handshakes_max = 4\n[[listener]]\naddress = \"127.0.0.2:0\"";
    let gateway = Setup::new(&app).doors(doors).start();
    let begin = |address| {
        let mut stream = port::connect(address).unwrap();
        stream.write_all(b"\x16\x03\x01").unwrap();
        stream
    };
    let mut elsewhere = begin(gateway.addresses()[1]);
    let mut flood: Vec<_> = (0..30).map(|_| begin(gateway.address)).collect();
    assert_eq!(gateway.connect().get("/").status(), 200);
    let is_gone = |stream: &mut std::net::TcpStream| {
        stream.set_nonblocking(true).unwrap();
        !matches!(stream.read(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    };
    soon(|| flood.iter_mut().filter_map(|stream| is_gone(stream).then_some(())).count() >= 26);
    assert!(!is_gone(&mut elsewhere));
}

/// What is shed first is who has proved nothing, then who asks anew; never what is under way.
#[test]
fn overload_sheds_handshakes_then_requests_and_nothing_that_runs() {
    let app = Upstream::scripted(|talk| {
        while let Ok(Some(request)) = talk.request() {
            // Answered when the client says so, by its body.
            if request.first_line.starts_with("POST") || request.first_line.contains("/now") {
                talk.say(OK);
            }
        }
    });
    let gateway = with_limits(&app, "handshakes_max = 4\nrequests_max = 1");
    let (mut slow, mut other) = (gateway.connect(), gateway.connect());
    slow.send("POST /slow HTTP/1.1\r\nhost: a.example\r\ncontent-length: 2\r\n\r\nx");
    app.wait_for_connections(1);
    let flood: Vec<_> = (0..20).map(|_| port::connect(gateway.address).unwrap()).collect();
    // Verified connections feel nothing of the flood; a new request is told to come again.
    assert_eq!(other.get("/now").status(), 503);
    assert_eq!(gateway.connect().get("/now").status(), 503);
    slow.send("x");
    assert_eq!(slow.response().status(), 200);
    soon(|| other.get("/now").status() == 200);
    drop(flood);
}
