//! Clients behind a balancer that speaks the PROXY protocol: known by their own addresses, and by nobody else's word.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;

use crate::admin::soon;
use crate::support::client::{Client, Connector};
use crate::support::events;
use crate::support::gateway::{Gateway, Setup};
use crate::support::port;
use crate::support::upstream::{OK, Upstream};

const FROM_HERE: &str = "proxy_protocol_from = [\"127.0.0.0/8\"]";

fn behind_a_balancer(app: &Upstream) -> Gateway {
    Setup::new(app).doors(FROM_HERE).start()
}

/// A line of version 1.
fn line(from: &str) -> Vec<u8> {
    let from: SocketAddr = from.parse().unwrap();
    let (family, to) = if from.is_ipv4() { (4, "198.51.100.1") } else { (6, "2001:db8::1") };
    format!("PROXY TCP{family} {} {to} {} 443\r\n", from.ip(), from.port()).into_bytes()
}

/// A header of version 2, of an IPv4 client, with additions.
fn binary(from: &str, tlvs: &[u8]) -> Vec<u8> {
    let SocketAddr::V4(from) = from.parse().unwrap() else { panic!("{from}") };
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11".to_vec();
    header.extend(u16::try_from(12 + tlvs.len()).unwrap().to_be_bytes());
    header.extend(from.ip().octets());
    header.extend([198, 51, 100, 1]);
    header.extend(from.port().to_be_bytes());
    header.extend(443_u16.to_be_bytes());
    header.extend(tlvs);
    header
}

/// What a balancer says of itself.
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\0\0";

fn through(gateway: &Gateway, header: Vec<u8>, from: &str) -> Connector {
    gateway.caller().introduced(header, from)
}

/// A connection that says these bytes and no more.
fn saying(gateway: &Gateway, bytes: &[u8]) -> std::net::TcpStream {
    let mut stream = port::connect(gateway.address).unwrap();
    stream.write_all(bytes).unwrap();
    stream
}

#[test]
fn a_client_behind_a_balancer_is_known_by_its_own_address() {
    let app = Upstream::answering(OK);
    let gateway = behind_a_balancer(&app);
    let id = [&[5, 0, 4][..], b"id\xFF7"].concat();
    for (header, from, shown, unique_id) in [
        (line("192.0.2.7:50001"), "192.0.2.7:50001", "192.0.2.7", ""),
        (line("[2001:db8::7]:50002"), "[2001:db8::7]:50002", "2001:db8::7", ""),
        (line("[::ffff:192.0.2.8]:50003"), "192.0.2.8:50003", "192.0.2.8", ""),
        (binary("192.0.2.9:50004", &id), "192.0.2.9:50004", "192.0.2.9", "id\\xff7"),
    ] {
        let mut client = through(&gateway, header, from).connect();
        let balancer = client.tcp().local_addr().unwrap().to_string();
        assert_eq!(client.get("/").status(), 200);
        let request = app.requests().pop().unwrap();
        assert_eq!(request.one("x-forwarded-for"), Some(shown));
        assert!(request.one("forwarded").unwrap().contains(shown));
        let access = client.event("access");
        assert_eq!(access.field("balancer"), balancer);
        assert_eq!(access.field("unique_id"), unique_id);
    }
    // Without an address of the client, that of the balancer is all that is known.
    for header in [b"PROXY UNKNOWN\r\n".to_vec(), LOCAL.to_vec()] {
        let mut client = through(&gateway, header, "127.0.0.1:1").connect();
        assert_eq!(client.get("/").status(), 200);
        assert_eq!(app.requests().pop().unwrap().one("x-forwarded-for"), Some("127.0.0.1"));
    }
}

/// Whatever it says: an address is believed for where it is in, not for what it claims.
#[test]
fn nobody_but_a_balancer_is_listened_to() {
    let app = Upstream::answering(OK);
    let setup = Setup::new(&app).doors("proxy_protocol_from = [\"192.0.2.0/24\", \"::1\"]");
    let gateway = setup.start();
    for caller in [
        gateway.caller(),
        gateway.caller().introduced(line("192.0.2.7:50000"), "127.0.0.1:1"),
        gateway.caller().introduced(LOCAL, "127.0.0.1:1"),
    ] {
        let mark = events::mark();
        let Some(mut client) = caller.try_open() else { continue };
        let own = client.tcp().local_addr().unwrap();
        assert!(client.handshake().is_err());
        let refusal = events::wait_for("refusal", own, mark);
        assert_eq!(refusal.field("reason"), "not-from-balancer");
    }
    assert!(app.requests().is_empty());
}

/// A client that comes through a balancer's open port by itself must not pass for another.
#[test]
fn what_is_no_header_is_refused() {
    let app = Upstream::answering(OK);
    let gateway = behind_a_balancer(&app);
    for bytes in [
        b"\x16\x03\x01\x02\x00".to_vec(),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        b"PROXY TCP4 192.0.2.7 192.0.2.1 50000 443\n".to_vec(),
        vec![b'P'; 4],
        [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200]].concat(),
        binary("192.0.2.7:50000", &[1, 0, 9]),
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xFF\xFF".to_vec(),
    ] {
        let mark = events::mark();
        let mut stream = saying(&gateway, &bytes);
        assert!(!matches!(stream.read(&mut [0]), Ok(1..)));
        let refusal = events::wait_for("refusal", stream.local_addr().unwrap(), mark);
        assert_eq!(refusal.field("reason"), "bad-proxy-header", "{bytes:?}");
    }
    // One header and no second: what follows is the client's.
    let twice = [line("192.0.2.7:50005"), line("192.0.2.6:50005")].concat();
    let mut client = through(&gateway, twice, "192.0.2.7:50005").open();
    assert!(client.handshake().is_err());
    assert_eq!(client.event("refusal").field("reason"), "not-tls");
    // Where no balancer is expected, a header is noise.
    let plain = Setup::new(&app).start();
    let mut client = through(&plain, line("192.0.2.7:50006"), "127.0.0.1:1").open();
    client.local = client.tcp().local_addr().unwrap();
    assert!(client.handshake().is_err());
    let refusal = client.event("refusal");
    assert_eq!(refusal.field("reason"), "not-tls");
    assert!(refusal.field("advice").contains("`proxy_protocol_from`"));
}

#[test]
fn however_a_header_is_cut_the_handshake_follows() {
    let app = Upstream::answering(OK);
    let gateway = behind_a_balancer(&app);
    let long = [[0xE0, 3, 0xE8].as_slice(), &[7; 1000]].concat();
    for header in [line("192.0.2.7:50010"), binary("192.0.2.7:50010", &long)] {
        let (first, rest) = header.split_at(header.len() - 3);
        let mut client = through(&gateway, first.to_vec(), "192.0.2.7:50010").open();
        for byte in rest {
            client.reader.stream.sock.write_all(&[*byte]).unwrap();
        }
        client.handshake().unwrap();
        assert_eq!(client.get("/").status(), 200);
    }
}

#[test]
fn clients_of_one_balancer_are_counted_by_their_own_addresses() {
    let app = Upstream::answering(OK);
    for ceiling in ["[limits]\nconnections_per_address_max = 1", ""] {
        let here = if ceiling.is_empty() { "connections_per_address_max = 1" } else { "" };
        let doors = format!("{FROM_HERE}\n{here}");
        let gateway = Setup::new(&app).doors(&doors).process_tables(ceiling).start();
        let from = |address: &str| through(&gateway, line(address), address);
        let mut one = from("192.0.2.7:50020").connect();
        let mut other = from("192.0.2.8:50020").connect();
        let mut second = from("192.0.2.7:50021").open();
        assert!(second.handshake().is_err());
        assert_eq!(second.event("refusal").field("reason"), "too-many-connections");
        assert_eq!((one.get("/").status(), other.get("/").status()), (200, 200));
        drop(one);
        soon(|| {
            let mut again = from("192.0.2.7:50022").open();
            again.handshake().is_ok() && again.get("/").status() == 200
        });
    }
}

/// A balancer that only looks whether somebody is there is nothing to warn of.
#[test]
fn health_checks_are_told_in_a_low_voice() {
    let app = Upstream::answering(OK);
    let gateway = behind_a_balancer(&app);
    for bytes in [b"".as_slice(), LOCAL, b"PROXY UNKNOWN\r\n"] {
        let mark = events::mark();
        let stream = saying(&gateway, bytes);
        let own = stream.local_addr().unwrap();
        drop(stream);
        let refusal = events::wait_for("refusal", own, mark);
        assert_eq!((refusal.field("reason"), refusal.level), ("closed", tracing::Level::DEBUG));
    }
}

#[test]
fn a_header_that_never_ends_has_the_handshakes_deadline() {
    let app = Upstream::answering(OK);
    let setup = Setup::new(&app).doors(FROM_HERE);
    let gateway = setup.process_tables("[limits]\nhandshake_timeout = \"200ms\"").start();
    for bytes in [b"PROXY TCP4 ".as_slice(), &binary("192.0.2.7:1", &[1, 0, 0])[..20], b""] {
        let mark = events::mark();
        let mut stream = saying(&gateway, bytes);
        assert!(!matches!(stream.read(&mut [0]), Ok(1..)));
        let refusal = events::wait_for("refusal", stream.local_addr().unwrap(), mark);
        assert_eq!(refusal.field("reason"), "timeout");
    }
}

#[test]
fn a_reload_changes_what_new_connections_must_say() {
    let app = Upstream::answering(OK);
    let gateway = behind_a_balancer(&app);
    let introduced = || through(&gateway, line("192.0.2.7:50030"), "192.0.2.7:50030");
    let mut old = introduced().connect();
    assert_eq!(old.get("/").status(), 200);
    let before = gateway.addresses();
    gateway.replace(FROM_HERE, "");
    assert_eq!(gateway.addresses(), before);
    assert_eq!(gateway.connect().get("/").status(), 200);
    let is_refused = |connector: Connector| {
        connector.try_open().is_none_or(|mut client: Client| client.handshake().is_err())
    };
    assert!(is_refused(introduced()));
    assert_eq!(old.get("/").status(), 200);
    gateway.replace(FROM_HERE, FROM_HERE);
    assert!(is_refused(gateway.caller()));
    assert_eq!(introduced().connect().get("/").status(), 200);
    assert_eq!(old.get("/").status(), 200);
    assert_eq!(app.requests().pop().unwrap().one("x-forwarded-for"), Some("192.0.2.7"));
}
