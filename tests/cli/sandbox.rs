//! The sandbox: what it keeps from the gateway, what it does not, and what is said of it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Output;

use mtls_gateway::pki::Authority;

use crate::support::{Gateway, Place, SlowApp, any_port, output, program, skip, stderr, stdout};

/// An address where no app is.
const NOBODY: &str = "127.0.0.1:1";

const CONTROL: &str = "control_socket = \"control.sock\"\nwatch = false\n";

fn start(place: &Place, runtime: &str) -> (Gateway, PathBuf) {
    let tables = format!("[runtime]\n{CONTROL}{runtime}");
    let config = place.config(any_port(), NOBODY.parse().unwrap(), &tables);
    let command = [OsStr::new("run"), OsStr::new("--config"), config.as_os_str()];
    (Gateway::start(program(command)), config)
}

/// Whether anything is enforced by this kernel; where not, that is said.
fn is_enforced(gateway: &mut Gateway) -> bool {
    let line = gateway.await_line("sandbox: ");
    if line.contains("files are out of reach") {
        return true;
    }
    skip(&line, true);
    false
}

fn ask(word: &str, place: &Place) -> Output {
    output([word, "--socket", place.path().join("control.sock").to_str().unwrap()])
}

fn replace(config: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(config).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(config, text.replace(from, to)).unwrap();
}

fn end(mut gateway: Gateway) {
    gateway.signal("TERM");
    assert_eq!(gateway.await_end().code(), Some(0));
}

#[test]
fn a_file_outside_is_a_problem_of_its_own_and_a_restart_solves_it() {
    let (place, elsewhere) = (Place::new(), tempfile::tempdir().unwrap());
    let (mut gateway, config) = start(&place, "");
    let is_enforced = is_enforced(&mut gateway);
    gateway.await_line("serving");
    let outside = elsewhere.path().join("clients.crt");
    fs::copy(place.path().join("clients.crt"), &outside).unwrap();
    replace(&config, "\"clients.crt\"", &format!("{:?}", outside.to_str().unwrap()));
    if is_enforced {
        let said = ask("reload", &place);
        assert_eq!(said.status.code(), Some(1), "{}", stdout(&said));
        let said = stderr(&said);
        assert!(said.contains("which lies outside of the sandbox of this process"), "{said}");
        assert!(said.contains("restart the gateway"), "{said}");
        // An upgrade stays inside: a restart is what it takes.
        let said = ask("upgrade", &place);
        assert!(stderr(&said).contains("outside of the sandbox"), "{}", stderr(&said));
    }
    end(gateway);
    let command = [OsStr::new("run"), OsStr::new("--config"), config.as_os_str()];
    let mut gateway = Gateway::start(program(command));
    gateway.await_line("serving");
    end(gateway);
}

#[test]
fn without_it_everything_can_be_read_and_switching_it_takes_a_restart() {
    let (place, elsewhere) = (Place::new(), tempfile::tempdir().unwrap());
    let (mut gateway, config) = start(&place, "sandbox = \"off\"\n");
    gateway.await_line("sandbox: off");
    gateway.await_line("serving");
    let outside = elsewhere.path().join("clients.crt");
    fs::copy(place.path().join("clients.crt"), &outside).unwrap();
    replace(&config, "\"clients.crt\"", &format!("{:?}", outside.to_str().unwrap()));
    let said = ask("reload", &place);
    assert_eq!(said.status.code(), Some(0), "{}", stderr(&said));
    replace(&config, "sandbox = \"off\"\n", "");
    replace(&config, "control.sock", "other.sock");
    let said = ask("reload", &place);
    assert_eq!(said.status.code(), Some(0), "{}", stderr(&said));
    for what in [
        "`sandbox` is \"auto\" now, and what was settled at the start as \"off\" holds",
        "`control_socket` is another one now, and the one of the start goes on",
    ] {
        assert!(stderr(&said).contains(what), "{}", stderr(&said));
    }
    end(gateway);
}

#[test]
fn certificates_are_renewed_as_certbot_and_kubernetes_do_it() {
    let place = Place::new();
    let ca = Authority::root("CA").unwrap();
    let issue = |folder: &Path| {
        fs::create_dir_all(folder).unwrap();
        let issued = ca.server(["localhost"]).issue().unwrap();
        fs::write(folder.join("server.crt"), issued.certificate_pem()).unwrap();
        fs::write(folder.join("server.key"), issued.key_pem()).unwrap();
    };
    let turn = |link: &Path, target: &str| {
        let beside = link.with_file_name("new-link");
        symlink(target, &beside).unwrap();
        fs::rename(&beside, link).unwrap();
    };
    // Another folder than that of `gateway.toml`, so that it is not in reach by that.
    let elsewhere = tempfile::tempdir().unwrap();
    let (mounted, live) = (elsewhere.path().join("mounted"), elsewhere.path().join("live/www"));
    issue(&mounted.join("..1"));
    turn(&mounted.join("..data"), "..1");
    symlink("..data/server.crt", mounted.join("server.crt")).unwrap();
    symlink("..data/server.key", mounted.join("server.key")).unwrap();
    issue(&elsewhere.path().join("archive/www"));
    fs::create_dir_all(&live).unwrap();
    for name in ["server.crt", "server.key"] {
        turn(&live.join(name), &format!("../../archive/www/{name}"));
    }
    for folder in [&mounted, &live] {
        let (mut gateway, config) = start(&place, "");
        end_of_start(&mut gateway);
        end(gateway);
        for name in ["server.crt", "server.key"] {
            replace(&config, &format!("\"{name}\""), &format!("{:?}", folder.join(name)));
        }
        let command = [OsStr::new("run"), OsStr::new("--config"), config.as_os_str()];
        let mut gateway = Gateway::start(program(command));
        end_of_start(&mut gateway);
        if folder == &mounted {
            issue(&mounted.join("..2"));
            turn(&mounted.join("..data"), "..2");
            fs::remove_dir_all(mounted.join("..1")).unwrap();
        } else {
            let archive = elsewhere.path().join("archive/www");
            issue(&archive.join("again"));
            for name in ["server.crt", "server.key"] {
                fs::rename(archive.join("again").join(name), archive.join(format!("2-{name}")))
                    .unwrap();
                turn(&live.join(name), &format!("../../archive/www/2-{name}"));
            }
        }
        let said = ask("reload", &place);
        assert_eq!(said.status.code(), Some(0), "{}", stderr(&said));
        assert!(stdout(&said).contains("certificate "), "{}", stdout(&said));
        end(gateway);
    }
}

fn end_of_start(gateway: &mut Gateway) {
    is_enforced(gateway);
    gateway.await_line("serving");
}

#[test]
fn upgrades_go_on_inside_of_it_however_many_there_are() {
    let place = Place::new();
    let app = SlowApp::start();
    let config = place.config(
        any_port(),
        app.address,
        &format!("[runtime]\n{CONTROL}drain_timeout = \"1s\"\n"),
    );
    let command = [OsStr::new("run"), OsStr::new("--config"), config.as_os_str()];
    let mut gateway = Gateway::start(program(command));
    let is_enforced = is_enforced(&mut gateway);
    let address = gateway.await_address();
    gateway.await_line("serving");
    // More than the sixteen layers that the kernel stacks.
    for _ in 0..18 {
        let said = ask("upgrade", &place);
        assert_eq!(said.status.code(), Some(0), "{}", stderr(&said));
        // Two processes write to one log, in any order.
        let (mut is_handed_over, mut is_taken_over) = (false, false);
        while !(is_handed_over && is_taken_over) {
            let line = gateway.await_line(" serv");
            is_handed_over |= line.contains("another process serves now");
            is_taken_over |= line.contains(" serving sites=");
        }
    }
    let inherited = "sandbox: the one of the process before holds on";
    assert_eq!(is_enforced, gateway.log.iter().any(|line| line.contains(inherited)));
    app.answer.send(()).unwrap();
    assert!(place.call(address).ends_with("allowed"));
    gateway.signal_successor("TERM");
    assert_eq!(gateway.await_end().code(), Some(0));
}
