//! The certificate and key that a site shows to its callers.
//!
//! What would make callers hang up is an error: the gateway would only look as if it worked. Dates are
//! warnings, because an expired certificate must not take the other sites down with it.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::sign::{CertifiedKey, SigningKey};

use super::certificate::Certificate;
use super::chain::Chain;
use super::file::NamedFile;
use super::key;
use super::names;
use super::opened_keys::OpenedKeys;
use super::pair_files::PairFiles;
use super::pem::{self, Block, Contents, Section};
use super::public_roots::PublicRoots;
use super::server_warnings::Chosen;
use super::wrong_kind::{Wanted, report_wrong_kind, seen};
use crate::config::{OwnCertificate, Report, Site};
use crate::identity::Claims;

mod pair;
#[cfg(test)]
mod tests;

/// A server's certificate, ready for handshakes.
pub struct ServerMaterial {
    /// The certificates as the file has them: the server's own, then its intermediates.
    pub chain: Vec<CertificateDer<'static>>,
    /// What each of them says, in the same order.
    pub claims: Vec<Claims>,
    /// The private key of the first.
    pub key: Arc<dyn SigningKey>,
    /// Whether the chain leads to a root that browsers trust, leaving dates aside.
    pub publicly_trusted: bool,
}

impl ServerMaterial {
    /// Chain and key as rustls takes them.
    pub fn certified_key(&self) -> CertifiedKey {
        CertifiedKey::new(self.chain.clone(), Arc::clone(&self.key))
    }
}

impl fmt::Debug for ServerMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subjects: Vec<_> = self.claims.iter().map(|claims| &claims.subject).collect();
        f.debug_struct("ServerMaterial")
            .field("subjects", &subjects)
            .field("publicly_trusted", &self.publicly_trusted)
            .finish_non_exhaustive()
    }
}

/// Reads and judges a site's certificate and key at `now`, Unix time.
///
/// `None` if callers could not connect; every problem is in `report` either way.
pub fn load_server(
    site: &Site,
    now: i64,
    opened: &mut OpenedKeys,
    report: &mut Report,
) -> Option<ServerMaterial> {
    load_server_beside(PublicRoots::mozilla(), site, now, opened, report)
}

/// [`load_server`] with the public web's roots handed in.
pub(super) fn load_server_beside(
    roots: PublicRoots<'_>,
    site: &Site,
    now: i64,
    opened: &mut OpenedKeys,
    report: &mut Report,
) -> Option<ServerMaterial> {
    // Both files are read before either can end this, so that both report.
    let files = PairFiles::of_site(site);
    let certificates = read_certificates(files, report);
    let keys = key::load(files, opened, report);
    let certificates = certificates?;
    let pair = keys.as_deref().and_then(|keys| pair::find(files, &certificates, keys, report));
    let leaf = match &pair {
        Some(pair) => pair.certificate,
        None => certificates.iter().position(|one| !one.is_authority()).unwrap_or(0),
    };
    let chain = Chain::of(&certificates, leaf);
    let connects = is_sound(site, &certificates, &chain, roots, report);
    let named = names::check(site, &certificates[leaf].claims, report);
    let publicly_trusted = Chosen {
        file: NamedFile::new("certificate", &site.certificate),
        certificates: &certificates,
        chain: &chain,
        roots,
        now,
        connects,
    }
    .warn(report);
    let key = pair.filter(|_| connects && named)?.key;
    let (chain, claims) = certificates.into_iter().map(|c| (c.der, c.claims)).unzip();
    Some(ServerMaterial { chain, claims, key, publicly_trusted })
}

/// The certificates of a file in its order, at least one.
fn read_certificates(files: PairFiles<'_>, report: &mut Report) -> Option<Vec<Certificate>> {
    let file = NamedFile::new("certificate", files.certificate);
    let bytes = file.read(report)?;
    let contents = pem::contents(&bytes);
    let sections = match &contents {
        Contents::Pem(sections) => sections.as_slice(),
        _ => &[],
    };
    let mut certificates: Vec<Certificate> = Vec::new();
    let mut whole = true;
    for section in sections {
        let Block::Certificate(der) = &section.block else {
            continue;
        };
        match Certificate::read(der.clone()) {
            Ok(twin) if certificates.iter().any(|other| other.der == twin.der) => {}
            Ok(certificate) => certificates.push(certificate),
            Err(_) => {
                whole = false;
                let at = format!("at line {}: no X.509 certificate in DER", section.line);
                report
                    .error(file.span, format!("{} holds a damaged certificate", file.says()))
                    .seen(at)
                    .fix("copy the file again, whole, from where it was made");
            }
        }
    }
    let is_broken = |section: &Section| matches!(section.block, Block::Broken(_));
    if !certificates.is_empty() && sections.iter().any(is_broken) {
        whole = false;
        report
            .error(file.span, format!("{} is damaged", file.says()))
            .seen(seen(&contents))
            .fix("copy the file again, whole, from where it was made");
    }
    if whole && certificates.is_empty() {
        report_wrong_kind(&file, Wanted::Certificate, &contents, report);
        return None;
    }
    whole.then_some(certificates)
}

/// Reads the gateway's own certificate for an app, and its key. Whether the app can follow its chain is the app's
/// business: a private CA's leaf alone is usual.
pub(in crate::tls) fn load_own(
    own: &OwnCertificate,
    opened: &mut OpenedKeys,
    report: &mut Report,
) -> Option<(CertifiedKey, Vec<Claims>)> {
    let files = PairFiles::of_upstream(own);
    let certificates = read_certificates(files, report);
    let keys = key::load(files, opened, report);
    let (certificates, keys) = (certificates?, keys?);
    let pair = pair::find(files, &certificates, &keys, report)?;
    if pair.certificate != 0 {
        let chain = Chain::of(&certificates, pair.certificate);
        let file = NamedFile::new("certificate", files.certificate);
        report
            .error(file.span, format!("{} has its certificates in the wrong order", file.says()))
            .seen(subjects(&certificates, &(0..certificates.len()).collect::<Vec<_>>()))
            .why("apps read the certificate of the key first, then each one's issuer")
            .fix(format!("put them in this order: {}", subjects(&certificates, &chain.path)));
        return None;
    }
    let (chain, claims) = certificates.into_iter().map(|one| (one.der, one.claims)).unzip();
    Some((CertifiedKey::new(chain, pair.key), claims))
}

/// Whether a caller can follow the chain as the file has it.
fn is_sound(
    site: &Site,
    certificates: &[Certificate],
    chain: &Chain,
    roots: PublicRoots<'_>,
    report: &mut Report,
) -> bool {
    let file = NamedFile::new("certificate", &site.certificate);
    if !chain.is_in_order() {
        let all: Vec<usize> = (0..certificates.len()).collect();
        report
            .error(file.span, format!("{} has its certificates in the wrong order", file.says()))
            .seen(subjects(certificates, &all))
            .why("callers read the server's own certificate first, then each one's issuer")
            .fix(format!("put them in this order: {}", subjects(certificates, &chain.path)));
        return false;
    }
    let leaf = &certificates[chain.path[0]];
    if leaf.spells_out_its_curve() {
        report
            .error(
                file.span,
                format!("{} has a key whose curve is spelled out, not named", file.says()),
            )
            .seen(format!("`{}`", leaf.claims.subject))
            .why("TLS libraries refuse such a key (RFC 5480, section 2.1.1)")
            .fix(
                "make the key without `-param_enc explicit` and have the certificate issued again",
            );
        return false;
    }
    let top = &certificates[chain.top()];
    let is_public = chain
        .path
        .iter()
        .map(|at| &certificates[*at])
        .any(|one| roots.name_issuer_of(one) || roots.contain(one));
    let is_complete = top.is_self_signed() || is_public;
    // Only public CAs embed timestamps, and none of them issues from its root.
    let lacks_all = chain.path.len() == 1 && top.claims.has_sct;
    if is_complete || (chain.strangers.is_empty() && !lacks_all) {
        return true;
    }
    report_gap(&file, certificates, chain, report);
    false
}

/// Says what belongs between the certificates, or does not belong among them.
fn report_gap(
    file: &NamedFile<'_>,
    certificates: &[Certificate],
    chain: &Chain,
    report: &mut Report,
) {
    let top = &certificates[chain.top()];
    let issuer = &top.claims.issuer;
    let strangers = subjects(certificates, &chain.strangers);
    if chain.path.len() > 1 {
        report
            .error(
                file.span,
                format!("{} holds a certificate that has no part in its chain", file.says()),
            )
            .seen(format!("{strangers} issued none of the others"))
            .fix(format!(
                "take it out; if the chain goes on above `{}`, put `{issuer}` there",
                top.claims.subject
            ));
        return;
    }
    let namesake = chain
        .strangers
        .iter()
        .any(|at| certificates[*at].claims.subject_der == top.claims.issuer_der);
    let seen = if namesake {
        format!(
            "`{}`, and an issuer of the right name whose key did not sign it",
            top.claims.subject
        )
    } else if chain.strangers.is_empty() {
        format!("`{}` alone, issued by `{issuer}`", top.claims.subject)
    } else {
        format!("`{}`, issued by `{issuer}`, and {}", top.claims.subject, strangers)
    };
    report
        .error(
            file.span,
            format!("{} lacks the intermediate that issued its first certificate", file.says()),
        )
        .seen(seen)
        .why("callers know the CA's root only and cannot get from there to this certificate")
        .fix(format!("append the certificate of `{issuer}` (CAs call it chain or bundle)"));
}

/// The subjects of some certificates, for a message.
fn subjects(certificates: &[Certificate], which: &[usize]) -> String {
    let subject = |at: &usize| format!("`{}`", certificates[*at].claims.subject);
    which.iter().map(subject).collect::<Vec<_>>().join(", ")
}
