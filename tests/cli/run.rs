//! `run`: starting, serving, signals and logs.

use std::ffi::OsStr;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::thread;

use serde_json::Value;

use crate::support::{Gateway, Place, SlowApp, any_port, output, program, stderr, stdout};

fn run(config: &Path) -> Command {
    program([OsStr::new("run"), OsStr::new("--config"), config.as_os_str()])
}

#[test]
fn each_signal_lets_the_request_that_runs_end_and_exits_with_0() {
    for signal in ["TERM", "INT"] {
        let place = Place::new();
        let app = SlowApp::start();
        let config = place.config(any_port(), app.address, "");
        let mut gateway = Gateway::start(run(&config));
        let address = gateway.await_address();
        gateway.await_line("serving");
        thread::scope(|scope| {
            let call = scope.spawn(|| place.call(address));
            app.await_request();
            gateway.signal(signal);
            gateway.await_line(&format!("SIG{signal}: draining"));
            app.answer.send(()).unwrap();
            let response = call.join().unwrap();
            assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
            assert!(response.ends_with("\r\n\r\nallowed"), "{response}");
        });
        assert_eq!(gateway.await_end().code(), Some(0));
        let access = gateway.log.iter().filter(|line| line.contains("status=200"));
        assert_eq!(access.count(), 1, "{:#?}", gateway.log);
    }
}

#[test]
fn an_address_in_use_exits_with_1_and_names_the_remedy() {
    let place = Place::new();
    let taken = TcpListener::bind(any_port()).unwrap();
    let app = "127.0.0.1:1".parse().unwrap();
    let config = place.config(taken.local_addr().unwrap(), app, "");
    let output = run(&config).output().unwrap();
    let log = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert!(log.contains("cannot listen on 127.0.0.1:"), "{log}");
    assert!(log.contains("`ss -ltnp` shows which"), "{log}");
}

#[test]
fn a_wrong_configuration_exits_with_78_and_the_report_of_check() {
    let place = Place::new();
    let config = place.write("gateway.toml", "[[listener]]\nadress = \"x\"\n");
    let started = run(&config).output().unwrap();
    assert_eq!(started.status.code(), Some(78));
    let config = config.as_os_str();
    let checked = output([OsStr::new("check"), OsStr::new("--config"), config]);
    assert_eq!(stderr(&started), stdout(&checked));
}

#[test]
fn json_logs_are_one_object_a_line() {
    let place = Place::new();
    let app = SlowApp::start();
    app.answer.send(()).unwrap();
    let config = place.config(any_port(), app.address, "[log]\nformat = \"json\"\n");
    let mut gateway = Gateway::start(run(&config));
    let address = gateway.await_address();
    place.call(address);
    gateway.signal("TERM");
    assert_eq!(gateway.await_end().code(), Some(0));
    let lines: Vec<Value> =
        gateway.log.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let warning = lines.iter().find(|line| line["level"] == "WARN").unwrap();
    assert_eq!(warning["file"], config.to_str().unwrap());
    for field in ["line", "seen", "why", "fix"] {
        assert!(!warning[field].is_null(), "{warning}");
    }
    let access = lines.iter().find(|line| line["target"] == "access").unwrap();
    assert_eq!(access["status"], 200);
    assert_eq!(access["path"], "/callback");
    assert_eq!(access["identity"], "caller");
}

#[test]
fn rust_log_wins_over_the_configured_level() {
    let place = Place::new();
    let app = "127.0.0.1:1".parse().unwrap();
    let config = place.config(any_port(), app, "[log]\nlevel = \"off\"\n");
    let mut command = run(&config);
    command.env("RUST_LOG", "info");
    let mut gateway = Gateway::start(command);
    gateway.await_line("serving");
    gateway.signal("TERM");
    assert_eq!(gateway.await_end().code(), Some(0));
}

#[test]
fn a_rust_log_that_cannot_be_read_exits_with_78() {
    let place = Place::new();
    let app = "127.0.0.1:1".parse().unwrap();
    let config = place.config(any_port(), app, "");
    let output = run(&config).env("RUST_LOG", "x=loud").output().unwrap();
    assert_eq!(output.status.code(), Some(78));
    assert!(stderr(&output).contains("RUST_LOG"));
}
