//! The private key of a site: read, understood, and never shown.

use std::fmt;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign;
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::SigningKey;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::der::{self, KeyAlgorithm};
use super::file::{NamedFile, quoted};
use super::pem::{self, Block, Contents};
use super::wrong_kind::{Wanted, report_wrong_kind};
use crate::config::{Report, Site};

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

impl PrivateKey {
    fn read(der: &PrivateKeyDer<'_>, line: usize) -> Option<Self> {
        let signing = sign::any_supported_type(der).ok()?;
        let public_key_info = signing.public_key()?.to_vec();
        Some(Self { signing, public_key_info, line })
    }

    /// Whether this is the private half of `public_key`, the bits of a certificate's key.
    ///
    /// Bits, not the whole `SubjectPublicKeyInfo`: encoders differ in the parameters around them.
    pub(super) fn belongs_to(&self, public_key: &[u8]) -> bool {
        SubjectPublicKeyInfo::from_der(&self.public_key_info)
            .is_ok_and(|(_, info)| info.subject_public_key.data.as_ref() == public_key)
    }
}

/// Reads the usable keys of the site's key file, at least one; `None` after the problem was reported.
pub(super) fn load(site: &Site, report: &mut Report) -> Option<Vec<PrivateKey>> {
    let file = NamedFile::new("private_key", &site.private_key);
    let bytes = file.read(report)?;
    let contents = pem::contents(&bytes);
    let plain: Vec<(&PrivateKeyDer<'_>, usize)> = match &contents {
        Contents::Pem(sections) => sections
            .iter()
            .filter_map(|section| match &section.block {
                Block::Key(key) => Some((key, section.line)),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    };
    let Some((first, _)) = plain.first() else {
        report_wrong_kind(&file, Wanted::Key, &contents, report);
        return None;
    };
    let usable: Vec<PrivateKey> =
        plain.iter().filter_map(|(key, line)| PrivateKey::read(key, *line)).collect();
    if usable.is_empty() {
        report_unusable(&file, &der::key_algorithm(first), report);
        return None;
    }
    warn_if_others_may_read(&file, report);
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

#[cfg(unix)]
fn warn_if_others_may_read(file: &NamedFile<'_>, report: &mut Report) {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(mode) = std::fs::metadata(file.path).map(|data| data.mode() & 0o777) else {
        return;
    };
    // systemd guards its credentials by the folder they are in, whatever the mode of the file.
    let is_credential = std::env::var_os("CREDENTIALS_DIRECTORY")
        .is_some_and(|folder| !folder.is_empty() && file.path.starts_with(folder));
    let who = match mode {
        _ if is_credential => return,
        mode if mode & 0o004 != 0 => "everybody on this machine",
        mode if mode & 0o040 != 0 => "its whole group",
        _ => return,
    };
    report
        .warning(file.span, format!("{} {who} may read", file.says()))
        .seen(format!("mode {mode:04o}"))
        .fix(format!("`chmod 600 {}`", quoted(file.path)));
}

#[cfg(not(unix))]
fn warn_if_others_may_read(_file: &NamedFile<'_>, _report: &mut Report) {}
