//! Telling of lines that were lost: in the rest of the log, at most once a minute, with why and what to do.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tracing::warn;

use crate::identity::timestamp_text;

use super::{Counts, Lost, Relaxed};

/// How often it is told.
const TELL_INTERVAL: Duration = Duration::from_secs(60);

/// What was lost and not told yet.
pub(super) struct Losses {
    counts: Arc<Counts>,
    told: Lost,
    told_at: Option<Instant>,
    /// When the first of those that are not told was noticed.
    since: Option<SystemTime>,
    /// What the system said last.
    error: Option<io::Error>,
}

impl Losses {
    pub(super) fn new(counts: Arc<Counts>) -> Self {
        Self { counts, told: Lost::default(), told_at: None, since: None, error: None }
    }

    /// Notes lines that could not be written, and why.
    pub(super) fn failed(&mut self, lines: u64, error: Option<io::Error>) {
        self.counts.write_failed.fetch_add(lines, Relaxed);
        self.error = error.or(self.error.take());
    }

    /// How long until there is something to tell; `None` if nothing is lost.
    pub(super) fn patience(&self) -> Option<Duration> {
        self.since?;
        Some(self.told_at.map_or(Duration::ZERO, |at| TELL_INTERVAL.saturating_sub(at.elapsed())))
    }

    /// Tells what is lost, unless it was told a while ago only.
    pub(super) fn tell(&mut self, place: &str) {
        if self.counts.lost() == self.told {
            return;
        }
        self.since.get_or_insert_with(SystemTime::now);
        if self.patience().is_some_and(|left| left.is_zero()) {
            self.tell_now(place);
        }
    }

    /// Tells what is lost.
    pub(super) fn tell_now(&mut self, place: &str) {
        let lost = self.counts.lost();
        let new = lost.since(self.told);
        if new.all() == 0 {
            return;
        }
        let since = self.since.take().unwrap_or_else(SystemTime::now);
        let since = since.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let since = timestamp_text(i64::try_from(since).unwrap_or(i64::MAX));
        let error = self.error.take().filter(|_| new.write_failed > 0);
        let (why, fix) = match &error {
            Some(error) => (error.to_string(), remedy(error)),
            None => (
                format!("{place} does not take them as fast as they come"),
                "see to whoever reads them or to the disk, or raise `queue_lines_max` in `[access_log]`",
            ),
        };
        let Lost { queue_full, write_failed } = new;
        let lines = new.all();
        warn!(
            queue_full,
            write_failed, fix, "{lines} access lines were lost since {since}, because: {why}"
        );
        self.told = lost;
        self.told_at = Some(Instant::now());
    }
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            "make room on the disk of the access log; later lines are written by themselves then"
        }
        ErrorKind::BrokenPipe => "start what reads the access log, then `mtls-gateway reopen-logs`",
        _ => "mend what the system complains of; each later line is tried again",
    }
}
