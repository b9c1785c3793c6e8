//! Being a service: what the built program says to systemd, in whose place a test listens.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;

use crate::support::{Gateway, Place, any_port, output, program};

/// The end of systemd.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Manager {
    fn new(place: &Place) -> Self {
        let path = place.path().join("notify.sock");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self { socket, path }
    }

    /// The next message that contains this, with all before it.
    fn await_message(&self, text: &str) -> Vec<String> {
        let mut messages = Vec::new();
        loop {
            let mut bytes = [0; 4096];
            let length = match self.socket.recv(&mut bytes) {
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => panic!("no message with {text:?} after {messages:#?}: {error}"),
            };
            let message = std::str::from_utf8(&bytes[..length]).unwrap().to_owned();
            messages.push(message);
            if messages.last().unwrap().contains(text) {
                return messages;
            }
        }
    }
}

fn start(place: &Place, manager: &Manager, environment: &[(&str, &str)]) -> (Gateway, PathBuf) {
    let tables = "[runtime]\nwatch = false\ncontrol_socket = \"control.sock\"\n";
    let config = place.config(any_port(), "127.0.0.1:1".parse().unwrap(), tables);
    let mut command = program([OsStr::new("run"), OsStr::new("--config"), config.as_os_str()]);
    command.env("NOTIFY_SOCKET", &manager.path).envs(environment.iter().copied());
    (Gateway::start(command), config)
}

#[test]
fn systemd_hears_of_the_start_of_reloads_and_of_the_end() {
    let place = Place::new();
    let manager = Manager::new(&place);
    let (mut gateway, config) = start(&place, &manager, &[]);
    let address = gateway.await_address();
    let messages = manager.await_message("READY=1");
    let kept = format!("FDSTORE=1\nFDNAME=bound-{},{}", address.ip(), address.port());
    assert_eq!(messages[0], kept);
    let status = format!("READY=1\nSTATUS=serving 1 site on {address}; generation 1 serves since ");
    assert!(messages[1].starts_with(&status), "{messages:?}");

    let good = fs::read_to_string(&config).unwrap();
    fs::write(&config, good.replace("clients.crt", "none.crt")).unwrap();
    gateway.signal("HUP");
    let messages = manager.await_message("READY=1");
    assert!(messages[0].starts_with("RELOADING=1\nMONOTONIC_USEC="), "{messages:?}");
    assert!(messages[1].contains("STATUS=last reload failed: "), "{messages:?}");
    assert!(messages[1].contains("gateway.toml:"), "{messages:?}");
    assert!(messages[1].contains("; generation 1 serves since "), "{messages:?}");

    fs::write(&config, &good).unwrap();
    gateway.signal("HUP");
    let messages = manager.await_message("READY=1");
    assert!(messages.last().unwrap().contains("; generation 2 serves since "), "{messages:?}");

    gateway.signal("TERM");
    manager.await_message("STOPPING=1");
    assert_eq!(gateway.await_end().code(), Some(0));
}

#[test]
fn the_watchdog_is_fed_when_it_is_there() {
    let place = Place::new();
    let manager = Manager::new(&place);
    let (mut gateway, _) = start(&place, &manager, &[("WATCHDOG_USEC", "400000")]);
    gateway.await_line("serving");
    manager.await_message("WATCHDOG=1");
    manager.await_message("WATCHDOG=1");
    gateway.signal("TERM");
    assert_eq!(gateway.await_end().code(), Some(0));
}

#[test]
fn an_upgrade_names_the_new_process_to_systemd() {
    let place = Place::new();
    let manager = Manager::new(&place);
    let (mut gateway, config) = start(&place, &manager, &[]);
    let address = gateway.await_address();
    manager.await_message("READY=1");
    let socket = config.with_file_name("control.sock");
    let said = output(["upgrade", "--socket", socket.to_str().unwrap()]);
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    manager.await_message("MAINPID=");
    let messages = manager.await_message("READY=1");
    // The listener is kept already, under the same name, and where it was.
    assert!(!messages.iter().any(|message| message.contains("FDSTORE")), "{messages:?}");
    assert!(messages.last().unwrap().contains(&format!(" on {address};")), "{messages:?}");
    gateway.await_line("stopped");
    gateway.signal_successor("TERM");
    manager.await_message("STOPPING=1");
    assert_eq!(gateway.await_end().code(), Some(0));
}
