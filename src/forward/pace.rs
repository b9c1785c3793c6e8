//! How slow a client may be. A body that always moves a little is never idle, and could hold an exchange for ever; so
//! a client has an account of time in which others may wait for it. Each byte pays in what it may take at the least
//! rate, waiting is paid from it, and it never holds more than the grace: nobody saves up for a siege.
//!
//! Only waiting that is the client's fault is booked. That takes no timer, and no clock where nothing waits.

use std::time::Duration;

use crate::config::BodyRate;

/// The account of one body.
pub(super) struct Pace {
    /// `None` asks for no rate.
    rate: Option<BodyRate>,
    left: Duration,
}

impl Pace {
    /// Of a body that has not moved yet: it has the whole grace.
    pub(super) fn new(rate: Option<BodyRate>) -> Self {
        Self { rate, left: rate.map_or(Duration::ZERO, |rate| rate.grace) }
    }

    /// How much longer the client may be waited for; `None` for ever.
    pub(super) fn left(&self) -> Option<Duration> {
        self.rate.map(|_| self.left)
    }

    /// Others have waited for the client.
    pub(super) fn waited(&mut self, time: Duration) {
        self.left = self.left.saturating_sub(time);
    }

    /// So many bytes have moved.
    pub(super) fn moved(&mut self, bytes: usize) {
        self.took(bytes, Duration::ZERO);
    }

    /// The client took so long for so many bytes.
    pub(super) fn took(&mut self, bytes: usize, time: Duration) {
        if let Some(rate) = self.rate {
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            let worth = bytes.saturating_mul(1_000_000_000) / rate.bytes_per_second;
            let left = self.left.saturating_add(Duration::from_nanos(worth)).saturating_sub(time);
            self.left = left.min(rate.grace);
        }
    }

    /// The least rate, where the client is below it: nothing is left.
    pub(super) fn missed(&self) -> Option<u64> {
        let rate = self.rate.filter(|_| self.left.is_zero())?;
        Some(rate.bytes_per_second.get())
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn pace() -> Pace {
        let bytes_per_second = NonZeroU64::new(100).unwrap();
        Pace::new(Some(BodyRate { bytes_per_second, grace: 10 * SECOND }))
    }

    #[test]
    fn at_the_least_rate_it_goes_on_for_ever() {
        let mut pace = pace();
        for _ in 0..1000 {
            pace.waited(5 * SECOND);
            pace.moved(500);
        }
        assert_eq!((pace.left(), pace.missed()), (Some(10 * SECOND), None));
    }

    #[test]
    fn below_it_the_grace_is_used_up() {
        let mut pace = pace();
        for _ in 0..19 {
            pace.waited(SECOND);
            pace.moved(50);
            assert_eq!(pace.missed(), None);
        }
        pace.waited(SECOND);
        assert_eq!(pace.missed(), Some(100));
    }

    #[test]
    fn one_large_part_may_take_longer_than_the_grace() {
        let mut pace = pace();
        pace.took(100_000, 900 * SECOND);
        assert_eq!((pace.left(), pace.missed()), (Some(10 * SECOND), None));
        pace.took(100_000, 1010 * SECOND);
        assert_eq!(pace.missed(), Some(100));
    }

    #[test]
    fn nothing_is_saved_up_beyond_the_grace() {
        let mut pace = pace();
        pace.moved(usize::MAX);
        assert_eq!(pace.left(), Some(10 * SECOND));
    }

    #[test]
    fn without_a_rate_nothing_is_missed() {
        let mut pace = Pace::new(None);
        pace.waited(1_000_000 * SECOND);
        pace.moved(1);
        assert_eq!((pace.left(), pace.missed()), (None, None));
    }
}
