//! A door for fuzzing to what nobody outside of `tls` may touch otherwise.

use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

use super::revocation::{Issuer, List, RevocationLists};
use crate::config::Client;

pub(crate) use super::client_hello::offered_versions;
pub(crate) use super::material::fuzzing::{public_key_info, sections};

/// Whether a certificate is refused by this list alone.
pub(crate) fn is_refused(list: List, certificate: &[u8], key: &[u8], rules: &Client) -> bool {
    let der = CertificateDer::from(certificate);
    let Ok(certificate) = EndEntityCert::try_from(&der) else {
        return true;
    };
    let issuer = Issuer { name: "its CA", key, key_usage: None };
    RevocationLists::newest_of(vec![list]).check(&certificate, "one", &issuer, rules, 0).is_err()
}
