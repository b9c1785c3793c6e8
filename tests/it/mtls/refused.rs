//! Each way not to get in: the alert for the client, the reason for the operator, nothing for the app.

use mtls_gateway::pki::{Authority, Usage};
use rustls::AlertDescription as Alert;
use rustls::version::TLS13;

use crate::support::client::{Connector, VERSIONS};
use crate::support::gateway::{Gateway, Setup};
use crate::support::pki::Credentials;
use crate::support::upstream::{OK, Upstream};

/// Connects in vain over both versions of TLS.
fn assert_refused(caller: &Connector, alert: Alert, reason: &str) {
    for version in VERSIONS {
        let (seen, event) = caller.clone().speaking(version).refused();
        assert_eq!((seen, event.field("reason")), (alert, reason), "{event:?}");
        assert_eq!(event.field("local"), caller.address.to_string());
        assert_eq!(event.field("sni"), "a.example");
        assert!(!event.field("versions").is_empty(), "{event:?}");
    }
}

#[test]
fn a_client_without_a_certificate_is_refused() {
    let gateway = Gateway::before(&Upstream::absent());
    let caller = gateway.caller().presenting_nothing().speaking(&TLS13);
    let (alert, event) = caller.refused();
    assert_eq!(alert, Alert::CertificateRequired);
    assert_eq!(event.field("reason"), "no-certificate");
    // TLS 1.2 has no alert of that name (RFC 5246 section 7.4.6).
    let caller = caller.speaking(VERSIONS[0]);
    let (alert, event) = caller.refused();
    assert!([Alert::HandshakeFailure, Alert::CertificateRequired].contains(&alert), "{alert:?}");
    assert_eq!(event.field("reason"), "no-certificate");
}

#[test]
fn a_client_of_an_unknown_ca_is_refused() {
    let gateway = Gateway::before(&Upstream::absent());
    let stranger = Authority::root("Strangers").unwrap();
    let caller = Credentials::of(&stranger.client("caller").issue().unwrap());
    let caller = gateway.caller().presenting(caller);
    assert_refused(&caller, Alert::UnknownCA, "unknown-ca");
    let (_, event) = caller.refused();
    assert!(event.field("chain").contains("CN=caller"), "{event:?}");
    assert!(event.field("chain").contains("CN=Strangers"), "{event:?}");
    assert!(event.field("message").contains("CN=Strangers"), "{event:?}");
}

#[test]
fn a_certificate_that_vouches_for_itself_is_refused() {
    let gateway = Gateway::before(&Upstream::absent());
    let own =
        mtls_gateway::pki::self_signed_server(["caller"]).usage(Usage::Client).issue().unwrap();
    let caller = gateway.caller().presenting(Credentials::of(&own));
    assert_refused(&caller, Alert::UnknownCA, "unknown-ca");
}

#[test]
fn an_expired_certificate_is_refused() {
    let gateway = Gateway::before(&Upstream::absent());
    let expired = gateway.pki.client_ca.client("caller").expired();
    let expired = Credentials::of(&expired.issue().unwrap());
    let caller = gateway.caller().presenting(expired);
    assert_refused(&caller, Alert::CertificateExpired, "expired");
    let (_, event) = caller.refused();
    assert!(event.field("message").contains("expired 3 days ago"));
}

#[test]
fn a_certificate_that_is_not_valid_yet_is_refused() {
    let gateway = Gateway::before(&Upstream::absent());
    let early = gateway.pki.client_ca.client("caller").not_yet_valid();
    let early = Credentials::of(&early.issue().unwrap());
    let caller = gateway.caller().presenting(early);
    assert_refused(&caller, Alert::CertificateExpired, "not-yet-valid");
}

#[test]
fn a_chain_through_an_expired_intermediate_is_refused() {
    let gateway = Gateway::before(&Upstream::absent());
    let issuing = gateway.pki.client_ca.intermediate("Issuing CA").expired();
    let issuing = issuing.authority().unwrap();
    let caller = Credentials::of(&issuing.client("caller").issue().unwrap());
    let caller = gateway.caller().presenting(caller.followed_by(&issuing));
    assert_refused(&caller, Alert::CertificateExpired, "expired");
}

#[test]
fn a_certificate_for_servers_only_is_refused() {
    let gateway = Gateway::before(&Upstream::absent());
    let server = gateway.pki.client_ca.server(["caller.example"]);
    let server = Credentials::of(&server.issue().unwrap());
    let caller = gateway.caller().presenting(server);
    assert_refused(&caller, Alert::UnsupportedCertificate, "wrong-usage");
}

#[test]
fn a_certificate_signed_with_another_key_of_the_same_name_is_refused() {
    let gateway = Gateway::before(&Upstream::absent());
    let rekeyed = Authority::root("Client CA").unwrap();
    let caller = Credentials::of(&rekeyed.client("caller").issue().unwrap());
    let caller = gateway.caller().presenting(caller);
    assert_refused(&caller, Alert::BadCertificate, "bad-signature");
}

#[test]
fn the_certificate_of_a_ca_as_a_clients_is_refused() {
    let gateway = Gateway::before(&Upstream::absent());
    let below = gateway.pki.client_ca.intermediate("Issuing CA");
    let below = Credentials::of_authority(&below.authority().unwrap());
    let caller = gateway.caller().presenting(below);
    assert_refused(&caller, Alert::UnsupportedCertificate, "wrong-usage");
    let root = Credentials::of_authority(&gateway.pki.client_ca);
    let caller = gateway.caller().presenting(root);
    assert_refused(&caller, Alert::UnsupportedCertificate, "wrong-usage");
}

#[test]
fn a_chain_in_which_a_client_issued_another_is_refused() {
    let gateway = Gateway::before(&Upstream::absent());
    // The issuer signs as a CA, but what is sent in its place is an end entity of the same name.
    let issuing = gateway.pki.client_ca.intermediate("Issuing CA");
    let issuing = issuing.authority().unwrap();
    let end_entity = gateway.pki.client_ca.client("Issuing CA").issue().unwrap();
    let mut caller = Credentials::of(&issuing.client("caller").issue().unwrap());
    caller.chain.push(end_entity.der().clone());
    let caller = gateway.caller().presenting(caller);
    for version in VERSIONS {
        let (_, event) = caller.clone().speaking(version).refused();
        let reason = event.field("reason");
        assert!(["wrong-usage", "bad-signature"].contains(&reason), "{event:?}");
    }
}

#[test]
fn a_certificate_without_its_key_is_refused() {
    let gateway = Gateway::before(&Upstream::absent());
    let ca = &gateway.pki.client_ca;
    let other = ca.client("other").issue().unwrap();
    let caller = gateway.pki.caller().with_key_of(&other);
    let caller = gateway.caller().presenting(caller);
    for version in VERSIONS {
        let (alert, event) = caller.clone().speaking(version).refused();
        assert!([Alert::DecryptError, Alert::BadCertificate].contains(&alert), "{alert:?}");
        assert_eq!(event.field("reason"), "bad-certificate-verify");
        assert!(event.field("chain").contains("CN=caller"), "{event:?}");
    }
}

#[test]
fn a_client_that_no_allow_rule_admits_is_refused() {
    let app = Upstream::answering(OK);
    let gateway = Setup::new(&app)
        .site_tables(
            "[site.client]\nallow = [{ subject_cn = \"caller\" }, { san_dns = \"c.example\" }]",
        )
        .start();
    let ca = &gateway.pki.client_ca;
    let other = Credentials::of(&ca.client("Caller").issue().unwrap());
    let caller = gateway.caller().presenting(other);
    assert_refused(&caller, Alert::AccessDenied, "not-allowed");
    let (_, event) = caller.refused();
    assert!(event.field("message").contains("subject_cn"), "{event:?}");

    assert_eq!(gateway.connect().get("/").status(), 200);
    let by_name = Credentials::of(&ca.client("x").name("C.example").issue().unwrap());
    let caller = gateway.caller().presenting(by_name);
    assert_eq!(caller.connect().get("/").status(), 200);
}

#[test]
fn a_server_name_that_no_site_has_is_refused() {
    let gateway = Gateway::before(&Upstream::absent());
    let caller = gateway.caller().asking_for("unknown.example");
    for version in VERSIONS {
        let (alert, event) = caller.clone().speaking(version).refused();
        assert_eq!(alert, Alert::UnrecognisedName);
        assert_eq!(event.field("reason"), "unknown-server-name");
        assert_eq!(event.field("sni"), "unknown.example");
    }
}

#[test]
fn a_client_that_distrusts_the_gateways_certificate_leaves_its_alert_in_the_log() {
    let gateway = Gateway::before(&Upstream::absent());
    let mut elsewhere = rustls::RootCertStore::empty();
    elsewhere.add(gateway.pki.client_ca.der().clone()).unwrap();
    let caller = gateway.caller().trusting(elsewhere);
    for version in VERSIONS {
        let mut client = caller.clone().speaking(version).open();
        client.handshake().unwrap_err();
        let event = client.event("refusal");
        assert_eq!(event.field("reason"), "client-alert");
        assert!(event.field("message").contains("unknown_ca"), "{event:?}");
    }
}

#[test]
fn a_client_below_the_sites_oldest_version_is_refused() {
    let gateway =
        Setup::new(&Upstream::absent()).site_tables("[site.tls]\nversion_min = \"1.3\"").start();
    let (alert, event) = gateway.caller().speaking(VERSIONS[0]).refused();
    assert_eq!(alert, Alert::ProtocolVersion);
    assert_eq!(event.field("reason"), "tls-too-old");
    assert_eq!(event.field("versions"), "TLS 1.2");
}
