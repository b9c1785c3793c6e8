//! Revocation lists over real handshakes: each reason with its alert, and what may be allowed.

use std::fs;

use mtls_gateway::config::{self, Source};
use mtls_gateway::generation::Generation;
use mtls_gateway::pki::{Authority, Issued};
use mtls_gateway::process::unix_now;
use rustls::AlertDescription as Alert;

use crate::support::client::{End, VERSIONS};
use crate::support::gateway::{Gateway, Setup};
use crate::support::message::SITE;
use crate::support::pki::Credentials;
use crate::support::upstream::{OK, Upstream};

const DAY: i64 = 24 * 60 * 60;

/// A CA's list from `from` to `to` days from now.
fn list(ca: &Authority, revoked: &[&Issued], from: i64, to: i64) -> String {
    let ders: Vec<_> = revoked.iter().map(|issued| issued.der()).collect();
    let now = unix_now();
    ca.revocation_list(&ders, now + from * DAY..now + to * DAY).unwrap()
}

/// A gateway that reads `a.crl` and whatever these lines say besides.
fn gateway(app: &Upstream, lines: &str, crl: impl FnOnce(&Authority) -> String) -> Gateway {
    let tables = format!("[site.client]\ncrl = \"a.crl\"\n{lines}");
    let setup = Setup::new(app).site_tables(&tables);
    let text = crl(&setup.pki.client_ca);
    fs::write(setup.pki.folder().join("a.crl"), text).unwrap();
    setup.start()
}

fn assert_refused(gateway: &Gateway, caller: &Credentials, alert: Alert, reason: &str, says: &str) {
    for version in VERSIONS {
        let caller = gateway.caller().presenting(caller.clone()).speaking(version);
        let (seen, event) = caller.refused();
        assert_eq!((seen, event.field("reason")), (alert, reason), "{event:?}");
        assert!(event.field("message").contains(says), "{event:?}");
    }
}

fn assert_served(gateway: &Gateway, caller: &Credentials) {
    let caller = gateway.caller().presenting(caller.clone());
    assert_eq!(caller.connect().get("/").status(), 200);
}

#[test]
fn a_revoked_client_is_refused_and_others_are_served() {
    let app = Upstream::answering(OK);
    let mut stolen = None;
    let gateway = gateway(&app, "", |ca| {
        let one = ca.client("stolen").issue().unwrap();
        let text = list(ca, &[&one], -1, 9);
        stolen = Some(Credentials::of(&one));
        text
    });
    let says = "was revoked at 20";
    assert_refused(&gateway, &stolen.unwrap(), Alert::CertificateRevoked, "revoked", says);
    assert_served(&gateway, &gateway.pki.caller());
}

#[test]
fn the_newer_of_two_lists_counts_wherever_it_stands() {
    for newer_first in [false, true] {
        let app = Upstream::answering(OK);
        let mut stolen = None;
        let gateway = gateway(&app, "", |ca| {
            let one = ca.client("stolen").issue().unwrap();
            let (old, new) = (list(ca, &[], -2, 9), list(ca, &[&one], -1, 9));
            stolen = Some(Credentials::of(&one));
            if newer_first { new + &old } else { old + &new }
        });
        let stolen = stolen.unwrap();
        assert_refused(&gateway, &stolen, Alert::CertificateRevoked, "revoked", "keyCompromise");
    }
}

#[test]
fn a_list_of_another_ca_is_no_list() {
    for (lines, is_let_in) in [("", false), ("crl_missing = \"allow\"", true)] {
        let app = Upstream::answering(OK);
        let gateway =
            gateway(&app, lines, |_| list(&Authority::root("Another CA").unwrap(), &[], -1, 9));
        let caller = gateway.pki.caller();
        if is_let_in {
            assert_served(&gateway, &caller);
        } else {
            let says = "no revocation list of `CN=Client CA`";
            assert_refused(&gateway, &caller, Alert::CertificateUnknown, "crl-missing", says);
        }
    }
}

#[test]
fn only_the_cas_that_are_named_may_lack_a_list() {
    let app = Upstream::answering(OK);
    let setup = Setup::new(&app)
        .site_tables("[site.client]\ncrl = \"a.crl\"\ncrl_missing = [\"none.crt\", \"below.crt\"]");
    let folder = setup.pki.folder().to_owned();
    let ca = &setup.pki.client_ca;
    let [named, unnamed, namesake] =
        ["Named CA", "Unnamed CA", "Named CA"].map(|name| Authority::root(name).unwrap());
    let below = unnamed.intermediate("Below").authority().unwrap();
    let all = [ca, &named, &unnamed, &namesake].map(Authority::certificate_pem).concat();
    fs::write(folder.join(format!("{SITE}.ca.crt")), all).unwrap();
    fs::write(folder.join("none.crt"), named.certificate_pem()).unwrap();
    fs::write(folder.join("below.crt"), below.certificate_pem()).unwrap();
    let stolen = ca.client("stolen").issue().unwrap();
    fs::write(folder.join("a.crl"), list(ca, &[&stolen], -1, 9)).unwrap();
    let gateway = setup.start();
    let of = |ca: &Authority| Credentials::of(&ca.client("caller").issue().unwrap());
    assert_served(&gateway, &gateway.pki.caller());
    assert_served(&gateway, &of(&named));
    assert_served(&gateway, &of(&below).followed_by(&below));
    let says = "no revocation list of";
    for other in [&unnamed, &namesake] {
        assert_refused(&gateway, &of(other), Alert::CertificateUnknown, "crl-missing", says);
    }
    let stolen = Credentials::of(&stolen);
    assert_refused(&gateway, &stolen, Alert::CertificateRevoked, "revoked", "keyCompromise");

    // A CA that is not named any more takes its clients with it.
    let caller = gateway.caller().presenting(of(&named));
    let mut old = caller.connect();
    assert_eq!(old.get("/").status(), 200);
    gateway.replace("\"none.crt\", ", "");
    assert_eq!(old.end(), End::Clean);
    assert_eq!(caller.refused().1.field("reason"), "crl-missing");
}

#[test]
fn a_list_that_ran_out_or_has_not_begun_is_in_doubt() {
    for (from, to, says) in [(-9, -1, "ran out at"), (1, 9, "begins only at")] {
        let app = Upstream::answering(OK);
        let strict = gateway(&app, "", |ca| list(ca, &[], from, to));
        let caller = strict.pki.caller();
        assert_refused(&strict, &caller, Alert::CertificateUnknown, "crl-expired", says);
        let lenient = gateway(&app, "crl_expired = \"allow\"", |ca| list(ca, &[], from, to));
        assert_served(&lenient, &lenient.pki.caller());
    }
}

#[test]
fn intermediates_are_asked_about_if_the_site_says_so() {
    for (check, expected) in [("leaf", None), ("chain", Some("revoked"))] {
        let app = Upstream::answering(OK);
        let mut caller = None;
        let gateway = gateway(&app, &format!("crl_check = \"{check}\""), |ca| {
            let issuing = ca.intermediate("Issuing CA").authority().unwrap();
            let own = Credentials::of(&issuing.client("caller").issue().unwrap());
            caller = Some(own.followed_by(&issuing));
            let now = unix_now();
            let of_root = ca.revocation_list(&[issuing.der()], now - DAY..now + DAY);
            of_root.unwrap() + &list(&issuing, &[], -1, 9)
        });
        let caller = caller.unwrap();
        match expected {
            None => assert_served(&gateway, &caller),
            Some(reason) => {
                let says = "the CA `CN=Issuing CA`, that was revoked";
                assert_refused(&gateway, &caller, Alert::CertificateRevoked, reason, says);
            }
        }
    }
}

#[test]
fn a_list_that_the_issuer_did_not_sign_is_not_believed() {
    let app = Upstream::answering(OK);
    let mut caller = None;
    let gateway = gateway(&app, "", |ca| {
        let issuing = ca.intermediate("Issuing CA").authority().unwrap();
        let own = Credentials::of(&issuing.client("caller").issue().unwrap());
        caller = Some(own.followed_by(&issuing));
        list(&Authority::root("Issuing CA").unwrap(), &[], -1, 9)
    });
    let says = "does not verify with the key of `CN=Issuing CA`";
    assert_refused(&gateway, &caller.unwrap(), Alert::CertificateUnknown, "crl-unreadable", says);
}

#[test]
fn a_folder_of_lists_is_read() {
    let app = Upstream::answering(OK);
    let setup = Setup::new(&app).site_tables("[site.client]\ncrl = [\"lists\"]");
    let folder = setup.pki.folder().join("lists");
    fs::create_dir(&folder).unwrap();
    let stolen = setup.pki.client_ca.client("stolen").issue().unwrap();
    let another = Authority::root("Another CA").unwrap();
    fs::write(folder.join("1.crl"), list(&another, &[], -1, 9)).unwrap();
    fs::write(folder.join("2.crl"), list(&setup.pki.client_ca, &[&stolen], -1, 9)).unwrap();
    fs::write(folder.join("README"), "not a list").unwrap();
    let gateway = setup.start();
    let says = "keyCompromise";
    let stolen = Credentials::of(&stolen);
    assert_refused(&gateway, &stolen, Alert::CertificateRevoked, "revoked", says);
    assert_served(&gateway, &gateway.pki.caller());
}

#[test]
fn a_list_that_is_none_or_not_the_cas_stops_the_start() {
    let setup = Setup::new(&Upstream::absent());
    let impostor = list(&Authority::root("Client CA").unwrap(), &[], -1, 9);
    let (half, _) = impostor.split_at(impostor.len() / 2);
    for (content, says) in [
        ("", "which holds no revocation list"),
        (half, "which holds no revocation list"),
        (setup.pki.client_ca.certificate_pem(), "which holds no revocation list"),
        (&impostor, "was not signed by its CA"),
    ] {
        let folder = setup.pki.folder();
        fs::write(folder.join("a.crl"), content).unwrap();
        let text = format!(
            "[[listener]]\naddress = \"127.0.0.1:0\"\n[[site]]\nserver_names = [\"a.example\"]\n\
             certificate = \"{0}.crt\"\nprivate_key = \"{0}.key\"\nclient_ca = \"{0}.ca.crt\"\n\
             upstream = \"http://127.0.0.1:1\"\nclient.crl = \"a.crl\"\n",
            "a.example"
        );
        let path = folder.join("gateway.toml");
        let (config, mut report) = config::parse(Source { path, text });
        let config = config.unwrap_or_else(|| panic!("{report}"));
        assert!(Generation::build(config, unix_now(), &mut report).is_none());
        assert!(report.to_string().contains(says), "{report}");
    }
}
