//! A certificate, whoever made it: what is said of it stays on its line, in its quotes and below its ceiling,
//! and its names are told such that they can be read back.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::HeaderMap;
use percent_encoding::percent_decode_str;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use crate::config::{
    Client, ClientMode, Condition, IdentityFormat, IdentityHeaders, Located, Rule,
};
use crate::forward::ClientIdentityHeaders;
use crate::identity::{Claims, Field, Identity, Pattern, attributes};
use crate::policy::{Reason, Refusal, Verdict, admit};

use super::reading_back::reads_back;

pub(super) fn run(bytes: &[u8]) {
    let refusal = Refusal::new(Reason::Malformed, "sent this").with_chain([bytes]);
    assert!(refusal.chain.iter().all(|line| !line.contains(char::is_control)), "{refusal:?}");
    if let Ok(claims) = Claims::from_der(bytes) {
        check(bytes, &claims);
    }
}

/// All that has to hold of a certificate and what was read in it.
pub(super) fn check(der: &[u8], claims: &Claims) {
    facts(claims);
    let (_, certificate) = X509Certificate::from_der(der).expect("claims were read from it");
    reads_back(&claims.subject, certificate.subject());
    reads_back(&claims.issuer, certificate.issuer());
    rules(claims);
    headers(der, claims);
}

fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

fn facts(claims: &Claims) {
    let names = [&claims.san_dns, &claims.san_uri, &claims.san_email].into_iter().flatten();
    let words = [&claims.serial, &claims.key, &claims.signature_algorithm];
    let own = [claims.not_before_text(), claims.not_after_text(), claims.fingerprint()];
    for text in names.chain(&own) {
        assert!(!text.is_empty() && is_printable(text), "{text:?}");
    }
    assert!(words.into_iter().all(|word| is_printable(word)), "{words:?}");
    for name in [&claims.subject, &claims.issuer] {
        assert!(is_printable(name) && !name.starts_with(' '), "{name:?}");
        assert!(!name.ends_with(' ') || name.ends_with("\\ "), "{name:?}");
    }
}

/// What a certificate says is what a rule can ask for, and a rule that fits decides.
fn rules(claims: &Claims) {
    for field in Field::ALL {
        for presented in field.presented(claims) {
            let Ok(pattern) = Pattern::parse(field, &presented) else {
                // An issuer's name that was written here can be asked for here.
                assert!(field != Field::IssuerDn || presented.is_empty(), "{presented:?}");
                continue;
            };
            // In a pattern for a URI an asterisk stands for no asterisk.
            let is_glob = field == Field::SanUri && presented.contains('*');
            assert!(is_glob || pattern.matches(claims), "{field:?} {presented:?}");
        }
    }
    let own = rule(Field::FingerprintSha256, &claims.fingerprint());
    let other = rule(Field::SubjectCn, "nobody has\nthis name");
    assert!(admit(&client(&[], &[]), claims).is_ok());
    assert!(admit(&client(&[&other, &own], &[]), claims).is_ok());
    for refusing in [client(&[&own], &[&other, &own]), client(&[&other], &[])] {
        let denial = admit(&refusing, claims).unwrap_err().to_string();
        assert!(!denial.contains(char::is_control), "{denial:?}");
    }
}

fn rule(field: Field, pattern: &str) -> Rule {
    let pattern = Pattern::parse(field, pattern).expect("a pattern");
    Rule { conditions: vec![Condition { field, any_of: vec![pattern] }] }
}

/// `[site.client]` with these rules.
pub(super) fn client(allow: &[&Rule], deny: &[&Rule]) -> Client {
    let located =
        |rules: &[&Rule]| rules.iter().map(|rule| Located::new((*rule).clone(), 0..0)).collect();
    Client { allow: located(allow), deny: located(deny), ..Client::of_defaults() }
}

/// The headers of each format that are always there.
const HEADERS: [(IdentityFormat, &[&str]); 4] = [
    (
        IdentityFormat::XSsl,
        &[
            "x-ssl-client-verify",
            "x-ssl-client-s-dn",
            "x-ssl-client-i-dn",
            "x-ssl-client-serial",
            "x-ssl-client-fingerprint",
        ],
    ),
    (IdentityFormat::Xfcc, &["x-forwarded-client-cert"]),
    (IdentityFormat::Rfc9440, &["client-cert"]),
    (IdentityFormat::XForwardedTlsClientCert, &["x-forwarded-tls-client-cert-info"]),
];

fn headers(der: &[u8], claims: &Claims) {
    let identity = Identity::of_verified(claims.clone(), vec![der.to_vec(), der.to_vec()], 0);
    let verdict = Verdict::Verified(Arc::new(identity));
    for (format, always) in HEADERS {
        for bytes_max in [usize::MAX, der.len() * 8, der.len() * 2, 300, 0] {
            let config = IdentityHeaders { formats: vec![format], bytes_max };
            let mut headers = HeaderMap::new();
            if ClientIdentityHeaders::new(&verdict, ClientMode::Require, &config)
                .set(&mut headers)
                .is_err()
            {
                assert!(bytes_max != usize::MAX && headers.is_empty());
                continue;
            }
            let mut bytes = 0_usize;
            for (name, value) in &headers {
                let text = std::str::from_utf8(value.as_bytes()).expect("ASCII");
                assert!(is_printable(text), "{name}: {text:?}");
                bytes += name.as_str().len() + text.len() + ": \r\n".len();
            }
            assert!(bytes <= bytes_max, "{bytes} of {bytes_max}");
            for name in always {
                assert_eq!(headers.get_all(*name).iter().count(), 1, "{name}");
            }
            let of = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap());
            match format {
                IdentityFormat::XSsl => {
                    assert_eq!(of("x-ssl-client-s-dn"), claims.subject);
                    assert_eq!(of("x-ssl-client-verify"), "SUCCESS");
                }
                IdentityFormat::Xfcc => xfcc(of("x-forwarded-client-cert"), claims),
                IdentityFormat::Rfc9440 => {}
                IdentityFormat::XForwardedTlsClientCert => {
                    info(of("x-forwarded-tls-client-cert-info"));
                }
            }
        }
    }
}

/// What stands between semicolons outside of quotation marks, as keys with their values. A comma there would
/// begin the word of another proxy.
fn pairs(text: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut pairs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (key, value) = rest.split_once('=').expect("a key");
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').expect("the end of a quoted value"),
            None => value.split_at(value.find([';', ',', '"']).unwrap_or(value.len())),
        };
        pairs.entry(key).or_default().push(value);
        rest = match after.strip_prefix(';') {
            Some(next) => next,
            None => {
                assert_eq!(after, "", "behind a value in {text}");
                after
            }
        };
    }
    pairs
}

fn xfcc(value: &str, claims: &Claims) {
    let pairs = pairs(value);
    let count = |key: &str| pairs.get(key).map_or(0, Vec::len);
    assert_eq!((count("Hash"), count("Subject")), (1, 1), "{value}");
    assert!(count("Cert") <= 1 && count("Chain") <= 1, "{value}");
    assert_eq!(count("URI"), claims.san_uri.len(), "{value}");
    assert_eq!(count("DNS"), claims.san_dns.len(), "{value}");
    assert!(
        pairs.keys().all(|key| ["Hash", "Subject", "Cert", "Chain", "URI", "DNS"].contains(key))
    );
    assert_eq!(pairs["Hash"], [claims.fingerprint()]);
    // It is the same name, escaped in another way.
    assert_eq!(attributes(pairs["Subject"][0]), attributes(&claims.subject));
}

fn info(value: &str) {
    let spaced = value.replace('+', " ");
    let text = percent_decode_str(&spaced).decode_utf8().expect("UTF-8");
    assert!(!text.contains(|one: char| one.is_ascii_control()), "{text:?}");
    let pairs = pairs(&text);
    assert!(pairs.values().all(|values| values.len() == 1), "{text}");
    let known = ["Subject", "Issuer", "SerialNumber", "NB", "NA", "SAN"];
    assert!(pairs.keys().all(|key| known.contains(key)), "{text}");
}
