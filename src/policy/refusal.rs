//! Why a client was turned away: a stable code, a sentence, and what it had presented.

use std::fmt;

use crate::identity::Claims;

/// The stable code of a refusal, as the log shows it. `docs/reference/refusals.md` explains
/// each; a test holds that page and this list together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The client sent no certificate.
    NoCertificate,
    /// No configured CA vouches for the chain.
    UnknownCa,
    /// The chain stops below a configured CA: an intermediate was not sent.
    MissingIntermediate,
    /// No configured pin is of the certificate's key.
    NotPinned,
    /// A certificate of the chain is past its `not_after`.
    Expired,
    /// A certificate of the chain is before its `not_before`.
    NotYetValid,
    /// A signature in the chain does not verify.
    BadSignature,
    /// The certificate is not meant for clients, or a certificate in the chain is no CA.
    WrongUsage,
    /// A CA in the chain does not allow this name.
    NameConstraint,
    /// The chain is longer than a CA in it allows, or than the gateway follows.
    PathLength,
    /// A signature algorithm or key that is not accepted.
    UnsupportedAlgorithm,
    /// X.509 version 1 or 2.
    OldX509,
    /// Not a certificate that can be read.
    Malformed,
    /// A revocation list of its CA names the certificate.
    Revoked,
    /// No revocation list is there to ask.
    CrlMissing,
    /// The revocation list has run out.
    CrlExpired,
    /// The revocation list does not verify.
    CrlUnreadable,
    /// Verified, but no rule of `allow` fits it, or one of `deny` does.
    NotAllowed,
    /// The client could not prove that it holds the certificate's key.
    BadCertificateVerify,
    /// The client offers no TLS version that is spoken here.
    TlsTooOld,
    /// The client asked for a name that no site has.
    UnknownServerName,
    /// What came is not TLS.
    NotTls,
    /// The client refused the gateway's certificate or handshake with an alert.
    ClientAlert,
    /// The client broke the TLS protocol, or shares no algorithm.
    TlsFailure,
    /// The handshake did not end in time.
    Timeout,
    /// The client went away in the handshake.
    Closed,
}

impl Reason {
    /// Every reason, for documentation.
    pub const ALL: [Self; 26] = [
        Self::NoCertificate,
        Self::UnknownCa,
        Self::MissingIntermediate,
        Self::NotPinned,
        Self::Expired,
        Self::NotYetValid,
        Self::BadSignature,
        Self::WrongUsage,
        Self::NameConstraint,
        Self::PathLength,
        Self::UnsupportedAlgorithm,
        Self::OldX509,
        Self::Malformed,
        Self::Revoked,
        Self::CrlMissing,
        Self::CrlExpired,
        Self::CrlUnreadable,
        Self::NotAllowed,
        Self::BadCertificateVerify,
        Self::TlsTooOld,
        Self::UnknownServerName,
        Self::NotTls,
        Self::ClientAlert,
        Self::TlsFailure,
        Self::Timeout,
        Self::Closed,
    ];

    /// The code, kebab-case; it never changes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoCertificate => "no-certificate",
            Self::UnknownCa => "unknown-ca",
            Self::MissingIntermediate => "missing-intermediate",
            Self::NotPinned => "not-pinned",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::BadSignature => "bad-signature",
            Self::WrongUsage => "wrong-usage",
            Self::NameConstraint => "name-constraint",
            Self::PathLength => "path-length",
            Self::UnsupportedAlgorithm => "unsupported-algorithm",
            Self::OldX509 => "x509-v1",
            Self::Malformed => "malformed",
            Self::Revoked => "revoked",
            Self::CrlMissing => "crl-missing",
            Self::CrlExpired => "crl-expired",
            Self::CrlUnreadable => "crl-unreadable",
            Self::NotAllowed => "not-allowed",
            Self::BadCertificateVerify => "bad-certificate-verify",
            Self::TlsTooOld => "tls-too-old",
            Self::UnknownServerName => "unknown-server-name",
            Self::NotTls => "not-tls",
            Self::ClientAlert => "client-alert",
            Self::TlsFailure => "tls-failure",
            Self::Timeout => "timeout",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One client turned away.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The code.
    pub reason: Reason,
    /// What happened; reads well after "the client".
    pub sentence: String,
    /// The presented certificates in short form, the client's own first; empty if none came.
    pub chain: Vec<String>,
}

impl Refusal {
    /// A refusal in which no certificate plays a part.
    pub fn new(reason: Reason, sentence: impl Into<String>) -> Self {
        Self { reason, sentence: sentence.into(), chain: Vec::new() }
    }

    /// The same, with the chain that was presented.
    pub fn with_chain<'a>(mut self, chain: impl IntoIterator<Item = &'a [u8]>) -> Self {
        self.chain = chain.into_iter().map(short_form).collect();
        self
    }
}

/// One certificate on one line of a log.
fn short_form(der: &[u8]) -> String {
    match Claims::from_der(der) {
        Ok(claims) => format!(
            "subject={:?} issuer={:?} serial={} not_before={} not_after={} key={:?} signature={} sha256={}",
            claims.subject,
            claims.issuer,
            claims.serial,
            claims.not_before_text(),
            claims.not_after_text(),
            claims.key,
            claims.signature_algorithm,
            claims.fingerprint(),
        ),
        Err(malformed) => format!("{} bytes, {malformed}", der.len()),
    }
}
