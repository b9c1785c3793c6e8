//! `reload`, SIGHUP, and files that change: what the built program does and says.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Output;

use crate::support::{Gateway, Place, any_port, output, program, stderr, stdout};

/// A gateway with a control socket, in front of nothing.
fn start(place: &Place, tables: &str) -> (Gateway, std::path::PathBuf) {
    let tables = format!("{tables}\n[runtime]\ncontrol_socket = \"control.sock\"\nwatch = false\n");
    let config = place.config(any_port(), "127.0.0.1:1".parse().unwrap(), &tables);
    let command = [OsStr::new("run"), OsStr::new("--config"), config.as_os_str()];
    let mut gateway = Gateway::start(program(command));
    gateway.await_line("serving");
    (gateway, config)
}

fn reload(config: &Path) -> Output {
    let socket = config.with_file_name("control.sock");
    output(["reload", "--socket", socket.to_str().unwrap()])
}

fn replace(config: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(config).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(config, text.replace(from, to)).unwrap();
}

#[test]
fn reload_waits_and_tells_what_is_different() {
    let place = Place::new();
    let (mut gateway, config) =
        start(&place, "[log]\nlevel = \"info\"\n[site.limits]\nstreams_max = 7");
    let said = reload(&config);
    assert_eq!(said.status.code(), Some(0), "{}", stderr(&said));
    assert_eq!(stdout(&said), "reloaded; nothing is different\n");

    replace(&config, "streams_max = 7", "streams_max = 8");
    let said = reload(&config);
    assert_eq!(said.status.code(), Some(0), "{}", stderr(&said));
    assert_eq!(stdout(&said), "site localhost: [site.limits] changed\nreloaded\n");
    gateway.await_line("site localhost: [site.limits] changed");
    gateway.signal("TERM");
    assert_eq!(gateway.await_end().code(), Some(0));
}

#[test]
fn a_reload_that_fails_says_what_check_says() {
    let place = Place::new();
    let (mut gateway, config) = start(&place, "");
    replace(&config, "client_ca = \"clients.crt\"", "client_ca = \"none.crt\"");
    let said = reload(&config);
    assert_eq!(said.status.code(), Some(1));
    let checked = output([OsStr::new("check"), OsStr::new("--config"), config.as_os_str()]);
    let checked = stdout(&checked);
    let report = checked.rsplit_once("\n\n").map_or(checked, |(report, _)| report);
    assert!(stderr(&said).starts_with(report), "{}\n---\n{report}", stderr(&said));
    assert!(stderr(&said).contains("not reloaded: what was in force before stays in force"));
    gateway.await_line("not reloaded");
    gateway.signal("TERM");
    assert_eq!(gateway.await_end().code(), Some(0));
}

#[test]
fn hang_up_reloads_and_the_level_of_the_log_follows() {
    let place = Place::new();
    let (mut gateway, config) = start(&place, "[log]\nlevel = \"info\"");
    gateway.signal("HUP");
    gateway.await_line("reloaded");
    replace(&config, "level = \"info\"", "level = \"warn,reload=info\"");
    gateway.signal("HUP");
    gateway.await_line("[log]: changed");
    gateway.signal("TERM");
    assert_eq!(gateway.await_end().code(), Some(0));
    // What it says of stopping is not worth a warning.
    assert!(!gateway.log.iter().any(|line| line.contains("stopped")), "{:#?}", gateway.log);
}

#[test]
fn a_file_that_changes_is_loaded_by_itself() {
    let place = Place::new();
    let (mut gateway, config) = start(&place, "[site.limits]\nstreams_max = 7");
    replace(&config, "watch = false", "watch = true");
    gateway.signal("HUP");
    gateway.await_line("[runtime]: changed");
    replace(&config, "streams_max = 7", "streams_max = 8");
    gateway.await_line("site localhost: [site.limits] changed");
    gateway.signal("TERM");
    assert_eq!(gateway.await_end().code(), Some(0));
}

#[test]
fn where_no_gateway_listens_the_remedy_is_named() {
    let place = Place::new();
    let said = reload(&place.path().join("gateway.toml"));
    assert_eq!(said.status.code(), Some(1));
    assert!(stderr(&said).contains("no gateway listens at"), "{}", stderr(&said));
    assert!(stderr(&said).contains("send the gateway SIGHUP"), "{}", stderr(&said));
}
