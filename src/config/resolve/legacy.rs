//! `accept_legacy`: what has gone out of use and is accepted all the same, each with what it exposes one to.

use std::ops::Range;

use crate::config::model::{Client, Legacy, TlsVersion};
use crate::config::raw::{Reader, Table, Wrong};
use crate::config::report::Located;

/// The words, none twice; a warning for each.
pub(super) fn words(table: &mut Table<'_>, reader: &Reader<'_>) -> Vec<Legacy> {
    let mut words = Vec::new();
    for word in table.list("accept_legacy", word).unwrap_or_default() {
        if words.contains(&word.value) {
            let name = word.value.as_str();
            let twice = Wrong::new(format!("`{name}` is listed twice"), "remove one of the two");
            reader.wrong(&word.span, twice);
            continue;
        }
        if word.value == Legacy::Sha1 && table.has("pinned_spki_sha256") {
            let vain = Wrong::new(
                "`sha1` has no effect beside `pinned_spki_sha256`",
                "remove it: a pinned certificate may be signed in any way",
            );
            reader.wrong(&word.span, vain.why("nothing is trusted by its signature"));
            continue;
        }
        warn(&word, table.has("pinned_spki_sha256"), reader);
        words.push(word.value);
    }
    words
}

fn word(text: &str) -> Result<Legacy, Wrong> {
    let known = |word: &Legacy| word.as_str() == text;
    if let Some(word) = Legacy::ALL.into_iter().find(known) {
        return Ok(word);
    }
    let plain = text.to_ascii_lowercase().replace(['-', '_', '.', ' '], "");
    let meant = match plain.as_str() {
        "x509v1" | "v1" | "x509v2" => Some(Legacy::X509V1),
        "sha1" | "sha1withrsaencryption" => Some(Legacy::Sha1),
        "rsa1024" | "1024" => Some(Legacy::Rsa1024),
        _ => None,
    };
    let fix = match meant {
        Some(meant) => format!("write `\"{}\"`", meant.as_str()),
        None => {
            let all = Legacy::ALL.map(|word| format!("`\"{}\"`", word.as_str()));
            format!("write one of {}; nothing else that is old is accepted", all.join(", "))
        }
    };
    Err(Wrong::new(format!("`accept_legacy` knows no `{text}`"), fix))
}

fn warn(word: &Located<Legacy>, are_pinned: bool, reader: &Reader<'_>) {
    let (what, why, fix) = match word.value {
        Legacy::X509V1 if are_pinned => (
            "clients are let in with certificates of X.509 version 1",
            "such a certificate cannot say what its key is for, so that a server's opens this site too",
            "have the clients make certificates of version 3 (`openssl req -x509`), then remove the word",
        ),
        Legacy::X509V1 => (
            "clients are let in with certificates of X.509 version 1",
            "such a certificate cannot say what it is for, so that each one that these CAs issued opens this \
             site, also a server's",
            "have the clients' certificates issued again with an extension (`-extfile`), then remove the word",
        ),
        Legacy::Sha1 => (
            "signatures over SHA-1 are believed",
            "collisions of SHA-1 can be bought: who can have one certificate signed by such a CA may come to \
             hold another one, with any name",
            "have the CA issue again with SHA-256, then remove the word",
        ),
        Legacy::Rsa1024 => (
            "RSA keys of 1024 bits are believed, and this site speaks TLS 1.2 only",
            "such a key is within reach of those with much computing power, who can then be any client of \
             the CA; TLS 1.3 needs a signature that no such key is verified with here",
            "have keys of 2048 bits or more made and certified, then remove the word",
        ),
    };
    let mut report = reader.report.borrow_mut();
    report.warning(&word.span, what).seen(format!("`{}`", word.value.as_str())).why(why).fix(fix);
}

/// Complains of a version that the site cannot speak.
pub(super) fn version(
    client: &Client,
    version_min: TlsVersion,
    span: Option<Range<usize>>,
    reader: &Reader<'_>,
) {
    if version_min == TlsVersion::V1_2 || !client.accepts(Legacy::Rsa1024) {
        return;
    }
    let wrong = Wrong::new(
        "`version_min` and `rsa_1024` in `accept_legacy` leave no TLS version to speak",
        "write `version_min = \"1.2\"`, or take `rsa_1024` out of `accept_legacy`",
    );
    let why =
        "TLS 1.3 needs a signature (RSA-PSS) that no key below 2048 bits is verified with here";
    reader.wrong(&span.unwrap_or_default(), wrong.why(why));
}
