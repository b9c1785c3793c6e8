//! Who gets in, and who is refused with which alert and which reason.

mod hello;
mod path;
mod refused;
mod sites;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::client::{
    ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::pki_types::ServerName;
use rustls::{HandshakeKind, NamedGroup};

use crate::support::client::VERSIONS;
use crate::support::gateway::{Gateway, Setup};
use crate::support::h2::H2;
use crate::support::pki::Credentials;
use crate::support::upstream::{OK, Upstream};

#[test]
fn a_verified_client_is_served_over_each_version_of_tls_and_http() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    for version in VERSIONS {
        let caller = gateway.caller().speaking(version);
        let mut h1 = caller.connect();
        assert_eq!(h1.tls().protocol_version(), Some(version.version));
        assert_eq!(h1.tls().alpn_protocol(), Some(&b"http/1.1"[..]));
        assert_eq!(h1.get("/1").body, b"ok");
        assert_eq!(h1.event("access").field("identity"), "caller");

        let mut h2 = H2::connect(&caller);
        assert_eq!(h2.get("/2").body, "ok");
        assert_eq!(h2.event("access").field("version"), "HTTP/2.0");
    }
    assert_eq!(app.requests().len(), 4);
}

#[test]
fn an_intermediate_that_the_client_sends_completes_its_chain() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let issuing = gateway.pki.client_ca.intermediate("Issuing CA");
    let issuing = issuing.authority().unwrap();
    let caller = Credentials::of(&issuing.client("caller").issue().unwrap());
    for version in VERSIONS {
        let with = caller.clone().followed_by(&issuing);
        let connector = gateway.caller().speaking(version).presenting(with);
        assert_eq!(connector.connect().get("/").body, b"ok");

        let without = connector.presenting(caller.clone());
        assert_eq!(without.refused().1.field("reason"), "unknown-ca");
    }
}

#[test]
fn nothing_is_offered_to_resume_from_where_resumption_is_off() {
    let app = Upstream::answering(OK);
    let gateway = Setup::new(&app).site_tables("[site.tls]\nresumption = \"off\"").start();
    for version in VERSIONS {
        let sessions = Arc::new(Sessions::default());
        let resumption = Resumption::store(Arc::clone(&sessions) as Arc<dyn ClientSessionStore>);
        let caller = gateway.caller().speaking(version).resuming(resumption);
        for _ in 0..2 {
            let mut client = caller.connect();
            // Tickets of TLS 1.3 would come at the latest before this answer.
            assert_eq!(client.get("/").body, b"ok");
            assert_eq!(client.tls().handshake_kind(), Some(HandshakeKind::Full));
            assert_eq!(client.tls().tls13_tickets_received(), 0);
        }
        assert_eq!(sessions.offered.load(Ordering::Relaxed), 0);
    }
}

/// Counts what a server offers for later.
#[derive(Debug, Default)]
struct Sessions {
    offered: AtomicUsize,
}

impl ClientSessionStore for Sessions {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {
        self.offered.fetch_add(1, Ordering::Relaxed);
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, _: Tls13ClientSessionValue) {
        self.offered.fetch_add(1, Ordering::Relaxed);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        None
    }
}
