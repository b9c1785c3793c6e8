//! The connections of one worker, to be woken together when something concerns them all: the trust has
//! changed, or the gateway drains. Between such moments it costs a connection nothing.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::task::{Context, Waker};

#[derive(Default)]
pub(super) struct Roster {
    wakers: RefCell<HashMap<u64, Waker>>,
    next: Cell<u64>,
}

impl Roster {
    /// A place for one connection, until it is dropped.
    pub(super) fn entry(self: &Rc<Self>) -> Entry {
        let number = self.next.get();
        self.next.set(number + 1);
        Entry { roster: Rc::clone(self), number, is_entered: Cell::new(false) }
    }

    /// Wakes every connection once.
    pub(super) fn wake_all(&self) {
        for waker in self.wakers.borrow().values() {
            waker.wake_by_ref();
        }
    }
}

/// One connection's place.
pub(super) struct Entry {
    roster: Rc<Roster>,
    number: u64,
    is_entered: Cell<bool>,
}

impl Entry {
    /// Enters the task that polls. A connection is polled by one task for all its life, so once is enough.
    pub(super) fn enter(&self, cx: &Context<'_>) {
        if !self.is_entered.replace(true) {
            self.roster.wakers.borrow_mut().insert(self.number, cx.waker().clone());
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.roster.wakers.borrow_mut().remove(&self.number);
    }
}
