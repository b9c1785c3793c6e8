//! What a body may take of time: how long it may stand still, and how slow its client may be.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::config::{BodyRate, Route};

/// What a body may take of time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// How long it may stand still.
    pub(super) idle: Duration,
    /// How slow its client may be.
    pub(super) rate: Option<BodyRate>,
}

impl Patience {
    /// What a route says.
    pub(super) fn of(route: &Route) -> Self {
        Self { idle: route.timeouts.body_idle_timeout, rate: route.body_rate }
    }
}

/// Fires when nothing has moved for a while. Costs a timer only once a body has to wait.
pub(super) struct Stall {
    limit: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    /// `None` while nothing has to wait.
    waiting_since: Option<Instant>,
}

impl Stall {
    /// Of a body that may stand still for so long.
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, sleep: None, waiting_since: None }
    }

    /// The limit.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// Something moved.
    pub(super) fn reset(&mut self) {
        self.waiting_since = None;
    }

    /// How long this wait has lasted.
    pub(super) fn waited(&self, now: Instant) -> Duration {
        self.waiting_since.map_or(Duration::ZERO, |since| now - since)
    }

    /// Waiting: ready once the limit, or less if there is less left, has passed since this wait began. No wait may end
    /// sooner than the one before would have.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, left: Option<Duration>) -> Poll<()> {
        let now = Instant::now();
        let limit = left.map_or(self.limit, |left| left.min(self.limit));
        let deadline = *self.waiting_since.get_or_insert(now) + limit;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        // A timer that was set for an earlier wait is moved on only when it fires.
        while sleep.as_mut().poll(cx).is_ready() {
            if deadline <= now {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}
