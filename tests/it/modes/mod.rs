//! `mode`: who is let in without a verified certificate, what the app is told of them, and that no session,
//! no open connection and no header of a client's own makes more of them.

use mtls_gateway::pki::Authority;
use mtls_gateway::process::unix_now;
use rustls::AlertDescription as Alert;

use crate::support::client::{Client, Connector, VERSIONS};
use crate::support::gateway::{Gateway, Setup};
use crate::support::h2::{H2, empty, request};
use crate::support::message::{Message, SITE};
use crate::support::pki::Credentials;
use crate::support::upstream::{OK, Upstream};

mod later;

const VERIFY: &str = "x-ssl-client-verify";
const DAY: i64 = 24 * 60 * 60;

/// Everything that tells who a client is.
const NAMES: [&str; 10] = [
    "x-ssl-client-s-dn",
    "x-ssl-client-i-dn",
    "x-ssl-client-serial",
    "x-ssl-client-fingerprint",
    "x-ssl-client-cert",
    "x-forwarded-client-cert",
    "client-cert",
    "client-cert-chain",
    "x-forwarded-tls-client-cert",
    "x-forwarded-tls-client-cert-info",
];

const ALL_FORMATS: &str = "[site.identity_headers]\n\
    formats = [\"x_ssl\", \"xfcc\", \"rfc9440\", \"x_forwarded_tls_client_cert\"]";

fn gateway(app: &Upstream, mode: &str) -> Gateway {
    let client = format!(
        "[site.client]\nmode = \"{mode}\"\n\
         allow = [{{ subject_cn = [\"caller\", \"denied\", \"old\", \"short\"] }}]\n\
         deny = [{{ subject_cn = \"denied\" }}]"
    );
    Setup::new(app).site_tables(&client).site_tables(ALL_FORMATS).start()
}

/// What clients come with, and what is to be said of each.
struct Case {
    reason: &'static str,
    alert: Alert,
    credentials: Option<Credentials>,
}

/// All but the good one.
fn cases(gateway: &Gateway) -> Vec<Case> {
    let ca = &gateway.pki.client_ca;
    let now = unix_now();
    let stranger = Authority::root("Stranger CA").unwrap();
    let case = |reason, alert, draft: mtls_gateway::pki::Draft<'_>| {
        let credentials = Credentials::of(&draft.issue().unwrap());
        Case { reason, alert, credentials: Some(credentials) }
    };
    let old = ca.client("old").valid(now - 2 * DAY..now - DAY);
    let young = ca.client("old").valid(now + DAY..now + 2 * DAY);
    vec![
        Case { reason: "no-certificate", alert: Alert::CertificateRequired, credentials: None },
        case("unknown-ca", Alert::UnknownCA, stranger.client("caller")),
        case("expired", Alert::CertificateExpired, old),
        case("not-yet-valid", Alert::CertificateExpired, young),
        case("not-allowed", Alert::AccessDenied, ca.client("somebody")),
        case("not-allowed", Alert::AccessDenied, ca.client("denied")),
        case("wrong-usage", Alert::UnsupportedCertificate, ca.server(["caller"])),
    ]
}

fn caller(gateway: &Gateway, credentials: Option<&Credentials>) -> Connector {
    match credentials {
        Some(credentials) => gateway.caller().presenting(credentials.clone()),
        None => gateway.caller().presenting_nothing(),
    }
}

/// The app was told this verdict; and of a verified client alone who it is.
#[track_caller]
fn assert_told(request: &Message, verdict: &str) {
    assert_eq!(request.one(VERIFY), Some(verdict), "{request:?}");
    for name in NAMES {
        let is_there = request.one(name).is_some();
        // The client's own certificate is all that was presented.
        let is_due = verdict == "SUCCESS" && name != "client-cert-chain";
        assert_eq!(is_there, is_due, "{name} {request:?}");
    }
}

#[track_caller]
fn last(app: &Upstream) -> Message {
    app.requests().pop().expect("a request came")
}

/// One more request on a connection, and what the app is told of it.
#[track_caller]
fn asks(client: &mut Client, app: &Upstream, verdict: &str) {
    let before = app.requests().len();
    assert_eq!(client.get("/").status(), 200);
    let requests = app.requests();
    assert_eq!(requests.len(), before + 1);
    // Requests are listed by the app's connections, which are used again, not by the time that they came.
    let told: Vec<_> = requests.iter().map(|request| request.one(VERIFY)).collect();
    assert_eq!(told.last().copied().flatten(), Some(verdict), "{told:?}");
    assert_told(&last(app), verdict);
}

#[test]
fn a_verified_client_is_told_of_in_every_mode_as_ever() {
    for mode in ["require", "optional", "request"] {
        let app = Upstream::answering(OK);
        let gateway = gateway(&app, mode);
        for version in VERSIONS {
            let mut client = gateway.caller().speaking(version).connect();
            asks(&mut client, &app, "SUCCESS");
            let event = client.event("access");
            assert_eq!((event.field("identity"), event.field("verify")), ("caller", "SUCCESS"));
        }
    }
}

#[test]
fn require_lets_nobody_in_unverified() {
    let app = Upstream::absent();
    let gateway = gateway(&app, "require");
    for case in cases(&gateway) {
        for version in VERSIONS {
            let caller = caller(&gateway, case.credentials.as_ref()).speaking(version);
            let (alert, event) = caller.refused();
            assert_eq!(event.field("reason"), case.reason);
            assert_eq!(alert, case.alert, "{}", case.reason);
        }
    }
}

#[test]
fn optional_lets_in_who_shows_no_certificate_and_refuses_a_bad_one() {
    let app = Upstream::answering(OK);
    let gateway = gateway(&app, "optional");
    for case in cases(&gateway) {
        for version in VERSIONS {
            let caller = caller(&gateway, case.credentials.as_ref()).speaking(version);
            if case.credentials.is_none() {
                let mut client = caller.connect();
                asks(&mut client, &app, "NONE");
                let event = client.event("access");
                assert_eq!((event.field("identity"), event.field("verify")), ("", "NONE"));
                continue;
            }
            let (alert, event) = caller.refused();
            assert_eq!((event.field("reason"), alert), (case.reason, case.alert));
        }
    }
    assert_eq!(app.requests().len(), VERSIONS.len());
}

#[test]
fn request_lets_everybody_in_and_says_what_became_of_the_certificate() {
    let app = Upstream::answering(OK);
    let gateway = gateway(&app, "request");
    for case in cases(&gateway) {
        for version in VERSIONS {
            let caller = caller(&gateway, case.credentials.as_ref()).speaking(version);
            let mut client = caller.connect();
            let verdict = match &case.credentials {
                None => "NONE".to_owned(),
                Some(_) => format!("FAILED:{}", case.reason),
            };
            asks(&mut client, &app, &verdict);
            let event = client.event("access");
            assert_eq!((event.field("identity"), event.field("verify")), ("", &*verdict));
            if case.credentials.is_some() {
                let event = client.event("unverified");
                assert_eq!((event.field("reason"), event.field("live")), (case.reason, "false"));
                assert!(event.field("chain").contains("subject="), "{event:?}");
                assert!(event.field("message").ends_with("`mode` lets it in unverified"));
            }
        }
    }
}

#[test]
fn who_is_let_in_unverified_cannot_flood_the_log() {
    let app = Upstream::answering(OK);
    let gateway = Setup::new(&app)
        .site_tables("[site.client]\nmode = \"request\"")
        .process_tables("[log]\nrefusals_per_minute = 1")
        .start();
    let stranger = Authority::root("Stranger CA").unwrap().client("caller").issue().unwrap();
    let caller = caller(&gateway, Some(&Credentials::of(&stranger)));
    let asked = || {
        let mut client = caller.connect();
        asks(&mut client, &app, "FAILED:unknown-ca");
        client
    };
    assert_eq!(asked().event("unverified").field("suppressed"), "0");
    for _ in 0..3 {
        asked();
    }
    gateway.replace("refusals_per_minute = 1", "refusals_per_minute = 2");
    assert_eq!(asked().event("unverified").field("suppressed"), "3");
    assert!(gateway.control().refusals().counts().iter().all(|(_, count)| *count == 0));
}

#[test]
fn http2_is_told_the_same() {
    let app = Upstream::answering(OK);
    let gateway = gateway(&app, "request");
    for case in cases(&gateway) {
        let mut client = H2::connect(&caller(&gateway, case.credentials.as_ref()));
        let asked = request("GET", "/").header("X-SSL-Client-Verify", "SUCCESS");
        let asked = asked.header("X-SSL-Client-S-DN", "CN=caller").body(empty()).unwrap();
        assert_eq!(client.ask(asked).status, 200);
        let expected = match case.credentials {
            None => "NONE".to_owned(),
            Some(_) => format!("FAILED:{}", case.reason),
        };
        assert_told(&last(&app), &expected);
    }
}

#[test]
fn nobody_is_let_in_with_a_certificate_whose_key_it_does_not_hold() {
    let app = Upstream::absent();
    for mode in ["require", "optional", "request"] {
        let gateway = gateway(&app, mode);
        let ca = &gateway.pki.client_ca;
        let other = ca.client("other").issue().unwrap();
        let admitted = Credentials::of(&ca.client("caller").issue().unwrap());
        let stranger = Authority::root("Stranger CA").unwrap();
        let unknown = Credentials::of(&stranger.client("caller").issue().unwrap());
        for credentials in [admitted, unknown] {
            for version in VERSIONS {
                let credentials = credentials.clone().with_key_of(&other);
                let (_, event) =
                    gateway.caller().presenting(credentials).speaking(version).refused();
                // Where the chain is judged first and ends the handshake, the key is never asked for.
                let is_judged_first = mode != "request" && event.field("reason") == "unknown-ca";
                assert!(
                    is_judged_first || event.field("reason") == "bad-certificate-verify",
                    "{event:?}"
                );
                assert!(event.field("chain").contains("CN=caller"), "{event:?}");
            }
        }
    }
}

#[test]
fn a_certificate_that_webpki_cannot_read_is_let_in_by_its_key_alone() {
    let app = Upstream::answering(OK);
    let gateway = gateway(&app, "request");
    let issued = gateway.pki.client_ca.client("caller").issue().unwrap();
    let other = gateway.pki.client_ca.client("other").issue().unwrap();
    // Version 2 in place of 3.
    let mut der = issued.der().to_vec();
    let version = der.windows(5).position(|window| window == [0xa0, 3, 2, 1, 2]).unwrap();
    der[version + 4] = 1;
    let unread = Credentials::from_parts(vec![der.into()], &issued.key_pem());
    let no_certificate = vec![b"nothing of the kind".to_vec().into()];
    let no_certificate = Credentials::from_parts(no_certificate, &issued.key_pem());
    for version in VERSIONS {
        let caller = |credentials: &Credentials| {
            gateway.caller().presenting(credentials.clone()).speaking(version)
        };
        asks(&mut caller(&unread).connect(), &app, "FAILED:x509-v1");
        let (_, event) = caller(&unread.clone().with_key_of(&other)).refused();
        assert_eq!(event.field("reason"), "bad-certificate-verify");
        let (_, event) = caller(&no_certificate).refused();
        assert_eq!(event.field("reason"), "malformed");
    }
    assert_eq!(app.requests().len(), VERSIONS.len());
}

#[test]
fn a_client_cannot_send_a_verdict_or_a_name_of_its_own() {
    let app = Upstream::answering(OK);
    for (mode, verdict) in
        [("optional", "NONE"), ("request", "NONE"), ("request", "FAILED:expired")]
    {
        let gateway = gateway(&app, mode);
        let cases = cases(&gateway);
        let case = cases.iter().find(|case| {
            verdict == "NONE" && case.credentials.is_none() || verdict.ends_with(case.reason)
        });
        let mut client = caller(&gateway, case.unwrap().credentials.as_ref()).connect();
        let forged: String = NAMES
            .iter()
            .chain(&[VERIFY, "ssl-client-verify", "x-client-verify", "remote-user"])
            .flat_map(|name| {
                let folded = name.replace('-', "_");
                let (upper, dotted) = (name.to_uppercase(), name.replace('-', "."));
                [(*name).to_owned(), folded, upper, dotted]
                    .map(|name| format!("{name}: SUCCESS\r\n"))
            })
            .collect();
        let head = format!("POST / HTTP/1.1\r\nHost: {SITE}\r\n{forged}");
        let body = "Transfer-Encoding: chunked\r\nTrailer: X-SSL-Client-Verify\r\n\r\n\
                    0\r\nX-SSL-Client-Verify: SUCCESS\r\n\r\n";
        assert_eq!(client.ask(format!("{head}{body}")).status(), 200);
        let request = last(&app);
        assert_told(&request, verdict);
        let of_identity = |(name, value): &&(String, String)| {
            value == "SUCCESS" || name.to_lowercase().replace(['_', '.'], "-").contains("ssl")
        };
        let left: Vec<_> = request.headers.iter().filter(of_identity).collect();
        assert_eq!(left, [&(VERIFY.to_owned(), verdict.to_owned())]);
        assert!(request.trailers.is_empty(), "{request:?}");
    }
}

#[test]
fn every_format_has_the_verdict_where_unverified_clients_come_through() {
    for (mode, expected) in [("require", None), ("optional", Some("SUCCESS"))] {
        let app = Upstream::answering(OK);
        let tables = format!(
            "[site.client]\nmode = \"{mode}\"\n[site.identity_headers]\nformats = [\"rfc9440\"]"
        );
        let gateway = Setup::new(&app).site_tables(&tables).start();
        gateway.connect().get("/");
        assert_eq!(last(&app).one(VERIFY), expected);
        assert!(last(&app).one("client-cert").is_some());
        if expected.is_some() {
            gateway.caller().presenting_nothing().connect().get("/");
            assert_told(&last(&app), "NONE");
        }
    }
}

#[test]
fn a_chain_without_measure_is_refused_under_request_too() {
    let app = Upstream::answering(OK);
    let gateway = gateway(&app, "request");
    let stranger = Authority::root("Stranger CA").unwrap();
    let issued = stranger.client("caller").issue().unwrap();
    for version in VERSIONS {
        let caller = |count: usize| {
            let mut credentials = Credentials::of(&issued);
            for _ in 1..count {
                credentials = credentials.followed_by(&stranger);
            }
            gateway.caller().presenting(credentials).speaking(version)
        };
        asks(&mut caller(64).connect(), &app, "FAILED:unknown-ca");
        let (alert, event) = caller(65).refused();
        assert_eq!((alert, event.field("reason")), (Alert::UnknownCA, "unknown-ca"));
    }
}
