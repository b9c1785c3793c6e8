//! What became of reloads: how many, and the last of each kind, for whoever asks later.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::identity::clip;

/// The most that is kept of a report, and of changes.
const REPORT_MAX: usize = 16 * 1024;
const CHANGES_MAX: usize = 200;
const CHANGE_MAX: usize = 1024;

/// One reload.
#[derive(Clone, Debug)]
pub struct Reload {
    /// When, Unix time.
    pub at: i64,
    /// What was different then, a sentence each; the first of them, where there are very many.
    pub changes: Vec<String>,
    /// The report, as `check` prints it.
    pub report: String,
}

/// Those of a process; locked by whoever reloads and whoever asks, never by a worker.
#[derive(Debug, Default)]
pub struct ReloadLog(Mutex<Reloaded>);

/// What a [`ReloadLog`] has, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Reloaded {
    /// How many were put in force.
    pub applied: u64,
    /// How many were not.
    pub refused: u64,
    /// The last one that was.
    pub last_applied: Option<Reload>,
    /// The last one that was not, if none was since.
    pub last_refused: Option<Reload>,
}

impl ReloadLog {
    /// Notes a reload.
    pub fn note(&self, is_applied: bool, at: i64, changes: &[String], report: &str) {
        let changes = changes.iter().take(CHANGES_MAX);
        let changes = changes.map(|change| clip(change.clone(), CHANGE_MAX)).collect();
        let report = clip(report.to_owned(), REPORT_MAX);
        let reload = Some(Reload { at, changes, report });
        let mut log = self.lock();
        if is_applied {
            log.applied += 1;
            log.last_applied = reload;
            log.last_refused = None;
        } else {
            log.refused += 1;
            log.last_refused = reload;
        }
    }

    /// What there is.
    pub fn reloaded(&self) -> Reloaded {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Reloaded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
