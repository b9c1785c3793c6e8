//! No file descriptors left: connections that are open go on being served, new ones wait, and nothing turns in circles.

use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::support::{Gateway, Place, any_port, output, program, stderr};

use super::stage::{App, Caller, Seen, pause};

struct Stage {
    place: Place,
    app: App,
    gateway: Gateway,
    address: SocketAddr,
    config: PathBuf,
}

fn stage(tables: &str) -> Stage {
    let (place, app) = (Place::new(), App::start());
    // Only root may look at the descriptors of a process that lets nobody into its memory.
    let tables = format!("[runtime]\nwatch = false\nworkers = 1\ncore_dumps = true\n{tables}");
    let config = place.config(any_port(), app.address, &tables);
    let command = [OsStr::new("run"), OsStr::new("--config"), config.as_os_str()];
    let mut gateway = Gateway::start(program(command));
    let address = gateway.await_address();
    gateway.await_line("serving");
    Stage { place, app, gateway, address, config }
}

impl Stage {
    fn process(&self) -> Seen {
        Seen(self.gateway.process())
    }

    /// Leaves the gateway room for so many file descriptors beyond those that it has.
    fn leave_room_for(&self, more: u64) {
        let open = self.process().descriptors();
        // The lowest free number is the next, and the limit is one on numbers.
        let mut free = (0..).filter(|number| !open.contains(number));
        let limit = (0..=more).filter_map(|_| free.next()).last().unwrap();
        self.limit(limit);
    }

    fn limit(&self, soft: u64) {
        let pid = Pid::from_raw(i32::try_from(self.gateway.process()).unwrap());
        let maximum = rustix::process::getrlimit(Resource::Nofile).maximum;
        let limit = Rlimit { current: Some(soft), maximum };
        prlimit(pid, Resource::Nofile, limit).unwrap();
    }

    fn reload(&self) -> std::process::Output {
        let socket = self.config.with_file_name("control.sock");
        output(["reload", "--socket", socket.to_str().unwrap()])
    }
}

#[test]
fn without_file_descriptors_open_connections_are_served_and_all_recovers() {
    let mut stage = stage("control_socket = \"control.sock\"\n");
    let mut first = Caller::connect(&stage.place, stage.address).unwrap();
    let mut second = Caller::connect(&stage.place, stage.address).unwrap();
    first.is_served();
    second.is_served();
    stage.leave_room_for(0);

    // Served, over the connection to the app that is open.
    first.is_served();
    second.is_served();
    // That is busy, and there can be no other.
    first.send("/hold").unwrap();
    stage.app.await_held(1);
    let (status, stays) = second.ask("/").unwrap();
    assert!((502..=503).contains(&status) && stays, "{status}");

    thread::scope(|scope| {
        // A new client waits; nobody turns it away.
        let (place, address) = (&stage.place, stage.address);
        let late = scope.spawn(move || Caller::connect(place, address).unwrap().ask("/").unwrap());
        stage.gateway.await_line("cannot accept, pausing");
        assert!(stage.gateway.log.last().unwrap().contains("LimitNOFILE="));

        // Operators get an answer: why nothing is reloaded.
        let said = stage.reload();
        assert_eq!(said.status.code(), Some(1));
        assert!(stderr(&said).contains("Too many open files"), "{}", stderr(&said));
        let said = stage.reload();
        assert_eq!(said.status.code(), Some(1), "a second time too");
        stage.gateway.signal("HUP");
        stage.gateway.await_line("not reloaded: what was in force before stays in force");
        second.ask("/").unwrap();

        // It does not turn in circles meanwhile.
        let (began, used) = (Instant::now(), stage.process().used());
        pause(Duration::from_millis(1500));
        let used = stage.process().used() - used;
        assert!(used * 4 < began.elapsed(), "{used:?} of {:?}", began.elapsed());

        stage.limit(256);
        assert_eq!(late.join().unwrap().0, 200);
    });
    stage.app.release();
    assert_eq!(first.answer().unwrap().0, 200);
    first.is_served();
    second.is_served();
    let said = stage.reload();
    assert_eq!(said.status.code(), Some(0), "{}", stderr(&said));
    let paused = stage.gateway.log.iter().filter(|line| line.contains("cannot accept")).count();
    assert!(paused <= 3, "{:#?}", stage.gateway.log);
    stage.gateway.signal("TERM");
    assert_eq!(stage.gateway.await_end().code(), Some(0));
}

#[test]
fn a_listener_that_there_was_no_room_for_is_accepted_from_when_there_is() {
    // Whoever waits on a control socket has a number in advance, which nobody sees.
    let mut stage = stage("");
    let mut client = Caller::connect(&stage.place, stage.address).unwrap();
    client.is_served();
    // Where nobody listens now.
    let other = std::net::TcpListener::bind(any_port()).unwrap().local_addr().unwrap();
    let text = fs::read_to_string(&stage.config).unwrap();
    let more = format!("[[listener]]\naddress = \"{other}\"\n\n");
    fs::write(&stage.config, more + &text).unwrap();
    // Files are read one at a time; the new socket takes the same place, and its copy finds none.
    stage.leave_room_for(1);
    stage.gateway.signal("HUP");
    stage.gateway.await_line("a listener cannot be registered");
    stage.limit(256);
    Caller::connect(&stage.place, other).unwrap().is_served();
    client.is_served();
    stage.gateway.signal("TERM");
    assert_eq!(stage.gateway.await_end().code(), Some(0));
}
