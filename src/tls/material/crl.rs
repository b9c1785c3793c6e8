//! The revocation lists of a site: files and folders, PEM and DER, several in one file.
//!
//! As strict as for CAs: a list that cannot be read or used, or that its CA did not sign, stops the start,
//! because what it says would silently not hold.

use std::path::{Path, PathBuf};

use super::client_ca::TrustedCa;
use super::der;
use super::file::NamedFile;
use super::pem::{self, Block, Contents};
use super::wrong_kind;
use crate::config::{Located, Report, Site};
use crate::tls::algorithms::Algorithms;
use crate::tls::revocation::{List, RevocationLists};

/// A list of a million entries has some 40 MB.
pub const CRL_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// What the files of revocation lists end in, in a folder: `c_rehash` makes names that end in `.r0`.
const ENDINGS: [&str; 4] = ["crl", "pem", "der", "r0"];

/// Whether a file in a folder of revocation lists is read, going by its name.
pub fn is_named_like_a_crl(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ENDINGS.contains(&ending))
}

/// Reads and judges a site's lists beside the CAs that are known; `None` after an error was reported.
pub(super) fn load(
    site: &Site,
    known: &[&TrustedCa],
    report: &mut Report,
) -> Option<RevocationLists> {
    let mut lists = Vec::new();
    let mut is_sound = true;
    for named in &site.client.crl {
        for path in files(named, report)? {
            match read(&named.with(path), report) {
                Some(found) => lists.extend(found),
                None => is_sound = false,
            }
        }
    }
    let lists = RevocationLists::newest_of(lists);
    let span = site.client.crl.first().map_or(0..0, |path| path.span.clone());
    for list in lists.iter() {
        let (file, issuer) = (list.file().display(), list.issuer_text());
        let cas: Vec<_> = known.iter().filter(|ca| ca.subject() == Some(list.issuer())).collect();
        let signed = |ca: &&&TrustedCa| {
            der::public_key_info(&ca.der)
                .is_some_and(|key| list.is_signed_by(key, Algorithms::of(&site.client)))
        };
        if !cas.is_empty() && !cas.iter().any(signed) {
            report
                .error(&span, format!("the revocation list `{file}` was not signed by its CA"))
                .seen(format!("`{issuer}`, whose key is in `client_ca`, did not sign it"))
                .why("what it says cannot be relied on")
                .fix(
                    "fetch it again from the CA; if the CA has a new key, add that to `client_ca`",
                );
            is_sound = false;
        }
    }
    is_sound.then_some(lists)
}

/// The file, or the files of the folder, in order.
fn files(named: &Located<PathBuf>, report: &mut Report) -> Option<Vec<PathBuf>> {
    let path = &named.value;
    if !path.is_dir() {
        return Some(vec![path.clone()]);
    }
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) => {
            NamedFile::new("crl", named).report_unreadable(&error, report);
            return None;
        }
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut files: Vec<_> = paths.filter(|path| is_named_like_a_crl(path)).collect();
    files.sort();
    if files.is_empty() {
        report
            .error(&named.span, format!("the folder `{}` holds no revocation list", path.display()))
            .why("every client would be refused")
            .fix("put the CA's lists there, with names that end in `.crl`");
        return None;
    }
    Some(files)
}

fn read(path: &Located<PathBuf>, report: &mut Report) -> Option<Vec<List>> {
    let file = NamedFile::new("crl", path);
    let bytes = file.read_up_to(CRL_BYTES_MAX, report)?;
    let mut lists = Vec::new();
    for der in ders(&bytes) {
        match List::read(der, &path.value) {
            Ok(list) => lists.push(list),
            Err(why) => {
                report
                    .error(
                        file.span,
                        format!("`crl` names `{}`, which {why}", path.value.display()),
                    )
                    .why("what it says could not be applied in full")
                    .fix("ask the CA for a complete list of its own certificates (RFC 5280)");
                return None;
            }
        }
    }
    if lists.is_empty() {
        report
            .error(file.span, format!("{} holds no revocation list", file.says()))
            .seen(wrong_kind::seen(&pem::contents(&bytes)))
            .fix("name the CA's list, PEM (`X509 CRL`) or DER");
        return None;
    }
    Some(lists)
}

/// The lists of a file; none if one of its blocks is damaged.
fn ders(bytes: &[u8]) -> Vec<Vec<u8>> {
    // DER first: to recognise it in full would cost more than reading it.
    if bytes.first() == Some(&0x30) {
        return vec![bytes.to_vec()];
    }
    let Contents::Pem(sections) = pem::contents(bytes) else {
        return Vec::new();
    };
    if sections.iter().any(|section| matches!(section.block, Block::Broken(_))) {
        return Vec::new();
    }
    let lists = sections.into_iter().filter_map(|section| match section.block {
        Block::Crl(der) => Some(der),
        _ => None,
    });
    lists.collect()
}
