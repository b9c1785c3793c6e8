//! What rustls asks of a verifier during the handshake: to judge a chain, to check the proof of its key, and
//! what to tell clients before. The outcome is left for the acceptor; rustls is told no more than an alert
//! needs.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use crate::policy::Reason;

use super::{ClientVerifier, Finding, OUTCOME, proof};

impl ClientCertVerifier for ClientVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn client_auth_mandatory(&self) -> bool {
        !self.goes_on(Reason::NoCertificate, 0)
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let outcome = self.judge(end_entity, intermediates, now);
        let presented = 1 + intermediates.len();
        let verdict = match &outcome {
            Ok(_) => Ok(ClientCertVerified::assertion()),
            // rustls may go on; the acceptor sees by the outcome that nobody was verified.
            Err(refusal) if self.goes_on(refusal.reason, presented) => {
                Ok(ClientCertVerified::assertion())
            }
            Err(refusal) => Err(Error::InvalidCertificate(alert_for(refusal.reason))),
        };
        // Nobody listens when rustls is driven by something else than the acceptor; the verdict stands.
        let finding = Finding { outcome, goes_on: verdict.is_ok() };
        let _ = OUTCOME.try_with(|slot| slot.replace(Some(finding)));
        verdict
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        proof::tls12(message, cert, dss, &self.handshakes)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        proof::tls13(message, cert, dss, &self.handshakes)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.handshakes.supported_schemes()
    }
}

/// Not the client's fault, and nothing that its certificate could be blamed for.
#[derive(Debug, thiserror::Error)]
#[error("whether the certificate was revoked cannot be told")]
struct Unsettled;

/// The certificate error whose TLS alert (RFC 8446 section 6.2) fits a reason best.
fn alert_for(reason: Reason) -> CertificateError {
    match reason {
        Reason::UnknownCa | Reason::MissingIntermediate | Reason::NotPinned => {
            CertificateError::UnknownIssuer
        }
        Reason::Expired => CertificateError::Expired,
        Reason::NotYetValid => CertificateError::NotValidYet,
        Reason::WrongUsage => CertificateError::InvalidPurpose,
        Reason::Revoked => CertificateError::Revoked,
        // certificate_unknown: "some other (unspecified) issue", which here is the operator's to mend.
        Reason::CrlMissing | Reason::CrlExpired | Reason::CrlUnreadable => {
            CertificateError::Other(rustls::OtherError(Arc::new(Unsettled)))
        }
        Reason::NotAllowed => CertificateError::ApplicationVerificationFailure,
        // bad_certificate: "corrupt, contained signatures that did not verify correctly, etc."
        _ => CertificateError::BadEncoding,
    }
}
