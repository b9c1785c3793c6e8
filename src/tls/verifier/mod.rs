//! The verification of a client's certificate: the reason this gateway exists.
//!
//! rustls asks here during the handshake. The story of a judgement, [`ClientVerifier::judge`]: read the
//! certificate → take the anchors that are valid now (`anchors`) → choose which of the certificates at hand may
//! take part (`candidates`) → let rustls-webpki find a path, which our own checks narrow (`path`, `usage`)
//! → apply the site's rules. Where keys are pinned, `pinned` stands in for the path. Where it ends early, `explain` and `nearest` find the words. The outcome, with
//! the certificate or with the reason in full, is left for the connection in [`OUTCOME`], because a TLS alert
//! has room for neither.

use std::cell::RefCell;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use crate::config::{Client, Legacy};
use crate::identity::{Claims, Identity};
use crate::policy::{self, Reason, Refusal};

use super::algorithms::Algorithms;
use super::material::{Certificate, ClientTrust, TrustedCa};
use super::revocation::RevocationLists;
use super::verdicts::{ChainHash, Verdicts};

mod anchors;
mod candidates;
mod explain;
mod handshake;
mod nearest;
mod path;
mod pinned;
#[cfg(test)]
mod tests;
mod usage;
mod version1;

use anchors::Anchors;
use explain::Scene;
use path::{Failure, Judge};

tokio::task_local! {
    /// What the verifier found in the handshake that is running. Set around each handshake by the
    /// acceptor; rustls offers no other way from a verifier to the connection it works for.
    pub(super) static OUTCOME: RefCell<Option<Outcome>>;
}

/// What verification found.
pub(super) type Outcome = Result<Arc<Identity>, Refusal>;

/// Judges the client certificates of one site.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    anchors: Anchors,
    /// The operator's intermediates, which complete chains and end none.
    helpers: Vec<Certificate>,
    hints: Vec<DistinguishedName>,
    lists: RevocationLists,
    rules: Client,
    algorithms: Algorithms,
    /// Those for the proof that a client holds its key.
    handshakes: WebPkiSupportedAlgorithms,
    verdicts: Verdicts,
}

impl ClientVerifier {
    /// A verifier that trusts `trust` and admits by `rules`.
    ///
    /// # Errors
    /// The CA that cannot serve as a trust anchor.
    pub(super) fn new(
        trust: ClientTrust,
        rules: Client,
        provider: &CryptoProvider,
    ) -> Result<Self, Box<(TrustedCa, webpki::Error)>> {
        let algorithms = Algorithms::of(&rules);
        let helpers = trust
            .intermediates
            .into_iter()
            .map(|ca| Certificate { der: ca.der, claims: ca.claims });
        Ok(Self {
            anchors: Anchors::new(trust.anchors)?,
            helpers: helpers.collect(),
            hints: trust.hints.into_iter().map(DistinguishedName::from).collect(),
            lists: trust.lists,
            algorithms,
            handshakes: algorithms.for_handshakes(provider.signature_verification_algorithms),
            rules,
            verdicts: Verdicts::default(),
        })
    }

    /// Judges a chain by everything but the proof that the client holds its key. The chain comes back with
    /// a refusal.
    pub(super) fn judge(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Outcome {
        let hash = ChainHash::of(end_entity, intermediates);
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if let Some(identity) = self.verdicts.get(hash, seconds) {
            return Ok(identity);
        }
        match self.judge_anew(end_entity, intermediates, now) {
            Ok(identity) => {
                self.verdicts.put(hash, &identity, seconds);
                Ok(identity)
            }
            Err(refusal) => {
                let chain = std::iter::once(end_entity).chain(intermediates);
                Err(refusal.with_chain(chain.map(AsRef::as_ref)))
            }
        }
    }

    fn judge_anew(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Outcome {
        let claims = Claims::from_der(end_entity).map_err(|malformed| {
            Refusal::new(Reason::Malformed, format!("presented what is {malformed}"))
        })?;
        let path_valid_until = if self.rules.pinned_spki_sha256.is_empty() {
            self.judge_path(end_entity, &claims, intermediates, now)?
        } else {
            pinned::check(&claims, &self.rules, now)?;
            claims.not_after
        };
        usage::check_end_entity(&claims, self.rules.extended_key_usage, self.algorithms)?;
        policy::admit(&self.rules, &claims).map_err(|denial| {
            let sentence = format!("presented a certificate that is not admitted: {denial}");
            Refusal::new(Reason::NotAllowed, sentence)
        })?;
        let presented = std::iter::once(end_entity).chain(intermediates);
        let chain = presented.map(|certificate| certificate.to_vec()).collect();
        let valid_until = claims.not_after.min(path_valid_until);
        Ok(Arc::new(Identity::of_verified(claims, chain, valid_until)))
    }

    /// Finds a path to a CA; the answer is when the first certificate above the client's runs out.
    fn judge_path(
        &self,
        end_entity: &CertificateDer<'_>,
        claims: &Claims,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<i64, Refusal> {
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let anchors = self.anchors.in_force(seconds);
        let judge = Judge {
            anchors: &anchors,
            rules: &self.rules,
            lists: &self.lists,
            algorithms: self.algorithms,
        };
        let scene = || {
            let (trusted, helpers) = (&self.anchors, self.helpers.as_slice());
            let (claims, algorithms) = (claims.clone(), self.algorithms);
            Scene::new(end_entity, claims, intermediates, trusted, helpers, algorithms, seconds)
        };
        if version1::is_meant(claims) && self.rules.accepts(Legacy::X509V1) {
            return version1::verify(end_entity, &judge, &scene());
        }
        let (helpers, algorithms) = (&self.helpers, self.algorithms);
        let candidates =
            candidates::select(end_entity, intermediates, helpers, &anchors, algorithms);
        let found = judge.verify(end_entity, &candidates, now);
        found.or_else(|failure| {
            let error = match failure {
                Failure::Ours(refusal) => return Err(refusal),
                Failure::Engine(error) => error,
            };
            let scene = scene();
            // Among several ways webpki tells what was wrong with one of them. If the signatures show one
            // that leads to an anchor, that is the one to talk about.
            let Some(way) = nearest::way(&scene) else {
                return Err(explain::explain(&error, &scene));
            };
            judge.verify(end_entity, &way, now).map_err(|failure| match failure {
                Failure::Ours(refusal) => refusal,
                Failure::Engine(error) => explain::explain(&error, &scene),
            })
        })
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let outcome = self.judge(end_entity, intermediates, now);
        let verdict = match &outcome {
            Ok(_) => Ok(ClientCertVerified::assertion()),
            Err(refusal) => Err(Error::InvalidCertificate(alert_for(refusal.reason))),
        };
        // Nobody listens when rustls is driven by something else than the acceptor; the verdict stands.
        let _ = OUTCOME.try_with(|slot| slot.replace(Some(outcome)));
        verdict
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if handshake::is_readable(cert) {
            verify_tls12_signature(message, cert, dss, &self.handshakes)
        } else {
            handshake::verify_tls12(message, cert, dss, &self.handshakes)
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if handshake::is_readable(cert) {
            verify_tls13_signature(message, cert, dss, &self.handshakes)
        } else {
            handshake::verify_tls13(message, cert, dss, &self.handshakes)
        }
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
