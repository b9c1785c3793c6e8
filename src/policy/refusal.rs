//! Why a client was turned away: a stable code, a sentence, what to change, and what it had presented.
//!
//! Much of the text is the client's own, so each part is clipped to a length that a log can bear.

use std::fmt;

use crate::identity::{clip, short_chain};

/// The longest sentence, advice and description of a CA, in bytes.
const SENTENCE_MAX: usize = 1024;
const ADVICE_MAX: usize = 512;
const NEAREST_MAX: usize = 512;

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
    /// The chain is longer than a CA in it allows.
    PathLength,
    /// The chain is longer or wider than the site or the gateway follows.
    ChainTooDeep,
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
    /// There were too many handshakes, and this one was the oldest.
    MadeWay,
    /// The client's address has as many connections as it may.
    TooManyConnections,
    /// The client flooded a connection of HTTP/2 with frames.
    Http2Flood,
    /// The client went away in the handshake.
    Closed,
}

impl Reason {
    /// Every reason, for documentation.
    pub const ALL: [Self; 30] = [
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
        Self::ChainTooDeep,
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
        Self::MadeWay,
        Self::TooManyConnections,
        Self::Http2Flood,
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
            Self::ChainTooDeep => "chain-too-deep",
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
            Self::MadeWay => "made-way",
            Self::TooManyConnections => "too-many-connections",
            Self::Http2Flood => "http2-flood",
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
    /// What to change, and on whose side.
    pub advice: String,
    /// The configured CA that comes nearest to vouching for the client: its name, and what differs.
    pub nearest: Option<String>,
    /// The presented certificates in short form, the client's own first; empty if none came.
    pub chain: Vec<String>,
}

impl Refusal {
    /// A refusal with the advice that its reason always gives, and without the chain.
    pub fn new(reason: Reason, sentence: impl Into<String>) -> Self {
        Self {
            reason,
            sentence: clip(sentence.into(), SENTENCE_MAX),
            advice: reason.advice().to_owned(),
            nearest: None,
            chain: Vec::new(),
        }
    }

    /// The same, where more is known of what to change.
    #[must_use]
    pub fn advising(mut self, advice: impl Into<String>) -> Self {
        self.advice = clip(advice.into(), ADVICE_MAX);
        self
    }

    /// The same, with the configured CA that comes nearest.
    #[must_use]
    pub fn nearest(mut self, ca: impl Into<String>) -> Self {
        self.nearest = Some(clip(ca.into(), NEAREST_MAX));
        self
    }

    /// The same, with the chain that was presented.
    #[must_use]
    pub fn with_chain<'a>(mut self, chain: impl IntoIterator<Item = &'a [u8]>) -> Self {
        self.chain = short_chain(chain);
        self
    }
}
