//! Reloading: everything that can be reloaded, in one way, whatever asked for it. Read everything, build a
//! whole generation aside, swap one pointer. Any problem keeps the old generation in force.
//!
//! On a thread of its own, so that no worker waits for a file. It also looks at the files by itself, and
//! reloads when what is in them has changed.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use tracing::{error, info, warn};

use crate::config::{Problem, Report, Runtime, Severity};
use crate::generation::{self, Files, Generation, Loaded, OpenedKeys};
use crate::observe::access::OpenError;
use crate::observe::logging;
use crate::serve::{BindError, Control};

use super::asking::{Outcome, Reloads, Request};
use super::inherit::log_unwanted;
use super::secrecy::allow_dumps;
use super::service::Service;
use super::unix_now;

/// How often the files are looked at.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);

/// How long files must stand still before they are read: whoever replaces a certificate replaces its key next.
const QUIET: Duration = Duration::from_millis(250);

/// How long a problem is put down to files that are being replaced, after the last of them was touched.
const GRACE: Duration = Duration::from_secs(2);

/// How long a reload waits for files to stand still, or for the rest of them, in all.
const PATIENCE: Duration = Duration::from_secs(10);

/// Starts the thread that reloads. `files` and `keys` are those that the generation in force was built from.
///
/// # Errors
/// A thread that the system refuses.
pub fn start(
    control: Control,
    path: PathBuf,
    (files, keys): (Files, OpenedKeys),
    log: Option<logging::Handle>,
    service: Service,
) -> io::Result<Reloads> {
    let (reloads, requests, is_asked) = Reloads::new();
    let started = control.generation().config.runtime.clone();
    thread::Builder::new().name("reload".to_owned()).spawn(move || {
        let reloader =
            Reloader { control, path, files, keys, touched: None, log, service, started };
        reloader.run(&requests, &is_asked);
    })?;
    Ok(reloads)
}

/// What cannot be opened, so that nothing changes.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    AccessLog(#[from] OpenError),
}

struct Reloader {
    control: Control,
    path: PathBuf,
    /// As they were when they were looked at last.
    files: Files,
    /// What opening a key once more would only repeat.
    keys: OpenedKeys,
    /// When they were seen to change last.
    touched: Option<Instant>,
    log: Option<logging::Handle>,
    service: Service,
    /// `[runtime]` as it was at the start, which some of it stays.
    started: Runtime,
}

impl Reloader {
    fn run(mut self, requests: &Receiver<Request>, is_asked: &AtomicBool) {
        loop {
            match requests.recv_timeout(WATCH_INTERVAL) {
                Ok(first) => {
                    // Who asks from here on asks for another.
                    is_asked.store(false, Ordering::Release);
                    let mut asked = vec![first];
                    asked.extend(requests.try_iter());
                    let outcome = Arc::new(self.reload_and_note());
                    // Who does not wait any more does not miss it.
                    asked
                        .into_iter()
                        .flatten()
                        .for_each(|reply| _ = reply.send(Arc::clone(&outcome)));
                }
                Err(RecvTimeoutError::Timeout) => {
                    if !self.control.generation().config.runtime.watch || self.control.is_ending() {
                        continue;
                    }
                    let before = self.files.clone();
                    if self.look() && !self.files.hold_the_same_as(&before) {
                        self.reload_and_note();
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Looks at the files again; whether one was touched.
    fn look(&mut self) -> bool {
        let now = self.files.look();
        let is_touched = now.was_touched_since(&self.files);
        if is_touched {
            self.touched = Some(Instant::now());
        }
        self.files = now;
        is_touched
    }

    /// Whether the files are likely to be in the middle of being replaced.
    fn is_being_replaced(&self) -> bool {
        self.touched.is_some_and(|at| at.elapsed() < GRACE) || self.files.is_younger_than(GRACE)
    }

    fn reload_and_note(&mut self) -> Outcome {
        let outcome = self.reload();
        let Outcome { is_applied, changes, report, .. } = &outcome;
        self.control.reloads().note(*is_applied, unix_now(), changes, report);
        outcome
    }

    fn reload(&mut self) -> Outcome {
        if self.control.is_ending() {
            let why = "this process is about to end".to_owned();
            warn!(target: "reload", "not reloaded: {why}");
            let report = format!("{why}\n");
            return Outcome { is_applied: false, changes: Vec::new(), report, failure: Some(why) };
        }
        self.service.reloading();
        let outcome = self.attempt();
        self.service.reloaded(&self.control, outcome.failure.as_deref());
        outcome
    }

    fn attempt(&mut self) -> Outcome {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.await_quiet(deadline);
            let keys = std::mem::take(&mut self.keys);
            let Loaded { generation, mut report, files, keys } =
                generation::load_again(&self.path, unix_now(), keys);
            self.keys = keys;
            let is_other = self.files.follow(files);
            // What changed while it was read may have been read half.
            let touched = self.touched;
            let is_stale = self.look() || is_other;
            if is_other {
                // Seen for the first time is not touched.
                self.touched = touched;
            }
            if Instant::now() < deadline
                && (is_stale || generation.is_none() && self.is_being_replaced())
            {
                rest();
                continue;
            }
            let Some(generation) = generation else {
                return refused(&report);
            };
            return match self.apply(generation, &mut report) {
                Some(changes) => applied(changes, &report),
                None => refused(&report),
            };
        }
    }

    fn await_quiet(&mut self, deadline: Instant) {
        self.look();
        if !self.is_being_replaced() {
            return;
        }
        let mut since = Instant::now();
        while since.elapsed() < QUIET && Instant::now() < deadline {
            rest();
            if self.look() {
                since = Instant::now();
            }
        }
    }

    /// Puts a generation in force; the answer is what is different then. `None` after a problem was reported.
    fn apply(&mut self, generation: Generation, report: &mut Report) -> Option<Vec<String>> {
        let before = self.control.generation();
        let are_dumps_allowed = generation.config.runtime.core_dumps;
        let changes = generation.changes_since(&before);
        let log = generation.config.log.clone();
        let listeners = generation.config.listeners.clone();
        self.warn_of_what_stays(&generation, report);
        let access_log = generation.config.access_log.clone();
        let is_same = access_log.target == before.config.access_log.target;
        // Before anything is in force: a log that cannot be written is no reason to be half done. And only when nothing
        // else can go wrong: what was refused leaves no file behind.
        let open = || {
            let other =
                (!is_same).then(|| self.control.access_log().open(&access_log.target.value));
            Ok::<_, Refusal>(other.transpose()?)
        };
        let outlet = match self.control.replace(generation, open) {
            Ok(outlet) => outlet,
            Err(Refusal::AccessLog(error)) => {
                error.report(&access_log, report);
                return None;
            }
            Err(Refusal::Bind(error)) => {
                let listener = listeners.iter().find(|one| one.address.value == error.address());
                let span = listener.map_or(0..0, |listener| listener.address.span.clone());
                report.error(&span, error.to_string());
                return None;
            }
        };
        self.control.access_log().replace(&access_log, outlet);
        if let Some(handle) = &self.log {
            handle.replace(&log);
        }
        log_unwanted(&self.control);
        if before.config.runtime.core_dumps != are_dumps_allowed {
            allow_dumps(are_dumps_allowed);
        }
        // Whom clients reach is in force already; the door of operators does not undo that.
        if let Err(error) = self.control.open_door() {
            let what = format!("`[admin]`: {error}; what listened before goes on");
            report.warning_nowhere(what).fix("mend that and reload, or restart the gateway");
        }
        if changes.is_empty() {
            warn_of_credentials(&before, report);
        }
        Some(changes)
    }

    /// Names what the configuration says and what only a restart can do.
    fn warn_of_what_stays(&self, generation: &Generation, report: &mut Report) {
        let (workers, serving) = (generation.workers(), self.control.workers());
        let mut stays = |what: String| {
            report.warning_nowhere(what).fix("restart the gateway for this to take effect");
        };
        if workers != serving {
            stays(format!("`workers` is {workers} now, and {serving} go on serving"));
        }
        let (now, then) = (&generation.config.runtime, &self.started);
        if now.sandbox != then.sandbox {
            let (now, then) = (now.sandbox.as_str(), then.sandbox.as_str());
            stays(format!(
                "`sandbox` is \"{now}\" now, and what was settled at the start as \"{then}\" holds"
            ));
        }
        if now.control_socket != then.control_socket {
            stays(
                "`control_socket` is another one now, and the one of the start goes on".to_owned(),
            );
        }
    }
}

/// Says of a reload that found nothing new why a key may be a new one and was not found: systemd copies credentials
/// when it starts the service, and not again.
fn warn_of_credentials(generation: &Generation, report: &mut Report) {
    let file = generation.sites.iter().find_map(|site| site.config.credentials().next());
    if let Some(file) = file {
        report
            .warning_nowhere(format!("`{}` is a credential, and is as it was at the start", file.value.display()))
            .why("systemd copies what `LoadCredential=` names when the service starts, and not at a reload")
            .fix("`systemctl restart` if its file has changed; to have keys change by a reload, name files outside");
    }
}

fn applied(changes: Vec<String>, report: &Report) -> Outcome {
    log_problems(report);
    for change in &changes {
        info!(target: "reload", "{change}");
    }
    info!(target: "reload", changes = changes.len(), "reloaded");
    Outcome { is_applied: true, changes, report: report.to_string(), failure: None }
}

fn refused(report: &Report) -> Outcome {
    log_problems(report);
    error!(target: "reload", "not reloaded: what was in force before stays in force");
    let problems = report.problems();
    let first = problems.iter().find(|problem| problem.severity == Severity::Error);
    let failure = first.map_or_else(String::new, |problem| {
        let file = report.path().display();
        match &problem.place {
            Some(place) => format!("{file}:{}:{}: {}", place.line, place.column, problem.what),
            None => problem.what.clone(),
        }
    });
    let report = report.to_string();
    Outcome { is_applied: false, changes: Vec::new(), report, failure: Some(failure) }
}

/// Waits a little for files, which give no sign of their own.
#[expect(clippy::disallowed_methods, reason = "whoever writes a file tells nobody")]
fn rest() {
    thread::sleep(QUIET / 5);
}

/// A gateway says what somebody should look at where its operator looks: in the log.
pub fn log_problems(report: &Report) {
    let file = report.path().display().to_string();
    // What time has brought is told by its own events, also long after this.
    for problem in report.problems().into_iter().filter(|problem| !problem.is_of_time) {
        let Problem { what, seen, why, fix, .. } = problem;
        let line = problem.place.as_ref().map(|place| place.line);
        let (seen, why, fix) = (seen.as_deref(), why.as_deref(), fix.as_deref());
        match problem.severity {
            Severity::Error => error!(file, line, seen, why, fix, "{what}"),
            Severity::Warning => warn!(file, line, seen, why, fix, "{what}"),
        }
    }
}
