//! The names that the gateway announces: which CAs a client's certificate should come from.
//!
//! Nothing is trusted for standing here. Some clients send no certificate unless its issuer is among
//! the names, some choke on many of them; so what is announced can differ from what is trusted.

use std::collections::BTreeSet;

use super::super::file::NamedFile;
use super::bundle;
use crate::config::{CaHints, Report, Site};
use crate::identity::Claims;

/// The names to announce, DER, when `trusted` are the CAs of `client_ca`; `None` after an error was reported.
pub(super) fn names<'a>(
    site: &Site,
    trusted: impl Iterator<Item = &'a Claims>,
    report: &mut Report,
) -> Option<Vec<Vec<u8>>> {
    // A set: two CAs of one name (a CA that was given a new key) are one hint.
    let mut names = BTreeSet::new();
    let mut is_complete = true;
    match &site.client.ca_hints {
        CaHints::None => {}
        CaHints::All => names.extend(trusted.map(|claims| claims.subject_der.clone())),
        CaHints::Files(files) => {
            for path in files {
                match bundle::read(&NamedFile::new("ca_hints", path), report) {
                    Some(cas) => names.extend(cas.into_iter().map(|ca| ca.claims.subject_der)),
                    None => is_complete = false,
                }
            }
        }
    }
    is_complete.then(|| names.into_iter().collect())
}
