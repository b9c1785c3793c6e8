//! Two sites behind one address: the clients of one get nowhere near the other.

use mtls_gateway::pki::Authority;
use rustls::AlertDescription as Alert;

use crate::support::client::{Connector, VERSIONS};
use crate::support::gateway::{Gateway, Setup};
use crate::support::h2::{H2, empty};
use crate::support::message::{SITE, code_of};
use crate::support::pki::Credentials;
use crate::support::upstream::{OK, Upstream};

/// A gateway for [`SITE`] and `b.example`, each with a CA of its own.
struct Two {
    gateway: Gateway,
    app_a: Upstream,
    app_b: Upstream,
    caller_b: Credentials,
}

fn two_sites() -> Two {
    let (app_a, app_b) = (Upstream::answering(OK), Upstream::answering(OK));
    let ca_b = Authority::root("Client CA of b").unwrap();
    let gateway = Setup::new(&app_a).site("b.example", &ca_b, &app_b).start();
    let caller_b = Credentials::of(&ca_b.client("caller of b").issue().unwrap());
    Two { gateway, app_a, app_b, caller_b }
}

fn get(host: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

#[test]
fn each_site_serves_its_own_clients_from_its_own_app() {
    let two = two_sites();
    assert_eq!(two.gateway.connect().get("/").status(), 200);
    assert_eq!((two.app_a.connections(), two.app_b.connections()), (1, 0));
    let caller_b = two.gateway.caller().presenting(two.caller_b);
    let mut client = caller_b.asking_for("b.example").connect();
    assert_eq!(client.ask(get("b.example")).status(), 200);
    assert_eq!(client.event("access").field("site"), "b.example");
    assert_eq!((two.app_a.connections(), two.app_b.connections()), (1, 1));
}

#[test]
fn a_client_of_one_site_is_refused_by_another() {
    let two = two_sites();
    let a_at_b = two.gateway.caller().asking_for("b.example");
    let b_at_a = two.gateway.caller().presenting(two.caller_b);
    for version in VERSIONS {
        for caller in [&a_at_b, &b_at_a] {
            let (alert, event) = caller.clone().speaking(version).refused();
            assert_eq!(alert, Alert::UnknownCA);
            assert_eq!(event.field("reason"), "unknown-ca");
        }
    }
}

#[test]
fn a_request_for_another_site_is_misdirected() {
    let two = two_sites();
    let mut client = two.gateway.connect();
    for host in ["b.example", "B.EXAMPLE:443", "unknown.example", "127.0.0.1"] {
        let response = client.ask(get(host));
        assert_eq!(response.status(), 421, "{host}");
        assert_eq!(response.code(), "misdirected-request");
        let event = client.event("access");
        assert!(event.field("cause").ends_with("(its names: `a.example`)"), "{event:?}");
    }
    // The connection itself is fine.
    assert_eq!(client.get("/").status(), 200);

    let mut h2 = two.gateway.connect_h2();
    let request = http::Request::get("https://b.example/").body(empty());
    let answer = h2.ask(request.unwrap());
    assert_eq!(answer.status, 421);
    assert_eq!(code_of(&answer.body), "misdirected-request");
    assert_eq!(h2.get("/").status, 200);
    assert_eq!(two.app_a.requests().len(), 2);
    assert_eq!(two.app_b.connections(), 0);
}

#[test]
fn a_client_without_a_server_name_gets_the_first_site_exactly_as_strict() {
    let two = two_sites();
    for version in VERSIONS {
        let caller = two.gateway.caller().without_server_name();
        let caller: Connector = caller.speaking(version);
        let mut client = caller.connect();
        assert_eq!(client.get("/").status(), 200);
        assert_eq!(client.event("access").field("site"), SITE);
        assert_eq!(client.ask(get("b.example")).status(), 421);
        assert_eq!(H2::connect(&caller).get("/").status, 200);

        let (alert, event) = caller.clone().presenting(two.caller_b.clone()).refused();
        assert_eq!(alert, Alert::UnknownCA);
        assert_eq!(event.field("sni"), "");
        let (_, event) = caller.presenting_nothing().refused();
        assert_eq!(event.field("reason"), "no-certificate");
    }
}
