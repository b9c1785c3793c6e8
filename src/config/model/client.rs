//! `[site.client]`: what a site asks of its clients' certificates.

use std::path::PathBuf;

use crate::config::report::Located;
use crate::config::rule::Rule;

/// `[site.client]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// What becomes of a client without a verified certificate.
    pub mode: ClientMode,
    /// What a client gets that is refused for its certificate.
    pub refused: Refused,
    /// Rules of which one must fit the client; empty admits whoever the CA vouches for.
    pub allow: Vec<Located<Rule>>,
    /// Rules of which none may fit, whatever `allow` says.
    pub deny: Vec<Located<Rule>>,
    /// SHA-256 of the public keys that are trusted without a CA; empty if `client_ca` is asked.
    pub pinned_spki_sha256: Vec<Located<[u8; 32]>>,
    /// What the extension of that name must say.
    pub extended_key_usage: ExtendedKeyUsage,
    /// Intermediates between a client's certificate and the CA.
    pub chain_depth_max: usize,
    /// Whether intermediates of `client_ca` end a path as roots do.
    pub partial_chain: bool,
    /// What is accepted although it has gone out of use; nothing twice.
    pub accept_legacy: Vec<Legacy>,
    /// Which CAs the gateway names to clients that ask which certificate to send.
    pub ca_hints: CaHints,
    /// Revocation lists: files, or folders of them; without any, nothing is asked.
    pub crl: Vec<Located<PathBuf>>,
    /// Which certificates of a path the lists are asked about.
    pub crl_check: CrlCheck,
    /// What to do with a certificate that no list is for.
    pub crl_missing: CrlMissing,
    /// What to do when the list has run out.
    pub crl_expired: OnDoubt,
}

/// `refused = "..."`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A TLS alert that says what is wrong.
    Alert,
    /// Nothing: the connection is closed without a word.
    Drop,
    /// Its handshake goes on, and its first request is answered with the reason, and no other.
    Answer,
}

impl Refused {
    /// Its word in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Drop => "drop",
            Self::Answer => "answer",
        }
    }
}

/// `mode = "..."`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientMode {
    /// Nobody is let in without one.
    Require,
    /// Who shows none is let in unverified; one that is shown must verify and be admitted.
    Optional,
    /// Everybody is let in, and the app is told what became of the certificate.
    Request,
}

impl ClientMode {
    /// Its word in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Require => "require",
            Self::Optional => "optional",
            Self::Request => "request",
        }
    }

    /// Of two modes, the one with the larger number lets in fewer clients.
    pub fn strictness(self) -> u8 {
        match self {
            Self::Require => 2,
            Self::Optional => 1,
            Self::Request => 0,
        }
    }

    /// Who reaches the app unverified, in words; `None` is nobody.
    pub fn unverified(self) -> Option<&'static str> {
        match self {
            Self::Require => None,
            Self::Optional => Some("clients without a certificate"),
            Self::Request => Some(
                "clients without a certificate, and with one that does not verify or is not admitted",
            ),
        }
    }
}

impl Client {
    /// What holds where a file says nothing.
    #[cfg(any(test, fuzzing))]
    pub fn of_defaults() -> Self {
        Self {
            mode: ClientMode::Require,
            refused: Refused::Alert,
            allow: Vec::new(),
            deny: Vec::new(),
            pinned_spki_sha256: Vec::new(),
            extended_key_usage: ExtendedKeyUsage::IfPresent,
            chain_depth_max: 5,
            partial_chain: false,
            accept_legacy: Vec::new(),
            ca_hints: CaHints::All,
            crl: Vec::new(),
            crl_check: CrlCheck::Leaf,
            crl_missing: CrlMissing::Deny,
            crl_expired: OnDoubt::Deny,
        }
    }

    /// Whether `accept_legacy` has this word.
    pub fn accepts(&self, legacy: Legacy) -> bool {
        self.accept_legacy.contains(&legacy)
    }
}

/// A word of `accept_legacy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Legacy {
    /// Clients' certificates of X.509 version 1 or 2.
    X509V1,
    /// Signatures over SHA-1 in certificates.
    Sha1,
    /// RSA keys of 1024 to 2047 bits.
    Rsa1024,
}

impl Legacy {
    /// The shortest RSA key that any word lets in.
    pub const RSA_BITS_MIN: usize = 1024;

    /// Every word, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::X509V1, Self::Sha1, Self::Rsa1024];

    /// As the file writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::X509V1 => "x509_v1",
            Self::Sha1 => "sha1",
            Self::Rsa1024 => "rsa_1024",
        }
    }
}

/// `crl_check = "..."`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrlCheck {
    /// The client's own.
    Leaf,
    /// The intermediates too.
    Chain,
}

/// `crl_missing = ...`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CrlMissing {
    /// Refuse the client.
    Deny,
    /// Let it in, whatever its CA.
    Allow,
    /// Let in what the CAs in these files issued.
    AllowFor(Vec<Located<PathBuf>>),
}

/// `crl_expired = "..."`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDoubt {
    /// Refuse the client.
    Deny,
    /// Let it in.
    Allow,
}

/// `extended_key_usage = "..."`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtendedKeyUsage {
    /// Where a certificate has the extension, it must name `clientAuth`.
    IfPresent,
    /// The same, and the client's own certificate must have it.
    Require,
    /// Whatever it says.
    Ignore,
}

/// `ca_hints = ...`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaHints {
    /// All CAs of `client_ca`.
    All,
    /// None: a client picks by itself.
    None,
    /// The CAs in these files.
    Files(Vec<Located<PathBuf>>),
}
