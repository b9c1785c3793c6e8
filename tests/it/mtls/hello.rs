//! The first bytes of a connection: hellos in pieces, hellos of the past, and what is no hello at all.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use rustls::version::TLS12;

use crate::support::gateway::{Gateway, Setup};
use crate::support::message::{Reader, SITE};
use crate::support::upstream::{OK, Upstream};
use crate::support::{PATIENCE, events, port};

/// A connection in the clear.
struct Plain {
    stream: TcpStream,
    local: SocketAddr,
    mark: usize,
}

impl Plain {
    fn connect(gateway: &Gateway) -> Self {
        let mark = events::mark();
        let stream = port::connect(gateway.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let local = stream.local_addr().unwrap();
        Self { stream, local, mark }
    }

    /// Everything that comes until the gateway closes.
    fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.stream.read_to_end(&mut bytes).unwrap();
        bytes
    }

    fn refusal(&self) -> events::Event {
        events::wait_for("refusal", self.local, self.mark)
    }
}

/// A ClientHello of before TLS 1.2: no extensions, a cipher suite of its time.
fn old_hello(version: [u8; 2]) -> Vec<u8> {
    let mut body = version.to_vec();
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0x00, 0x2f, 1, 0]);
    let mut message = vec![1, 0, 0];
    message.push(u8::try_from(body.len()).unwrap());
    message.extend(body);
    let mut record = vec![22, 3, 1, 0];
    record.push(u8::try_from(message.len()).unwrap());
    record.extend(message);
    record
}

#[test]
fn a_client_of_the_past_is_told_and_its_version_is_logged() {
    let gateway = Gateway::before(&Upstream::absent());
    for (bytes, name) in [([3, 2], "TLS 1.1"), ([3, 1], "TLS 1.0")] {
        let mut client = Plain::connect(&gateway);
        client.stream.write_all(&old_hello(bytes)).unwrap();
        let alert = client.rest();
        // Alert, any version, two bytes, fatal, protocol_version.
        assert!(matches!(alert[..], [21, 3, _, 0, 2, 2, 70]), "{alert:?}");
        let event = client.refusal();
        assert_eq!(event.field("reason"), "tls-too-old");
        assert_eq!(event.field("versions"), name);
        assert!(event.field("message").contains(name), "{event:?}");
    }
}

#[test]
fn plain_http_gets_an_answer_that_says_so() {
    let gateway = Gateway::before(&Upstream::absent());
    let requests = ["GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "POST / HTTP/1.0\r\n\r\n", "G"];
    for request in requests {
        let mut client = Plain::connect(&gateway);
        client.stream.write_all(request.as_bytes()).unwrap();
        let mut reader = Reader::new(&client.stream);
        let response = reader.message().unwrap().unwrap();
        assert_eq!(response.status(), 400);
        assert_eq!(response.code(), "plain-http");
        assert_eq!(response.one("connection"), Some("close"));
        assert_eq!(reader.rest().unwrap(), b"");
        let event = client.refusal();
        assert_eq!(event.field("reason"), "not-tls");
        let answer: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!(answer["request_id"], event.field("request_id"));
    }
}

#[test]
fn garbage_is_not_answered() {
    let gateway = Gateway::before(&Upstream::absent());
    for garbage in [&b"\x00\x01\x02\x03"[..], b"SSH-2.0-x\r\n", b"\xff"] {
        let mut client = Plain::connect(&gateway);
        client.stream.write_all(garbage).unwrap();
        assert_eq!(client.rest(), b"");
        let event = client.refusal();
        assert_eq!(event.field("reason"), "not-tls");
        let seen = garbage.escape_ascii().to_string();
        assert!(event.field("message").contains(&seen[..4]), "{event:?}");
    }
}

#[test]
fn a_broken_hello_is_a_failure_of_tls() {
    let gateway = Gateway::before(&Upstream::absent());
    let mut client = Plain::connect(&gateway);
    client.stream.write_all(&[22, 3, 1, 0, 4, 99, 0, 0, 0]).unwrap();
    let alert = client.rest();
    assert!(matches!(alert[..], [21, 3, _, 0, 2, 2, _]), "{alert:?}");
    assert_eq!(client.refusal().field("reason"), "tls-failure");
}

#[test]
fn a_client_that_goes_away_is_told_apart() {
    let gateway = Gateway::before(&Upstream::absent());
    let silent = Plain::connect(&gateway);
    silent.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(silent.refusal().field("reason"), "closed");

    let mut halfway = Plain::connect(&gateway);
    halfway.stream.write_all(&[22, 3, 1, 0, 200, 1]).unwrap();
    halfway.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(halfway.refusal().field("reason"), "closed");
}

#[test]
fn a_client_that_does_not_come_to_the_point_is_cut_off() {
    let gateway = Setup::new(&Upstream::absent())
        .process_tables("[limits]\nhandshake_timeout = \"200ms\"")
        .start();
    let mut silent = Plain::connect(&gateway);
    let mut halfway = Plain::connect(&gateway);
    halfway.stream.write_all(&[22, 3, 1, 0, 200, 1]).unwrap();
    for client in [&mut silent, &mut halfway] {
        assert_eq!(client.rest(), b"");
        assert_eq!(client.refusal().field("reason"), "timeout");
    }
    // The hello alone does not stop the clock.
    let client = gateway.caller().open();
    let mut hello = Vec::new();
    let mut tls = client.reader.stream.conn;
    tls.write_tls(&mut hello).unwrap();
    let mut after_hello = Plain::connect(&gateway);
    after_hello.stream.write_all(&hello).unwrap();
    assert!(!after_hello.rest().is_empty());
    let event = after_hello.refusal();
    assert_eq!(event.field("reason"), "timeout");
    assert_eq!(event.field("sni"), SITE);
}

#[test]
fn a_hello_in_many_pieces_reaches_the_site_that_it_names() {
    let app = Upstream::answering(OK);
    let setup = Setup::new(&Upstream::absent());
    let ca = mtls_gateway::pki::Authority::root("Other CA").unwrap();
    let gateway = setup.site("b.example", &ca, &app).start();
    let of_b = crate::support::pki::Credentials::of(&ca.client("caller").issue().unwrap());
    let caller = gateway.caller().presenting(of_b).asking_for("b.example");
    let get = "GET / HTTP/1.1\r\nHost: b.example\r\n\r\n";

    // In many TLS records; rustls makes none smaller than this.
    let mut in_records = caller.clone().fragmenting(32).connect();
    assert_eq!(in_records.ask(get).body, b"ok");

    // In many TCP segments.
    for connector in [caller.clone(), caller.speaking(&TLS12)] {
        let mut in_segments = connector.open();
        let stream = &mut in_segments.reader.stream;
        let mut hello = Vec::new();
        stream.conn.write_tls(&mut hello).unwrap();
        for byte in hello {
            stream.sock.write_all(&[byte]).unwrap();
        }
        in_segments.handshake().unwrap();
        assert_eq!(in_segments.ask(get).body, b"ok");
    }
}
