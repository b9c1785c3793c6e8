//! Sessions: a caller that comes again is let in with less work, and never with less judgement.

use std::sync::Arc;

use mtls_gateway::pki::Authority;
use mtls_gateway::process::unix_now;
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Resumption, Tls12ClientSessionValue,
    Tls13ClientSessionValue,
};
use rustls::pki_types::ServerName;
use rustls::{HandshakeKind, NamedGroup};

use crate::support::client::{Connector, VERSIONS};
use crate::support::gateway::Setup;
use crate::support::message::SITE;
use crate::support::pki::Credentials;
use crate::support::upstream::{OK, Upstream};

/// A client that tries every session it has, whatever name it is for.
fn greedy(caller: Connector) -> Connector {
    let store: Arc<dyn ClientSessionStore> = Arc::new(Greedy(ClientSessionMemoryCache::new(8)));
    caller.resuming(Resumption::store(store)).sharing()
}

#[test]
fn a_caller_that_comes_again_resumes_and_is_the_same_to_the_app() {
    let app = Upstream::answering(OK);
    let gateway = Setup::new(&app).start();
    for version in VERSIONS {
        let caller = greedy(gateway.caller().speaking(version));
        let mut first = caller.connect();
        assert_eq!(first.get("/").body, b"ok");
        first.assert_kind(HandshakeKind::Full);
        let mut second = caller.connect();
        assert_eq!(second.get("/").body, b"ok");
        second.assert_kind(HandshakeKind::Resumed);
        let requests = app.requests();
        let identity = |request: &crate::support::message::Message| {
            let names = ["verify", "s-dn", "i-dn", "serial", "fingerprint", "cert"];
            names.map(|name| request.one(&format!("x-ssl-client-{name}")).map(str::to_owned))
        };
        let [.., full, resumed] = requests.as_slice() else { panic!() };
        assert_eq!(identity(full), identity(resumed));
        assert!(identity(full).iter().all(Option::is_some));
    }
}

#[test]
fn a_session_of_one_site_is_nothing_to_another() {
    const OTHER: &str = "other.example.com";
    let app = Upstream::answering(OK);
    let setup = Setup::new(&app);
    let other_ca = Authority::root("Other CA").unwrap();
    let gateway = setup.site(OTHER, &other_ca, &app).start();
    for version in VERSIONS {
        let caller = greedy(gateway.caller().speaking(version));
        let mut first = caller.connect();
        assert_eq!(first.get("/").body, b"ok");
        // The session goes along, and so does the certificate, which the other site does not know.
        let caller = caller.asking_for(OTHER);
        assert_eq!(caller.refused().1.field("reason"), "unknown-ca");
    }
}

#[test]
fn no_session_outlives_a_change_of_trust() {
    let app = Upstream::answering(OK);
    let gateway = Setup::new(&app)
        .site_tables("[site.client]\nallow = [{ subject_cn = \"caller\" }]")
        .start();
    for version in VERSIONS {
        let caller = greedy(gateway.caller().speaking(version));
        assert_eq!(caller.connect().get("/").body, b"ok");

        // A change that lets the caller in as before: it shows its certificate once more.
        gateway.replace("\"caller\" }", "\"caller\" }, { subject_cn = \"other\" }");
        let mut client = caller.connect();
        assert_eq!(client.get("/").body, b"ok");
        client.assert_kind(HandshakeKind::Full);

        // A change that does not: the session is no way around it.
        gateway.replace("\"caller\" }", "\"other\" }");
        assert_eq!(caller.refused().1.field("reason"), "not-allowed");
        gateway.replace("", "");
    }
}

#[test]
fn no_session_outlives_the_certificate_it_stands_for() {
    let app = Upstream::answering(OK);
    let gateway = Setup::new(&app).start();
    let short = gateway
        .pki
        .client_ca
        .client("short")
        .valid(unix_now() - 60..unix_now() + 3)
        .issue()
        .unwrap();
    let callers = VERSIONS.map(|version| {
        let caller = gateway.caller().speaking(version).presenting(Credentials::of(&short));
        greedy(caller)
    });
    for caller in &callers {
        assert_eq!(caller.connect().get("/").body, b"ok");
        let mut again = caller.connect();
        assert_eq!(again.get("/").body, b"ok");
        again.assert_kind(HandshakeKind::Resumed);
    }
    // The gateway closes a connection when the certificate has run out.
    let mut waiting = callers[0].connect();
    waiting.end();
    for caller in &callers {
        let mut client = caller.open();
        let answered = client
            .handshake()
            .and_then(|()| client.try_send(format!("GET / HTTP/1.1\r\nhost: {SITE}\r\n\r\n")))
            .and_then(|()| client.reader.some());
        assert!(!matches!(&answered, Ok(bytes) if !bytes.is_empty()), "{answered:?}");
        assert_eq!(client.event("refusal").field("reason"), "expired");
    }
    assert_eq!(app.requests().len(), 4);
}

/// Files every session under one name.
#[derive(Debug)]
struct Greedy(ClientSessionMemoryCache);

fn any() -> ServerName<'static> {
    SITE.try_into().unwrap()
}

impl ClientSessionStore for Greedy {
    fn set_kx_hint(&self, _: ServerName<'static>, group: NamedGroup) {
        self.0.set_kx_hint(any(), group);
    }

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        self.0.kx_hint(&any())
    }

    fn set_tls12_session(&self, _: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.0.set_tls12_session(any(), value);
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.0.tls12_session(&any())
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        self.0.remove_tls12_session(&any());
    }

    fn insert_tls13_ticket(&self, _: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.0.insert_tls13_ticket(any(), value);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.0.take_tls13_ticket(&any())
    }
}
