//! Revocation lists, as a CA publishes them.

use std::ops::Range;

use rcgen::{
    CertificateRevocationListParams, Issuer, KeyIdMethod, KeyPair, RevocationReason,
    RevokedCertParams, SerialNumber,
};
use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::PkiError;
use super::draft::moment;

/// A list with the begin of its validity for its number, so that a later one is newer.
pub(super) fn make(
    issuer: &Issuer<'_, &KeyPair>,
    revoked: &[&CertificateDer<'_>],
    valid: Range<i64>,
) -> Result<String, PkiError> {
    let this_update = moment(valid.start)?;
    let entry = |der: &&CertificateDer<'_>| {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        Some(RevokedCertParams {
            serial_number: SerialNumber::from_slice(certificate.raw_serial()),
            revocation_time: this_update,
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        })
    };
    let params = CertificateRevocationListParams {
        this_update,
        next_update: moment(valid.end)?,
        crl_number: SerialNumber::from(valid.start.unsigned_abs()),
        issuing_distribution_point: None,
        revoked_certs: revoked.iter().filter_map(entry).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    Ok(params.signed_by(issuer)?.pem()?)
}
