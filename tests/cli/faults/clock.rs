//! A wall clock that jumps by years, under the built program: `libfaketime` has it read another time. What is asked is
//! answered by the certificate's validity now, on new and old connections; nothing that waits goes by that clock.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::{Gateway, Place, any_port, output, program, stderr};

use super::stage::{App, Caller, Seen, pause};

/// Where Debian has it; by the architecture's name.
const FOLDER: &str = "/usr/lib";

fn library() -> Option<PathBuf> {
    let folders = fs::read_dir(FOLDER).into_iter().flatten().flatten();
    let found = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    let found = found.into_iter().find(|path| path.exists());
    if found.is_none() {
        let why = "libfaketime is not installed";
        _ = writeln!(std::io::stderr(), "skipped: {why}, so no clock jumps");
        assert!(std::env::var_os("CI").is_none(), "{why}, and CI may skip nothing");
    }
    found
}

/// Sets the clock so far from what it should be, as `+4000d`. In one step: the program reads it at any time.
fn jump(clock: &Path, by: &str) {
    let beside = clock.with_extension("new");
    fs::write(&beside, format!("{by}\n")).unwrap();
    fs::rename(beside, clock).unwrap();
}

#[test]
fn a_clock_that_jumps_by_years_changes_who_is_let_in_at_once_and_nothing_else() {
    let Some(library) = library() else {
        return;
    };
    let (place, app) = (Place::new(), App::start());
    let tables = "[runtime]\ncontrol_socket = \"control.sock\"\nworkers = 2\n";
    let config = place.config(any_port(), app.address, tables);
    let clock = place.path().join("clock");
    jump(&clock, "+0");
    let mut command = program([OsStr::new("run"), OsStr::new("--config"), config.as_os_str()]);
    command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", &clock);
    // The wall clock alone, at once, and without the times of files, which a jump leaves as they are.
    command.envs(["FAKETIME_NO_CACHE", "NO_FAKE_STAT"].map(|name| (name, "1")));
    command.envs(["FAKETIME_DONT_FAKE_MONOTONIC", "DONT_FAKE_MONOTONIC"].map(|name| (name, "1")));
    let mut gateway = Gateway::start(command);
    let address = gateway.await_address();
    gateway.await_line("serving");
    let seen = Seen(gateway.process());
    let connect = || Caller::connect(&place, address);
    // On TLS 1.3 a client that is refused hears of it when it first reads.
    let is_let_in = || matches!(connect().and_then(|mut client| client.ask("/")), Ok((200, true)));
    let control = place.path().join("control.sock");
    let reload = || {
        let (start, said) =
            (Instant::now(), output(["reload", "--socket", control.to_str().unwrap()]));
        assert_eq!(said.status.code(), Some(0), "{}", stderr(&said));
        assert!(start.elapsed() < Duration::from_secs(12), "{:?}", start.elapsed());
    };
    let is_calm = || {
        let (start, used) = (Instant::now(), seen.used());
        pause(Duration::from_secs(1));
        let used = seen.used() - used;
        assert!(used * 4 < start.elapsed(), "{used:?} of {:?}", start.elapsed());
    };

    let (mut busy, mut idle, mut patient) =
        (connect().unwrap(), connect().unwrap(), connect().unwrap());
    busy.is_served();
    idle.is_served();
    patient.is_served();

    // It may have been closed already: nobody needs a request to see what the clock says.
    let is_turned_away = |client: &mut Caller| matches!(client.ask("/"), Ok((403, false)) | Err(_));

    // Beyond the end of every certificate.
    jump(&clock, "+4000d");
    assert!(is_turned_away(&mut busy));
    assert!(!is_let_in());
    assert!(is_turned_away(&mut idle));
    is_calm();
    jump(&clock, "+0");
    assert!(is_let_in());
    // It asked nothing meanwhile: nothing is wrong with it, unless the gateway looked after it just then.
    if patient.ask("/").is_err() {
        patient = connect().unwrap();
        patient.is_served();
    }

    // Before the begin of every certificate.
    jump(&clock, "-4000d");
    assert!(!is_let_in());
    assert!(is_turned_away(&mut patient));
    is_calm();
    jump(&clock, "+0");
    assert!(is_let_in());

    // A few seconds are no reason to turn anybody away.
    let mut steady = connect().unwrap();
    for by in ["+30", "-30", "+0"] {
        jump(&clock, by);
        steady.is_served();
        assert!(is_let_in());
    }

    // While it stands wrong, in each direction, the gateway reloads, and in time.
    for by in ["+30d", "-12h", "+0"] {
        jump(&clock, by);
        reload();
        steady.is_served();
    }

    // It ends in time too: an exchange that runs is waited for, by the clock of timers.
    steady.send("/hold").unwrap();
    app.await_held(1);
    gateway.signal("TERM");
    gateway.await_line("draining for at most");
    jump(&clock, "+4000d");
    pause(Duration::from_millis(300));
    jump(&clock, "-4000d");
    pause(Duration::from_millis(300));
    app.release();
    assert_eq!(steady.answer().unwrap().0, 200);
    let start = Instant::now();
    assert_eq!(gateway.await_end().code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert!(!gateway.log.iter().any(|line| line.contains("panicked")), "{:#?}", gateway.log);
}
