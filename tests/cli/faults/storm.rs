//! Reloads by the hundred while files are written over, half written, and swapped behind symbolic links, under load: no
//! call is lost, and nothing grows.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Gateway, Place, any_port, await_that, output, program, stderr};

use super::stage::{App, Caller, Seen, pause};

/// How long the storm lasts, and how often it hails.
const STORM: Duration = Duration::from_secs(6);
const BETWEEN_SIGNALS: Duration = Duration::from_millis(10);

/// More is a leak: a generation of this configuration is far below a megabyte, and there may be a dozen at once.
const GROWTH_KIB_MAX: u64 = 24 * 1024;

struct Load {
    sent: AtomicUsize,
    lost: AtomicUsize,
    is_over: AtomicBool,
}

impl Load {
    /// Asks on one connection until it is over; only a connection that was said to end is made anew.
    fn keep_asking(&self, place: &Place, gateway: SocketAddr) {
        let mut client = None;
        while !self.is_over.load(Ordering::Relaxed) {
            let answer = match &mut client {
                Some(client) => Caller::ask(client, "/"),
                None => Caller::connect(place, gateway)
                    .and_then(|connected| client.insert(connected).ask("/")),
            };
            self.sent.fetch_add(1, Ordering::Relaxed);
            match answer {
                Ok((200, true)) => {}
                Ok((200, false)) => client = None,
                _ => {
                    self.lost.fetch_add(1, Ordering::Relaxed);
                    client = None;
                }
            }
        }
    }

    /// The same with a connection for each.
    fn keep_coming(&self, place: &Place, gateway: SocketAddr) {
        while !self.is_over.load(Ordering::Relaxed) {
            let answer = Caller::connect(place, gateway).and_then(|mut client| client.ask("/"));
            self.sent.fetch_add(1, Ordering::Relaxed);
            if !matches!(answer, Ok((200, _))) {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Swaps what a link leads to, as `ln -sfn` does not and Kubernetes does: in one step.
fn swap(link: &Path, to: &str) {
    let beside = link.with_extension("new");
    symlink(to, &beside).unwrap();
    fs::rename(&beside, link).unwrap();
}

/// What befalls the files, one thing after another, with pauses in the worst places.
fn rage(place: &Place, round: usize, whole: &str) {
    let config = place.path().join("gateway.toml");
    match round % 4 {
        // Written over in place, in halves.
        0 => {
            let half = whole.len() / 2;
            let mut file = OpenOptions::new().write(true).truncate(true).open(&config).unwrap();
            file.write_all(&whole.as_bytes()[..half]).unwrap();
            pause(Duration::from_millis(30));
            file.write_all(&whole.as_bytes()[half..]).unwrap();
        }
        // A certificate that is gone for a moment.
        1 => {
            let (path, aside) = (place.path().join("a/server.crt"), place.path().join("aside"));
            fs::rename(&path, &aside).unwrap();
            pause(Duration::from_millis(30));
            fs::rename(&aside, &path).unwrap();
        }
        // The pair swapped behind its link.
        2 => swap(&place.path().join("live"), if round % 8 == 2 { "b" } else { "a" }),
        // Nonsense, and then a whole file renamed into its place.
        _ => {
            fs::write(&config, "nonsense").unwrap();
            let beside = place.write("gateway.toml.new", whole);
            pause(Duration::from_millis(30));
            fs::rename(beside, &config).unwrap();
        }
    }
}

#[test]
fn a_storm_of_reloads_over_half_written_files_loses_no_call_and_leaks_nothing() {
    let (place, app) = (Place::new(), App::start());
    for folder in ["a", "b"] {
        fs::create_dir(place.path().join(folder)).unwrap();
        for name in ["server.crt", "server.key"] {
            fs::copy(place.path().join(name), place.path().join(folder).join(name)).unwrap();
        }
    }
    symlink("a", place.path().join("live")).unwrap();
    // Only root may look at the descriptors of a process that lets nobody into its memory.
    let tables = "[runtime]\ncontrol_socket = \"control.sock\"\nworkers = 2\ncore_dumps = true\n\
                  [access_log]\ntarget = \"off\"\n";
    let config = place.config(any_port(), app.address, tables);
    let text = fs::read_to_string(&config).unwrap();
    let whole = text.replace("\"server.", "\"live/server.");
    fs::write(&config, &whole).unwrap();
    let mut gateway =
        Gateway::start(program([OsStr::new("run"), OsStr::new("--config"), config.as_os_str()]));
    let address = gateway.await_address();
    gateway.await_line("serving");
    let (pid, seen) = (gateway.process(), Seen(gateway.process()));
    let signalled = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();

    let load = Load {
        sent: AtomicUsize::new(0),
        lost: AtomicUsize::new(0),
        is_over: AtomicBool::new(false),
    };
    let asked_for = AtomicUsize::new(0);
    let mut before = None;
    let mut after = (0, Vec::new(), 0);
    thread::scope(|scope| {
        scope.spawn(|| load.keep_asking(&place, address));
        scope.spawn(|| load.keep_coming(&place, address));
        await_that("calls are answered", || load.sent.load(Ordering::Relaxed) >= 20);
        let (start, asked_for) = (Instant::now(), &asked_for);
        scope.spawn(move || {
            while start.elapsed() < STORM {
                kill_process(signalled, Signal::HUP).unwrap();
                asked_for.fetch_add(1, Ordering::Relaxed);
                pause(BETWEEN_SIGNALS);
            }
        });
        for round in 0.. {
            if start.elapsed() >= STORM {
                break;
            }
            rage(&place, round, &whole);
            pause(Duration::from_millis(u64::try_from(round % 7).unwrap() * 60));
            // After the first few, whatever is made once has been made.
            if before.is_none() && start.elapsed() >= STORM / 4 {
                before = Some(seen.resident());
            }
        }
        fs::write(&config, &whole).unwrap();
        // It is not worn out: what is asked for now is done, in bounded time.
        let socket = place.path().join("control.sock");
        let said = output(["reload", "--socket", socket.to_str().unwrap()]);
        assert_eq!(said.status.code(), Some(0), "{}", stderr(&said));
        load.is_over.store(true, Ordering::Relaxed);
        after = (seen.resident(), seen.descriptors(), seen.threads());
    });
    let (sent, lost) = (load.sent.into_inner(), load.lost.into_inner());
    let (before, (resident, descriptors, threads)) = (before.unwrap(), after);
    gateway.signal("TERM");
    assert_eq!(gateway.await_end().code(), Some(0));
    let count = |text: &str| gateway.log.iter().filter(|line| line.contains(text)).count();
    let (done, refused) = (count("INFO reload: reloaded"), count("not reloaded"));
    let figures = format!(
        "{} signals: {done} reloads, {refused} refused; {sent} calls, {lost} lost; {before} KiB before, {resident} \
         after; {} file descriptors, {threads} threads",
        asked_for.into_inner(),
        descriptors.len(),
    );
    // For whoever asks with `--nocapture`.
    _ = writeln!(std::io::stderr(), "{figures}");
    assert!(lost == 0 && sent > 100, "{figures}");
    assert!(done >= 1 && done + refused <= 60, "{figures}");
    assert!(resident <= before + GROWTH_KIB_MAX, "{figures}");
    // Two connections with one more to the app each, two more that may be closing, and what a gateway has anyway.
    assert!(descriptors.len() <= 40 && threads <= 12, "{figures}");
}
