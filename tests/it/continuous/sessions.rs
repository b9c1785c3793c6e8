//! A client that keeps what it was given at one site and offers it wherever it goes.

use std::sync::{Arc, Mutex};

use rustls::NamedGroup;
use rustls::client::{
    ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::pki_types::ServerName;

use crate::support::client::Connector;

/// What was given. First it only collects, then it only offers, so that all is from before.
#[derive(Debug, Default)]
pub struct Hoard(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    is_full: bool,
    session: Option<Tls12ClientSessionValue>,
    tickets: Vec<Tls13ClientSessionValue>,
}

impl Hoard {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// A client that offers what is here.
    pub fn offered_by(self: &Arc<Self>, caller: Connector) -> Connector {
        let store: Arc<dyn ClientSessionStore> = Arc::<Self>::clone(self);
        caller.resuming(Resumption::store(store)).sharing()
    }

    /// Takes no more, and offers what it has from now on.
    pub fn fill(&self) {
        self.0.lock().unwrap().is_full = true;
    }

    /// How many handshakes can still be begun with what is here.
    pub fn count(&self) -> usize {
        let kept = self.0.lock().unwrap();
        kept.tickets.len() + usize::from(kept.session.is_some())
    }
}

impl ClientSessionStore for Hoard {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, value: Tls12ClientSessionValue) {
        let mut kept = self.0.lock().unwrap();
        if !kept.is_full {
            kept.session = Some(value);
        }
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        let kept = self.0.lock().unwrap();
        kept.session.clone().filter(|_| kept.is_full)
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, value: Tls13ClientSessionValue) {
        let mut kept = self.0.lock().unwrap();
        if !kept.is_full {
            kept.tickets.push(value);
        }
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        let mut kept = self.0.lock().unwrap();
        if kept.is_full { kept.tickets.pop() } else { None }
    }
}
