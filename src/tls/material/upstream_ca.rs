//! The CAs that an app's certificate must chain to.

use super::client_ca::{TrustedCa, bundle};
use super::file::NamedFile;
use crate::config::{Report, UpstreamTls};

/// Reads the files of `ca`, each CA once; `None` after an error was reported. Empty where the public CAs are meant.
pub(in crate::tls) fn load_upstream_ca(
    tls: &UpstreamTls,
    report: &mut Report,
) -> Option<Vec<TrustedCa>> {
    let mut all: Vec<TrustedCa> = Vec::new();
    let mut is_complete = true;
    for path in &tls.ca {
        let Some(found) = bundle::read(&NamedFile::new("ca", path), report) else {
            is_complete = false;
            continue;
        };
        for ca in found {
            if !all.iter().any(|known| known.claims.sha256 == ca.claims.sha256) {
                all.push(TrustedCa { der: ca.der, claims: ca.claims, file: path.value.clone() });
            }
        }
    }
    is_complete.then_some(all)
}
