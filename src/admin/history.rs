//! The last quarter of an hour, in samples of a few seconds: so many, and the oldest makes room.

use std::collections::VecDeque;
use std::time::Duration;

use crate::observe::metrics::Lengths;
use crate::tls::unix_now;

use super::Gateway;

/// How often a sample is taken.
pub(super) const SAMPLE_EVERY: Duration = Duration::from_secs(5);

/// How many are kept: a quarter of an hour, and where it begins.
pub(super) const SAMPLES_MAX: usize = 181;

/// What had been counted since the start, at one moment.
#[derive(Clone, Debug)]
struct Sample {
    at: i64,
    requests: u64,
    refusals: u64,
    exchanges: Lengths,
}

/// What happened between two samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Step {
    /// When it ended, Unix time.
    pub(super) at: i64,
    /// Requests a second.
    pub(super) requests: f64,
    /// Refusals a minute.
    pub(super) refusals: f64,
    /// Half of the exchanges took no longer, in seconds; `None` without any.
    pub(super) median: Option<f64>,
    /// Nineteen of twenty took no longer.
    pub(super) p95: Option<f64>,
}

/// The samples, the oldest first.
#[derive(Debug, Default)]
pub(super) struct History(VecDeque<Sample>);

impl History {
    /// Takes a sample now.
    pub(super) fn sample(&mut self, gateway: &dyn Gateway) {
        let mut sample = Sample {
            at: unix_now(),
            requests: 0,
            refusals: gateway.refusals().counts().iter().map(|(_, count)| count).sum(),
            exchanges: Lengths::default(),
        };
        for site in gateway.metrics().sites().values() {
            sample.requests += site.requests_all();
            sample.exchanges.add(&site.exchange);
        }
        self.push(sample);
    }

    fn push(&mut self, sample: Sample) {
        self.0.push_back(sample);
        while self.0.len() > SAMPLES_MAX {
            self.0.pop_front();
        }
    }

    /// What happened from each sample to the next.
    pub(super) fn steps(&self) -> Vec<Step> {
        let pairs = self.0.iter().zip(self.0.iter().skip(1));
        let step = |(before, after): (&Sample, &Sample)| {
            // The wall's clock may have been set meanwhile.
            let seconds = (after.at - before.at).max(1) as f64;
            let exchanges = after.exchanges.since(&before.exchanges);
            Step {
                at: after.at,
                requests: after.requests.saturating_sub(before.requests) as f64 / seconds,
                refusals: after.refusals.saturating_sub(before.refusals) as f64 * 60.0 / seconds,
                median: exchanges.quantile(0.5),
                p95: exchanges.quantile(0.95),
            }
        };
        pairs.map(step).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: i64, requests: u64) -> Sample {
        Sample { at, requests, refusals: requests / 10, exchanges: Lengths::default() }
    }

    #[test]
    fn steps_are_rates() {
        let mut history = History::default();
        assert!(history.steps().is_empty());
        history.push(sample(100, 0));
        history.push(sample(105, 50));
        let steps = history.steps();
        assert_eq!(steps.len(), 1);
        assert_eq!((steps[0].at, steps[0].requests, steps[0].refusals), (105, 10.0, 60.0));
        assert_eq!(steps[0].p95, None);
    }

    #[test]
    fn the_oldest_samples_make_room() {
        let mut history = History::default();
        (0..1000).for_each(|at| history.push(sample(at * 5, 0)));
        assert_eq!(history.steps().len(), SAMPLES_MAX - 1);
    }
}
