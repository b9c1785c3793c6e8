//! The names that the gateway announces: which CAs a client's certificate should come from.
//!
//! Nothing is trusted for standing here. Some clients send no certificate unless its issuer is among
//! the names, some choke on many of them; so what is announced can differ from what is trusted.

use std::collections::BTreeSet;
use std::ops::Range;

use super::super::file::NamedFile;
use super::bundle;
use crate::config::{CaHints, Report, Site};
use crate::identity::Claims;

/// What the names may take together, two bytes for the length of each included. The message that they stand in holds
/// 65,535 bytes (RFC 8446, section 4.3.2); what else it says has room beside them.
const BYTES_MAX: usize = 65_535 - 511;

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
    is_complete &= do_fit(&names, site, report);
    is_complete.then(|| names.into_iter().collect())
}

/// Whether the names go into the handshake: with more, no client could read it.
fn do_fit(names: &BTreeSet<Vec<u8>>, site: &Site, report: &mut Report) -> bool {
    let bytes: usize = names.iter().map(|name| 2 + name.len()).sum();
    if bytes <= BYTES_MAX {
        return true;
    }
    let (key, first) = match &site.client.ca_hints {
        CaHints::Files(files) => ("ca_hints", files.first()),
        CaHints::All | CaHints::None => ("client_ca", site.client_ca.first()),
    };
    let span: Range<usize> = first.map(|path| path.span.clone()).unwrap_or_default();
    report
        .error(&span, format!("the names of the {} CAs of `{key}` do not go into the handshake", names.len()))
        .seen(format!("they take {bytes} bytes, and {BYTES_MAX} have room"))
        .why("clients are told of them, and none could read what it is told")
        .fix("set `ca_hints = \"none\"` in `[site.client]`, or to a file with the CAs that clients must be told of");
    false
}
