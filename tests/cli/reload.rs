//! `reload`, SIGHUP, and files that change: what the built program does and says.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode};

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

#[test]
fn a_pipe_in_the_place_of_the_configuration_is_refused_and_nobody_hangs() {
    let place = Place::new();
    let (mut gateway, config) = start(&place, "");
    let text = fs::read_to_string(&config).unwrap();
    fs::remove_file(&config).unwrap();
    rustix::fs::mknodat(CWD, &config, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    // The second finds the socket by itself, or rather not, and does not wait for the pipe either.
    let said = reload(&config);
    assert_eq!(said.status.code(), Some(1));
    assert!(stderr(&said).contains("this is a pipe or a device"), "{}", stderr(&said));
    let blind = output([OsStr::new("reload"), OsStr::new("--config"), config.as_os_str()]);
    assert_eq!(blind.status.code(), Some(1));
    fs::remove_file(&config).unwrap();
    fs::write(&config, text).unwrap();
    assert_eq!(reload(&config).status.code(), Some(0));
    gateway.signal("TERM");
    assert_eq!(gateway.await_end().code(), Some(0));
}

#[test]
fn a_configuration_from_a_pipe_is_taken_at_the_start_and_not_again() {
    let place = Place::new();
    let tables =
        format!("[runtime]\ncontrol_socket = \"{}/control.sock\"\n", place.path().display());
    let config = place.config(any_port(), "127.0.0.1:1".parse().unwrap(), &tables);
    let text = fs::read_to_string(&config).unwrap();
    let folder = format!("\"{}/", place.path().display());
    let text = ["server.crt", "server.key", "clients.crt"]
        .iter()
        .fold(text, |text, name| text.replace(&format!("\"{name}"), &format!("{folder}{name}")));
    let (reader, mut writer) = io::pipe().unwrap();
    writer.write_all(text.as_bytes()).unwrap();
    drop(writer);
    let mut command = program(["run", "--config", "/dev/stdin"]);
    command.stdin(reader);
    let mut gateway = Gateway::start(command);
    gateway.await_line("serving");
    // What it names is looked at still, and changes.
    let key = place.path().join("clients.crt");
    fs::write(&key, format!("{}\n", fs::read_to_string(&key).unwrap())).unwrap();
    gateway.await_line("this is a pipe or a device");
    let said = reload(&config);
    assert!(stderr(&said).contains("started from a pipe"), "{}", stderr(&said));
    gateway.signal("TERM");
    assert_eq!(gateway.await_end().code(), Some(0));
}

#[test]
fn who_says_nothing_on_the_control_socket_keeps_nobody_waiting() {
    let place = Place::new();
    let (mut gateway, config) = start(&place, "");
    let socket = config.with_file_name("control.sock");
    let silent: Vec<_> = (0..6).map(|_| UnixStream::connect(&socket).unwrap()).collect();
    let began = Instant::now();
    assert_eq!(reload(&config).status.code(), Some(0));
    // Each of them is waited for five seconds.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    drop(silent);
    gateway.signal("TERM");
    assert_eq!(gateway.await_end().code(), Some(0));
}
