//! How many connections each client address has: an IPv4 address, or an IPv6 /64, which one subscriber has at least.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::observe::subscriber;

/// Of all addresses that have any; no more than there are connections.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    open: Mutex<HashMap<IpAddr, usize>>,
}

impl Addresses {
    /// A place for one more connection of an address; `None` if it has as many as it may.
    pub(super) fn begin(self: &Arc<Self>, address: IpAddr, max: Option<usize>) -> Option<Place> {
        let address = subscriber(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(address).or_insert(0);
        if max.is_some_and(|max| *count >= max) {
            return None;
        }
        *count += 1;
        Some(Place { of: Arc::clone(self), address })
    }
}

/// The place of one connection, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    of: Arc<Addresses>,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.of.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscribers_are_counted_and_forgotten() {
        let addresses = Arc::new(Addresses::default());
        let begin = |address: &str| addresses.begin(address.parse().unwrap(), Some(2));
        let held = [begin("2001:db8::1"), begin("2001:db8::2:0:0:1"), begin("2001:db8:0:1::1")];
        assert!(held.iter().all(Option::is_some));
        assert!(begin("2001:db8::3").is_none());
        assert!(begin("192.0.2.1").is_some());
        drop(held);
        assert!(begin("2001:db8::3").is_some());
        assert!(addresses.open.lock().unwrap().is_empty());
    }
}
