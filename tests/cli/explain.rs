//! `explain`: the verdict of the handshake, at a desk.

use std::path::Path;
use std::process::Output;

use mtls_gateway::pki::Authority;
use mtls_gateway::process::unix_now;
use serde_json::Value;

use crate::support::{Place, any_port, output, stderr, stdout};

const DAY: i64 = 24 * 60 * 60;

/// A place, its CA, and its configuration with these tables of `[site.client]`.
fn place(rules: &str) -> (Place, Authority, std::path::PathBuf) {
    let place = Place::new();
    let ca = Authority::root("Explained CA").unwrap();
    place.write("clients.crt", ca.certificate_pem());
    let config = place.config(
        any_port(),
        "127.0.0.1:8080".parse().unwrap(),
        &format!("[site.client]\n{rules}"),
    );
    (place, ca, config)
}

fn explain(config: &Path, file: &Path, more: &[&str]) -> Output {
    let (config, file) = (config.to_str().unwrap(), file.to_str().unwrap());
    output(["explain", file, "--config", config].iter().chain(more))
}

fn json(config: &Path, file: &Path) -> Value {
    serde_json::from_slice(&explain(config, file, &["--json"]).stdout).unwrap()
}

#[test]
fn a_client_that_gets_in_is_told_by_path_rule_and_headers() {
    let (place, ca, config) =
        place("allow = [{ san_dns = \"other\" }, { subject_cn = \"caller\" }]");
    let issuing = ca.intermediate("Issuing CA").authority().unwrap();
    let caller = issuing.client("caller").issue().unwrap();
    let pem = format!("{}{}", caller.certificate_pem(), issuing.certificate_pem());
    let file = place.write("caller.pem", &pem);
    let said = explain(&config, &file, &[]);
    assert_eq!(said.status.code(), Some(0), "{}", stderr(&said));
    for part in [
        "✓ localhost lets this client in",
        "certificate  CN=caller",
        "issued by    CN=Issuing CA\n               sent by the client",
        "issued by    CN=Explained CA\n               from `client_ca`",
        "rule         subject_cn = \"caller\" (",
        "gateway.toml:12)",
        "x-ssl-client-verify: SUCCESS",
        "x-ssl-client-s-dn: CN=caller",
    ] {
        assert!(stdout(&said).contains(part), "{part:?} is missing in\n{}", stdout(&said));
    }

    let document = json(&config, &file);
    let site = &document["sites"][0];
    assert_eq!(site["admitted"], true);
    assert_eq!(site["path"][0]["subject"], "CN=Issuing CA");
    assert_eq!(site["path"][0]["presented"], true);
    assert_eq!(site["path"][1]["presented"], false);
    assert_eq!(site["headers"]["x-ssl-client-s-dn"], "CN=caller");
    assert_eq!(site["reason"], Value::Null);
    assert_eq!(document["presented"].as_array().unwrap().len(), 2);
}

#[test]
fn a_client_that_does_not_is_told_why() {
    let (place, ca, config) = place("allow = [{ subject_cn = \"other\" }]");
    let caller = ca.client("caller").issue().unwrap();
    let file = place.write("caller.pem", caller.certificate_pem());
    let said = explain(&config, &file, &[]);
    assert_eq!(said.status.code(), Some(1));
    for part in [
        "✗ localhost refuses this client",
        "reason       not-allowed",
        "subject_cn is \"caller\"",
        "certificate  CN=caller",
    ] {
        assert!(stdout(&said).contains(part), "{part:?} is missing in\n{}", stdout(&said));
    }
    let site = &json(&config, &file)["sites"][0];
    assert_eq!(site["admitted"], false);
    assert_eq!(site["reason"], "not-allowed");
    assert_eq!(site["path"], Value::Null);

    let stranger = Authority::root("Stranger").unwrap().client("caller").issue().unwrap();
    let file = place.write("stranger.pem", stranger.certificate_pem());
    assert_eq!(json(&config, &file)["sites"][0]["reason"], "unknown-ca");
}

#[test]
fn a_client_that_goes_on_unverified_is_not_said_to_get_in() {
    let (place, _, config) = place("mode = \"request\"");
    let stranger = Authority::root("Stranger").unwrap().client("caller").issue().unwrap();
    let file = place.write("stranger.pem", stranger.certificate_pem());
    let said = explain(&config, &file, &[]);
    assert_eq!(said.status.code(), Some(1));
    assert!(stdout(&said).contains("x-ssl-client-verify: FAILED:unknown-ca"), "{}", stdout(&said));
    let site = &json(&config, &file)["sites"][0];
    assert_eq!(site["admitted"], false);
    assert_eq!(site["unverified"], "FAILED:unknown-ca");
}

#[test]
fn nobody_is_said_to_go_on_with_a_key_that_is_not_accepted() {
    let (place, ca, config) = place("mode = \"request\"");
    let caller = ca.client("caller").issue().unwrap();
    // The curve prime239v3 in place of P-256.
    let mut der = caller.der().to_vec();
    let curve = [0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
    let place_of_curve = der.windows(8).position(|window| window == curve).unwrap();
    der[place_of_curve + 7] = 6;
    let file = place.path().join("caller.der");
    std::fs::write(&file, der).unwrap();
    let said = explain(&config, &file, &[]);
    assert_eq!(said.status.code(), Some(1));
    assert!(!stdout(&said).contains("but goes on"), "{}", stdout(&said));
    assert_eq!(json(&config, &file)["sites"][0]["unverified"], Value::Null);
}

#[test]
fn another_moment_can_be_asked_about() {
    let (place, ca, config) = place("");
    let soon = unix_now() + 10 * DAY;
    let caller = ca.client("caller").valid(unix_now() - DAY..soon).issue().unwrap();
    let file = place.write("caller.pem", caller.certificate_pem());
    assert_eq!(explain(&config, &file, &[]).status.code(), Some(0));
    let later = explain(&config, &file, &["--at", "2099-01-01"]);
    assert_eq!(later.status.code(), Some(1));
    // The CA has run out by then as well; the client's own certificate is not the only one to tell of.
    assert!(stdout(&later).contains("reason       expired"), "{}", stdout(&later));
    let before = explain(&config, &file, &["--at", "2001-01-01T00:00:00Z"]);
    assert!(stdout(&before).contains("reason       not-yet-valid"), "{}", stdout(&before));
}

#[test]
fn no_private_key_is_needed() {
    let (place, ca, config) = place("");
    std::fs::remove_file(place.path().join("server.key")).unwrap();
    let caller = ca.client("caller").issue().unwrap();
    let file = place.write("caller.pem", caller.certificate_pem());
    assert_eq!(explain(&config, &file, &[]).status.code(), Some(0));
}

#[test]
fn a_question_that_cannot_be_answered_says_what_is_wrong_with_it() {
    let (place, ca, config) = place("");
    let caller = ca.client("caller").issue().unwrap();
    let file = place.write("caller.pem", caller.certificate_pem());

    let said = explain(&config, &file, &["--site", "nobody.example.com"]);
    assert_eq!(said.status.code(), Some(64));
    assert!(stderr(&said).contains("no site answers to `nobody.example.com`"));
    assert!(stderr(&said).contains("`localhost`"));

    let key = place.write("caller.key", &caller.key_pem());
    let said = explain(&config, &key, &[]);
    assert_eq!(said.status.code(), Some(64));
    assert!(stderr(&said).contains("holds no certificate"), "{}", stderr(&said));

    assert_eq!(explain(&config, &file, &["--at", "soon"]).status.code(), Some(64));
    let said = explain(&config, &place.path().join("none.pem"), &[]);
    assert_eq!(said.status.code(), Some(64));

    place.write("clients.crt", "nothing");
    let said = explain(&config, &file, &[]);
    assert_eq!(said.status.code(), Some(78));
    assert!(stderr(&said).contains("holds no certificate"), "{}", stderr(&said));
}

#[test]
fn every_site_is_asked_unless_one_is_named() {
    let (place, ca, config) = place("allow = [{ subject_cn = \"other\" }]");
    let second = "[[site]]\nserver_names = [\"second.example.com\"]\ncertificate = \"server.crt\"\n\
                  private_key = \"server.key\"\nclient_ca = \"clients.crt\"\n\
                  upstream = \"http://127.0.0.1:1\"\n";
    let text = std::fs::read_to_string(&config).unwrap();
    place.write("gateway.toml", &format!("{text}\n{second}"));
    let caller = ca.client("caller").issue().unwrap();
    let file = place.write("caller.pem", caller.certificate_pem());

    let said = explain(&config, &file, &[]);
    assert_eq!(said.status.code(), Some(0), "{}", stderr(&said));
    assert!(stdout(&said).contains("✗ localhost refuses"));
    assert!(stdout(&said).contains("✓ second.example.com lets"));
    assert_eq!(explain(&config, &file, &["--site", "localhost"]).status.code(), Some(1));
    let said = explain(&config, &file, &["--site", "second.example.com"]);
    assert_eq!(said.status.code(), Some(0));
}
