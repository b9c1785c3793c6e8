//! The same door, further in.

use super::{der, pem};

/// The label of each PEM section and its line, from 1.
pub(crate) fn sections(bytes: &[u8]) -> Vec<(String, usize)> {
    match pem::contents(bytes) {
        pem::Contents::Pem(sections) => {
            sections.into_iter().map(|section| (section.label, section.line)).collect()
        }
        _ => Vec::new(),
    }
}

/// The `SubjectPublicKeyInfo` of a certificate, DER.
pub(crate) fn public_key_info(certificate: &[u8]) -> Option<&[u8]> {
    der::public_key_info(certificate)
}
