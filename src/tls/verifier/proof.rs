//! The proof that a client holds the key of the certificate that it presents.
//!
//! rustls reads the key through webpki, which reads no certificate of X.509 version 1 and none with a
//! critical extension that it does not know. Their key is read by itself: such a client may be let in unverified
//! (`mode`), or verified where the site accepts version 1 (`accept_legacy`) or pins its key. Either way nobody
//! shows a certificate here without holding its key.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use rustls::{CertificateError, DigitallySignedStruct, Error};
use webpki::{EndEntityCert, RawPublicKeyEntity};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

/// Checks a CertificateVerify of TLS 1.2.
pub(super) fn tls12(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    if EndEntityCert::try_from(certificate).is_ok() {
        return verify_tls12_signature(message, certificate, signed, algorithms);
    }
    let key = key_of(certificate)?;
    let key = RawPublicKeyEntity::try_from(&key).map_err(|_| unreadable())?;
    // As rustls does: a scheme of TLS 1.2 leaves the curve open.
    let fitting = algorithms.mapping.iter().filter(|(scheme, _)| *scheme == signed.scheme);
    let holds = fitting
        .flat_map(|(_, algorithms)| *algorithms)
        .any(|algorithm| key.verify_signature(*algorithm, message, signed.signature()).is_ok());
    match holds {
        true => Ok(HandshakeSignatureValid::assertion()),
        false => Err(CertificateError::BadSignature.into()),
    }
}

/// Checks a CertificateVerify of TLS 1.3.
pub(super) fn tls13(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    if EndEntityCert::try_from(certificate).is_ok() {
        return verify_tls13_signature(message, certificate, signed, algorithms);
    }
    verify_tls13_signature_with_raw_key(message, &key_of(certificate)?, signed, algorithms)
}

/// The key that a client has to prove to hold.
pub(super) fn key_of<'a>(
    certificate: &'a CertificateDer<'_>,
) -> Result<SubjectPublicKeyInfoDer<'a>, Error> {
    let (_, read) = X509Certificate::from_der(certificate).map_err(|_| unreadable())?;
    Ok(SubjectPublicKeyInfoDer::from(read.tbs_certificate.subject_pki.raw))
}

fn unreadable() -> Error {
    CertificateError::BadEncoding.into()
}
