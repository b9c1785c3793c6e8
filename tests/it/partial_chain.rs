//! An intermediate as a trust anchor: only where the site says so, and no longer than it does.

use mtls_gateway::pki::Authority;
use mtls_gateway::process::unix_now;
use rustls::AlertDescription as Alert;

use crate::support::client::{End, VERSIONS};
use crate::support::gateway::{Gateway, Setup};
use crate::support::message::SITE;
use crate::support::pki::Credentials;
use crate::support::upstream::{OK, Upstream};

const ON: &str = "[site.client]\npartial_chain = true";
const DAY: i64 = 24 * 60 * 60;

/// A site whose `client_ca` holds an intermediate alone.
fn setup(app: &Upstream, tables: &str, issuing: &Authority) -> Setup {
    let setup = Setup::new(app).site_tables(tables);
    setup.pki.write_site(SITE, issuing);
    setup
}

fn client_of(ca: &Authority) -> Credentials {
    Credentials::of(&ca.client("caller").issue().unwrap())
}

fn reason(gateway: &Gateway, caller: Credentials) -> (Alert, String) {
    let (alert, event) = gateway.caller().presenting(caller).refused();
    (alert, event.field("reason").to_owned())
}

#[test]
fn an_intermediate_without_its_root_is_trusted_only_if_the_site_says_so() {
    let app = Upstream::answering(OK);
    let root = Authority::root("Root").unwrap();
    let issuing = root.intermediate("Issuing CA").authority().unwrap();
    let Err(said) = setup(&app, "", &issuing).try_start() else { panic!("it was taken") };
    assert!(said.contains("`partial_chain = true`"), "{said}");

    let gateway = setup(&app, ON, &issuing).start();
    for version in VERSIONS {
        let own = gateway.caller().presenting(client_of(&issuing)).speaking(version);
        assert_eq!(own.connect().get("/").body, b"ok");
        let whole = client_of(&issuing).followed_by(&issuing).followed_by(&root);
        let whole = gateway.caller().presenting(whole).speaking(version);
        assert_eq!(whole.connect().get("/").body, b"ok");
    }
    let below = issuing.intermediate("Below").authority().unwrap();
    let deeper = gateway.caller().presenting(client_of(&below).followed_by(&below));
    assert_eq!(deeper.connect().get("/").body, b"ok");
    // What stands above it or beside it is not trusted with it.
    let sister = root.intermediate("Sister CA").authority().unwrap();
    for stranger in [client_of(&root).followed_by(&root), client_of(&sister).followed_by(&sister)] {
        assert_eq!(reason(&gateway, stranger), (Alert::UnknownCA, "unknown-ca".to_owned()));
    }
}

#[test]
fn its_dates_are_judged_as_those_of_a_root() {
    let app = Upstream::answering(OK);
    let root = Authority::root("Root").unwrap();
    let until = unix_now() + 3;
    let issuing = root.intermediate("Issuing CA").valid(unix_now() - DAY..until);
    let issuing = issuing.authority().unwrap();
    let gateway = setup(&app, ON, &issuing).start();
    let caller = gateway.caller().presenting(client_of(&issuing));
    let mut client = caller.connect();
    assert_eq!(client.get("/").body, b"ok");
    assert_eq!(client.end(), End::Clean);
    assert!(unix_now() >= until - 1);
    assert_eq!(caller.refused().1.field("reason"), "expired");
}

#[test]
fn a_list_that_names_it_is_heard_with_the_whole_chain() {
    let app = Upstream::answering(OK);
    let root = Authority::root("Root").unwrap();
    let [good, bad] =
        ["Good CA", "Bad CA"].map(|name| root.intermediate(name).authority().unwrap());
    let tables = format!("{ON}\ncrl = \"a.crl\"\ncrl_missing = \"allow\"\ncrl_check = \"chain\"");
    let setup = setup(&app, &tables, &good);
    let folder = setup.pki.folder().to_owned();
    let both = good.certificate_pem().to_owned() + bad.certificate_pem();
    std::fs::write(folder.join(format!("{SITE}.ca.crt")), both).unwrap();
    let now = unix_now();
    let list = root.revocation_list(&[bad.der()], now - DAY..now + DAY).unwrap();
    std::fs::write(folder.join("a.crl"), list).unwrap();
    let gateway = setup.start();
    let fine = gateway.caller().presenting(client_of(&good));
    assert_eq!(fine.connect().get("/").body, b"ok");
    let revoked = (Alert::CertificateRevoked, "revoked".to_owned());
    assert_eq!(reason(&gateway, client_of(&bad)), revoked);
    gateway.replace("crl_check = \"chain\"", "crl_check = \"leaf\"");
    let caller = gateway.caller().presenting(client_of(&bad));
    assert_eq!(caller.connect().get("/").body, b"ok");
}

#[test]
fn an_open_connection_ends_when_only_roots_are_trusted_again() {
    let app = Upstream::answering(OK);
    let root = Authority::root("Root").unwrap();
    let issuing = root.intermediate("Issuing CA").authority().unwrap();
    let setup = setup(&app, ON, &issuing);
    let other = setup.pki.client_ca.certificate_pem().to_owned();
    let file = setup.pki.folder().join(format!("{SITE}.ca.crt"));
    std::fs::write(file, issuing.certificate_pem().to_owned() + &other).unwrap();
    let gateway = setup.start();
    let caller = gateway.caller().presenting(client_of(&issuing));
    let mut old = caller.connect();
    assert_eq!(old.get("/").body, b"ok");

    gateway.replace("partial_chain = true", "partial_chain = false");

    assert_eq!(old.end(), End::Clean);
    assert_eq!(caller.refused().1.field("reason"), "unknown-ca");
    assert_eq!(gateway.connect().get("/").body, b"ok");
}
