//! What came of a load.

use std::collections::BTreeSet;
use std::time::Duration;

/// Of the measured operations; errors are those of the warm-up too.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// How many were answered as they should be.
    pub(crate) operations: usize,
    /// How many were not, and what was wrong with the first ones.
    pub(crate) failed: usize,
    pub(crate) errors: Vec<String>,
    /// What the measured process spent on them.
    pub(crate) processor_time: Duration,
    pub(crate) elapsed: Duration,
    /// In ascending order.
    pub(crate) latencies: Vec<Duration>,
    /// Handshakes that took up a session.
    pub(crate) resumed: usize,
    /// The groups of the key exchanges.
    pub(crate) groups: BTreeSet<String>,
}

impl Outcome {
    pub(crate) fn error(&mut self, error: String) {
        const KEPT: usize = 3;
        self.failed += 1;
        if self.errors.len() < KEPT {
            self.errors.push(error);
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.operations += other.operations;
        self.resumed += other.resumed;
        self.latencies.extend(other.latencies);
        self.groups.extend(other.groups);
        let kept = other.errors.len();
        self.failed += other.failed - kept;
        other.errors.into_iter().for_each(|error| self.error(error));
    }

    /// What the process spent on each, in microseconds.
    pub(crate) fn processor_micros(&self) -> f64 {
        self.processor_time.as_secs_f64() * 1e6 / self.operations.max(1) as f64
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.operations as f64 / self.elapsed.as_secs_f64()
    }

    /// From the beginning of an operation to its end: as long, or less, took so many of a hundred.
    pub(crate) fn latency(&self, percent: usize) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get(last * percent / 100).copied().unwrap_or_default()
    }

    pub(crate) fn expect_no_errors(&self) {
        assert!(self.failed == 0, "{} failed: {}", self.failed, self.errors.join("; "));
    }
}
