//! A door for fuzzing to what nobody outside of `tls` may touch otherwise.

use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

use super::algorithms::Algorithms;
use super::client_hello::HelloFacts;
use super::revocation::{Asked, Issuer, List, RevocationLists};
use crate::config::Client;

pub(crate) use super::material::fuzzing::{public_key_info, sections};

/// Whether a certificate is refused by this list alone.
pub(crate) fn is_refused(list: List, certificate: &[u8], key: &[u8], rules: &Client) -> bool {
    let der = CertificateDer::from(certificate);
    let Ok(certificate) = EndEntityCert::try_from(&der) else {
        return true;
    };
    let issuer = Issuer { name: "its CA", key, key_usage: None };
    let asked = Asked { der: &der, issuer: certificate.issuer(), serial: certificate.serial() };
    RevocationLists::newest_of(vec![list]).check(asked, "one", &issuer, rules, 0).is_err()
}

/// Whether a list verifies with a key, by the usual algorithms.
pub(crate) fn is_signed_by(list: &List, key: &[u8]) -> bool {
    list.is_signed_by(key, Algorithms::USUAL)
}

/// What our own reader finds in a ClientHello.
pub(crate) fn hello(records: &[u8]) -> HelloFacts {
    HelloFacts::read(records)
}
