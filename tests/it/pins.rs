//! Clients that are known by their key alone: certificates that signed themselves, and no CA.

use mtls_gateway::identity::Claims;
use mtls_gateway::pki::{Authority, Draft, Issued, Usage};
use mtls_gateway::process::unix_now;
use rustls::AlertDescription as Alert;
use rustls::HandshakeKind;
use rustls::client::Resumption;

use crate::support::client::{End, VERSIONS};
use crate::support::gateway::{Gateway, Setup};
use crate::support::pki::Credentials;
use crate::support::upstream::{OK, Upstream};

fn draft(name: &str) -> Draft<'static> {
    Authority::draft(name).usage(Usage::Client)
}

fn self_signed(name: &str) -> Issued {
    draft(name).issue().unwrap()
}

fn pin(of: &Issued) -> String {
    Claims::from_der(of.der()).unwrap().key_fingerprint()
}

/// A gateway that trusts these keys and no CA.
fn pinning(app: &Upstream, of: &[&Issued], lines: &str) -> Gateway {
    let pins: Vec<_> = of.iter().map(|issued| format!("\"{}\"", pin(issued))).collect();
    let pins = pins.join(", ");
    Setup::new(app).pinning(&pins, lines).start()
}

fn assert_refused(gateway: &Gateway, own: &Issued, alert: Alert, reason: &str, says: &str) {
    for version in VERSIONS {
        let caller = gateway.caller().presenting(Credentials::of(own)).speaking(version);
        let (seen, event) = caller.refused();
        assert_eq!((seen, event.field("reason")), (alert, reason), "{event:?}");
        assert!(event.field("message").contains(says), "{event:?}");
    }
}

#[test]
fn who_holds_a_pinned_key_is_let_in_and_nobody_else() {
    let app = Upstream::answering(OK);
    let (one, two) = (self_signed("one"), self_signed("two"));
    let gateway = pinning(&app, &[&one, &two], "");
    for version in VERSIONS {
        for own in [&one, &two] {
            let caller = gateway.caller().presenting(Credentials::of(own)).speaking(version);
            assert_eq!(caller.connect().get("/").body, b"ok");
        }
    }
    assert_eq!(app.requests()[0].one("x-ssl-client-s-dn"), Some("CN=one"));
    // What is copied is the hash that has to be pinned.
    let other = self_signed("one");
    assert_refused(&gateway, &other, Alert::UnknownCA, "not-pinned", &pin(&other));
    // The certificate is public; the key is what counts.
    let borrowed = Credentials::of(&one).with_key_of(&other);
    let (alert, event) = gateway.caller().presenting(borrowed).refused();
    assert_eq!((alert, event.field("reason")), (Alert::DecryptError, "bad-certificate-verify"));
    let (alert, _) = gateway.caller().presenting_nothing().refused();
    assert_eq!(alert, Alert::CertificateRequired);
}

#[test]
fn what_comes_beside_the_certificate_and_who_signed_it_is_all_one() {
    let app = Upstream::answering(OK);
    let ca = Authority::root("Some CA").unwrap();
    let own = ca.client("caller").issue().unwrap();
    let gateway = pinning(&app, &[&own], "");
    let chain = Credentials::of(&own).followed_by(&ca).followed_by(&gateway.pki.server_ca);
    for own in [Credentials::of(&own), chain] {
        let caller = gateway.caller().presenting(own);
        assert_eq!(caller.connect().get("/").body, b"ok");
    }
    // The CA of a pinned key is not trusted with it.
    let sister = ca.client("caller").issue().unwrap();
    assert_refused(&gateway, &sister, Alert::UnknownCA, "not-pinned", &pin(&sister));
}

#[test]
fn a_pin_is_no_way_around_what_the_certificate_says() {
    let app = Upstream::answering(OK);
    let ca = Authority::draft("CA").authority().unwrap();
    let early = draft("early").not_yet_valid().issue().unwrap();
    let late = draft("late").expired().issue().unwrap();
    let server = draft("server").usage(Usage::Server).issue().unwrap();
    let any = draft("any").usage(Usage::Any).issue().unwrap();
    let denied = self_signed("denied");
    let all = [&early, &late, &server, &any, &denied];
    let gateway = pinning(&app, &all, "deny = [{ subject_cn = \"denied\" }]");
    let refused = |own: &Issued, alert, reason, says: &str| {
        assert_refused(&gateway, own, alert, reason, says);
    };
    refused(&early, Alert::CertificateExpired, "not-yet-valid", "becomes valid in");
    refused(&late, Alert::CertificateExpired, "expired", "expired 3 days ago");
    refused(&server, Alert::UnsupportedCertificate, "wrong-usage", "serverAuth");
    refused(&denied, Alert::AccessDenied, "not-allowed", "of `deny` fits");
    let caller = gateway.caller().presenting(Credentials::of(&any));
    assert_eq!(caller.connect().get("/").body, b"ok");
    drop(gateway);

    let strict = pinning(&app, &all, "extended_key_usage = \"require\"");
    let says = "without an extended key usage";
    assert_refused(&strict, &any, Alert::UnsupportedCertificate, "wrong-usage", says);
    drop(strict);
    let lenient = pinning(&app, &all, "extended_key_usage = \"ignore\"");
    let caller = lenient.caller().presenting(Credentials::of(&server));
    assert_eq!(caller.connect().get("/").body, b"ok");
    drop(lenient);

    // Its key may sign certificates only, as a root's.
    let root = Credentials::of_authority(&ca);
    let digest = Claims::from_der(ca.der()).unwrap().key_fingerprint();
    let gateway = Setup::new(&app).pinning(&format!("\"{digest}\""), "").start();
    let (alert, event) = gateway.caller().presenting(root).refused();
    assert_eq!((alert, event.field("reason")), (Alert::UnsupportedCertificate, "wrong-usage"));
}

#[test]
fn a_pin_that_is_taken_away_ends_connections_and_sessions() {
    let app = Upstream::answering(OK);
    let (stays, leaves) = (self_signed("stays"), self_signed("leaves"));
    let gateway = pinning(&app, &[&stays, &leaves], "");
    for version in VERSIONS {
        let of = |own: &Issued| {
            let caller = gateway.caller().presenting(Credentials::of(own)).speaking(version);
            caller.resuming(Resumption::in_memory_sessions(8)).sharing()
        };
        let (staying, leaving) = (of(&stays), of(&leaves));
        let mut kept = staying.connect();
        assert_eq!(kept.get("/").body, b"ok");
        assert_eq!(leaving.connect().get("/").body, b"ok");
        let mut resumed = leaving.connect();
        assert_eq!(resumed.get("/").body, b"ok");
        assert_eq!(resumed.tls().handshake_kind(), Some(HandshakeKind::Resumed));
        let mut old = of(&leaves).connect();
        assert_eq!(old.get("/").body, b"ok");

        gateway.replace(&format!(", \"{}\"", pin(&leaves)), "");

        for client in [&mut old, &mut resumed] {
            assert_eq!(client.end(), End::Clean);
            let event = client.event("refusal");
            assert_eq!((event.field("reason"), event.field("live")), ("not-pinned", "true"));
        }
        assert_eq!(leaving.refused().1.field("reason"), "not-pinned");
        assert_eq!(of(&leaves).refused().1.field("reason"), "not-pinned");
        assert_eq!(kept.get("/").body, b"ok");
        gateway.replace("", "");
    }
}

#[test]
fn a_connection_ends_with_its_pinned_certificate() {
    let app = Upstream::answering(OK);
    let short = draft("short").valid(unix_now() - 60..unix_now() + 3).issue().unwrap();
    let gateway = pinning(&app, &[&short], "");
    let caller = gateway.caller().presenting(Credentials::of(&short));
    let mut client = caller.connect();
    assert_eq!(client.get("/").body, b"ok");
    assert_eq!(client.end(), End::Clean);
    assert_eq!(client.event("refusal").field("reason"), "expired");
    assert_eq!(caller.refused().0, Alert::CertificateExpired);
}
