//! Accepting that fails: told with its remedy, not too often, and tried again after a moment.

use std::io;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::{debug, error};

/// How long accepting rests when the system has no room for another connection.
const PAUSE: Duration = Duration::from_millis(100);

/// How often the log tells that accepting fails.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(5);

/// What has been said of accepting that fails.
#[derive(Default)]
pub(super) struct Complaints {
    last: Option<Instant>,
    unsaid: u64,
}

impl Complaints {
    /// Accept errors have classes: a client that has gone already is nothing; a system without room is told,
    /// with the remedy, and left alone for a moment.
    pub(super) async fn pause_after(&mut self, error: &io::Error) {
        use io::ErrorKind as K;
        if matches!(error.kind(), K::ConnectionAborted | K::ConnectionReset | K::Interrupted) {
            debug!(%error, "a client went away before it was accepted");
            return;
        }
        if self.last.is_some_and(|last| last.elapsed() < COMPLAINT_INTERVAL) {
            self.unsaid += 1;
        } else {
            error!(
                %error,
                unsaid = self.unsaid,
                "cannot accept, pausing for {PAUSE:?} each time; if this is about file descriptors, raise \
                 `LimitNOFILE=` in the unit or lower `connections_max`"
            );
            *self = Self { last: Some(Instant::now()), unsaid: 0 };
        }
        sleep(PAUSE).await;
    }
}
