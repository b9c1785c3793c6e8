//! The proof that a client holds its key, where webpki cannot read the certificate around the key: version 1,
//! or one that is trusted by a pin and not by what webpki asks of it.
//!
//! rustls reads the key out of the certificate by webpki; here it is taken out beside it and used in the same way.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use rustls::{CertificateError, DigitallySignedStruct, Error, PeerMisbehaved, SignatureScheme};
use webpki::{EndEntityCert, RawPublicKeyEntity};

use super::super::material::public_key_info;

type Verified = Result<HandshakeSignatureValid, Error>;

/// Whether rustls's own way will do.
pub(super) fn is_readable(certificate: &CertificateDer<'_>) -> bool {
    EndEntityCert::try_from(certificate).is_ok()
}

/// As `rustls::crypto::verify_tls12_signature`.
pub(super) fn verify_tls12(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Verified {
    let scheme = signed.scheme;
    // ML-DSA has no place in TLS 1.2.
    let is_later =
        [SignatureScheme::ML_DSA_44, SignatureScheme::ML_DSA_65, SignatureScheme::ML_DSA_87];
    let offered = algorithms.mapping.iter().find(|(offered, _)| *offered == scheme);
    let Some((_, fitting)) = offered.filter(|_| !is_later.contains(&scheme)) else {
        return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
    };
    let spki = key_of(certificate)?;
    let key = RawPublicKeyEntity::try_from(&spki).map_err(|_| unreadable())?;
    let verifies = |algorithm: &&dyn rustls::pki_types::SignatureVerificationAlgorithm| {
        key.verify_signature(*algorithm, message, signed.signature()).is_ok()
    };
    if fitting.iter().any(verifies) {
        Ok(HandshakeSignatureValid::assertion())
    } else {
        Err(Error::InvalidCertificate(CertificateError::BadSignature))
    }
}

/// As `rustls::crypto::verify_tls13_signature`.
pub(super) fn verify_tls13(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Verified {
    verify_tls13_signature_with_raw_key(message, &key_of(certificate)?, signed, algorithms)
}

fn key_of<'a>(certificate: &'a CertificateDer<'_>) -> Result<SubjectPublicKeyInfoDer<'a>, Error> {
    let key = public_key_info(certificate).ok_or_else(unreadable)?;
    Ok(SubjectPublicKeyInfoDer::from(key))
}

fn unreadable() -> Error {
    Error::InvalidCertificate(CertificateError::BadEncoding)
}
