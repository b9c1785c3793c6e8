//! The CAs that client certificates must chain to.
//!
//! Strict: whatever is listed here may open the door, so a file that is not what it seems to be stops
//! the start. A root is an anchor; an intermediate only helps to find the way to one, as in OpenSSL, unless
//! the site says `partial_chain`.

use std::path::PathBuf;

use rustls::pki_types::CertificateDer;

use super::certificate::Certificate;
use super::file::NamedFile;
use super::public_roots::PublicRoots;
use super::validity::{self, Validity};
use super::{crl, der};
use crate::config::{Client, Legacy, Report, Site};
use crate::identity::Claims;
use crate::tls::algorithms::Algorithms;
use crate::tls::revocation::RevocationLists;

pub(super) mod bundle;
mod excused;
mod hints;
#[cfg(test)]
mod tests;

/// What a site believes client certificates by.
#[derive(Clone, Debug)]
pub struct ClientTrust {
    /// What a chain ends at: self-issued certificates, with `partial_chain` all. Empty only where the site
    /// pins keys.
    pub anchors: Vec<TrustedCa>,
    /// Other CA certificates of the same files, to complete the chains of clients that send only their own.
    pub intermediates: Vec<TrustedCa>,
    /// The names to announce to clients, DER, each once.
    pub hints: Vec<Vec<u8>>,
    /// What its CAs revoked.
    pub lists: RevocationLists,
}

impl ClientTrust {
    /// For a site that knows its clients by their keys.
    fn without_cas() -> Self {
        Self {
            anchors: Vec::new(),
            intermediates: Vec::new(),
            hints: Vec::new(),
            lists: RevocationLists::default(),
        }
    }
}

/// A CA certificate and where it came from.
#[derive(Clone, Debug)]
pub struct TrustedCa {
    /// The certificate.
    pub der: CertificateDer<'static>,
    /// What it says.
    pub claims: Claims,
    /// The file that holds it.
    pub file: PathBuf,
}

impl TrustedCa {
    /// Its name, DER without its head.
    pub(super) fn subject(&self) -> Option<&[u8]> {
        der::content(&self.claims.subject_der)
    }
}

/// Reads and judges a site's `client_ca` files at `now`, Unix time.
///
/// `None` if clients could not be judged by them; every problem is in `report` either way.
pub fn load_client_ca(site: &Site, now: i64, report: &mut Report) -> Option<ClientTrust> {
    load_client_ca_beside(PublicRoots::mozilla(), site, now, report)
}

/// [`load_client_ca`] with the public web's roots handed in.
pub(super) fn load_client_ca_beside(
    roots: PublicRoots<'_>,
    site: &Site,
    now: i64,
    report: &mut Report,
) -> Option<ClientTrust> {
    if !site.client.pinned_spki_sha256.is_empty() && site.client_ca.is_empty() {
        return Some(ClientTrust::without_cas());
    }
    if site.client_ca.is_empty() {
        // Whoever read the configuration has said so.
        return None;
    }
    let mut found: Vec<Found<'_>> = Vec::new();
    let mut sound = true;
    for path in &site.client_ca {
        let file = NamedFile::new("client_ca", path);
        let Some(authorities) = bundle::read(&file, report) else {
            sound = false;
            continue;
        };
        let authorities = authorities.into_iter();
        found.extend(authorities.map(|certificate| Found::new(certificate, file)));
    }
    for one in &mut found {
        one.is_anchor |= site.client.partial_chain;
    }
    let mut seen: Vec<[u8; 32]> = Vec::new();
    found.retain(|one| {
        let is_new = !seen.contains(&one.claims().sha256);
        seen.push(one.claims().sha256);
        is_new
    });
    if let Some(first) = found.first()
        && sound
        && !found.iter().any(|one| one.is_anchor)
    {
        report_no_root(first, &found, report);
        return None;
    }
    let (kept, out) = divide_by_date(found, now, report)?;
    let hints = hints::names(site, kept.iter().map(Found::claims), report);
    for one in &kept {
        one.warn(&site.client, report);
        sound &= one.check_not_public(roots, site, report);
    }
    for one in &out {
        sound &= one.check_not_public(roots, site, report);
    }
    let (anchors, intermediates) = kept.into_iter().partition::<Vec<_>, _>(|one| one.is_anchor);
    let mut anchors: Vec<_> = anchors.into_iter().map(Found::into_trusted).collect();
    let intermediates: Vec<_> = intermediates.into_iter().map(Found::into_trusted).collect();
    let known: Vec<_> = anchors.iter().chain(&intermediates).collect();
    let lists = crl::load(site, &known, report);
    let excused = excused::cas(site, &known, report);
    let (hints, lists) = (hints.filter(|_| sound)?, lists?.excusing(excused?));
    // The verifier trusts an anchor within its dates only. It knows the others too, so that it can say of
    // their clients what is wrong, and begins to trust one that has not begun when its time comes.
    anchors.extend(out.into_iter().filter(|one| one.is_anchor).map(Found::into_trusted));
    Some(ClientTrust { anchors, intermediates, hints, lists })
}

/// A CA certificate and the file that the configuration names for it.
struct Found<'a> {
    certificate: Certificate,
    file: NamedFile<'a>,
    /// Whether a path may end at it.
    is_anchor: bool,
}

impl<'a> Found<'a> {
    fn new(certificate: Certificate, file: NamedFile<'a>) -> Self {
        let is_anchor = certificate.claims.is_self_issued();
        Self { certificate, file, is_anchor }
    }

    fn claims(&self) -> &Claims {
        &self.certificate.claims
    }

    fn into_trusted(self) -> TrustedCa {
        TrustedCa {
            file: self.file.path.to_path_buf(),
            der: self.certificate.der,
            claims: self.certificate.claims,
        }
    }

    fn warn(&self, client: &Client, report: &mut Report) {
        let claims = self.claims();
        let mut warn = |how: &str, why: &str, fix: &str| {
            report
                .warning(self.file.span, format!("the CA `{}` {how}", claims.subject))
                .seen(format!("in `{}`", self.file.path.display()))
                .why(why)
                .fix(fix);
        };
        let ask = "ask whoever runs this CA for its successor";
        if claims.version < 3 {
            let why = "such a certificate cannot say that it is a CA; it is taken for one \
                because you listed it";
            warn("is X.509 version 1", why, ask);
        }
        let is_accepted = self.certificate.is_signed_with_sha1() && client.accepts(Legacy::Sha1);
        if self.certificate.is_signed_with_weak_hash() && !is_accepted {
            let how = format!("is signed with `{}`", claims.signature_algorithm);
            let why = if self.is_anchor {
                "an anchor is trusted without its signature, but what it issues is likely signed alike"
            } else {
                "such a signature can be forged, and chains through it are refused"
            };
            warn(&how, why, ask);
        }
        let bits_min = Algorithms::of(client).rsa_bits_min();
        if let Some(bits) = self.certificate.rsa_key_below(bits_min) {
            let how = format!("has an RSA key of {bits} bits");
            let why = "a key below 2048 bits can be broken, and signatures by it are refused";
            warn(&how, why, ask);
        }
    }

    /// A root of the public web vouches for whoever pays: it needs a rule that says who is meant.
    fn check_not_public(&self, roots: PublicRoots<'_>, site: &Site, report: &mut Report) -> bool {
        if !site.client.accept_legacy.is_empty() && roots.contain(&self.certificate) {
            report
                .error(
                    self.file.span,
                    format!("{} holds a CA that issues to everybody", self.file.says()),
                )
                .seen(format!(
                    "`{}`, a root of the public web, and `accept_legacy`",
                    self.claims().subject
                ))
                .why("anyone could try to get, or to forge, an old certificate below it")
                .fix(
                    "remove `accept_legacy`: public CAs have issued nothing of that kind for years",
                );
            return false;
        }
        let rules = &site.client.allow;
        // A rule about the CA alone would admit all that it issues to.
        let is_narrow = !rules.is_empty() && rules.iter().all(|rule| rule.value.names_the_client());
        if is_narrow || !roots.contain(&self.certificate) {
            return true;
        }
        report
            .error(
                self.file.span,
                format!("{} holds a CA that issues to everybody", self.file.says()),
            )
            .seen(format!("`{}`, a root of the public web", self.claims().subject))
            .why("anyone can get a certificate from it and would be let in")
            .fix(
                "say whose certificates you mean: `[site.client]` with `allow = [{ san_dns = \
                \"...\" }]`",
            );
        false
    }
}

fn report_no_root(first: &Found<'_>, found: &[Found<'_>], report: &mut Report) {
    let lines: Vec<String> = found
        .iter()
        .map(|one| format!("`{}`, issued by `{}`", one.claims().subject, one.claims().issuer))
        .collect();
    let top = found
        .iter()
        .find(|one| !found.iter().any(|other| one.certificate.is_issued_by(&other.certificate)))
        .unwrap_or(first);
    report
        .error(
            first.file.span,
            format!("{} holds intermediates only; their root is missing", first.file.says()),
        )
        .seen(lines.join("; "))
        .why("a chain is trusted when it ends at a root that you name")
        .fix(format!(
            "add the certificate of `{}` to `client_ca`, or trust the intermediates themselves: \
             `partial_chain = true` in `[site.client]`",
            top.claims().issuer
        ));
}

/// Divides what is in force from what has expired or has not begun; an error if no anchor is in force.
fn divide_by_date<'a>(
    found: Vec<Found<'a>>,
    now: i64,
    report: &mut Report,
) -> Option<(Vec<Found<'a>>, Vec<Found<'a>>)> {
    let (kept, out): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|one| Validity::of(one.claims(), now) == Validity::Valid);
    let has_anchor = kept.iter().any(|one| one.is_anchor);
    for one in &out {
        // That a root has run out is told by the generation, like all that runs out while it serves.
        if has_anchor && one.is_anchor && Validity::of(one.claims(), now) == Validity::Expired {
            continue;
        }
        let remark = validity::remark(one.claims(), now).unwrap_or_default();
        let what = format!("the CA `{}` {remark}", one.claims().subject);
        let seen = format!("in `{}`", one.file.path.display());
        if has_anchor || !one.is_anchor {
            report
                .warning(one.file.span, format!("{what}, and vouches for nobody"))
                .seen(seen)
                .fix("take it out of the file once no client needs it");
        } else {
            report
                .error(one.file.span, what)
                .seen(format!("{seen}; no other root is in force"))
                .why("every client would be refused")
                .fix(
                    "ask whoever runs this CA for its successor; compare this machine's clock \
                    (`timedatectl`)",
                );
        }
    }
    has_anchor.then_some((kept, out))
}
