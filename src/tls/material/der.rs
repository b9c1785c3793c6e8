//! What a DER value is, told from its first few elements.
//!
//! No more than messages need: a key's algorithm, and which of the file kinds that pass through an
//! operator's hands this one is.

use rustls::pki_types::PrivateKeyDer;
use x509_parser::asn1_rs::{Any, FromDer as _, Oid, Tag};
use x509_parser::certificate::X509Certificate;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::revocation_list::CertificateRevocationList;

use crate::identity::Claims;

/// The kinds of DER files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An X.509 certificate.
    Certificate,
    /// A private key: PKCS#1, PKCS#8 or SEC1.
    Key,
    /// PKCS#8 behind a passphrase.
    EncryptedKey,
    /// A signing request.
    Csr,
    /// A revocation list.
    Crl,
    /// A public key.
    PublicKey,
    /// PKCS#12: key and certificates behind a passphrase (`.p12`, `.pfx`).
    Pkcs12,
    /// PKCS#7: certificates in a wrapping of their own (`.p7b`).
    Pkcs7,
}

/// The kind of a file's bytes; `None` for what is none of them.
pub(super) fn recognise(bytes: &[u8]) -> Option<Kind> {
    if Claims::from_der(bytes).is_ok() {
        return Some(Kind::Certificate);
    }
    if X509CertificationRequest::from_der(bytes).is_ok() {
        return Some(Kind::Csr);
    }
    if CertificateRevocationList::from_der(bytes).is_ok() {
        return Some(Kind::Crl);
    }
    // Java and Windows write PKCS#12 and PKCS#7 with indefinite lengths (BER), which Any refuses.
    if bytes.starts_with(&[0x30, 0x80, 0x02, 0x01, 0x03]) {
        return Some(Kind::Pkcs12);
    }
    if bytes.starts_with(&[0x30, 0x80, 0x06, 0x09]) {
        return Some(Kind::Pkcs7);
    }
    let parts = elements(content(bytes)?);
    let tags: Vec<Tag> = parts.iter().map(Any::tag).collect();
    match tags.as_slice() {
        [Tag::Integer, Tag::Sequence, Tag::OctetString, ..] => Some(Kind::Key),
        [Tag::Integer, Tag::Integer, Tag::Integer, ..] | [Tag::Integer, Tag::OctetString, ..] => {
            Some(Kind::Key)
        }
        [Tag::Integer, Tag::Sequence, ..] if parts[0].data == [3] => Some(Kind::Pkcs12),
        [Tag::Sequence, Tag::OctetString] => Some(Kind::EncryptedKey),
        [Tag::Sequence, Tag::BitString] => Some(Kind::PublicKey),
        [Tag::Oid, ..] => Some(Kind::Pkcs7),
        _ => None,
    }
}

/// The first DER element of `bytes`, without what follows it; all of them if there is none.
pub(super) fn first_element(bytes: &[u8]) -> &[u8] {
    match Any::from_der(bytes) {
        Ok((rest, _)) => &bytes[..bytes.len() - rest.len()],
        Err(_) => bytes,
    }
}

/// What stands inside the first element, without tag and length.
pub(in crate::tls) fn content(bytes: &[u8]) -> Option<&[u8]> {
    Any::from_der(bytes).ok().map(|(_, any)| any.data)
}

/// The `SubjectPublicKeyInfo` of a certificate, DER.
pub(in crate::tls) fn public_key_info(certificate: &[u8]) -> Option<&[u8]> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Some(certificate.tbs_certificate.subject_pki.raw)
}

/// What a certificate says that it is signed by: the content of its `signatureAlgorithm`.
pub(super) fn signature_algorithm(certificate: &[u8]) -> Option<&[u8]> {
    let parts = content(certificate).map_or_else(Vec::new, elements);
    parts.get(1).map(|algorithm| algorithm.data)
}

/// Whether a certificate's EC key comes with the curve's numbers instead of its name.
pub(super) fn spells_out_its_curve(certificate: &[u8]) -> bool {
    let parts = public_key_info(certificate).and_then(content).map_or_else(Vec::new, elements);
    let algorithm = parts.first().map_or_else(Vec::new, |part| elements(part.data));
    algorithm.first().and_then(dotted).as_deref() == Some("1.2.840.10045.2.1")
        && algorithm.get(1).map(curve_name) == Some(KeyAlgorithm::EcExplicit)
}

/// What kind of private key this is, as far as refusing it well needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum KeyAlgorithm {
    /// RSA and the size of its modulus in bits.
    Rsa(usize),
    /// RSA for PSS signatures only, by its own object identifier.
    RsaPss,
    /// An elliptic curve, by its object identifier.
    Ec(String),
    /// An elliptic curve spelled out instead of named.
    EcExplicit,
    /// DSA.
    Dsa,
    /// Another algorithm, by its object identifier.
    Other(String),
    /// Nothing that can be read as a key.
    Unreadable,
}

/// The algorithm of a private key.
pub(super) fn key_algorithm(key: &PrivateKeyDer<'_>) -> KeyAlgorithm {
    match key {
        PrivateKeyDer::Pkcs1(key) => rsa(key.secret_pkcs1_der()),
        PrivateKeyDer::Sec1(key) => {
            let parts = content(key.secret_sec1_der()).map_or_else(Vec::new, elements);
            // RFC 5915: version, the key, [0] the curve, [1] the public key.
            let curve = parts.iter().find(|part| part.tag() == Tag(0));
            curve.map_or(KeyAlgorithm::Unreadable, |wrapped| {
                elements(wrapped.data).first().map_or(KeyAlgorithm::Unreadable, curve_name)
            })
        }
        PrivateKeyDer::Pkcs8(key) => {
            pkcs8(key.secret_pkcs8_der()).unwrap_or(KeyAlgorithm::Unreadable)
        }
        _ => KeyAlgorithm::Unreadable,
    }
}

/// The algorithm that an encrypted private key says it is encrypted by, as numbers and points.
pub(super) fn encryption_algorithm(locked: &[u8]) -> Option<String> {
    let parts = elements(content(locked)?);
    let [algorithm, _] = parts.as_slice() else {
        return None;
    };
    dotted(elements(algorithm.data).first()?)
}

fn pkcs8(der: &[u8]) -> Option<KeyAlgorithm> {
    let parts = elements(content(der)?);
    let [_, algorithm, key, ..] = parts.as_slice() else {
        return None;
    };
    let algorithm = elements(algorithm.data);
    let oid = dotted(algorithm.first()?)?;
    Some(match oid.as_str() {
        "1.2.840.113549.1.1.1" => rsa(key.data),
        "1.2.840.113549.1.1.10" => KeyAlgorithm::RsaPss,
        "1.2.840.10045.2.1" => curve_name(algorithm.get(1)?),
        "1.2.840.10040.4.1" => KeyAlgorithm::Dsa,
        _ => KeyAlgorithm::Other(oid),
    })
}

fn rsa(pkcs1: &[u8]) -> KeyAlgorithm {
    let parts = content(pkcs1).map_or_else(Vec::new, elements);
    let Some(modulus) = parts.get(1).filter(|part| part.tag() == Tag::Integer) else {
        return KeyAlgorithm::Unreadable;
    };
    let zeros = modulus.data.iter().take_while(|byte| **byte == 0).count();
    let digits = &modulus.data[zeros..];
    let unused = digits.first().map_or(0, |byte| byte.leading_zeros()) as usize;
    KeyAlgorithm::Rsa(digits.len() * 8 - unused)
}

fn curve_name(parameters: &Any<'_>) -> KeyAlgorithm {
    match dotted(parameters) {
        Some(oid) => KeyAlgorithm::Ec(oid),
        None if parameters.tag() == Tag::Sequence => KeyAlgorithm::EcExplicit,
        None => KeyAlgorithm::Unreadable,
    }
}

fn dotted(element: &Any<'_>) -> Option<String> {
    (element.tag() == Tag::Oid).then(|| Oid::new(element.data.into()).to_id_string())
}

/// The elements side by side in `content`, up to the first that is damaged.
fn elements(mut content: &[u8]) -> Vec<Any<'_>> {
    let mut elements = Vec::new();
    while let Ok((rest, element)) = Any::from_der(content) {
        elements.push(element);
        content = rest;
    }
    elements
}
