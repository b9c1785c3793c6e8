//! The handshakes that are under way on one worker. When there are too many, the oldest makes way: whoever means it is
//! done in a moment, and whoever only holds the place has held it longest. So a flood of handshakes that never end
//! keeps nobody out, and costs no more memory than the ceiling allows.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use tokio_util::sync::CancellationToken;

#[derive(Default)]
pub(super) struct Handshakes {
    running: RefCell<BTreeMap<u64, CancellationToken>>,
    next: Cell<u64>,
}

impl Handshakes {
    /// A place for one more; at the ceiling, the oldest has to go.
    pub(super) fn begin(self: &Rc<Self>, max: usize) -> Handshake {
        let (number, cut) = (self.next.get(), CancellationToken::new());
        self.next.set(number + 1);
        let mut running = self.running.borrow_mut();
        while running.len() >= max.max(1) {
            let Some((_, oldest)) = running.pop_first() else { break };
            oldest.cancel();
        }
        running.insert(number, cut.clone());
        Handshake { of: Rc::clone(self), number, cut }
    }

    /// Whether none is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.running.borrow().is_empty()
    }
}

/// The place of one handshake, until it is dropped.
pub(super) struct Handshake {
    of: Rc<Handshakes>,
    number: u64,
    cut: CancellationToken,
}

impl Handshake {
    /// Waits until it has to make way.
    pub(super) async fn makes_way(&self) {
        self.cut.cancelled().await;
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.of.running.borrow_mut().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_the_ceiling_the_oldest_makes_way() {
        let handshakes = Rc::new(Handshakes::default());
        let first = handshakes.begin(2);
        let second = handshakes.begin(2);
        drop(second);
        let third = handshakes.begin(2);
        assert!(!first.cut.is_cancelled());
        let fourth = handshakes.begin(2);
        assert!(first.cut.is_cancelled() && !third.cut.is_cancelled());
        drop((first, third, fourth));
        assert!(handshakes.running.borrow().is_empty());
    }
}
