//! The door of operators is moved by a reload, and stays open as long as clients are served.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;

use mtls_gateway::admin::Place;

use super::{TABLE, ask_at, connect, door, say, soon, started};
use crate::support::gateway::{Gateway, Setup};
use crate::support::upstream::{OK, Upstream};

#[test]
fn the_door_moves_with_a_reload() {
    let app = Upstream::answering(OK);
    let gateway = started(&app);
    let reloads = gateway.reloads();
    let mut open = connect(door(&gateway));
    let first = gateway.control().door();
    // Nothing changed, so it stays, ports found by chance too.
    assert!(reloads.wait().unwrap().is_applied);
    assert_eq!(gateway.control().door(), first);

    gateway.rewrite(TABLE, "[admin]\nsocket = \"admin.sock\"\n");
    let outcome = reloads.wait().unwrap();
    assert!(outcome.is_applied && outcome.changes.contains(&"[admin]: changed".to_owned()));
    let socket = gateway.pki.folder().join("admin.sock");
    assert_eq!(gateway.control().door(), [Place::Unix(socket.clone())]);
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let request = "GET /healthz HTTP/1.1\r\nhost: anything\r\nconnection: close\r\n\r\n";
    assert_eq!(say(UnixStream::connect(&socket).unwrap(), request).body, "ok\n");
    // Who was connected stays.
    let request = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    open.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    open.read_to_string(&mut text).unwrap();
    assert!(text.ends_with("ok\n"), "{text}");

    // A place that is taken is a warning; what was open stays, and clients get the new generation.
    let taken = gateway.addresses()[0];
    let port = format!("[admin]\naddress = \"{taken}\"\n");
    gateway.rewrite(TABLE, &port);
    let outcome = reloads.wait().unwrap();
    assert!(outcome.is_applied && outcome.report.contains("`[admin]`"), "{}", outcome.report);
    assert_eq!(gateway.control().door(), [Place::Unix(socket.clone())]);

    gateway.rewrite(TABLE, "");
    assert!(reloads.wait().unwrap().is_applied);
    assert!(gateway.control().door().is_empty());
    soon(|| !socket.exists());
    assert_eq!(gateway.connect().get("/").status(), 200);
}

/// A gateway that listens for operators on all addresses, and its port.
fn on_all_addresses(app: &Upstream) -> (Gateway, u16) {
    let table = "[admin]\naddress = \"0.0.0.0:0\"\nallow_remote = true\n";
    let gateway = Setup::new(app).process_tables(table).start();
    let port = door(&gateway).port();
    // From here on the port that was found is the one that is written.
    let written = format!("0.0.0.0:{port}");
    gateway.rewrite("0.0.0.0:0", &written);
    (gateway, port)
}

#[test]
fn the_door_moves_from_all_addresses_to_one_of_them_and_back() {
    let app = Upstream::answering(OK);
    let (gateway, port) = on_all_addresses(&app);
    let reloads = gateway.reloads();
    let one: SocketAddr = ([127, 0, 0, 1], port).into();
    let mut open = connect(one);
    for address in [format!("127.0.0.1:{port}"), format!("0.0.0.0:{port}")] {
        gateway.rewrite("0.0.0.0:0", &address);
        let outcome = reloads.wait().unwrap();
        assert!(!outcome.report.contains("[admin]"), "{}", outcome.report);
        assert_eq!(gateway.control().door(), [Place::Tcp(address.parse().unwrap())]);
        assert_eq!(ask_at(one, "GET", "/healthz").status(), 200);
    }
    // Who was connected stays.
    let request = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    open.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    open.read_to_string(&mut text).unwrap();
    assert!(text.ends_with("ok\n"), "{text}");
}

#[test]
fn where_the_door_cannot_move_to_it_stays() {
    let app = Upstream::answering(OK);
    let gateway = started(&app);
    let before = door(&gateway);
    // Somebody else has the same port on another of the addresses that are wanted now.
    let other: SocketAddr = ([127, 0, 0, 2], before.port()).into();
    let _other = std::net::TcpListener::bind(other).unwrap();
    let reloads = gateway.reloads();
    let all = format!("[admin]\naddress = \"0.0.0.0:{}\"\nallow_remote = true\n", before.port());
    gateway.rewrite(TABLE, &all);
    let outcome = reloads.wait().unwrap();
    assert!(outcome.is_applied && outcome.report.contains("`[admin]`"), "{}", outcome.report);
    assert_eq!(gateway.control().door(), [Place::Tcp(before)]);
    assert_eq!(ask_at(before, "GET", "/healthz").status(), 200);
    gateway.rewrite(TABLE, TABLE);
    assert!(!reloads.wait().unwrap().report.contains("[admin]"));
    assert_eq!(ask_at(before, "GET", "/healthz").status(), 200);
}
