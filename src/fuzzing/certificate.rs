//! A certificate, whoever made it: what is said of it stays on its line, in its quotes and below its ceiling,
//! and its names are told such that they can be read back.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::HeaderMap;
use percent_encoding::percent_decode_str;
use x509_parser::asn1_rs::{Any, Class, Tag, ToDer as _};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::X509Name;

use crate::config::{
    CaHints, Client, ClientMode, Condition, CrlCheck, CrlMissing, ExtendedKeyUsage, IdentityFormat,
    IdentityHeaders, Located, OnDoubt, Rule,
};
use crate::forward::ClientIdentityHeaders;
use crate::identity::{Claims, Field, Identity, Pattern, attributes};
use crate::policy::{Reason, Refusal, Verdict, admit};

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

/// An attribute: the bytes of its OID, and what it says: a text, or the DER of what is none.
type Plain = (Vec<u8>, Result<String, Vec<u8>>);

/// The string of a name holds all of the name, so that two names with one string are one name.
fn reads_back(written: &str, name: &X509Name<'_>) {
    let mut plain: Vec<Vec<Plain>> = name
        .iter_rdn()
        .map(|part| {
            let attributes = part.iter();
            attributes
                .map(|one| (one.attr_type().as_bytes().to_vec(), value(one.attr_value())))
                .collect()
        })
        .collect();
    plain.reverse();
    if plain.is_empty() {
        assert_eq!(written, "");
        return;
    }
    let read: Vec<Vec<Plain>> = attributes(written)
        .unwrap_or_else(|why| panic!("`{written}` {why}"))
        .into_iter()
        .map(|part| {
            let attributes = part.into_iter();
            attributes
                .map(|one| {
                    let value = match one.value.strip_prefix('#') {
                        Some(digits) if one.is_hex => Err(unhex(digits)),
                        _ => Ok(one.value),
                    };
                    (oid(&one.key), value)
                })
                .collect()
        })
        .collect();
    assert_eq!(read, plain, "{written}");
}

/// A value as anybody would read it.
fn value(value: &Any<'_>) -> Result<String, Vec<u8>> {
    let data = value.data;
    let wide = |width: usize| -> Option<Vec<u32>> {
        let units = data.chunks(width).map(|unit| {
            (unit.len() == width)
                .then(|| unit.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
        });
        units.collect()
    };
    let text = match value.tag() {
        _ if value.class() != Class::Universal || value.header.is_constructed() => None,
        Tag::Utf8String
        | Tag::PrintableString
        | Tag::Ia5String
        | Tag::NumericString
        | Tag::VisibleString => String::from_utf8(data.to_vec()).ok(),
        Tag::TeletexString => Some(data.iter().map(|byte| char::from(*byte)).collect()),
        Tag::BmpString => wide(2).and_then(|units| {
            let units: Vec<u16> =
                units.iter().filter_map(|unit| u16::try_from(*unit).ok()).collect();
            String::from_utf16(&units).ok()
        }),
        Tag::UniversalString => {
            wide(4).and_then(|units| units.into_iter().map(char::from_u32).collect())
        }
        _ => None,
    };
    text.ok_or_else(|| value.to_der_vec().expect("what was read can be written"))
}

fn unhex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.map(|pair| byte(pair).expect("hexadecimal digits")).collect()
}

/// The bytes of the OID that a key stands for.
fn oid(key: &str) -> Vec<u8> {
    if let Some(digits) = key.strip_prefix('#') {
        return unhex(digits);
    }
    let numbers: Vec<u128> = number(key).split('.').map(|number| number.parse().unwrap()).collect();
    let (root, others) = numbers.split_first().unwrap();
    let (second, others) = others.split_first().unwrap();
    let numbers = std::iter::once(root * 40 + second).chain(others.iter().copied());
    let septets = numbers.flat_map(|number| {
        let count = (128 - number.leading_zeros()).div_ceil(7).max(1);
        let septet = move |place: u32| u8::try_from(number >> (7 * place) & 0x7F).unwrap();
        (0..count).rev().map(move |place| septet(place) | if place > 0 { 0x80 } else { 0 })
    });
    septets.collect()
}

/// The OID of a key; itself if it is one.
fn number(key: &str) -> &str {
    match key {
        "CN" => "2.5.4.3",
        "SN" => "2.5.4.4",
        "serialNumber" => "2.5.4.5",
        "C" => "2.5.4.6",
        "L" => "2.5.4.7",
        "ST" => "2.5.4.8",
        "street" => "2.5.4.9",
        "O" => "2.5.4.10",
        "OU" => "2.5.4.11",
        "title" => "2.5.4.12",
        "businessCategory" => "2.5.4.15",
        "postalCode" => "2.5.4.17",
        "GN" => "2.5.4.42",
        "organizationIdentifier" => "2.5.4.97",
        "UID" => "0.9.2342.19200300.100.1.1",
        "DC" => "0.9.2342.19200300.100.1.25",
        "emailAddress" => "1.2.840.113549.1.9.1",
        other => other,
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
    Client {
        mode: ClientMode::Require,
        allow: located(allow),
        deny: located(deny),
        extended_key_usage: ExtendedKeyUsage::IfPresent,
        pinned_spki_sha256: Vec::new(),
        chain_depth_max: 2,
        partial_chain: false,
        accept_legacy: Vec::new(),
        ca_hints: CaHints::All,
        crl: Vec::new(),
        crl_check: CrlCheck::Chain,
        crl_missing: CrlMissing::Deny,
        crl_expired: OnDoubt::Deny,
    }
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
