//! What runs out is told in time: in the log, as a metric, on the page, and in what `check` and a reload report.

use mtls_gateway::generation::Kind;
use mtls_gateway::pki::Authority;
use mtls_gateway::process::unix_now;

use super::{TABLE, look, started};
use crate::support::events;
use crate::support::gateway::{Gateway, Setup};
use crate::support::message::SITE;
use crate::support::pki::Credentials;
use crate::support::upstream::{OK, Upstream};

const DAY: i64 = 24 * 60 * 60;
/// So that a second between two readings of the clock makes no day less.
const MARGIN: i64 = 3600;

/// A gateway whose certificate has so many days left of a life of a year, and whose clients' CA and list likewise.
fn with_days_left(server: i64, ca: i64, list: (i64, i64)) -> (Setup, Upstream) {
    let app = Upstream::answering(OK);
    let crl = format!("[site.client]\ncrl = \"{SITE}.crl\"\n");
    let setup = Setup::new(&app).site_tables(&crl).process_tables(TABLE);
    write(&setup, server, ca, list);
    (setup, app)
}

fn write(setup: &Setup, server: i64, ca: i64, (list_begins, list_ends): (i64, i64)) {
    let (pki, now) = (&setup.pki, unix_now() + MARGIN);
    let year = |left: i64| now + (left - 365) * DAY..now + left * DAY;
    let issued = pki.server_ca.server([SITE]).valid(year(server)).issue().unwrap();
    pki.write(&format!("{SITE}.crt"), issued.certificate_pem());
    pki.write(&format!("{SITE}.key"), &issued.key_pem());
    let authority = Authority::draft("Client CA").valid(year(ca)).authority().unwrap();
    pki.write(&format!("{SITE}.ca.crt"), authority.certificate_pem());
    let valid = now + list_begins * DAY..now + list_ends * DAY;
    pki.write(&format!("{SITE}.crl"), &authority.revocation_list(&[], valid).unwrap());
}

fn count(gateway: &Gateway, kind: &str) -> f64 {
    let name = format!("mtls_gateway_expiry_warnings{{kind=\"{kind}\"}}");
    look(gateway, "/metrics").metric(&name)
}

#[test]
fn what_runs_out_is_told_once_in_time() {
    let mark = events::mark();
    let (setup, _app) = with_days_left(6, 29, (-6, 0));
    let folder = setup.pki.folder().display().to_string();
    let gateway = setup.start();
    let told = events::wait_for_prefix("expiry", ("file", &folder), mark, 3);
    let days: Vec<_> = told.iter().map(|one| (one.field("kind"), one.field("days_left"))).collect();
    assert_eq!(days, [("crl", "0"), ("server", "6"), ("client_ca", "29")]);
    for one in &told {
        assert_eq!((one.field("site"), one.level), (SITE, tracing::Level::WARN));
        assert!(!one.field("advice").is_empty() && one.field("message").contains("expires in"));
    }
    assert_eq!(told[1].field("subject"), format!("CN={SITE}"));
    assert_eq!(told[1].field("issuer"), "CN=Server CA");
    assert_eq!(told[1].field("fingerprint").len(), 64);

    assert_eq!(["server", "client_ca", "crl"].map(|kind| count(&gateway, kind)), [1.0; 3]);
    assert_eq!(["intermediate", "client"].map(|kind| count(&gateway, kind)), [0.0; 2]);
    let status = look(&gateway, "/status.json").json();
    assert_eq!(status["warnings"][1]["kind"], "server");
    assert_eq!(status["warnings"][1]["sites"][0], SITE);
    let page = look(&gateway, "/status").body;
    assert!(page.contains("id=\"warnings\"") && page.contains("6 days left"), "{page}");

    // The same files once more are no news, and the report says what the log does not repeat.
    let reloads = gateway.reloads();
    let outcome = reloads.wait().unwrap();
    assert!(outcome.is_applied && outcome.report.contains("expires in 6 days"), "{outcome:?}");
    // A certificate that has run out is another one, and so it is news.
    let other = gateway.pki.server_ca.server([SITE]).expired().issue().unwrap();
    gateway.pki.write(&format!("{SITE}.crt"), other.certificate_pem());
    gateway.pki.write(&format!("{SITE}.key"), &other.key_pem());
    assert!(reloads.wait().unwrap().is_applied);
    let told = events::wait_for_prefix("expiry", ("file", &folder), mark, 4);
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told[3].field("message").contains("expired 3 days ago"), "{told:?}");
    assert_eq!(told[3].field("days_left"), "-4");
}

#[test]
fn what_lives_long_enough_or_is_renewed_anyway_is_not_told() {
    // A list of a week is always within thirty days of its end.
    let (setup, _app) = with_days_left(31, 300, (-3, 4));
    let gateway = setup.start();
    let all = ["server", "intermediate", "client_ca", "crl", "client"];
    assert_eq!(all.map(|kind| count(&gateway, kind)), [0.0; 5]);
    assert!(!look(&gateway, "/status").body.contains("id=\"warnings\""));
    let report = gateway.reloads().wait().unwrap().report.clone();
    assert!(!report.contains("expire"), "{report}");
}

#[test]
fn the_operator_says_how_early() {
    let (setup, _app) = with_days_left(31, 90, (-300, 90));
    let gateway = setup.process_tables("[warnings]\nexpiry_days = [100, 40]\n").start();
    assert_eq!(["server", "client_ca", "crl"].map(|kind| count(&gateway, kind)), [1.0; 3]);
    let reloads = gateway.reloads();
    gateway.rewrite("[100, 40]", "[]");
    let outcome = reloads.wait().unwrap();
    assert_eq!(outcome.changes, ["[warnings]: changed"]);
    assert_eq!(["server", "client_ca", "crl"].map(|kind| count(&gateway, kind)), [0.0; 3]);
}

#[test]
fn a_thing_of_two_sites_is_one_warning() {
    let app = Upstream::answering(OK);
    let old = Authority::draft("Old").expired().authority().unwrap();
    let setup = Setup::new(&app).process_tables(TABLE);
    let both = [setup.pki.client_ca.certificate_pem(), old.certificate_pem()].concat();
    let setup = setup.site("b.example", &old, &app);
    setup.pki.write(&format!("{SITE}.ca.crt"), &both);
    let setup = setup.with_file("b.example.ca.crt", &format!("{SITE}.ca.crt"));
    let gateway = setup.start();
    let expiring = gateway.control().generation().expiring(unix_now());
    let found: Vec<_> = expiring.iter().map(|one| (one.term.kind, one.sites.clone())).collect();
    assert_eq!(found, [(Kind::ClientCa, vec![SITE.to_owned(), "b.example".to_owned()])]);
    let status = look(&gateway, "/status.json").json();
    let advice = status["warnings"][0]["advice"].as_str().unwrap();
    assert!(advice.starts_with("take it out of the file"), "{advice}");
}

#[test]
fn a_client_is_told_of_before_it_is_refused() {
    let app = Upstream::answering(OK);
    let gateway = started(&app);
    let now = unix_now() + MARGIN;
    let draft = || gateway.pki.client_ca.client("expires-soon").name("soon.example");
    let soon = draft().valid(now - 300 * DAY..now + 5 * DAY).issue().unwrap();
    let later = draft().valid(now - 5 * DAY..now + 300 * DAY).issue().unwrap();
    let mark = events::mark();
    for issued in [&soon, &soon, &later, &soon] {
        let caller = gateway.caller().presenting(Credentials::of(issued));
        assert_eq!(caller.connect().get("/").status(), 200);
    }
    let told = events::wait_for_prefix("expiry", ("subject", "CN=expires-soon"), mark, 1);
    assert_eq!(told.len(), 1, "{told:?}");
    let said = "the certificate of the client `soon.example` expires in 5 days";
    assert!(told[0].field("message").starts_with(said), "{told:?}");
    assert_eq!((told[0].field("kind"), told[0].field("days_left")), ("client", "5"));
    assert_eq!(count(&gateway, "client"), 1.0);
    assert!(look(&gateway, "/status").body.contains("Have its owner renew it"));
}
