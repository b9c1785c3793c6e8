//! A log that goes nowhere: a disk that is full, a pipe that nobody reads. Calls do not wait for it.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{PATIENCE, Place, any_port, await_that, program};

use super::stage::{App, Caller};

/// Calls, and bytes of each in the log, so that the lines are more than a pipe and the queue take together.
const CALLS: usize = 1000;
const PATH_BYTES: usize = 7000;

struct Running(Child);

impl Running {
    fn end(&mut self) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        await_that("it ends", || self.0.try_wait().unwrap().is_some());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(place: &Place, app: &App, log: Stdio) -> (Running, SocketAddr) {
    // Nobody can be asked where it listens when there is no log.
    let address = TcpListener::bind(any_port()).unwrap().local_addr().unwrap();
    let config = place.config(address, app.address, "[access_log]\nqueue_lines_max = 256\n");
    let mut command = program([OsStr::new("run"), OsStr::new("--config"), config.as_os_str()]);
    let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
    (Running(child), address)
}

/// Calls as often as it takes to write far more than anybody holds back.
#[track_caller]
fn calls_go_on(place: &Place, address: SocketAddr) {
    let mut client = None;
    await_that("it serves", || {
        client = Caller::connect(place, address).ok();
        client.is_some()
    });
    let (mut client, start) = (client.unwrap(), Instant::now());
    let path = format!("/{}", "x".repeat(PATH_BYTES));
    for _ in 0..CALLS {
        assert_eq!(client.ask(&path).unwrap().0, 200);
    }
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
}

#[test]
fn a_full_disk_under_the_log_loses_no_call() {
    let (place, app) = (Place::new(), App::start());
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let (mut gateway, address) = start(&place, &app, full.into());
    calls_go_on(&place, address);
    gateway.end();
}

#[test]
fn a_log_that_nobody_takes_loses_lines_and_no_call_and_says_so_later() {
    let (place, app) = (Place::new(), App::start());
    let (mut gateway, address) = start(&place, &app, Stdio::piped());
    let log = gateway.0.stderr.take().unwrap();
    calls_go_on(&place, address);
    // Somebody reads at last.
    let reading = std::thread::spawn(move || {
        let mut lines = BufReader::new(log).lines().map_while(Result::ok);
        lines.any(|line| line.contains("access lines were lost")).then(|| lines.count())
    });
    Caller::connect(&place, address).unwrap().is_served();
    gateway.end();
    assert!(reading.join().unwrap().is_some(), "nothing was lost, or nobody said so");
}
