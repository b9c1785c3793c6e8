//! Whether every worker still turns: each counts on a timer, and whoever asks sees who has stopped counting. Off
//! unless somebody asks, because a timer that nobody reads still wakes a CPU.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::Shared;

/// The count of a worker that has ended as it should.
const ENDED: u64 = u64::MAX;

/// What the workers count.
pub(super) struct Beats {
    every: OnceLock<Duration>,
    counts: Vec<AtomicU64>,
}

impl Beats {
    pub(super) fn new(workers: usize) -> Self {
        let counts = (0..workers).map(|_| AtomicU64::new(0)).collect();
        Self { every: OnceLock::new(), counts }
    }

    /// Counts for a worker until it is dropped; for ever, if nobody asks.
    pub(super) async fn beat(&self, worker: usize) {
        let Some(every) = self.every.get() else {
            return std::future::pending().await;
        };
        let mut ticks = tokio::time::interval(*every);
        loop {
            ticks.tick().await;
            self.counts[worker].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A worker has ended.
    pub(super) fn end(&self, worker: usize) {
        self.counts[worker].store(ENDED, Ordering::Relaxed);
    }
}

/// Asks the workers of one gateway.
pub struct Pulse {
    shared: Arc<Shared>,
    seen: Vec<u64>,
}

impl Pulse {
    pub(super) fn new(shared: Arc<Shared>, every: Duration) -> Self {
        // The first to ask decides how often; there is one.
        let _ = shared.beats.every.set(every);
        let seen = vec![0; shared.beats.counts.len()];
        Self { shared, seen }
    }

    /// The workers that have not turned since this was asked last.
    pub fn stuck(&mut self) -> Vec<usize> {
        let mut stuck = Vec::new();
        for (worker, (count, seen)) in
            self.shared.beats.counts.iter().zip(&mut self.seen).enumerate()
        {
            let now = count.load(Ordering::Relaxed);
            if now == *seen && now != ENDED {
                stuck.push(worker);
            }
            *seen = now;
        }
        stuck
    }
}
