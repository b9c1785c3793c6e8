//! How many refusals are told, and that none of the others is lost.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use mtls_gateway::policy::Reason;
use socket2::{Domain, Socket, Type};

use crate::support::gateway::{Gateway, Setup};
use crate::support::upstream::Upstream;
use crate::support::{PATIENCE, events};

fn gateway(limit: &str) -> Gateway {
    Setup::new(&Upstream::absent())
        .process_tables(&format!("[log]\nrefusals_per_minute = {limit}"))
        .start()
}

/// A client at an address of this machine that is no other test's speaks no TLS, and waits until it is refused.
fn knock(gateway: &Gateway, from: Ipv4Addr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
    socket.connect(&gateway.address.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"SSH-2.0-x\r\n").unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
}

/// How many refusals of clients at an address were told since `mark`, waiting for as many as there must be.
fn told(from: Ipv4Addr, mark: usize, count: usize) -> Vec<events::Event> {
    events::wait_for_prefix("refusal", ("peer", &format!("{from}:")), mark, count)
}

fn count_of(gateway: &Gateway, reason: Reason) -> u64 {
    let counts = gateway.control().refusals().counts();
    counts.iter().find(|(other, _)| *other == reason).map_or(0, |(_, count)| *count)
}

#[test]
fn what_is_above_the_limit_is_counted_and_told_at_the_end() {
    let [loud, quiet] = [Ipv4Addr::new(127, 77, 1, 1), Ipv4Addr::new(127, 77, 1, 2)];
    let mark = events::mark();
    let gateway = gateway("2");
    for _ in 0..5 {
        knock(&gateway, loud);
    }
    knock(&gateway, quiet);
    assert_eq!(told(quiet, mark, 1).len(), 1);
    assert_eq!(told(loud, mark, 2).len(), 2);
    assert_eq!(count_of(&gateway, Reason::NotTls), 6);
    let last = gateway.control().refusals().last();
    assert_eq!(last.len(), 3);
    assert_eq!(last[0].facts.peer.ip(), quiet);
    assert_eq!(last[0].refusal.reason, Reason::NotTls);

    drop(gateway);
    let source = loud.to_string();
    let summary = events::wait_for_prefix("refusal", ("source", &source), mark, 1);
    assert_eq!(summary.len(), 1);
    assert_eq!(summary[0].field("suppressed"), "3");
    assert_eq!(summary[0].field("reason"), "not-tls");
}

#[test]
fn the_next_event_tells_how_many_were_left_out() {
    let from = Ipv4Addr::new(127, 77, 2, 1);
    let mark = events::mark();
    let gateway = gateway("1");
    for _ in 0..5 {
        knock(&gateway, from);
    }
    // A higher limit makes room before the minute is over; the table outlives the generation.
    gateway.replace("refusals_per_minute = 1", "refusals_per_minute = 2");
    knock(&gateway, from);
    let told = told(from, mark, 2);
    let suppressed: Vec<_> = told.iter().map(|event| event.field("suppressed")).collect();
    assert_eq!(suppressed, ["0", "4"]);
}

#[test]
fn without_a_limit_every_refusal_is_told() {
    let from = Ipv4Addr::new(127, 77, 3, 1);
    let mark = events::mark();
    let gateway = gateway("\"unlimited\"");
    for _ in 0..30 {
        knock(&gateway, from);
    }
    assert_eq!(told(from, mark, 30).len(), 30);
}
