//! The CAs that `crl_missing` names: those of whose certificates no revocation list need be there.
//!
//! Nothing is trusted for standing here. A CA that leads to none of `client_ca` is told, because whoever
//! names it believes that it matters.

use super::super::certificate::Certificate;
use super::super::der;
use super::super::file::NamedFile;
use super::{TrustedCa, bundle};
use crate::config::{CrlMissing, Report, Site};
use crate::tls::revocation::Excused;

/// The CAs in the files, when `known` are those of `client_ca`; `None` after an error was reported.
pub(super) fn cas(site: &Site, known: &[&TrustedCa], report: &mut Report) -> Option<Vec<Excused>> {
    let CrlMissing::AllowFor(files) = &site.client.crl_missing else {
        return Some(Vec::new());
    };
    let mut found: Vec<(Certificate, NamedFile<'_>)> = Vec::new();
    let mut is_complete = true;
    for path in files {
        let file = NamedFile::new("crl_missing", path);
        match bundle::read(&file, report) {
            Some(cas) => found.extend(cas.into_iter().map(|ca| (ca, file))),
            None => is_complete = false,
        }
    }
    let excused = found.iter().filter_map(|(ca, _)| {
        let name = der::content(&ca.claims.subject_der)?.to_vec();
        Some(Excused { name, key: der::public_key_info(&ca.der)?.to_vec() })
    });
    let excused = excused.collect();
    report_strangers(found, known, report);
    is_complete.then_some(excused)
}

/// Tells of those that are neither in `client_ca` nor below one of it.
fn report_strangers(
    mut waiting: Vec<(Certificate, NamedFile<'_>)>,
    known: &[&TrustedCa],
    report: &mut Report,
) {
    let known =
        known.iter().map(|ca| Certificate { der: ca.der.clone(), claims: ca.claims.clone() });
    let mut reached: Vec<Certificate> = known.collect();
    while let Some(issuer) = reached.pop() {
        let is_within = |ca: &Certificate| is_same_ca(ca, &issuer) || ca.is_issued_by(&issuer);
        let (within, others) = waiting.into_iter().partition::<Vec<_>, _>(|(ca, _)| is_within(ca));
        waiting = others;
        reached.extend(within.into_iter().map(|(ca, _)| ca));
    }
    for (ca, file) in waiting {
        report
            .warning(file.span, format!("{} holds a CA that does not lead to one of `client_ca`", file.says()))
            .seen(format!("`{}`, issued by `{}`", ca.claims.subject, ca.claims.issuer))
            .why("no client is let in by way of it, so that naming it changes nothing")
            .fix("name the CA that issues the clients' certificates, and with it the intermediates up to `client_ca`");
    }
}

fn is_same_ca(one: &Certificate, other: &Certificate) -> bool {
    one.claims.subject_der == other.claims.subject_der
        && one.claims.spki_sha256 == other.claims.spki_sha256
}
