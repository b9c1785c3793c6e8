//! The ceilings of connections: of one listener, and of one client address, at the listener and everywhere.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::config::{Limits, Listener};
use crate::policy::{Reason, Refusal};

use super::addresses::{Addresses, Place};

/// What is open at one listener, for as long as it is listened on.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Connections.
    pub(super) open: AtomicUsize,
    addresses: Arc<Addresses>,
}

/// The places of one connection among those of its client's address, until they are dropped.
#[derive(Debug)]
pub(super) struct Places {
    _everywhere: Place,
    _here: Option<Place>,
}

impl Counts {
    /// Whether the listener has as many connections as it may. Further ones wait in the kernel.
    pub(super) fn is_full(&self, listener: &Listener) -> bool {
        listener.connections_max.is_some_and(|max| self.open.load(Ordering::Relaxed) >= max)
    }

    /// Places for one more connection of an address.
    ///
    /// # Errors
    /// It has as many as it may.
    pub(super) fn begin(
        &self,
        everywhere: &Arc<Addresses>,
        limits: &Limits,
        listener: &Listener,
        address: IpAddr,
    ) -> Result<Places, Refusal> {
        let too_many = |sentence| Refusal::new(Reason::TooManyConnections, sentence);
        let place = everywhere.begin(address, limits.connections_per_address_max);
        let sentence = "comes from an address that has as many connections as it may";
        let everywhere = place.ok_or_else(|| too_many(sentence))?;
        let here = match listener.connections_per_address_max {
            Some(max) => Some(self.addresses.begin(address, Some(max)).ok_or_else(|| {
                too_many(
                    "comes from an address that has as many connections as it may at this listener",
                )
            })?),
            None => None,
        };
        Ok(Places { _everywhere: everywhere, _here: here })
    }
}
