//! Requests that wait because no endpoint can be connected, as while an app restarts; and how many may be sent once
//! more. Nothing of a request that waits has been sent, and nothing of its body read.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{Options, SendError};

/// Between two attempts to connect: short at first, as an app that restarts is back soon.
const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_millis(200);

/// The waiting requests of one worker.
#[derive(Debug, Default)]
pub(super) struct Hold {
    waiting: Rc<Cell<usize>>,
}

impl Hold {
    /// What a request does when all endpoints have failed it.
    pub(super) fn wait(&self, options: &Options) -> Wait<'_> {
        Wait {
            hold: self,
            options: *options,
            until: options.hold_timeout.map(|limit| Instant::now() + limit),
            pause: PAUSE_MIN,
            place: None,
            error: None,
        }
    }

    /// A place among those that wait; `None` if all are taken.
    pub(super) fn place(&self, options: &Options) -> Option<Place> {
        if self.waiting.get() >= options.held_max {
            return None;
        }
        self.waiting.set(self.waiting.get() + 1);
        Some(Place(Rc::clone(&self.waiting)))
    }
}

/// A place among the waiting requests.
#[derive(Debug)]
pub(super) struct Place(Rc<Cell<usize>>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// One request that may have to wait.
pub(super) struct Wait<'a> {
    hold: &'a Hold,
    options: Options,
    until: Option<Instant>,
    pause: Duration,
    place: Option<Place>,
    /// What happened last.
    error: Option<SendError>,
}

impl Wait<'_> {
    /// Notes what an endpoint did to the request.
    pub(super) fn failed(&mut self, error: SendError) {
        self.error = Some(error);
    }

    /// Whether it has had to wait.
    pub(super) fn has_waited(&self) -> bool {
        self.place.is_some()
    }

    /// Does not wait from now on: the request was sent once, and goes on to another endpoint at once or not at all.
    pub(super) fn gives_up(&mut self) {
        self.until = None;
    }

    /// Waits for a while, after which all endpoints may be tried again.
    ///
    /// # Errors
    /// What happened last, where the request is not to wait, its time is up, or too many wait already.
    pub(super) async fn pause(&mut self) -> Result<(), SendError> {
        let now = Instant::now();
        if self.place.is_none() && self.until.is_some() {
            self.place = self.hold.place(&self.options);
        }
        match self.until {
            Some(until) if now < until && self.place.is_some() => {
                sleep_until(until.min(now + self.pause)).await;
                self.pause = (self.pause * 2).min(PAUSE_MAX);
                Ok(())
            }
            _ => Err(self.error.take().unwrap_or_else(SendError::nowhere)),
        }
    }
}

/// How many requests may be sent once more: a fifth of all, so that a failing app does not get twice the load.
#[derive(Debug)]
pub(super) struct RetryBudget {
    /// In fifths of a request.
    saved: Cell<u32>,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self { saved: Cell::new(Self::SAVED_MAX) }
    }
}

impl RetryBudget {
    const PRICE: u32 = 5;
    const SAVED_MAX: u32 = 10 * Self::PRICE;

    /// A request has come.
    pub(super) fn earn(&self) {
        self.saved.set((self.saved.get() + 1).min(Self::SAVED_MAX));
    }

    /// Whether one may be sent once more.
    pub(super) fn spend(&self) -> bool {
        let left = self.saved.get().checked_sub(Self::PRICE);
        left.inspect(|left| self.saved.set(*left)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_five_is_sent_once_more() {
        let budget = RetryBudget::default();
        while budget.spend() {}
        let sent = (0..100).filter(|_| {
            budget.earn();
            budget.spend()
        });
        assert_eq!(sent.count(), 20);
    }
}
