//! What verification found of a client, and which of the unverified a site lets in all the same.
//!
//! The one place that decides by `mode` whom to let in. Only [`Verdict::Verified`] has an identity, so code that is
//! handed any other verdict has no name to take for the caller's.

use std::fmt;
use std::sync::Arc;

use crate::config::ClientMode;
use crate::identity::Identity;

use super::{Reason, Refusal};

/// Certificates that an unverified client may present and still be let in. They are kept as long as its
/// connection, to be judged again; a handshake message has room for thousands that are next to nothing.
const UNVERIFIED_CHAIN_MAX: usize = 64;

/// What verification found of a client that was let in; shown as apps and the log know it.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Its certificate was verified, and it is admitted.
    Verified(Arc<Identity>),
    /// It sent no certificate.
    NoCertificate,
    /// It sent one that did not verify, or is not admitted.
    Failed(Failed),
}

/// Why a certificate does not count.
#[derive(Clone, Debug)]
pub struct Failed {
    reason: Reason,
    /// All that was presented, DER, the client's own first.
    chain: Arc<[Vec<u8>]>,
}

impl Verdict {
    /// Whom the client proved to be.
    pub fn identity(&self) -> Option<&Arc<Identity>> {
        match self {
            Self::Verified(identity) => Some(identity),
            Self::NoCertificate | Self::Failed(_) => None,
        }
    }

    /// Why it is not verified, if it is not.
    pub fn unverified(&self) -> Option<Reason> {
        match self {
            Self::Verified(_) => None,
            Self::NoCertificate => Some(Reason::NoCertificate),
            Self::Failed(failed) => Some(failed.reason),
        }
    }

    /// What the client presented, DER, its own certificate first; empty if that is nothing.
    pub fn chain(&self) -> &[Vec<u8>] {
        match self {
            Self::Verified(identity) => identity.chain(),
            Self::NoCertificate => &[],
            Self::Failed(failed) => &failed.chain,
        }
    }

    /// Whether a site of this mode serves such a client.
    pub(super) fn is_served(&self, mode: ClientMode) -> bool {
        match self {
            Self::Verified(_) => true,
            Self::NoCertificate => lets_in(mode, Reason::NoCertificate, 0),
            Self::Failed(failed) => lets_in(mode, failed.reason, failed.chain.len()),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verified(_) => f.write_str("SUCCESS"),
            Self::NoCertificate => f.write_str("NONE"),
            Self::Failed(failed) => write!(f, "FAILED:{}", failed.reason),
        }
    }
}

/// A client that is let in.
#[derive(Debug)]
pub struct LetIn {
    /// What was found of it.
    pub verdict: Verdict,
    /// For the log, where it sent a certificate and is let in in spite of it.
    pub in_spite_of: Option<Refusal>,
}

/// Who is let in under a mode, after the verifier has judged the presented chain.
///
/// # Errors
/// The verifier's refusal, where the mode does not pass over it.
pub fn let_in<'a>(
    mode: ClientMode,
    outcome: Result<Arc<Identity>, Refusal>,
    chain: impl ExactSizeIterator<Item = &'a [u8]>,
) -> Result<LetIn, Refusal> {
    let refusal = match outcome {
        Ok(identity) => {
            return Ok(LetIn { verdict: Verdict::Verified(identity), in_spite_of: None });
        }
        Err(refusal) if lets_in(mode, refusal.reason, chain.len()) => refusal,
        Err(refusal) => return Err(refusal),
    };
    if refusal.reason == Reason::NoCertificate {
        return Ok(LetIn { verdict: Verdict::NoCertificate, in_spite_of: None });
    }
    let chain = chain.map(<[u8]>::to_vec).collect();
    let verdict = Verdict::Failed(Failed { reason: refusal.reason, chain });
    Ok(LetIn { verdict, in_spite_of: Some(refusal) })
}

/// Whether a site of this mode lets a client in although it would be refused for `reason`; `presented`
/// counts its certificates.
pub fn lets_in(mode: ClientMode, reason: Reason, presented: usize) -> bool {
    match mode {
        ClientMode::Require => false,
        ClientMode::Optional => reason == Reason::NoCertificate,
        ClientMode::Request => {
            is_about_the_certificate(reason) && presented <= UNVERIFIED_CHAIN_MAX
        }
    }
}

/// Whether the certificate is to blame, or there is none; not the handshake or the proof of its key.
fn is_about_the_certificate(reason: Reason) -> bool {
    match reason {
        Reason::NoCertificate
        | Reason::UnknownCa
        | Reason::NotPinned
        | Reason::MissingIntermediate
        | Reason::Expired
        | Reason::NotYetValid
        | Reason::BadSignature
        | Reason::WrongUsage
        | Reason::NameConstraint
        | Reason::PathLength
        | Reason::ChainTooDeep
        | Reason::UnsupportedAlgorithm
        | Reason::OldX509
        | Reason::Malformed
        | Reason::Revoked
        | Reason::CrlMissing
        | Reason::CrlExpired
        | Reason::CrlUnreadable
        | Reason::NotAllowed => true,
        Reason::BadCertificateVerify
        | Reason::TlsTooOld
        | Reason::UnknownServerName
        | Reason::NotTls
        | Reason::ClientAlert
        | Reason::TlsFailure
        | Reason::Timeout
        | Reason::MadeWay
        | Reason::TooManyConnections
        | Reason::Http2Flood
        | Reason::Closed => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(mode: ClientMode, reason: Reason, chain: &[&[u8]]) -> Option<String> {
        let outcome = Err(Refusal::new(reason, "did so"));
        let let_in = let_in(mode, outcome, chain.iter().copied()).ok()?;
        assert!(let_in.verdict.is_served(mode));
        assert!(!let_in.verdict.is_served(ClientMode::Require));
        assert_eq!(let_in.verdict.chain(), chain);
        assert!(let_in.verdict.identity().is_none());
        assert_eq!(let_in.in_spite_of.is_some(), !chain.is_empty());
        Some(let_in.verdict.to_string())
    }

    #[test]
    fn each_mode_lets_in_whom_it_says() {
        use ClientMode::{Optional, Request, Require};
        for reason in Reason::ALL {
            assert_eq!(verdict(Require, reason, &[b"1"]), None);
        }
        let none = Reason::NoCertificate;
        assert_eq!(verdict(Require, none, &[]), None);
        assert_eq!(verdict(Optional, none, &[]).as_deref(), Some("NONE"));
        assert_eq!(verdict(Optional, Reason::Expired, &[b"1"]), None);
        assert_eq!(verdict(Request, none, &[]).as_deref(), Some("NONE"));
        let failed = verdict(Request, Reason::Expired, &[b"1", b"2"]);
        assert_eq!(failed.as_deref(), Some("FAILED:expired"));
        for reason in [Reason::BadCertificateVerify, Reason::Closed, Reason::UnknownServerName] {
            assert_eq!(verdict(Request, reason, &[b"1"]), None);
        }
    }

    #[test]
    fn a_chain_without_measure_is_not_kept() {
        let chain = vec![b"1".as_slice(); UNVERIFIED_CHAIN_MAX + 1];
        let reason = Reason::UnknownCa;
        assert_eq!(verdict(ClientMode::Request, reason, &chain), None);
        assert!(verdict(ClientMode::Request, reason, &chain[1..]).is_some());
    }
}
