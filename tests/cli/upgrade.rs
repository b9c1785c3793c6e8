//! `upgrade` and SIGUSR2, without systemd: another process takes over, or nothing has changed.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Output;
use std::thread;

use crate::support::{Gateway, Place, SlowApp, any_port, output, program, stderr, stdout};

/// A gateway with a control socket, in front of an app.
fn start(place: &Place, app: std::net::SocketAddr) -> (Gateway, PathBuf) {
    let tables = "[runtime]\ncontrol_socket = \"control.sock\"\nwatch = false\n";
    let config = place.config(any_port(), app, tables);
    let command = [OsStr::new("run"), OsStr::new("--config"), config.as_os_str()];
    (Gateway::start(program(command)), config)
}

fn upgrade(place: &Place) -> Output {
    let socket = place.path().join("control.sock");
    output(["upgrade", "--socket", socket.to_str().unwrap()])
}

#[test]
fn another_process_takes_over_and_what_runs_is_finished() {
    let place = Place::new();
    let app = SlowApp::start();
    let (mut gateway, _) = start(&place, app.address);
    let address = gateway.await_address();
    gateway.await_line("serving");
    thread::scope(|scope| {
        let first = scope.spawn(|| place.call(address));
        app.await_request();
        let said = upgrade(&place);
        assert_eq!(said.status.code(), Some(0), "{}", stderr(&said));
        assert!(stdout(&said).ends_with(" serves now\nupgraded\n"), "{}", stdout(&said));
        gateway.await_line("handed over: draining");
        let started = gateway.log.iter().find(|line| line.contains("starting the process"));
        let program = concat!("program=", env!("CARGO_BIN_EXE_mtls-gateway"), " sockets=1");
        assert!(started.is_some_and(|line| line.contains(program)), "{started:?}");
        app.answer.send(()).unwrap();
        assert!(first.join().unwrap().ends_with("allowed"));
        // The old one has nothing left to do; the new one serves where it served.
        gateway.await_line("stopped");
        let second = scope.spawn(|| place.call(address));
        app.await_request();
        app.answer.send(()).unwrap();
        assert!(second.join().unwrap().ends_with("allowed"));
    });
    gateway.signal_successor("TERM");
    gateway.await_line("SIGTERM: draining");
    assert_eq!(gateway.await_end().code(), Some(0));
}

#[test]
fn one_that_is_about_to_end_neither_upgrades_nor_reloads() {
    let place = Place::new();
    let app = SlowApp::start();
    let (mut gateway, config) = start(&place, app.address);
    let address = gateway.await_address();
    gateway.await_line("serving");
    thread::scope(|scope| {
        let call = scope.spawn(|| place.call(address));
        app.await_request();
        gateway.signal("TERM");
        gateway.await_line("SIGTERM: draining");
        let socket = config.with_file_name("control.sock");
        for word in ["upgrade", "reload"] {
            let said = output([word, "--socket", socket.to_str().unwrap()]);
            assert_eq!(said.status.code(), Some(1));
            assert!(stderr(&said).contains("this process is about to end"), "{}", stderr(&said));
        }
        app.answer.send(()).unwrap();
        assert!(call.join().unwrap().ends_with("allowed"));
    });
    assert_eq!(gateway.await_end().code(), Some(0));
}

#[test]
fn one_that_cannot_serve_leaves_the_old_one_serving() {
    let place = Place::new();
    let app = SlowApp::start();
    let (mut gateway, config) = start(&place, app.address);
    let address = gateway.await_address();
    gateway.await_line("serving");
    let good = fs::read_to_string(&config).unwrap();
    fs::write(&config, good.replace("clients.crt", "none.crt")).unwrap();
    let said = upgrade(&place);
    assert_eq!(said.status.code(), Some(1));
    assert!(stderr(&said).contains("none.crt"), "{}", stderr(&said));
    let end = "not upgraded: the process that served before goes on serving\n";
    assert!(stderr(&said).ends_with(end), "{}", stderr(&said));
    gateway.await_line("not upgraded, this process goes on");
    thread::scope(|scope| {
        let call = scope.spawn(|| place.call(address));
        app.await_request();
        app.answer.send(()).unwrap();
        assert!(call.join().unwrap().ends_with("allowed"));
    });
    // And it can be tried again, by the other way.
    fs::write(&config, good).unwrap();
    gateway.signal("USR2");
    gateway.await_line("handed over: draining");
    gateway.await_line("stopped");
    gateway.signal_successor("TERM");
    assert_eq!(gateway.await_end().code(), Some(0));
}

/// Each listener goes on as what it was, and the files of challenges are within reach of both processes.
#[test]
fn listeners_of_every_kind_are_handed_over() {
    let place = Place::new();
    let app = SlowApp::start();
    let challenges = place.path().join("challenges");
    fs::create_dir(&challenges).unwrap();
    let tables = "[[listener]]\naddress = \"127.0.0.2:0\"\nkind = \"http\"\nacme_challenges = \"challenges\"\n\
                  [[listener]]\naddress = \"127.0.0.3:0\"\nproxy_protocol_from = [\"127.0.0.0/8\"]\n\
                  [runtime]\ncontrol_socket = \"control.sock\"\nwatch = false\n";
    let config = place.config(any_port(), app.address, tables);
    let command = [OsStr::new("run"), OsStr::new("--config"), config.as_os_str()];
    let mut gateway = Gateway::start(program(command));
    let [_, plain, balanced] = [(); 3].map(|()| gateway.await_address());
    gateway.await_line("serving");
    let challenge = |name: &str| {
        fs::write(challenges.join(name), name).unwrap();
        let request =
            format!("GET /.well-known/acme-challenge/{name} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        said(plain, request.as_bytes())
    };
    let is_noise = || said(balanced, b"\x16\x03\x01").is_empty();
    assert!(challenge("before").ends_with("before") && is_noise());
    let upgraded = upgrade(&place);
    assert_eq!(upgraded.status.code(), Some(0), "{}", stderr(&upgraded));
    gateway.await_line("stopped");
    assert!(challenge("after").ends_with("after") && is_noise());
    gateway.signal_successor("TERM");
    assert_eq!(gateway.await_end().code(), Some(0));
}

/// All that comes back.
fn said(address: std::net::SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    // What nobody wants to hear may end in a reset.
    _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}
