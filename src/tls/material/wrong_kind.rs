//! A file of the wrong kind: what it holds instead, and the command that makes the right one of it.

use super::der::Kind;
use super::file::{NamedFile, beside, quoted};
use super::pem::{Block, Contents, Section};
use crate::config::Report;

/// What the configuration wanted the file to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The server's certificate.
    Certificate,
    /// A private key.
    Key,
    /// A CA's certificate.
    TrustAnchor,
}

/// What the file holds, as far as the remedy depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// Something whole.
    Kind(Kind),
    /// A block that is damaged.
    Broken,
    /// Nothing that is known.
    Nothing,
}

/// Reports that `file` holds nothing of what is wanted.
pub(super) fn report_wrong_kind(
    file: &NamedFile<'_>,
    wanted: Wanted,
    contents: &Contents,
    report: &mut Report,
) {
    let found = found(contents);
    let is_der = matches!(contents, Contents::Der(..));
    let lacks = match (wanted, found) {
        (_, Found::Broken) => "is damaged",
        (Wanted::Key, Found::Kind(Kind::EncryptedKey)) => "is protected by a passphrase",
        (Wanted::Key, Found::Kind(Kind::Key))
        | (Wanted::Certificate, Found::Kind(Kind::Certificate))
        | (Wanted::Key, Found::Kind(Kind::Pkcs12)) => "is no PEM file",
        (Wanted::Certificate, Found::Kind(Kind::Pkcs12 | Kind::Pkcs7)) if is_der => {
            "is no PEM file"
        }
        (Wanted::TrustAnchor, Found::Kind(Kind::Pkcs12 | Kind::Pkcs7)) if is_der => {
            "is neither PEM nor a certificate in DER"
        }
        (Wanted::Certificate | Wanted::TrustAnchor, Found::Kind(Kind::Pkcs7)) => {
            "wraps its certificates in PKCS#7"
        }
        (Wanted::Key, _) => "holds no private key",
        _ => "holds no certificate",
    };
    let seen = seen(contents);
    let seen = match wanted {
        Wanted::Certificate | Wanted::Key => seen,
        Wanted::TrustAnchor => format!("{seen}; a trust anchor is a `CERTIFICATE` block"),
    };
    let entry = report.error(file.span, format!("{} {lacks}", file.says()));
    let entry = entry.seen(seen);
    let entry = match (wanted, found) {
        (Wanted::Key, Found::Kind(Kind::EncryptedKey)) => {
            entry.why("the gateway starts without anybody there to type it")
        }
        _ => entry,
    };
    entry.fix(fix(file, wanted, found, is_der));
}

fn fix(file: &NamedFile<'_>, wanted: Wanted, found: Found, is_der: bool) -> String {
    let key = file.key;
    let from = quoted(file.path);
    let to = |extension| quoted(&beside(file.path, extension));
    let inform = if is_der { "-inform DER " } else { "" };
    let convert =
        |command: String| format!("convert it with `{command}` and point `{key}` at the result");
    match (wanted, found) {
        (_, Found::Broken) => "copy the file again, whole, from where it was made".to_owned(),
        (Wanted::Key, Found::Kind(Kind::Pkcs12)) => {
            convert(format!("openssl pkcs12 -in {from} -nocerts -nodes -out {}", to("key")))
        }
        (_, Found::Kind(Kind::Pkcs12)) => {
            convert(format!("openssl pkcs12 -in {from} -nokeys -out {}", to("pem")))
        }
        (Wanted::Key, Found::Kind(Kind::Key)) => {
            convert(format!("openssl pkey -inform DER -in {from} -out {}", to("pem")))
        }
        (Wanted::Key, Found::Kind(Kind::EncryptedKey)) if is_der => format!(
            "convert it with `openssl pkcs8 -topk8 -v2 aes-256-cbc -inform DER -in {from} -out {}` (asks for the \
                passphrase, then for the new one) and point `{key}` at the result",
            to("pem")
        ),
        (Wanted::Key, Found::Kind(Kind::EncryptedKey)) => format!(
            "write the passphrase alone into a file (`(umask 077; cat > {0})`, the passphrase, Enter, Ctrl-D) and \
                add `private_key_passphrase_file = \"{0}\"` to this `[[site]]`; or take it off with `openssl pkey \
                -in {from} -out {1}` and point `{key}` at the result",
            to("pass"),
            to("pem")
        ),
        (Wanted::Key, Found::Kind(Kind::Certificate | Kind::Csr | Kind::PublicKey)) => format!(
            "point `{key}` at the private key that was made together with it, often a `.key` file"
        ),
        (Wanted::Key, _) => format!("point `{key}` at the PEM file with a `PRIVATE KEY` block"),
        (Wanted::Certificate, Found::Kind(Kind::Certificate)) => {
            convert(format!("openssl x509 -inform DER -in {from} -out {}", to("pem")))
        }
        (_, Found::Kind(Kind::Pkcs7)) => {
            convert(format!("openssl pkcs7 {inform}-in {from} -print_certs -out {}", to("pem")))
        }
        (Wanted::Certificate, Found::Kind(Kind::Csr)) => format!(
            "a signing request is what a CA is sent; point `{key}` at the certificate that the \
                CA sent back"
        ),
        (Wanted::Certificate, Found::Kind(Kind::Key | Kind::EncryptedKey)) => format!(
            "point `{key}` at the certificate that belongs to this key, and `private_key` at \
                this file"
        ),
        (Wanted::Certificate, _) => {
            format!("point `{key}` at the PEM file with the server's `CERTIFICATE` block")
        }
        (Wanted::TrustAnchor, Found::Kind(Kind::Key | Kind::EncryptedKey)) => format!(
            "point `{key}` at the CA's certificate (the file clients get, not the CA's key)"
        ),
        (Wanted::TrustAnchor, _) => {
            format!(
                "point `{key}` at the CA's certificate, PEM or DER, as the platform hands it out"
            )
        }
    }
}

/// What a file holds, in words.
pub(super) fn seen(contents: &Contents) -> String {
    match contents {
        Contents::Pem(sections) => blocks(sections),
        Contents::Der(kind, _) => der_name(*kind).to_owned(),
        Contents::Empty => "an empty file".to_owned(),
        Contents::Utf16 => "text in UTF-16; PEM is plain ASCII".to_owned(),
        Contents::Unknown => "neither PEM (`-----BEGIN ...`) nor DER".to_owned(),
    }
}

fn blocks(sections: &[Section]) -> String {
    /// Enough to recognise a file by.
    const SHOWN: usize = 6;
    let shown: Vec<String> = sections.iter().take(SHOWN).map(block).collect();
    let more = sections.len().saturating_sub(SHOWN);
    match (sections.len(), more) {
        (1, _) => format!("one block, {}", shown[0]),
        (count, 0) => format!("{count} blocks: {}", shown.join(", ")),
        (count, more) => format!("{count} blocks: {} and {more} more", shown.join(", ")),
    }
}

fn block(section: &Section) -> String {
    let label = section.label.escape_debug();
    match section.block {
        Block::Broken(why) => format!("`{label}` at line {}, but {why}", section.line),
        Block::EncryptedKey(_) if section.label != "ENCRYPTED PRIVATE KEY" => {
            format!("`{label}`, encrypted")
        }
        _ => format!("`{label}`"),
    }
}

fn der_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Certificate => "a certificate in DER",
        Kind::Key => "a private key in DER",
        Kind::EncryptedKey => "an encrypted private key in DER",
        Kind::Csr => "a signing request in DER",
        Kind::Crl => "a revocation list in DER",
        Kind::PublicKey => "a public key in DER",
        Kind::Pkcs12 => "PKCS#12 (key and certificates in one file)",
        Kind::Pkcs7 => "PKCS#7 (a bundle of certificates)",
    }
}

fn found(contents: &Contents) -> Found {
    match contents {
        // The first block that has a meaning of its own decides; damage explains everything else.
        Contents::Pem(sections) => sections
            .iter()
            .map(|section| match section.block {
                Block::Broken(_) => Found::Broken,
                Block::Certificate(_) => Found::Kind(Kind::Certificate),
                Block::Key(_) => Found::Kind(Kind::Key),
                Block::EncryptedKey(_) => Found::Kind(Kind::EncryptedKey),
                Block::Csr => Found::Kind(Kind::Csr),
                Block::Crl(_) => Found::Kind(Kind::Crl),
                Block::PublicKey => Found::Kind(Kind::PublicKey),
                Block::Pkcs7 => Found::Kind(Kind::Pkcs7),
                Block::Other => Found::Nothing,
            })
            .min_by_key(|found| match found {
                Found::Broken | Found::Kind(Kind::EncryptedKey) => 0,
                Found::Nothing => 2,
                Found::Kind(_) => 1,
            })
            .unwrap_or(Found::Nothing),
        Contents::Der(kind, _) => Found::Kind(*kind),
        Contents::Empty | Contents::Utf16 | Contents::Unknown => Found::Nothing,
    }
}
