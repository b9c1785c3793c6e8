//! The control socket: whose it is, who finds it, and signals to a gateway that does not serve yet.

use std::ffi::OsStr;
use std::fs;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socketpair,
};

use crate::support::{
    Gateway, Place, SlowApp, any_port, await_that, output, program, stderr, stdout,
};

const CONTROL: &str = "[runtime]\ncontrol_socket = \"control.sock\"\nwatch = false\n";

fn run(config: &Path) -> Command {
    program([OsStr::new("run"), OsStr::new("--config"), config.as_os_str()])
}

fn with(word: &str, config: &Path) -> std::process::Output {
    output([OsStr::new(word), OsStr::new("--config"), config.as_os_str()])
}

/// Where no app is.
fn nobody() -> SocketAddr {
    "127.0.0.1:1".parse().unwrap()
}

#[test]
fn a_second_gateway_does_not_take_the_control_socket_of_one_that_runs() {
    let place = Place::new();
    let app = nobody();
    let config = place.config(any_port(), app, CONTROL);
    let mut gateway = Gateway::start(run(&config));
    let address = gateway.await_address();
    gateway.await_line("serving");
    // One that cannot have the address, nor the place of operators, nor anything.
    let door = std::net::TcpListener::bind(any_port()).unwrap();
    let admin = format!("[admin]\naddress = \"{}\"\n{CONTROL}", door.local_addr().unwrap());
    for (address, tables) in [(address, CONTROL), (any_port(), admin.as_str())] {
        place.config(address, app, tables);
        let second = run(&config).output().unwrap();
        assert_eq!(second.status.code(), Some(1), "{}", stderr(&second));
        place.config(any_port(), app, CONTROL);
        assert_eq!(stdout(&with("reload", &config)), "reloaded; nothing is different\n");
    }
    // One that can serve does so without.
    let mut second = Gateway::start(run(&config));
    second.await_line("another process answers there");
    second.await_line("serving");
    second.signal("TERM");
    assert_eq!(second.await_end().code(), Some(0));
    assert_eq!(stdout(&with("reload", &config)), "reloaded; nothing is different\n");
    gateway.signal("TERM");
    assert_eq!(gateway.await_end().code(), Some(0));
    // What is left of one that has ended is in nobody's way.
    let mut third = Gateway::start(run(&config));
    third.await_line("serving");
    assert_eq!(stdout(&with("reload", &config)), "reloaded; nothing is different\n");
    third.signal("TERM");
    assert_eq!(third.await_end().code(), Some(0));
}

#[test]
fn a_mistake_in_the_file_does_not_hide_the_gateway() {
    let place = Place::new();
    let config = place.config(any_port(), nobody(), CONTROL);
    let mut gateway = Gateway::start(run(&config));
    gateway.await_line("serving");
    let good = fs::read_to_string(&config).unwrap();
    fs::write(&config, good.replace("watch", "wach")).unwrap();
    let said = with("reload", &config);
    assert_eq!(said.status.code(), Some(1));
    assert!(stderr(&said).contains("did you mean `watch`?"), "{}", stderr(&said));
    for word in ["reload", "reopen-logs", "upgrade"] {
        fs::write(&config, good.replace("\"control.sock\"", "7")).unwrap();
        let said = with(word, &config);
        assert_eq!(said.status.code(), Some(1));
        let config = config.display();
        assert_eq!(
            stderr(&said),
            format!(
                "`{config}` has mistakes (`mtls-gateway check`), so its `control_socket` is not known\n  \
                 fix:  name it with `--socket FILE`\n"
            )
        );
    }
    gateway.signal("TERM");
    assert_eq!(gateway.await_end().code(), Some(0));
}

/// Which signals a process has handlers for, as bits (`proc(5)`).
fn caught(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let bits = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(bits.trim(), 16).unwrap()
}

#[test]
fn what_is_asked_of_a_gateway_that_starts_is_done_once_it_serves() {
    let place = Place::new();
    let app = SlowApp::start();
    let tables = format!("{CONTROL}[access_log]\ntarget = \"access.log\"\n");
    let config = place.config(any_port(), app.address, &tables);
    // A process that hands over, and takes its time: nothing else is read before its last word.
    let flags = SocketFlags::CLOEXEC;
    let (channel, theirs) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
    let mut command = run(&config);
    command.env("MTLS_GATEWAY_PREDECESSOR", std::process::id().to_string());
    command.stdin(Stdio::from(theirs));
    let mut gateway = Gateway::start(command);
    // SIGHUP, SIGUSR1 and SIGUSR2 are 1, 10 and 12.
    let all = 1 << 0 | 1 << 9 | 1 << 11;
    await_that("signals are caught", || caught(gateway.process()) & all == all);
    for signal in ["HUP", "USR1"] {
        gateway.signal(signal);
    }
    send(&channel, b"that is all", SendFlags::empty()).unwrap();
    let mut word = [MaybeUninit::uninit(); 64];
    let (word, _) = recv(&channel, &mut word, RecvFlags::empty()).map(|(word, _)| word).unwrap();
    assert_eq!(word, b"ready");
    send(&channel, b"serve", SendFlags::empty()).unwrap();
    let both = ["reloaded", "the access log is opened anew"];
    while !both.iter().all(|text| gateway.log.iter().any(|line| line.contains(text))) {
        gateway.await_line("");
    }
    // It waits for whoever handed over to end.
    drop(channel);
    gateway.signal("TERM");
    assert_eq!(gateway.await_end().code(), Some(0));
}
