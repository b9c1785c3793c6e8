//! Files that are rotated, disks that are full, readers that do not read: whatever becomes of the lines, requests are
//! answered.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{lines, until, writing};
use crate::admin::look;
use crate::support::gateway::{Gateway, Setup};
use crate::support::upstream::{OK, Upstream};

/// What requests take at most, although nobody takes their lines. Far more than they need, and far less than anybody
/// would wait who waits for a reader.
const QUICK: Duration = Duration::from_secs(2);

/// Asks so often; how long the slowest answer took.
fn ask(gateway: &Gateway, count: usize) -> Duration {
    let mut client = gateway.connect();
    let asked = (0..count).map(|number| {
        let since = Instant::now();
        assert_eq!(client.get(&format!("/{number}")).status(), 200);
        since.elapsed()
    });
    asked.max().unwrap()
}

#[test]
fn rotation_under_load_loses_no_line_and_writes_none_twice() {
    const ROTATIONS: usize = 8;
    let app = Upstream::answering(OK);
    let lines_of = "format = \"pattern\"\npattern = '$path'";
    let (gateway, path) = writing(&app, "access.log", lines_of);
    let (is_over, next) = (AtomicBool::new(false), AtomicUsize::new(0));
    let rotated = |number| path.with_extension(format!("log.{number}"));
    let (caller, next, is_over) = (gateway.caller(), &next, &is_over);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut client = caller.connect();
                while !is_over.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    assert_eq!(client.get(&format!("/{number}")).status(), 200);
                }
            });
        }
        for number in 0..ROTATIONS {
            lines(&path, 20);
            fs::rename(&path, rotated(number)).unwrap();
            let said = gateway.control().access_log().reopen().unwrap();
            assert!(said.ends_with("is opened anew"), "{said}");
            // From here on nothing more comes into the old one.
            let old = fs::metadata(rotated(number)).unwrap().len();
            lines(&path, 1);
            assert_eq!(fs::metadata(rotated(number)).unwrap().len(), old);
        }
        is_over.store(true, Ordering::Relaxed);
    });
    gateway.stop.drain.cancel();
    gateway.wait_for_end();
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for file in (0..ROTATIONS).map(rotated).chain([path.clone()]) {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.ends_with('\n'), "{}", file.display());
        text.lines().for_each(|line| *found.entry(line.to_owned()).or_default() += 1);
    }
    let asked = next.load(Ordering::Relaxed);
    let expected: BTreeMap<_, _> = (0..asked).map(|number| (format!("/{number}"), 1)).collect();
    assert!(found == expected, "{} of {asked} lines", found.len());
}

#[test]
fn a_file_is_made_for_the_group_to_read_and_its_lines_stay() {
    let app = Upstream::answering(OK);
    let (gateway, path) = writing(&app, "access.log", "");
    ask(&gateway, 1);
    lines(&path, 1);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    // copytruncate: the next line stands at the beginning.
    fs::write(&path, "").unwrap();
    ask(&gateway, 1);
    assert!(lines(&path, 1)[0].contains(" access: "));
    drop(gateway);
}

#[test]
fn where_it_cannot_be_opened_anew_lines_go_on_to_the_old_file() {
    let app = Upstream::answering(OK);
    let (gateway, path) = writing(&app, "access.log", "");
    let old = path.with_extension("old");
    fs::rename(&path, &old).unwrap();
    fs::create_dir(&path).unwrap();
    let why = gateway.control().access_log().reopen().unwrap_err();
    assert!(
        why.contains("cannot be opened") && why.contains("name a file in that folder"),
        "{why}"
    );
    ask(&gateway, 1);
    lines(&old, 1);
    fs::remove_dir(&path).unwrap();
    gateway.control().access_log().reopen().unwrap();
    ask(&gateway, 1);
    assert_eq!(lines(&path, 1).len(), 1);
    assert_eq!(lines(&old, 1).len(), 1);
}

#[test]
fn a_full_disk_costs_lines_and_no_answers_and_they_come_again() {
    const ASKED: usize = 50;
    let app = Upstream::answering(OK);
    let table = "[admin]\naddress = \"127.0.0.1:0\"\n";
    let setup = Setup::new(&app).process_tables(table);
    let setup = setup.process_tables("[access_log]\ntarget = \"/dev/full\"\n");
    let gateway = setup.start();
    assert!(ask(&gateway, ASKED) < QUICK);
    let lost = || gateway.control().access_log().lost();
    until("all lines are lost", || lost().write_failed == ASKED as u64);
    assert_eq!(lost().queue_full, 0);
    let metrics = look(&gateway, "/metrics");
    let name = "mtls_gateway_access_log_lines_dropped_total";
    assert_eq!(metrics.metric(&format!("{name}{{why=\"write_failed\"}}")), ASKED as f64);
    assert_eq!(metrics.metric(&format!("{name}{{why=\"queue_full\"}}")), 0.0);
    let status = look(&gateway, "/status.json").json();
    assert_eq!(status["access_lines_dropped"]["write_failed"], ASKED);

    let reloads = gateway.reloads();
    let path = gateway.pki.folder().join("access.log");
    gateway.rewrite("/dev/full", path.to_str().unwrap());
    let outcome = reloads.wait().unwrap();
    assert!(outcome.changes.contains(&"[access_log]: changed".to_owned()), "{outcome:?}");
    ask(&gateway, 3);
    assert_eq!(lines(&path, 3).len(), 3);
    assert_eq!(lost().all(), ASKED as u64);
}

#[test]
fn a_pipe_that_nobody_empties_delays_no_request() {
    const ASKED: usize = 3000;
    let app = Upstream::answering(OK);
    let setup = Setup::new(&app);
    let fifo = setup.pki.folder().join("lines");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let table = "[access_log]\ntarget = \"lines\"\nqueue_lines_max = 256\nformat = \"json\"\n";
    let gateway = setup.process_tables(table).start();
    assert!(ask(&gateway, ASKED) < QUICK);
    let log = gateway.control().access_log();
    // A pipe holds 64 KiB, and the queue its 256 lines.
    assert!(log.lost().queue_full > 1000, "{:?}", log.lost());
    assert_eq!(log.lost().write_failed, 0);

    // Somebody reads again. Whole lines have waited there, and new ones follow.
    let reader = thread::spawn(move || {
        let mut text = String::new();
        fs::File::open(fifo).unwrap().read_to_string(&mut text).unwrap();
        text
    });
    ask(&gateway, 1);
    let lost = usize::try_from(log.lost().all()).unwrap();
    gateway.stop.drain.cancel();
    gateway.wait_for_end();
    let text = reader.join().unwrap();
    for line in text.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    assert_eq!(text.lines().count() + lost, ASKED + 1);
}

#[test]
fn a_pipe_that_nobody_empties_does_not_keep_the_gateway_from_ending() {
    let app = Upstream::answering(OK);
    let setup = Setup::new(&app);
    let fifo = setup.pki.folder().join("lines");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let table = "[access_log]\ntarget = \"lines\"\nformat = \"json\"\n";
    let gateway = setup.process_tables(table).start();
    ask(&gateway, 500);
    let since = Instant::now();
    gateway.stop.drain.cancel();
    gateway.wait_for_end();
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
    let lost = gateway.control().access_log().lost();
    assert!(lost.write_failed > 100, "{lost:?}");
}

#[test]
fn target_and_format_change_by_reload_and_one_that_cannot_be_opened_changes_nothing() {
    let app = Upstream::answering(OK);
    let (gateway, path) = writing(&app, "access.log", "format = \"json\"");
    let reloads = gateway.reloads();
    ask(&gateway, 1);
    gateway.rewrite("\"json\"", "\"combined\"");
    assert!(reloads.wait().unwrap().is_applied);
    ask(&gateway, 1);
    let written = lines(&path, 2);
    assert!(written[0].starts_with('{') && written[1].starts_with("127.0.0.1 - "), "{written:#?}");

    gateway.rewrite("\"access.log\"", "\"none/access.log\"");
    let outcome = reloads.wait().unwrap();
    assert!(!outcome.is_applied && outcome.report.contains("make its folder"), "{outcome:?}");
    ask(&gateway, 1);
    lines(&path, 3);

    gateway.rewrite("\"access.log\"", "\"off\"");
    assert!(reloads.wait().unwrap().is_applied);
    ask(&gateway, 5);
    gateway.stop.drain.cancel();
    gateway.wait_for_end();
    assert_eq!(lines(&path, 3).len(), 3);
    assert_eq!(gateway.control().access_log().lost().all(), 0);
}

#[test]
fn a_reload_that_is_refused_for_a_busy_port_leaves_no_log_file_behind() {
    let app = Upstream::answering(OK);
    let (gateway, path) = writing(&app, "access.log", "");
    let reloads = gateway.reloads();
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let listener = format!("[[listener]]\naddress = \"{}\"", busy.local_addr().unwrap());
    let other = format!("{listener}\n[access_log]\ntarget = \"other.log\"");
    gateway.rewrite("[access_log]\ntarget = \"access.log\"", &other);
    let outcome = reloads.wait().unwrap();
    assert!(!outcome.is_applied && outcome.report.contains("in use"), "{outcome:?}");
    assert!(!path.with_file_name("other.log").exists());
    drop(busy);
    assert!(reloads.wait().unwrap().is_applied);
    ask(&gateway, 1);
    lines(&path.with_file_name("other.log"), 1);
}

#[test]
fn one_that_cannot_be_opened_by_a_reload_is_told_in_parts() {
    let app = Upstream::answering(OK);
    let (gateway, path) = writing(&app, "access.log", "");
    let _socket = UnixListener::bind(path.with_file_name("socket")).unwrap();
    gateway.rewrite("\"access.log\"", "\"socket\"");
    let report = gateway.reloads().wait().unwrap().report.clone();
    let what =
        format!("the access log `{}` cannot be opened\n", path.with_file_name("socket").display());
    assert!(report.contains(&what), "{report}");
    assert!(report.contains("\n  seen: it is a socket\n"), "{report}");
    assert!(report.contains("\n  fix:  write `stderr`: systemd"), "{report}");
}
