//! How long the head of a response is waited for: as long as the request's body moves, then for its own
//! while, and never longer than the exchange may take.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::config::Timeouts;

use super::body::Progress;

/// When to stop waiting for the head of a response.
pub(super) struct Deadlines<'a> {
    pub(super) started: Instant,
    pub(super) timeouts: &'a Timeouts,
    /// When the caller needs an answer, and how long that was.
    pub(super) due: Option<(Instant, Duration)>,
}

impl Deadlines<'_> {
    /// Waits until one has passed; how long it was.
    pub(super) async fn passed(&self, progress: &Progress) -> Duration {
        let (at, _) = self.next(progress);
        let mut timer = pin!(sleep_until(self.look_at(at)));
        loop {
            timer.as_mut().await;
            // The body may have moved, or come to its end, since the timer was set; it is moved on only now.
            let (at, limit) = self.next(progress);
            if at <= Instant::now() {
                return limit;
            }
            timer.as_mut().reset(self.look_at(at));
        }
    }

    /// When to look again: in time for a body that comes to its end at once.
    fn look_at(&self, at: Instant) -> Instant {
        at.min(Instant::now() + self.timeouts.response_header_timeout)
    }

    fn next(&self, progress: &Progress) -> (Instant, Duration) {
        let idle = self.timeouts.body_idle_timeout;
        let (at, limit) = if progress.ended.get() {
            let limit = self.timeouts.response_header_timeout;
            (progress.moved.get() + limit, limit)
        } else if progress.waits_for_client.get() {
            // The body itself ends that wait; this one only looks again later.
            (Instant::now() + idle, idle)
        } else {
            (progress.moved.get() + idle, idle)
        };
        let whole = self.timeouts.exchange_timeout.map(|limit| (self.started + limit, limit));
        let ends = [Some((at, limit)), whole, self.due].into_iter().flatten();
        ends.min_by_key(|(at, _)| *at).unwrap_or((at, limit))
    }
}
