//! Why a handshake failed, from rustls's error to a [`Refusal`] that names who has to change what.

use rustls::{AlertDescription, Error, PeerIncompatible};

use crate::config::TlsVersion;
use crate::policy::{Reason, Refusal};

use super::alert::alert_name;
use super::client_hello::HelloFacts;
use super::verifier::Outcome;

/// The refusal for an error of rustls. `outcome` is there if the client had presented a certificate by then,
/// which was no reason to end the handshake.
pub(super) fn refusal_of(
    error: &Error,
    facts: &HelloFacts,
    oldest: TlsVersion,
    outcome: Option<Outcome>,
) -> Refusal {
    let refusal = match error {
        Error::NoCertificatesPresented => {
            Refusal::new(Reason::NoCertificate, "sent no certificate, and this site requires one")
        }
        Error::AlertReceived(alert) => client_alert(*alert),
        Error::PeerIncompatible(
            PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::SupportedVersionsExtensionRequired,
        ) => {
            if oldest == TlsVersion::V1_2
                && facts.offered.versions.iter().any(|one| one == "TLS 1.3")
            {
                let sentence = "offered no TLS version before 1.3, which is not spoken here because of `rsa_1024` \
                                in `accept_legacy`";
                return Refusal::new(Reason::TlsFailure, sentence);
            }
            let offered = match facts.offered.versions.as_slice() {
                [] => "a version that could not be read".to_owned(),
                versions => versions.join(", "),
            };
            let sentence =
                format!("offered only {offered}; the oldest version spoken here is {oldest}");
            let refusal = Refusal::new(Reason::TlsTooOld, sentence);
            if oldest > TlsVersion::V1_2
                && facts.offered.versions.iter().any(|version| version == "TLS 1.2")
            {
                refusal.advising(
                    "have the client updated to TLS 1.3, or set `version_min = \"1.2\"` in `[site.tls]`",
                )
            } else {
                refusal
            }
        }
        Error::InvalidCertificate(_) | Error::PeerMisbehaved(_) if outcome.is_some() => {
            // With a key that cannot be read or is not accepted nothing can be proved; that is what to tell.
            if let Some(Err(refusal)) = outcome.as_ref()
                && matches!(refusal.reason, Reason::Malformed | Reason::UnsupportedAlgorithm)
            {
                return refusal.clone();
            }
            let sentence = "presented a certificate without proving that it holds its key";
            Refusal::new(Reason::BadCertificateVerify, sentence)
        }
        other => Refusal::new(Reason::TlsFailure, format!("failed the TLS handshake: {other}")),
    };
    match outcome {
        Some(Ok(identity)) => refusal.with_chain([identity.der()]),
        Some(Err(passed_over)) => Refusal { chain: passed_over.chain, ..refusal },
        None => refusal,
    }
}

fn client_alert(alert: AlertDescription) -> Refusal {
    use AlertDescription as A;
    let about_ours = matches!(
        alert,
        A::UnknownCA
            | A::BadCertificate
            | A::CertificateExpired
            | A::CertificateUnknown
            | A::UnsupportedCertificate
            | A::CertificateRevoked
    );
    let name = alert_name(alert);
    if about_ours {
        let sentence = format!("refused this gateway's certificate with the alert {name}");
        Refusal::new(Reason::ClientAlert, sentence).advising(
            "run `mtls-gateway check`: is `certificate` complete, in date, for the name that the client asks for, \
             and from a CA that the client trusts?",
        )
    } else {
        Refusal::new(Reason::ClientAlert, format!("ended the handshake with the alert {name}"))
    }
}
