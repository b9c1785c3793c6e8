//! The private key of a site: read, understood, and never shown.

use std::fmt;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign;
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::SigningKey;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::der::{self, KeyAlgorithm};
use super::file::NamedFile;
use super::locked_key::{self, is_old_pem};
use super::opened_keys::OpenedKeys;
use super::pair_files::PairFiles;
use super::passphrase;
use super::pem::{self, Block, Contents, Section};
use super::wrong_kind::{Wanted, report_wrong_kind};
use crate::config::Report;

/// A private key that can sign handshakes.
#[derive(Debug)]
pub(super) struct PrivateKey {
    /// What signs.
    pub(super) signing: Arc<dyn SigningKey>,
    /// Its `SubjectPublicKeyInfo`, DER.
    pub(super) public_key_info: Vec<u8>,
    /// The line of its block.
    pub(super) line: usize,
}

/// What became of a key: something that signs, or why TLS has no use for it.
#[derive(Clone, Debug)]
pub(super) enum Opened {
    /// What signs, and its `SubjectPublicKeyInfo`.
    Usable(Arc<dyn SigningKey>, Vec<u8>),
    /// What it is instead.
    Unusable(KeyAlgorithm),
}

impl Opened {
    pub(super) fn of(der: &PrivateKeyDer<'_>) -> Self {
        let signing = sign::any_supported_type(der).ok();
        let usable = signing.and_then(|signing| {
            let public_key_info = signing.public_key()?.to_vec();
            Some(Self::Usable(signing, public_key_info))
        });
        usable.unwrap_or_else(|| Self::Unusable(der::key_algorithm(der)))
    }
}

impl PrivateKey {
    /// Whether this is the private half of `public_key`, the bits of a certificate's key.
    ///
    /// Bits, not the whole `SubjectPublicKeyInfo`: encoders differ in the parameters around them.
    pub(super) fn belongs_to(&self, public_key: &[u8]) -> bool {
        SubjectPublicKeyInfo::from_der(&self.public_key_info)
            .is_ok_and(|(_, info)| info.subject_public_key.data.as_ref() == public_key)
    }
}

/// Reads the usable keys of a key file, at least one; `None` after the problem was reported.
pub(super) fn load(
    files: PairFiles<'_>,
    opened: &mut OpenedKeys,
    report: &mut Report,
) -> Option<Vec<PrivateKey>> {
    let file = NamedFile::new("private_key", files.private_key);
    let bytes = file.read(report);
    // Read even where it is not needed, so that both files report.
    let passphrase = passphrase::file(files).map(|named| (named, passphrase::load(&named, report)));
    let bytes = bytes?;
    let contents = pem::contents(&bytes);
    let mut open = Vec::new();
    let mut locked: Vec<&Section> = Vec::new();
    if let Contents::Pem(sections) = &contents {
        for section in sections {
            match &section.block {
                Block::Key(key) => open.push((Opened::of(&key.as_rustls()), section.line)),
                Block::EncryptedKey(_) => locked.push(section),
                _ => {}
            }
        }
    }
    match &passphrase {
        Some((named, _)) if locked.is_empty() && !open.is_empty() => {
            locked_key::warn_of_idle_passphrase(named, &file, report);
        }
        Some((_, passphrase)) if !locked.is_empty() => {
            let passphrase = passphrase.as_ref()?;
            open.push(locked_key::unlock(&file, &locked, passphrase, opened, report)?);
        }
        _ => {}
    }
    if open.is_empty() {
        match locked.iter().any(|section| is_old_pem(section)) {
            true => locked_key::report_old_pem(&file, report),
            false => report_wrong_kind(&file, Wanted::Key, &contents, report),
        }
        return None;
    }
    let mut usable = Vec::new();
    let mut unusable = None;
    for (key, line) in open {
        match key {
            Opened::Usable(signing, public_key_info) => {
                usable.push(PrivateKey { signing, public_key_info, line });
            }
            Opened::Unusable(algorithm) => _ = unusable.get_or_insert(algorithm),
        }
    }
    if usable.is_empty() {
        report_unusable(&file, &unusable?, report);
        return None;
    }
    file.warn_if_others_may_read(report);
    Some(usable)
}

fn report_unusable(file: &NamedFile<'_>, algorithm: &KeyAlgorithm, report: &mut Report) {
    let what = format!("{} holds a key that TLS cannot use here", file.says());
    let entry = report.error(file.span, what).seen(algorithm.to_string());
    match algorithm {
        KeyAlgorithm::Unreadable => entry.fix("copy the file again, whole, from where it was made"),
        _ => entry.fix(
            "make a key of RSA 2048 to 8192 bits, EC P-256, P-384, P-521 or Ed25519, and have a \
                certificate issued for it",
        ),
    };
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa(bits) => write!(f, "RSA with {bits} bits"),
            Self::RsaPss => f.write_str("an RSA key restricted to PSS signatures"),
            Self::Ec(curve) => match curve.as_str() {
                "1.3.132.0.10" => f.write_str("an EC key on secp256k1"),
                "1.2.840.10045.3.1.7" | "1.3.132.0.34" | "1.3.132.0.35" => {
                    f.write_str("an EC key on a supported curve, but damaged")
                }
                _ => write!(f, "an EC key on the curve {curve}"),
            },
            Self::EcExplicit => f.write_str("an EC key whose curve is spelled out, not named"),
            Self::Dsa => f.write_str("a DSA key"),
            Self::Other(oid) => match oid.as_str() {
                "1.3.101.113" => f.write_str("an Ed448 key"),
                "1.3.101.110" | "1.3.101.111" => {
                    f.write_str("a key for key agreement, which cannot sign")
                }
                "1.3.101.112" => f.write_str("an Ed25519 key, but damaged"),
                _ => write!(f, "a key of the kind {oid}"),
            },
            Self::Unreadable => f.write_str("nothing that reads as a private key"),
        }
    }
}
