//! What is made reads back as what was asked for.

use std::net::IpAddr;

use time::OffsetDateTime;

use super::*;
use crate::identity::Claims;

fn claims(certificate: &CertificateDer<'_>) -> Claims {
    Claims::from_der(certificate).unwrap()
}

#[test]
fn an_authority_says_that_it_is_one_and_names_itself_as_its_issuer() {
    let root = Authority::root("Demo CA").unwrap();
    let claims = claims(root.der());
    assert_eq!(claims.subject, "CN=Demo CA");
    assert!(claims.is_self_issued());
    assert_eq!(claims.ca, Some(true));
    assert_eq!(claims.may_sign_certificates(), Some(true));
    assert_eq!(claims.key, "EC P-256");
}

#[test]
fn an_end_entity_carries_its_names_and_its_issuer() {
    let root = Authority::root("Demo CA").unwrap();
    let below = root.intermediate("Demo Issuing CA").authority().unwrap();
    let server = below.server(["www.example.com", "192.0.2.7"]).issue().unwrap();
    let claims = claims(server.der());
    assert_eq!(claims.issuer, "CN=Demo Issuing CA");
    assert_eq!(claims.san_dns, ["www.example.com"]);
    assert_eq!(claims.san_ip, ["192.0.2.7".parse::<IpAddr>().unwrap()]);
    assert_eq!(claims.ca, Some(false));
    assert!(server.key_pem().starts_with("-----BEGIN PRIVATE KEY-----"));
    assert!(server.certificate_pem().starts_with("-----BEGIN CERTIFICATE-----"));
}

#[test]
fn expired_and_not_yet_valid_lie_on_their_sides_of_now() {
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let root = Authority::root("Demo CA").unwrap();
    let expired = root.client("caller").expired().issue().unwrap();
    assert!(claims(expired.der()).not_after < now);
    let early = root.client("caller").not_yet_valid().issue().unwrap();
    assert!(claims(early.der()).not_before > now);
}

#[test]
fn a_name_that_is_not_ascii_is_refused_by_name() {
    let root = Authority::root("Demo CA").unwrap();
    let Err(error) = root.server(["zürich.example"]).issue() else {
        panic!("the name was taken");
    };
    assert_eq!(
        error.to_string(),
        "`zürich.example` cannot stand in a certificate: a DNS name or a URI is ASCII"
    );
}
