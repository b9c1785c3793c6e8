//! How often somebody may ask: so many requests a minute, refilled evenly. Who was quiet for a minute may ask for all
//! of them at once.
//!
//! No clock: time is an argument. The table is shared by all workers, in parts that are locked for a look-up each, and
//! is asked only where a configuration sets a rate.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const PARTS: usize = 16;

/// Of how many a part remembers what they have asked. Above it, who asked longest ago begins anew.
const PART_MAX: usize = 4096;

const MINUTE: Duration = Duration::from_secs(60);

/// What everybody has left.
#[derive(Debug, Default)]
pub struct Rates {
    parts: [Mutex<HashMap<u64, Left>>; PARTS],
    hasher: RandomState,
}

/// What one has left.
#[derive(Clone, Copy, Debug)]
struct Left {
    requests: f64,
    at: Instant,
}

impl Rates {
    /// Takes one request from what `who` has left of its rate.
    ///
    /// # Errors
    /// How long until there is one again.
    pub fn take(
        &self,
        who: impl Hash,
        per_minute: NonZeroU32,
        now: Instant,
    ) -> Result<(), Duration> {
        let key = self.hasher.hash_one(who);
        let part = usize::try_from(key % PARTS as u64).unwrap_or(0);
        let mut part = self.parts[part].lock().unwrap_or_else(PoisonError::into_inner);
        let most = f64::from(per_minute.get());
        if part.len() >= PART_MAX && !part.contains_key(&key) {
            part.retain(|_, left| now.saturating_duration_since(left.at) < MINUTE);
            let oldest = part.iter().min_by_key(|(_, left)| left.at).map(|(key, _)| *key);
            if let Some(oldest) = oldest.filter(|_| part.len() >= PART_MAX) {
                part.remove(&oldest);
            }
        }
        let left = part.entry(key).or_insert(Left { requests: most, at: now });
        let since = now.saturating_duration_since(left.at).as_secs_f64();
        left.requests = (left.requests + since * most / MINUTE.as_secs_f64()).min(most);
        left.at = now.max(left.at);
        if left.requests >= 1.0 {
            left.requests -= 1.0;
            return Ok(());
        }
        Err(MINUTE.mul_f64((1.0 - left.requests) / most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(per_minute: u32) -> NonZeroU32 {
        NonZeroU32::new(per_minute).unwrap()
    }

    #[test]
    fn a_minutes_requests_may_come_at_once_and_then_come_back_evenly() {
        let (rates, start) = (Rates::default(), Instant::now());
        for _ in 0..60 {
            assert_eq!(rates.take("a", rate(60), start), Ok(()));
        }
        let wait = rates.take("a", rate(60), start).unwrap_err();
        assert!(wait > Duration::from_millis(990) && wait <= Duration::from_secs(1), "{wait:?}");
        assert_eq!(rates.take("b", rate(60), start), Ok(()));
        assert_eq!(rates.take("a", rate(60), start + Duration::from_millis(1001)), Ok(()));
        assert!(rates.take("a", rate(60), start + Duration::from_millis(1002)).is_err());
        // A clock that stands still or goes back gives nothing and takes nothing.
        assert!(rates.take("a", rate(60), start).is_err());
    }

    #[test]
    fn the_table_is_bounded_and_forgets_who_asked_longest_ago() {
        let (rates, start) = (Rates::default(), Instant::now());
        let later = start + Duration::from_secs(1);
        for number in 0..2 * PARTS * PART_MAX {
            assert_eq!(rates.take(number, rate(1), later), Ok(()));
        }
        for part in &rates.parts {
            assert!(part.lock().unwrap().len() <= PART_MAX);
        }
    }
}
