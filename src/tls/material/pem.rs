//! From the bytes of a file to its blocks, whatever stands around them.
//!
//! Tolerant as OpenSSL is (text before and after blocks, CRLF, a byte order mark, several kinds in one
//! file) and exact about what each block is: messages depend on it. The only file that names
//! `rustls_pemfile`, which by itself skips in silence what it does not know and reads an old encrypted
//! key as a broken one; so blocks are cut out here, and it decodes those that are wanted.

use rustls::pki_types::CertificateDer;
use rustls_pemfile::Item;
use zeroize::Zeroizing;

use super::der;
use super::key_der::{Form, KeyDer, Locked, base64};

/// What a file turned out to hold. Nothing that can be shown: it may be a key.
pub(super) enum Contents {
    /// PEM, at least one section.
    Pem(Vec<Section>),
    /// One DER value and what it is.
    Der(der::Kind, Zeroizing<Vec<u8>>),
    /// Nothing but white space.
    Empty,
    /// Text in UTF-16, which some editors on Windows write.
    Utf16,
    /// Anything else.
    Unknown,
}

/// One `-----BEGIN ...-----` to its end.
#[derive(Debug)]
pub(super) struct Section {
    /// The label as written, such as `RSA PRIVATE KEY`.
    pub(super) label: String,
    /// The line of `BEGIN`, from 1.
    pub(super) line: usize,
    /// What it holds.
    pub(super) block: Block,
}

/// The content of a section.
#[derive(Debug)]
pub(super) enum Block {
    /// `CERTIFICATE` and its older spellings.
    Certificate(CertificateDer<'static>),
    /// A private key that anyone can read: PKCS#1, PKCS#8 or SEC1.
    Key(KeyDer),
    /// A private key behind a passphrase, in the new or the old form.
    EncryptedKey(Locked),
    /// A signing request.
    Csr,
    /// A revocation list.
    Crl(Vec<u8>),
    /// A public key.
    PublicKey,
    /// PKCS#7: certificates in a wrapping of their own.
    Pkcs7,
    /// Nothing this gateway needs, such as `EC PARAMETERS`.
    Other,
    /// Damaged: why.
    Broken(&'static str),
}

const NOT_BASE64: &str = "its text is not base64";

/// Recognises the contents of a file.
pub(super) fn contents(bytes: &[u8]) -> Contents {
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Contents::Utf16;
    }
    let sections = sections(bytes);
    if !sections.is_empty() {
        return Contents::Pem(sections);
    }
    if bytes.trim_ascii().is_empty() {
        return Contents::Empty;
    }
    match der::recognise(bytes) {
        Some(kind) => Contents::Der(kind, Zeroizing::new(bytes.to_vec())),
        None => Contents::Unknown,
    }
}

fn sections(bytes: &[u8]) -> Vec<Section> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let mut sections = Vec::new();
    let mut open: Option<Open<'_>> = None;
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if let Some(label) = marker(line, b"-----BEGIN ") {
            // A BEGIN inside a block: the END of the block before is lost.
            sections.extend(open.take().map(Open::unfinished));
            open = Some(Open::new(label, number + 1));
        } else if let Some(label) = marker(line, b"-----END ") {
            if let Some(begun) = open.take() {
                sections.push(if begun.label == label {
                    begun.finish()
                } else {
                    begun.unfinished()
                });
            }
        } else if let Some(begun) = &mut open {
            begun.add(line);
        }
    }
    sections.extend(open.map(Open::unfinished));
    sections
}

fn marker(line: &[u8], start: &[u8]) -> Option<String> {
    let label = line.strip_prefix(start)?.strip_suffix(b"-----")?;
    Some(String::from_utf8_lossy(label).into_owned())
}

/// A section whose end has not come yet.
struct Open<'a> {
    label: String,
    line: usize,
    /// Base64, as it stands in the file: no copy of a key is made.
    body: Vec<&'a [u8]>,
    /// Whether a header says that the body is encrypted (RFC 1421, section 4.6.1.1).
    encrypted: bool,
}

impl<'a> Open<'a> {
    fn new(label: String, line: usize) -> Self {
        Self { label, line, body: Vec::new(), encrypted: false }
    }

    fn add(&mut self, line: &'a [u8]) {
        // No colon is base64: such a line is a header.
        if line.contains(&b':') {
            self.encrypted |= line.starts_with(b"Proc-Type:") && line.ends_with(b"ENCRYPTED");
        } else {
            self.body.push(line);
        }
    }

    fn finish(self) -> Section {
        let block = match self.label.as_str() {
            label if label.ends_with("PRIVATE KEY") && self.encrypted => {
                Block::EncryptedKey(Locked::OldPem)
            }
            "ENCRYPTED PRIVATE KEY" => match base64(&self.body) {
                Some(der) => Block::EncryptedKey(Locked::Pkcs8(der.to_vec())),
                None => Block::Broken(NOT_BASE64),
            },
            "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => {
                self.decode("CERTIFICATE")
            }
            "PRIVATE KEY" => self.key(Form::Pkcs8),
            "RSA PRIVATE KEY" => self.key(Form::Pkcs1),
            "EC PRIVATE KEY" => self.key(Form::Sec1),
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => Block::Csr,
            "X509 CRL" => self.decode("X509 CRL"),
            "PUBLIC KEY" | "RSA PUBLIC KEY" => Block::PublicKey,
            "PKCS7" | "CMS" => Block::Pkcs7,
            _ => Block::Other,
        };
        self.into_section(block)
    }

    fn unfinished(self) -> Section {
        self.into_section(Block::Broken("its `-----END` line is missing"))
    }

    fn into_section(self, block: Block) -> Section {
        Section { label: self.label, line: self.line, block }
    }

    /// A key is decoded here: the decoder for the rest leaves copies.
    fn key(&self, form: Form) -> Block {
        match base64(&self.body) {
            Some(der) => Block::Key(KeyDer::new(form, der)),
            None => Block::Broken(NOT_BASE64),
        }
    }

    fn decode(&self, label: &str) -> Block {
        let mut pem = format!("-----BEGIN {label}-----\n").into_bytes();
        for line in &self.body {
            pem.extend_from_slice(line);
            pem.push(b'\n');
        }
        pem.extend_from_slice(format!("-----END {label}-----\n").as_bytes());
        match rustls_pemfile::read_one_from_slice(&pem) {
            // OpenSSL appends its trust settings to a TRUSTED CERTIFICATE; they are not part of it.
            Ok(Some((Item::X509Certificate(whole), _))) if self.label.starts_with("TRUSTED") => {
                Block::Certificate(CertificateDer::from(der::first_element(&whole).to_vec()))
            }
            Ok(Some((Item::X509Certificate(whole), _))) => Block::Certificate(whole),
            Ok(Some((Item::Crl(list), _))) => Block::Crl(list.to_vec()),
            _ => Block::Broken(NOT_BASE64),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pki::Authority;

    fn labels(text: &str) -> Vec<(String, usize, &'static str)> {
        sections(text.as_bytes())
            .into_iter()
            .map(|section| {
                let block = match section.block {
                    Block::Certificate(_) => "certificate",
                    Block::Key(_) => "key",
                    Block::EncryptedKey(_) => "encrypted key",
                    Block::Broken(why) => why,
                    Block::Other => "other",
                    _ => "another kind",
                };
                (section.label, section.line, block)
            })
            .collect()
    }

    #[test]
    fn text_around_blocks_crlf_and_a_byte_order_mark_do_not_matter() {
        let pem = Authority::root("A").unwrap().certificate_pem().to_owned();
        let plain = labels(&pem);
        assert_eq!(plain, [("CERTIFICATE".to_owned(), 1, "certificate")]);
        let crlf = format!("\u{feff}{}", pem.replace('\n', "\r\n"));
        assert_eq!(labels(&crlf), plain);
        let indented = pem.replace('\n', "  \n  ");
        assert_eq!(labels(&indented), plain);
        let printed = format!("Certificate:\n    Data: - 1\n{pem}\nthe end\n");
        assert_eq!(labels(&printed), [("CERTIFICATE".to_owned(), 3, "certificate")]);
    }

    #[test]
    fn an_old_encrypted_key_is_known_by_its_header() {
        let text = "-----BEGIN RSA PRIVATE KEY-----\r\nProc-Type: 4,ENCRYPTED\r\n\
            DEK-Info: AES-256-CBC,00\r\n\r\nAAAA\r\n-----END RSA PRIVATE KEY-----\r\n";
        assert_eq!(labels(text), [("RSA PRIVATE KEY".to_owned(), 1, "encrypted key")]);
    }

    #[test]
    fn a_block_cut_short_is_broken_and_hides_nothing_after_it() {
        let pem = Authority::root("A").unwrap().certificate_pem().to_owned();
        let cut = pem.lines().take(3).collect::<Vec<_>>().join("\n");
        let end = "its `-----END` line is missing";
        assert_eq!(
            labels(&format!("{cut}\n{pem}")),
            [("CERTIFICATE".to_owned(), 1, end), ("CERTIFICATE".to_owned(), 4, "certificate")]
        );
        let garbled = "-----BEGIN CERTIFICATE-----\n%%%%\n-----END CERTIFICATE-----\n";
        assert_eq!(labels(garbled), [("CERTIFICATE".to_owned(), 1, "its text is not base64")]);
    }

    #[test]
    fn what_is_no_pem_is_named() {
        assert!(matches!(contents(b" \r\n"), Contents::Empty));
        assert!(matches!(contents(b"\xFF\xFE-\0-\0"), Contents::Utf16));
        assert!(matches!(contents(b"<html>"), Contents::Unknown));
        let root = Authority::root("A").unwrap();
        assert!(matches!(contents(root.der()), Contents::Der(der::Kind::Certificate, _)));
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_read(bytes: Vec<u8>) {
            contents(&bytes);
        }

        #[test]
        fn any_lines_can_be_read(lines in prop::collection::vec(
            prop_oneof![
                Just("-----BEGIN CERTIFICATE-----".to_owned()),
                Just("-----END CERTIFICATE-----".to_owned()),
                Just("-----BEGIN -----".to_owned()),
                Just("-----END".to_owned()),
                any::<String>(),
            ],
            0..12,
        )) {
            contents(lines.join("\n").as_bytes());
        }
    }
}
