//! The gateway as a service of systemd: that it is ready, what it does, that it still lives, and the listeners that
//! systemd keeps for the next start. Without systemd all of it is silent.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::os::fd::AsFd as _;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::time::{ClockId, clock_gettime};
use time::OffsetDateTime;
use tracing::warn;

use crate::serve::{Control, Inherited};

use super::notify::Notifier;

/// Far more than one looks at in `systemctl status`.
const STATUS_CHARS_MAX: usize = 300;

/// Says how the gateway is to systemd, if it was systemd that started it.
#[derive(Clone)]
pub struct Service {
    inner: Arc<Inner>,
}

struct Inner {
    notifier: Notifier,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Another process is the service now: what this one says would be wrong.
    is_retired: bool,
    /// The end has begun: nothing is ready any more, and the listeners that are closed now stay in systemd's keeping.
    is_stopping: bool,
    /// The names of the listeners that systemd keeps for us.
    kept: BTreeSet<String>,
    /// Which generation, and when it came.
    generation: u64,
    since: String,
}

impl Service {
    /// Speaks to whoever `NOTIFY_SOCKET` names. `inherited` are the sockets that this process began with: systemd
    /// still keeps those of our own among them.
    pub fn new(notify_socket: Option<OsString>, inherited: &[Inherited]) -> Self {
        let own = inherited.iter().filter(|one| one.is_own());
        let kept = own.map(|one| one.name.clone()).collect();
        let state = Mutex::new(State { kept, ..State::default() });
        Self { inner: Arc::new(Inner { notifier: Notifier::new(notify_socket), state }) }
    }

    /// Nobody's service, as in a test.
    pub fn none() -> Self {
        Self::new(None, &[])
    }

    /// Whether systemd, or somebody in its place, listens.
    pub fn is_heard(&self) -> bool {
        self.inner.notifier.is_heard()
    }

    /// Everything is good and served from now on.
    pub fn ready(&self, control: &Control) {
        self.reloaded(control, None);
    }

    /// Configuration and files are being read anew.
    pub fn reloading(&self) {
        if self.state().is_stopping {
            return;
        }
        let now = clock_gettime(ClockId::Monotonic);
        let microseconds = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1000;
        self.say(&format!("RELOADING=1\nMONOTONIC_USEC={microseconds}\nSTATUS=reloading"));
    }

    /// They were; `failure` is what stood in the way.
    pub fn reloaded(&self, control: &Control, failure: Option<&str>) {
        if self.state().is_stopping {
            return;
        }
        self.keep(control);
        let status = self.status(control, failure);
        self.say(&format!("READY=1\n{status}"));
    }

    /// The end has begun.
    pub fn stopping(&self) {
        self.state().is_stopping = true;
        self.say("STOPPING=1\nSTATUS=draining: requests that run may finish");
    }

    /// Every worker turns.
    pub(super) fn alive(&self) {
        self.say("WATCHDOG=1");
    }

    /// Another process is the service from now on, and this one falls silent.
    pub(super) fn hand_over(&self, process: u32) {
        self.say(&format!("MAINPID={process}\nSTATUS=process {process} has taken over"));
        self.state().is_retired = true;
    }

    /// It is not: it has ended before it began.
    pub(super) fn take_back(&self) {
        self.state().is_retired = false;
        self.say(&format!("MAINPID={}", std::process::id()));
    }

    /// Has systemd keep what we listen on ourselves, so that a restart or a crash loses no client that waits; and lets
    /// go of what is not listened on any more.
    fn keep(&self, control: &Control) {
        if !self.is_heard() {
            return;
        }
        let sockets = match control.sockets() {
            Ok(sockets) => sockets,
            Err(error) => {
                warn!(%error, "systemd cannot be given the listeners to keep");
                return;
            }
        };
        let mut state = self.state();
        if state.is_stopping || state.is_retired {
            return;
        }
        let own: Vec<_> = sockets.into_iter().filter(Inherited::is_own).collect();
        for Inherited { name, socket } in &own {
            if state.kept.insert(name.clone()) {
                self.inner.notifier.give(&format!("FDSTORE=1\nFDNAME={name}"), socket.as_fd());
            }
        }
        state.kept.retain(|name| {
            let is_open = own.iter().any(|one| one.name == *name);
            if !is_open {
                self.inner.notifier.say(&format!("FDSTOREREMOVE=1\nFDNAME={name}"));
            }
            is_open
        });
    }

    /// The line of `systemctl status`.
    fn status(&self, control: &Control, failure: Option<&str>) -> String {
        let mut state = self.state();
        let number = control.number();
        if state.generation != number {
            let now = OffsetDateTime::now_utc();
            state.since = format!("{:02}:{:02}Z", now.hour(), now.minute());
            state.generation = number;
        }
        let generation = format!("generation {number} serves since {}", state.since);
        if let Some(failure) = failure {
            let failure = failure.chars().map(|c| if c.is_control() { ' ' } else { c });
            let failure: String = failure.take(STATUS_CHARS_MAX).collect();
            return format!("STATUS=last reload failed: {failure}; {generation}");
        }
        let sites = control.generation().sites.len();
        let mut status = match sites {
            1 => "STATUS=serving 1 site on ".to_owned(),
            sites => format!("STATUS=serving {sites} sites on "),
        };
        for (number, address) in control.addresses().iter().enumerate() {
            let divider = if number == 0 { "" } else { ", " };
            // Writing to a String cannot fail.
            let _ = write!(status, "{divider}{address}");
        }
        format!("{status}; {generation}")
    }

    fn say(&self, words: &str) {
        if !self.state().is_retired {
            self.inner.notifier.say(words);
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
