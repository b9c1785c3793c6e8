//! A key file behind a passphrase: opening it, and what to do about one that stays closed.

use super::file::{NamedFile, beside, quoted};
use super::key::Opened;
use super::key_der::Locked;
use super::opened_keys::OpenedKeys;
use super::passphrase::Passphrase;
use super::pem::{Block, Section};
use super::unlock::Closed;
use crate::config::Report;

/// Whether a block is a key in the encryption that OpenSSL wrote before it wrote PKCS#8.
pub(super) fn is_old_pem(section: &Section) -> bool {
    matches!(section.block, Block::EncryptedKey(Locked::OldPem))
}

/// Opens the one key behind the passphrase, which is at the line beside it; `None` after the problem was reported.
pub(super) fn unlock(
    file: &NamedFile<'_>,
    locked: &[&Section],
    passphrase: &Passphrase,
    opened: &mut OpenedKeys,
    report: &mut Report,
) -> Option<(Opened, usize)> {
    let [section] = locked else {
        report
            .error(file.span, format!("{} holds too many keys", file.says()))
            .seen(format!("{} encrypted keys", locked.len()))
            .why("only opening them would tell which is meant, and each takes its time")
            .fix("leave the one that belongs to the certificate alone in the file");
        return None;
    };
    let Block::EncryptedKey(Locked::Pkcs8(der)) = &section.block else {
        report_old_pem(file, report);
        return None;
    };
    match opened.open(der, passphrase) {
        Ok(key) => Some((key, section.line)),
        Err(closed) => {
            report_closed(file, &closed, report);
            None
        }
    }
}

fn report_closed(file: &NamedFile<'_>, closed: &Closed, report: &mut Report) {
    let (from, again) = (quoted(file.path), format!("encrypt it anew: {}", anew(file)));
    let says = file.says();
    let (what, fix) = match closed {
        Closed::Unreadable => (
            format!("{says} is damaged"),
            "copy the file again, whole, from where it was made".to_owned(),
        ),
        Closed::Unsupported(_) => {
            (format!("{says} is encrypted in a way that is not read here"), again)
        }
        Closed::TooCostly(_) => {
            (format!("{says} would take too long to open, at every reload"), again)
        }
        Closed::WrongPassphrase => (
            format!(
                "{says} another passphrase opens than the one of `private_key_passphrase_file`"
            ),
            format!(
                "put the right one into the passphrase file; `openssl pkey -in {from} -noout` asks for it, \
                 and takes no other"
            ),
        ),
    };
    report.error(file.span, what).seen(closed.to_string()).fix(fix);
}

/// Warns of a passphrase that opens nothing.
pub(super) fn warn_of_idle_passphrase(
    named: &NamedFile<'_>,
    key: &NamedFile<'_>,
    report: &mut Report,
) {
    report
        .warning(named.span, format!("`{}` is not needed", named.key))
        .seen(format!("the key in `{}` is not encrypted", key.path.display()))
        .why("whoever set this expects the key to be protected")
        .fix(format!(
            "encrypt the key with `openssl pkcs8 -topk8 -v2 aes-256-cbc -in {} -out {}` and use the result, or remove \
                this line",
            quoted(key.path),
            quoted(&beside(key.path, "p8")),
        ));
}

/// Reports a key in OpenSSL's old encryption.
pub(super) fn report_old_pem(file: &NamedFile<'_>, report: &mut Report) {
    report
        .error(file.span, format!("{} is encrypted in OpenSSL's old way", file.says()))
        .seen("`Proc-Type: 4,ENCRYPTED` above its text")
        .why("it stirs the passphrase by one round of MD5, which protects nothing, and is not read here")
        .fix(format!("convert it: {}", anew(file)));
}

/// How to have a key encrypted as it can be read here.
fn anew(file: &NamedFile<'_>) -> String {
    let (from, to) = (quoted(file.path), quoted(&beside(file.path, "p8")));
    format!(
        "`openssl pkcs8 -topk8 -v2 aes-256-cbc -in {from} -out {to}` (asks for the old passphrase, then for the \
            new one); then point `private_key` at the result, and `private_key_passphrase_file` at a file with the \
            new passphrase"
    )
}

#[cfg(test)]
mod tests;
