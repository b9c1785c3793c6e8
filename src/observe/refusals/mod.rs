//! Every refusal of the process, whichever worker saw it: counted, logged within a limit, and the last ones
//! kept in memory.
//!
//! The counts miss none. What is logged is what the limiter lets through, with the number of those that it did
//! not; the same are kept, so that whoever repeats himself pushes nobody else out of sight. Clients that are let
//! in in spite of their certificate are logged within the same limit, of its own for them, and not kept.

mod limiter;
mod ring;

pub use limiter::subscriber;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::policy::{Reason, Refusal};

use super::refusal::{ConnectionFacts, RefusalEvent, log_let_in};
use limiter::{Limiter, Untold};
use ring::Ring;

/// All refusals since the start; one for the process, shared by its workers and by every generation.
#[derive(Debug)]
pub struct Refusals {
    counts: [AtomicU64; Reason::ALL.len()],
    /// How many of them were not told.
    untold: AtomicU64,
    started: Instant,
    kept: Mutex<Kept>,
}

/// What needs a lock, which is never held while a line is written.
#[derive(Debug, Default)]
struct Kept {
    limiter: Limiter,
    /// Of those that are let in, so that they silence no refusal.
    let_in: Limiter,
    ring: Ring,
}

impl Default for Refusals {
    fn default() -> Self {
        Self {
            counts: [const { AtomicU64::new(0) }; Reason::ALL.len()],
            untold: AtomicU64::new(0),
            started: Instant::now(),
            kept: Mutex::default(),
        }
    }
}

impl Refusals {
    /// How often [`Self::sweep`] wants to be called. Whoever goes on being refused at least so often finds the
    /// number of those that were not told in his next event; for all others a summary is written.
    pub const SWEEP_EVERY: Duration = Duration::from_secs(5);

    /// Counts a refusal, and logs and keeps it unless its source has had its `limit` of them for this minute.
    /// `at` is Unix time; `live` marks a connection that had been let in and has lost its standing since.
    pub fn report(
        &self,
        limit: Option<u32>,
        at: i64,
        facts: ConnectionFacts,
        refusal: Refusal,
        live: bool,
    ) {
        let reason = refusal.reason;
        self.counts[reason as usize].fetch_add(1, Ordering::Relaxed);
        let mut kept = self.lock();
        let (now, source) = (self.started.elapsed(), facts.peer.ip());
        let Some(suppressed) = kept.limiter.admit(now, source, reason, limit) else {
            self.untold.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let event = Arc::new(RefusalEvent { at, facts, refusal, live, suppressed });
        // Scans and health checks come all day, and would soon be all there is.
        if reason != Reason::Closed {
            kept.ring.push(Arc::clone(&event));
        }
        drop(kept);
        event.log();
    }

    /// Logs a client that is served unverified in spite of its certificate, within the `limit`. `live` marks one
    /// that had been verified, and passes no longer.
    pub fn report_let_in(
        &self,
        limit: Option<u32>,
        facts: &ConnectionFacts,
        refusal: &Refusal,
        live: bool,
    ) {
        let (now, source) = (self.started.elapsed(), facts.peer.ip());
        let suppressed = self.lock().let_in.admit(now, source, refusal.reason, limit);
        if let Some(suppressed) = suppressed {
            log_let_in(facts, refusal, live, suppressed);
        }
    }

    /// Tells of what was not told in the minutes that are over.
    pub fn sweep(&self) {
        let now = self.started.elapsed();
        self.summarise(|limiter| limiter.sweep(now));
    }

    /// Tells of what was not told at all, when no further event can come.
    pub fn flush(&self) {
        self.summarise(Limiter::flush);
    }

    fn summarise(&self, forget: impl Fn(&mut Limiter) -> Vec<Untold>) {
        let mut kept = self.lock();
        let (refused, let_in) = (forget(&mut kept.limiter), forget(&mut kept.let_in));
        drop(kept);
        refused.iter().for_each(summarise_refused);
        let_in.iter().for_each(summarise_let_in);
    }

    /// How many clients were refused for each reason, told or not.
    pub fn counts(&self) -> [(Reason, u64); Reason::ALL.len()] {
        Reason::ALL.map(|reason| (reason, self.counts[reason as usize].load(Ordering::Relaxed)))
    }

    /// How many of them were not told one by one.
    pub fn untold(&self) -> u64 {
        self.untold.load(Ordering::Relaxed)
    }

    /// The last ones that were logged, the newest first. Those of the reason `closed` are not among them.
    pub fn last(&self) -> Vec<Arc<RefusalEvent>> {
        self.lock().ring.newest_first()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Nothing in it is ever half done, so a panic elsewhere spoils nothing.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The line for those that no later event tells of.
fn summarise_refused(untold: &Untold) {
    let (reason, source, suppressed) = (untold.reason.as_str(), &untold.scope, untold.count);
    if untold.reason == Reason::Closed {
        debug!(target: "refusal", reason, %source, suppressed, "further clients were refused and not told one by one");
    } else {
        warn!(target: "refusal", reason, %source, suppressed, "further clients were refused and not told one by one");
    }
}

/// The same for those that were let in.
fn summarise_let_in(untold: &Untold) {
    let (reason, source, suppressed) = (untold.reason.as_str(), &untold.scope, untold.count);
    info!(target: "unverified", reason, %source, suppressed, "further clients were let in unverified and not told one by one");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(refusals: &Refusals, reason: Reason, limit: Option<u32>) {
        let address = "192.0.2.7:1".parse().unwrap();
        let facts = ConnectionFacts::new(address, address);
        refusals.report(limit, 0, facts, Refusal::new(reason, "did so"), false);
    }

    #[test]
    fn each_reason_is_counted_in_its_own_place() {
        for (place, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place, "{reason}");
        }
    }

    #[test]
    fn the_limit_holds_for_what_is_kept_and_never_for_the_counts() {
        let refusals = Refusals::default();
        for _ in 0..9 {
            report(&refusals, Reason::Expired, Some(2));
            report(&refusals, Reason::UnknownCa, None);
            report(&refusals, Reason::Closed, None);
        }
        for (reason, count) in refusals.counts() {
            let expected = [Reason::Expired, Reason::UnknownCa, Reason::Closed].contains(&reason);
            assert_eq!(count, if expected { 9 } else { 0 }, "{reason}");
        }
        let last = refusals.last();
        let of = |reason| last.iter().filter(|event| event.refusal.reason == reason).count();
        assert_eq!((of(Reason::Expired), of(Reason::UnknownCa), of(Reason::Closed)), (2, 9, 0));
        assert_eq!(last[0].refusal.reason, Reason::UnknownCa);
    }
}
