//! The certificates that answer a CA's question in the handshake (RFC 8737), as ACME clients put them into a folder:
//! `NAME.crt.pem` and `NAME.key.pem`. What is not exactly such a certificate is none: it is shown to whoever asks.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use x509_parser::oid_registry::{Oid, asn1_rs::oid};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use super::key::{Opened, PrivateKey};
use super::pem::{self, Block, Contents};
use crate::config::open_unlinked;
use crate::identity::Claims;

/// What either file may take; they hold one certificate and one key.
const BYTES_MAX: u64 = 64 * 1024;

/// The extension with the hash of the answer, `id-pe-acmeIdentifier`.
const ACME_IDENTIFIER: Oid<'static> = oid!(1.3.6.1.5.5.7.1.31);

/// The certificate and key that answer one challenge.
pub struct Challenge(pub(in crate::tls) CertifiedKey);

impl Challenge {
    /// Reads those for a server name out of a folder. `None` if there is no such challenge.
    pub fn load(folder: &Path, name: &str) -> Option<Self> {
        // A server name of a ClientHello: letters, digits, dots and hyphens, which can lead nowhere but into the
        // folder.
        let is_plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if name.starts_with('.') || !name.bytes().all(is_plain) {
            return None;
        }
        let read = |end: &str| blocks(&folder.join(format!("{name}.{end}")));
        let certificate = read("crt.pem")?.into_iter().find_map(|block| match block {
            Block::Certificate(certificate) => Some(certificate),
            _ => None,
        })?;
        let opened = read("key.pem")?.into_iter().find_map(|block| match block {
            Block::Key(key) => Some(Opened::of(&key.as_rustls())),
            _ => None,
        })?;
        let Opened::Usable(signing, public_key_info) = opened else {
            return None;
        };
        let key = PrivateKey { signing, public_key_info, line: 0 };
        let claims = Claims::from_der(&certificate).ok()?;
        let names_only_it = claims.san_dns == [name]
            && claims.san_ip.is_empty()
            && claims.san_uri.is_empty()
            && claims.san_email.is_empty();
        if !names_only_it || !answers(&certificate) || !key.belongs_to(&claims.public_key) {
            return None;
        }
        Some(Self(CertifiedKey::new(vec![certificate], Arc::clone(&key.signing))))
    }
}

/// Whether it is made for a challenge: the extension is there, and critical.
fn answers(certificate: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(certificate).is_ok_and(|(_, certificate)| {
        let mut extensions = certificate.extensions().iter();
        extensions.any(|extension| extension.oid == ACME_IDENTIFIER && extension.critical)
    })
}

fn blocks(path: &Path) -> Option<Vec<Block>> {
    let bytes = bytes(&open_unlinked(path).ok()?).ok()?;
    match pem::contents(&bytes) {
        Contents::Pem(sections) => {
            Some(sections.into_iter().map(|section| section.block).collect())
        }
        _ => None,
    }
}

/// One of the two is a key, so the buffer must not move while it grows.
fn bytes(file: &File) -> io::Result<Zeroizing<Vec<u8>>> {
    let length = usize::try_from(file.metadata()?.len().min(BYTES_MAX)).unwrap_or(0);
    let mut bytes = Zeroizing::new(vec![0; length]);
    let mut file = file;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}
