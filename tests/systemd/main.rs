//! The gateway under a systemd that is real: the shipped units, in namespaces of their own that `boot` makes and
//! throws away; what holds there is in `scenarios.py`. And how little the units give away.

// Helpers of tests may panic like tests; Clippy's own exception stops at functions marked as tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// `boot` says so when it must be root or lacks a package: whoever has `CI` set is to see to that.
const NOT_SET_UP: i32 = 77;
/// `boot` says so when the kernel, or the container that this runs in, does not let it: nothing can be done about it.
const NOT_POSSIBLE: i32 = 79;

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Says loudly that something was not tested; fails where somebody has promised that everything can be.
#[expect(clippy::disallowed_macros, reason = "a test has nowhere else to say it")]
fn skip(why: &str, is_excused: bool) {
    eprintln!("!! SKIPPED, not tested under systemd: {why}");
    assert!(
        is_excused || std::env::var_os("CI").is_none(),
        "with `CI` set nothing is skipped: {why}"
    );
}

fn text(output: &Output) -> String {
    let bytes = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What a test runner finds of a program may be a link to a program that finds the program.
fn python() -> Option<PathBuf> {
    let asked = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output();
    let asked = asked.ok().filter(|output| output.status.success())?;
    Some(PathBuf::from(String::from_utf8_lossy(&asked.stdout).trim()))
}

#[test]
fn the_shipped_units_do_what_they_say_under_systemd() {
    let Some(python) = python() else {
        return skip("python3 is not installed", false);
    };
    let from = |place: &str, to: &str| {
        let mut copy = OsString::from(place);
        copy.push(":");
        copy.push(to);
        [OsString::from("--copy"), copy]
    };
    let mut boot = Command::new(folder().join("tests/systemd/boot"));
    boot.args(["--timeout", "240"]);
    boot.args(from(env!("CARGO_BIN_EXE_mtls-gateway"), "/usr/local/bin/mtls-gateway"));
    boot.args(from(folder().join("systemd").to_str().unwrap(), "/opt/units"));
    boot.args(from(folder().join("tests/systemd").to_str().unwrap(), "/opt/tests"));
    // Python's h2, as .ci/run fetches it: then there are HTTP/2 clients in the load.
    let wheels = folder().join("target/wheels");
    if wheels.is_dir() {
        boot.args(from(wheels.to_str().unwrap(), "/opt/wheels"));
    }
    let output =
        boot.arg("--").arg(python).args(["/opt/tests/scenarios.py", "/opt/units"]).output();
    let output = output.unwrap();
    let said = text(&output);
    match output.status.code() {
        Some(0) => {
            show(&said);
            if let Some(what) = said.lines().find_map(|line| line.strip_prefix("!! SKIPPED, ")) {
                skip(what, false);
            }
        }
        Some(NOT_SET_UP) => skip(said.trim(), false),
        Some(NOT_POSSIBLE) => skip(said.trim(), true),
        _ => panic!("{}\n{said}", output.status),
    }
}

/// What was sent and what was lost, for whoever asks with `--nocapture`.
#[expect(clippy::disallowed_macros, reason = "a test has nowhere else to say it")]
fn show(said: &str) {
    eprintln!("{said}");
}

/// The version of the systemd that is installed.
fn systemd_version() -> Option<u32> {
    let output = Command::new("systemd-analyze").arg("--version").output().ok()?;
    text(&output).split_whitespace().nth(1)?.parse().ok()
}

/// The units as one text: a drop-in is read as if it stood below its unit.
fn merged(files: &[&str]) -> String {
    let read = |name: &&str| fs::read_to_string(folder().join("systemd").join(name)).unwrap();
    files.iter().map(read).collect::<Vec<_>>().join("\n")
}

/// The score that `systemd-analyze` gives to a unit with these drop-ins, times ten; less is better.
fn is_within(files: &[&str], tenths: u32) -> Result<(), String> {
    let place = tempfile::tempdir().unwrap();
    let unit = place.path().join("gateway.service");
    fs::write(&unit, merged(files)).unwrap();
    let threshold = format!("--threshold={tenths}");
    let mut analyze = Command::new("systemd-analyze");
    analyze.args(["security", "--offline=true", "--no-pager", &threshold]).arg(&unit);
    let output = analyze.output().unwrap();
    if output.status.success() { Ok(()) } else { Err(text(&output)) }
}

#[test]
fn the_units_give_little_away() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        return skip("systemd-analyze is not installed", false);
    }
    let (service, socket, unix) =
        ("mtls-gateway.service", "socket-activated.conf", "unix-upstream.conf");
    for (files, tenths) in
        [(&[service][..], 15), (&[service, socket], 10), (&[service, socket, unix], 3)]
    {
        is_within(files, tenths).unwrap_or_else(|said| panic!("{files:?} above {tenths}:\n{said}"));
        // That it would fail is not taken for granted.
        assert!(is_within(files, 1).is_err(), "{files:?}");
    }
}

#[expect(clippy::disallowed_macros, reason = "a test has nowhere else to say it")]
fn too_old(version: u32) {
    eprintln!("!! NOT VERIFIED: systemd {version} has no `Type=notify-reload`, 253 has");
}

#[test]
fn systemd_253_understands_that_it_reloads_by_itself() {
    match systemd_version() {
        Some(253..) => {}
        Some(version) => {
            return too_old(version);
        }
        None => return skip("systemd-analyze is not installed", false),
    }
    let place = tempfile::tempdir().unwrap();
    let unit = place.path().join("mtls-gateway.service");
    let program = env!("CARGO_BIN_EXE_mtls-gateway");
    let merged = merged(&["mtls-gateway.service", "notify-reload.conf"]);
    fs::write(&unit, merged.replace("/usr/local/bin/mtls-gateway", program)).unwrap();
    let output = Command::new("systemd-analyze").arg("verify").arg(&unit).output().unwrap();
    let said = text(&output);
    assert!(output.status.success() && !said.contains("gateway.service"), "{said}");
}
