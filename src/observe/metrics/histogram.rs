//! How long things took, in buckets that Prometheus can add up. One thread counts, any may read.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::Counter;

/// The upper ends of the buckets in microseconds, with what Prometheus calls them; a last one has no end.
pub const BUCKETS: [(u64, &str); 16] = [
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (5_000_000, "5"),
    (10_000_000, "10"),
    (30_000_000, "30"),
    (60_000_000, "60"),
];

/// Counts lengths of time.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [Counter; BUCKETS.len() + 1],
    micros: Counter,
}

impl Histogram {
    /// Counts one.
    pub fn add(&self, length: Duration) {
        let micros = u64::try_from(length.as_micros()).unwrap_or(u64::MAX);
        let at = BUCKETS.iter().position(|(end, _)| micros <= *end).unwrap_or(BUCKETS.len());
        self.buckets[at].add(1);
        self.micros.add(micros);
    }

    /// Adds what was counted to a total.
    pub(super) fn add_to(&self, total: &mut Lengths) {
        for (total, bucket) in total.buckets.iter_mut().zip(&self.buckets) {
            *total += bucket.0.load(Relaxed);
        }
        total.micros += self.micros.0.load(Relaxed);
    }
}

/// What histograms have counted, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lengths {
    /// Each for itself, the one without an end last.
    pub buckets: [u64; BUCKETS.len() + 1],
    /// All together.
    pub micros: u64,
}

impl Lengths {
    /// How many there were.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Adds another total.
    pub fn add(&mut self, other: &Self) {
        for (own, other) in self.buckets.iter_mut().zip(&other.buckets) {
            *own += other;
        }
        self.micros += other.micros;
    }

    /// What came since an earlier moment.
    pub fn since(&self, before: &Self) -> Self {
        let mut since = *self;
        for (own, before) in since.buckets.iter_mut().zip(&before.buckets) {
            *own = own.saturating_sub(*before);
        }
        since.micros = since.micros.saturating_sub(before.micros);
        since
    }

    /// The length in seconds that this share of them (0 to 1) kept below, as well as buckets can tell; `None`
    /// without any.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let wanted = share * count as f64;
        let (mut below, mut start) = (0.0, 0.0);
        for (bucket, (end, _)) in self.buckets.iter().zip(BUCKETS) {
            let (inside, end) = (*bucket as f64, end as f64 / 1e6);
            if inside > 0.0 && below + inside >= wanted {
                return Some(start + (end - start) * ((wanted - below) / inside).max(0.0));
            }
            below += inside;
            start = end;
        }
        Some(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(millis: &[u64]) -> Lengths {
        let histogram = Histogram::default();
        millis.iter().for_each(|millis| histogram.add(Duration::from_millis(*millis)));
        let mut lengths = Lengths::default();
        histogram.add_to(&mut lengths);
        lengths
    }

    #[test]
    fn a_length_on_the_edge_is_in_the_bucket_below_it() {
        let lengths = counted(&[1, 2, 61_000]);
        assert_eq!((lengths.buckets[1], lengths.buckets[2], lengths.buckets[16]), (1, 1, 1));
        assert_eq!((lengths.count(), lengths.micros), (3, 61_003_000));
    }

    #[test]
    fn quantiles_lie_in_their_bucket() {
        assert_eq!(counted(&[]).quantile(0.5), None);
        let lengths = counted(&[3, 3, 3, 80]);
        let median = lengths.quantile(0.5).unwrap();
        assert!((0.0025..=0.005).contains(&median), "{median}");
        let last = lengths.quantile(0.95).unwrap();
        assert!((0.05..=0.1).contains(&last), "{last}");
        assert_eq!(counted(&[100_000]).quantile(0.5), Some(60.0));
    }

    #[test]
    fn the_names_of_the_buckets_are_their_ends() {
        for (end, name) in BUCKETS {
            assert_eq!(name.parse::<f64>().unwrap(), end as f64 / 1e6);
        }
    }
}
