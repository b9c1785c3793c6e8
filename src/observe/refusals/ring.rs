//! The last refusals, for whoever asks: so many, and never more than so many bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use super::RefusalEvent;

/// How many are kept, and how many bytes they may take together.
const EVENTS_MAX: usize = 256;
const BYTES_MAX: usize = 1024 * 1024;

/// The oldest first.
#[derive(Debug, Default)]
pub(super) struct Ring {
    events: VecDeque<Arc<RefusalEvent>>,
    bytes: usize,
}

impl Ring {
    /// Keeps one more; the oldest make room.
    pub(super) fn push(&mut self, event: Arc<RefusalEvent>) {
        self.bytes += event.bytes();
        self.events.push_back(event);
        while self.events.len() > EVENTS_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.events.pop_front() else { return };
            self.bytes -= oldest.bytes();
        }
    }

    /// All of them, the newest first.
    pub(super) fn newest_first(&self) -> Vec<Arc<RefusalEvent>> {
        self.events.iter().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::observe::ConnectionFacts;
    use crate::policy::{Reason, Refusal};

    fn event(at: i64, bytes: usize) -> Arc<RefusalEvent> {
        let address = "192.0.2.7:1".parse().unwrap();
        let mut refusal = Refusal::new(Reason::UnknownCa, "did so");
        refusal.chain = vec!["x".repeat(bytes)];
        let facts = ConnectionFacts::new(address, address);
        Arc::new(RefusalEvent { at, facts, refusal, live: false, suppressed: 0 })
    }

    #[test]
    fn the_oldest_make_room() {
        let mut ring = Ring::default();
        for at in 0..300 {
            ring.push(event(at, 100));
        }
        let kept: Vec<_> = ring.newest_first().iter().map(|event| event.at).collect();
        assert_eq!(kept, (44..300).rev().collect::<Vec<_>>());
        ring.push(event(300, BYTES_MAX * 9 / 10));
        let kept = ring.newest_first();
        assert_eq!(kept[0].at, 300);
        assert!(kept.len() < 256);
    }

    proptest! {
        #[test]
        fn both_bounds_hold_whatever_comes(sizes in prop::collection::vec(0..200_000_usize, 0..400)) {
            let mut ring = Ring::default();
            for (at, bytes) in (0..).zip(sizes) {
                ring.push(event(at, bytes));
                let kept = ring.newest_first();
                prop_assert_eq!(kept[0].at, at);
                prop_assert!(kept.len() <= EVENTS_MAX);
                let bytes: usize = kept.iter().map(|event| event.bytes()).sum();
                prop_assert_eq!(bytes, ring.bytes);
                prop_assert!(bytes <= BYTES_MAX);
            }
        }
    }
}
