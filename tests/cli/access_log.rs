//! The access log of the built program: files that are rotated by signal and by command, a disk that is really full, a
//! standard output that nobody reads, a standard error that it shares with the rest of the log.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Gateway, Place, SlowApp, any_port, output, program, skip, stderr, stdout};

/// An app that answers so many requests at once.
fn app(answers: usize) -> SlowApp {
    let app = SlowApp::start();
    (0..answers).for_each(|_| app.answer.send(()).unwrap());
    app
}

/// Where no app listens.
fn nobody() -> SocketAddr {
    "127.0.0.1:1".parse().unwrap()
}

fn command(place: &Place, app: SocketAddr, table: &str) -> Command {
    let more = format!(
        "[access_log]\n{table}\n[runtime]\ncontrol_socket = \"control.sock\"\nwatch = false\n"
    );
    let config = place.config(any_port(), app, &more);
    program([OsStr::new("run"), OsStr::new("--config"), config.as_os_str()])
}

fn call(place: &Place, gateway: SocketAddr, count: usize) {
    for _ in 0..count {
        let response = place.call(gateway);
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    }
}

fn reopen(place: &Place) -> Output {
    let socket = place.path().join("control.sock");
    output(["reopen-logs", "--socket", socket.to_str().unwrap()])
}

/// Waits for so many lines in a file.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "whoever writes a file tells nobody")]
fn lines(path: &Path, count: usize) -> Vec<String> {
    let since = Instant::now();
    loop {
        let text = fs::read_to_string(path).unwrap_or_default();
        if text.matches('\n').count() >= count {
            return text.lines().map(str::to_owned).collect();
        }
        assert!(since.elapsed() < Duration::from_secs(20), "{count} lines in {text}");
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_signal_and_a_command_open_the_file_anew() {
    let place = Place::new();
    let app = app(3);
    let mut gateway = Gateway::start(command(&place, app.address, "target = \"access.log\""));
    let address = gateway.await_address();
    gateway.await_line("serving");
    let path = place.path().join("access.log");
    call(&place, address, 1);
    lines(&path, 1);

    fs::rename(&path, place.path().join("access.log.1")).unwrap();
    gateway.signal("USR1");
    gateway.await_line("is opened anew");
    call(&place, address, 1);
    assert_eq!(lines(&path, 1).len(), 1);

    fs::rename(&path, place.path().join("access.log.2")).unwrap();
    let said = reopen(&place);
    assert_eq!(said.status.code(), Some(0), "{}", stderr(&said));
    assert!(stdout(&said).ends_with("access.log` is opened anew\n"), "{}", stdout(&said));
    call(&place, address, 1);
    assert_eq!(lines(&path, 1).len(), 1);
    assert_eq!(lines(&place.path().join("access.log.1"), 1).len(), 1);

    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let said = reopen(&place);
    assert_eq!(said.status.code(), Some(1));
    assert!(stderr(&said).contains("cannot be opened"), "{}", stderr(&said));
    assert!(stderr(&said).contains("lines go on to where they went before"), "{}", stderr(&said));
    gateway.await_line("lines go on to the file that was open before");
    gateway.signal("TERM");
    assert_eq!(gateway.await_end().code(), Some(0));
}

#[test]
fn where_there_is_no_file_the_command_says_so_and_where_no_gateway_listens_the_remedy() {
    let place = Place::new();
    let mut gateway = Gateway::start(command(&place, nobody(), ""));
    gateway.await_line("serving");
    let said = reopen(&place);
    assert_eq!(said.status.code(), Some(0), "{}", stderr(&said));
    assert!(stdout(&said).contains("there is no file to open anew"), "{}", stdout(&said));
    gateway.signal("TERM");
    assert_eq!(gateway.await_end().code(), Some(0));
    let said = reopen(&Place::new());
    assert_eq!(said.status.code(), Some(1));
    assert!(stderr(&said).contains("send the gateway SIGUSR1"), "{}", stderr(&said));
}

#[test]
fn two_processes_write_whole_lines_to_one_file_while_one_takes_over() {
    let place = Place::new();
    let app = app(2);
    let table = "target = \"access.log\"\nformat = \"json\"";
    let mut gateway = Gateway::start(command(&place, app.address, table));
    let address = gateway.await_address();
    gateway.await_line("serving");
    call(&place, address, 1);
    let socket = place.path().join("control.sock");
    let said = output(["upgrade", "--socket", socket.to_str().unwrap()]);
    assert_eq!(said.status.code(), Some(0), "{}", stderr(&said));
    gateway.await_line("another process serves now");
    call(&place, address, 1);
    let written = lines(&place.path().join("access.log"), 2);
    for line in &written {
        assert_eq!(serde_json::from_str::<Value>(line).unwrap()["status"], 200);
    }
    assert_eq!(written.len(), 2);
    gateway.signal_successor("TERM");
    assert_eq!(gateway.await_end().code(), Some(0));
}

#[test]
fn a_disk_that_is_full_costs_lines_and_when_there_is_room_they_come_again() {
    let can_mount = "mount -t tmpfs -o size=64k tmpfs /mnt";
    let tried = Command::new("unshare").args(["-rm", "sh", "-c", can_mount]).output();
    if !tried.is_ok_and(|tried| tried.status.success()) {
        _ = writeln!(
            std::io::stderr(),
            "skipped: no mount namespaces here, so no small disk (access_log)"
        );
        return;
    }
    let place = Place::new();
    let app = app(40);
    let logs = place.path().join("logs");
    fs::create_dir(&logs).unwrap();
    // The folder exists, as a start wants it; what is mounted there only the gateway sees.
    let run = command(&place, app.address, "target = \"logs/access.log\"\nformat = \"json\"");
    let script = "mount -t tmpfs -o size=64k tmpfs \"$0\" && exec \"$@\"";
    let mut inside = Command::new("unshare");
    inside.args(["-rm", "sh", "-c", script]).arg(&logs).arg(run.get_program());
    inside.args(run.get_args()).env_remove("RUST_LOG").env_remove("NO_COLOR");
    let mut gateway = Gateway::start(inside);
    let address = gateway.await_address();
    gateway.await_line("serving");
    let seen = format!("/proc/{}/root{}", gateway.process(), logs.display());
    let (log, filler) = (format!("{seen}/access.log"), format!("{seen}/filler"));
    // 16 pages: what is left is room for some lines, of which the last is cut off.
    fs::write(&filler, vec![0; 60 * 1024]).unwrap();

    call(&place, address, 30);
    let line = gateway.await_line("access lines were lost since");
    assert!(line.contains("No space left on device") && line.contains("make room"), "{line}");
    fs::remove_file(&filler).unwrap();
    let before = fs::read_to_string(&log).unwrap();
    call(&place, address, 10);
    let begun = before.matches('\n').count();
    // Those of before, the one that was cut off, ten, and perhaps some that had not been tried yet.
    let after = lines(Path::new(&log), begun + 10 + usize::from(!before.ends_with('\n')));
    let broken: Vec<_> =
        after.iter().filter(|line| serde_json::from_str::<Value>(line).is_err()).collect();
    // A disk could be full where a line ends.
    let is_torn = !before.ends_with('\n');
    assert_eq!(broken.len(), usize::from(is_torn), "{broken:#?}");
    assert!(broken.iter().all(|line| before.ends_with(line.as_str())), "{before}");
    gateway.signal("TERM");
    assert_eq!(gateway.await_end().code(), Some(0));
}

#[test]
fn a_standard_output_that_nobody_reads_delays_neither_requests_nor_the_end() {
    const CALLERS: usize = 4;
    const CALLS: usize = 60;
    let place = Place::new();
    let app = app(CALLERS * CALLS);
    let run = command(&place, app.address, "target = \"stdout\"\nformat = \"json\"");
    let (mut gateway, stdout) = Gateway::start_unread(run);
    let address = gateway.await_address();
    gateway.await_line("serving");
    thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| call(&place, address, CALLS));
        }
    });
    // Far more than a pipe holds.
    let since = Instant::now();
    gateway.signal("TERM");
    let line = gateway.await_line("access lines were lost since");
    assert!(line.contains("the standard output stream does not take them"), "{line}");
    assert_eq!(gateway.await_end().code(), Some(0));
    assert!(since.elapsed() < Duration::from_secs(15), "{:?}", since.elapsed());
    // What had room is whole lines.
    let text = std::io::read_to_string(stdout).unwrap();
    assert!(text.ends_with("}\n") && text.lines().count() < CALLERS * CALLS, "{text}");
}

#[test]
fn on_standard_error_long_lines_and_the_rest_of_the_log_stay_whole_however_slowly_they_are_read() {
    const CALLS: usize = 60;
    let place = Place::new();
    let app = app(CALLS);
    let twenty_kib = "$user_agent".repeat(5);
    let table = format!("format = \"pattern\"\npattern = 'access {twenty_kib} $status'\n");
    let run = command(&place, app.address, &format!("{table}[log]\nlevel = \"debug\""));
    // As a parent may leave it that looks after its own end only.
    let (stderr, reader) = UnixStream::pair().unwrap();
    stderr.set_nonblocking(true).unwrap();
    reader.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut gateway = Gateway::start_with(run, OwnedFd::from(stderr));
    let mut log = BufReader::new(reader).lines().map(Result::unwrap);
    let listening = log.find(|line| line.contains("listening address=")).unwrap();
    let address = listening.rsplit_once('=').unwrap().1.parse().unwrap();
    let agent = "\"".repeat(1024);
    for _ in 0..CALLS {
        assert!(place.call_as(address, &agent).starts_with("HTTP/1.1 200 OK\r\n"));
    }

    // All of it is far more than had room until here.
    let long = format!("access {} 200", "\\x22".repeat(5 * 1024));
    let (mut access, mut others) = (0, 0);
    while access < CALLS {
        match log.next().unwrap() {
            line if line == long => access += 1,
            line => {
                let is_whole = line.starts_with("20") && !line.contains("x22");
                assert!(is_whole && !line.contains("were lost"), "{line}");
                others += 1;
            }
        }
    }
    assert!(others >= CALLS, "{others}");
    gateway.signal("TERM");
    assert!(log.any(|line| line.ends_with("stopped")));
    assert_eq!(gateway.await_end().code(), Some(0));
}

#[test]
fn check_names_what_a_start_would_stumble_over_and_makes_no_file() {
    let place = Place::new();
    let check = |table: &str| {
        let config = place.config(any_port(), nobody(), &format!("[access_log]\n{table}\n"));
        output([OsStr::new("check"), OsStr::new("--config"), config.as_os_str()])
    };
    let said = check("target = \"access.log\"");
    assert_eq!(said.status.code(), Some(0), "{}", stdout(&said));
    assert!(!place.path().join("access.log").exists());
    let _socket = UnixListener::bind(place.path().join("socket")).unwrap();
    std::os::unix::fs::symlink("none/access.log", place.path().join("astray")).unwrap();
    for (target, what) in [
        ("socket", "write `stderr`: systemd puts it into the journal"),
        ("astray", "make its folder"),
        ("none/access.log", "make its folder"),
        (".", "name a file in that folder"),
        ("server.crt/a.log", "what stands before its name is none"),
        ("server.key", "is read by the gateway"),
        ("./gateway.toml", "is read by the gateway"),
    ] {
        let said = check(&format!("target = \"{target}\""));
        assert_eq!(said.status.code(), Some(78), "{target}");
        assert!(stdout(&said).contains(what), "{}", stdout(&said));
    }
}

#[test]
fn a_start_whose_log_cannot_be_opened_is_not_tried_again() {
    let place = Place::new();
    let logs = place.path().join("logs");
    fs::create_dir(&logs).unwrap();
    // By its mode it may be written to; only opening tells.
    let script = "mount -t tmpfs -o nr_inodes=1 tmpfs \"$0\" && exec \"$@\"";
    let run = command(&place, nobody(), "target = \"logs/access.log\"");
    let mut inside = Command::new("unshare");
    inside.args(["-rm", "sh", "-c", script]).arg(&logs).arg(run.get_program());
    let said = inside.args(run.get_args()).env_remove("RUST_LOG").output().unwrap();
    let text = stderr(&said);
    if text.contains("unshare") || text.contains("mount") {
        skip("no mount namespaces here, so no full disk", true);
        return;
    }
    assert_eq!(said.status.code(), Some(78), "{text}");
    assert!(text.contains("cannot be opened") && text.contains("make room on that disk"), "{text}");
}
