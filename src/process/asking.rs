//! Asking for a reload, and hearing what came of it: from a signal, which does not wait, or from the control socket,
//! which waits, though not for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use tracing::error;

/// Requests that wait for the one that runs; they are then answered by one reload together.
const REQUESTS_MAX: usize = 64;

/// How long a reload may take until whoever waits for it is told that it goes on: more than it should, and less than
/// a client of the control socket waits.
const PATIENCE: Duration = Duration::from_secs(45);

/// What came of a reload.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Whether the new generation is in force.
    pub is_applied: bool,
    /// What is different now, a sentence each.
    pub changes: Vec<String>,
    /// The report, as `check` prints it; empty if there is nothing to report.
    pub report: String,
    /// The first of what stood in its way, in one line.
    pub failure: Option<String>,
}

/// Why nobody can tell what came of a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoOutcome {
    /// As many wait as can.
    #[error("too many reloads are waiting already")]
    TooMany,
    /// It takes longer than this.
    #[error(
        "the reload has not ended within {} seconds, and goes on: a file or its disk may give no answer; the log will \
         say what comes of it", .0.as_secs()
    )]
    Late(Duration),
    /// None will come.
    #[error("reloading has ended; restart the gateway")]
    Ended,
}

/// Asks for reloads.
#[derive(Clone)]
pub struct Reloads {
    requests: SyncSender<Request>,
    /// Somebody who does not wait has asked already: a storm of signals leaves room for those who wait.
    is_asked: Arc<AtomicBool>,
}

/// Whoever asks may want to hear what came of it.
pub(super) type Request = Option<SyncSender<Arc<Outcome>>>;

impl Reloads {
    /// One to ask with; where the questions come out, and the mark that somebody who does not wait has asked.
    pub(super) fn new() -> (Self, Receiver<Request>, Arc<AtomicBool>) {
        let (requests, receiver) = sync_channel(REQUESTS_MAX);
        let is_asked = Arc::<AtomicBool>::default();
        (Self { requests, is_asked: Arc::clone(&is_asked) }, receiver, is_asked)
    }

    /// Asks for a reload without waiting. With as many waiting already as can, one of those will do.
    pub fn ask(&self) {
        if self.is_asked.swap(true, Ordering::AcqRel) {
            return;
        }
        match self.requests.try_send(None) {
            Ok(()) | Err(TrySendError::Full(_)) => {}
            Err(TrySendError::Disconnected(_)) => {
                error!("reloading has ended; restart the gateway");
            }
        }
    }

    /// Asks for a reload and waits for it, as long as a reload should take at most.
    ///
    /// # Errors
    /// Why there is nothing to tell.
    pub fn wait(&self) -> Result<Arc<Outcome>, NoOutcome> {
        self.wait_at_most(PATIENCE)
    }

    fn wait_at_most(&self, patience: Duration) -> Result<Arc<Outcome>, NoOutcome> {
        let (reply, outcome) = sync_channel(1);
        self.requests.try_send(Some(reply)).map_err(|error| match error {
            TrySendError::Full(_) => NoOutcome::TooMany,
            TrySendError::Disconnected(_) => NoOutcome::Ended,
        })?;
        outcome.recv_timeout(patience).map_err(|error| match error {
            RecvTimeoutError::Timeout => NoOutcome::Late(patience),
            RecvTimeoutError::Disconnected => NoOutcome::Ended,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_a_reload_that_hangs_is_told_so() {
        let (reloads, requests, _) = Reloads::new();
        let patience = Duration::from_millis(10);
        let late = reloads.wait_at_most(patience).unwrap_err();
        assert_eq!(late, NoOutcome::Late(patience));
        assert!(late.to_string().contains("goes on"), "{late}");
        while reloads.wait_at_most(Duration::ZERO).unwrap_err() != NoOutcome::TooMany {}
        assert_eq!(requests.try_iter().count(), REQUESTS_MAX);
        drop(requests);
        assert_eq!(reloads.wait_at_most(patience).unwrap_err(), NoOutcome::Ended);
    }
}
