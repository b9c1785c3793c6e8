//! What is worth knowing about a server's chain that works: dates, strength, and who will trust it.

use super::certificate::Certificate;
use super::chain::Chain;
use super::file::NamedFile;
use super::public_roots::PublicRoots;
use super::validity::{self, Validity};
use crate::config::Report;

/// The chain that a site will show.
pub(super) struct Chosen<'a> {
    pub(super) file: NamedFile<'a>,
    pub(super) certificates: &'a [Certificate],
    pub(super) chain: &'a Chain,
    pub(super) roots: PublicRoots<'a>,
    pub(super) now: i64,
    /// Whether callers can follow the chain; where not, an error has said so already.
    pub(super) connects: bool,
}

impl Chosen<'_> {
    /// Adds the warnings; whether browsers trust the chain.
    pub(super) fn warn(&self, report: &mut Report) -> bool {
        let path: Vec<&Certificate> =
            self.chain.path.iter().map(|at| &self.certificates[*at]).collect();
        for certificate in &path {
            self.warn_of_dates(certificate, report);
            self.warn_of_weakness(certificate, report);
        }
        self.warn_of_excess(&path, report);
        let offered: Vec<&Certificate> = path
            .first()
            .copied()
            .into_iter()
            .chain(
                self.certificates
                    .iter()
                    .filter(|c| !path.first().is_some_and(|leaf| leaf.der == c.der)),
            )
            .collect();
        let publicly_trusted = self.roots.trust(&offered, self.now);
        if self.connects && !publicly_trusted {
            self.warn_of_private_trust(&path, report);
        }
        publicly_trusted
    }

    /// Of one that has not begun; what runs out is told by the generation, which knows when to.
    fn warn_of_dates(&self, certificate: &Certificate, report: &mut Report) {
        let claims = &certificate.claims;
        if Validity::of(claims, self.now) != Validity::NotYet {
            return;
        }
        let remark = validity::remark(claims, self.now).unwrap_or_default();
        report
            .warning(self.file.span, format!("`{}` {remark}", claims.subject))
            .seen(format!("in `{}`", self.file.path.display()))
            .why("callers that check the dates refuse it until then")
            .fix("compare this machine's clock (`timedatectl`), or wait");
    }

    fn warn_of_weakness(&self, certificate: &Certificate, report: &mut Report) {
        let claims = &certificate.claims;
        if claims.version < 3 && !claims.is_self_issued() {
            self.weak(
                certificate,
                &format!("is X.509 version {}", claims.version),
                "many TLS libraries refuse it",
                report,
            );
        }
        // Nobody checks the signature that a root makes over itself.
        if certificate.is_signed_with_weak_hash() && !claims.is_self_issued() {
            let how = format!("is signed with `{}`", claims.signature_algorithm);
            self.weak(certificate, &how, "TLS libraries of today refuse such a signature", report);
        }
        if let Some(bits) = certificate.short_rsa_key() {
            let how = format!("has an RSA key of {bits} bits");
            self.weak(certificate, &how, "TLS libraries of today want 2048 at least", report);
        }
    }

    fn weak(&self, certificate: &Certificate, how: &str, why: &str, report: &mut Report) {
        report
            .warning(self.file.span, format!("`{}` {how}", certificate.claims.subject))
            .seen(format!("in `{}`", self.file.path.display()))
            .why(why)
            .fix("have it issued again");
    }

    fn warn_of_excess(&self, path: &[&Certificate], report: &mut Report) {
        let mut excess: Vec<&Certificate> = Vec::new();
        if let [_, .., top] = path
            && top.is_self_signed()
        {
            excess.push(top);
        }
        excess.extend(self.chain.strangers.iter().map(|at| &self.certificates[*at]));
        // Out of order, or with a gap: errors have been said, and these would only blur them.
        let is_complete =
            path.last().is_some_and(|top| top.is_self_signed() || self.roots.name_issuer_of(top));
        if excess.is_empty() || !is_complete || !self.chain.is_in_order() {
            return;
        }
        let subjects: Vec<_> = excess.iter().map(|c| format!("`{}`", c.claims.subject)).collect();
        report
            .warning(
                self.file.span,
                format!("{} holds more than its chain needs", self.file.says()),
            )
            .seen(subjects.join(", "))
            .why("callers have the root already; the rest makes every handshake larger")
            .fix("end the file with the last intermediate");
    }

    fn warn_of_private_trust(&self, path: &[&Certificate], report: &mut Report) {
        let (Some(leaf), Some(top)) = (path.first(), path.last()) else {
            return;
        };
        let says = self.file.says();
        if leaf.is_self_signed() {
            let (version, why) = match leaf.claims.version {
                1 | 2 => (
                    format!(" and of X.509 version {}", leaf.claims.version),
                    "a caller connects only if it does not check; many TLS libraries refuse the \
                        old version even when given it to trust",
                ),
                _ => (
                    String::new(),
                    "a caller connects only if it was given this very certificate, or does not \
                        check",
                ),
            };
            report
                .warning(self.file.span, format!("{says} is self-signed{version}"))
                .seen(format!("`{}`", leaf.claims.subject))
                .why(why)
                .fix("for callers on the public internet, use a certificate from a public CA");
            return;
        }
        let (issuer, subject) = (&top.claims.issuer, &top.claims.subject);
        report
            .warning(self.file.span, format!("{says} leads to no CA that is publicly trusted"))
            .seen(if top.is_self_signed() {
                format!("the chain ends at `{subject}`")
            } else {
                format!(
                    "the last certificate, `{subject}`, was issued by `{issuer}`, which is not in \
                     the file"
                )
            })
            .why("a platform that trusts your private CA connects; others hang up")
            .fix(if top.is_self_signed() {
                "if it is your own CA, all is well; if not, get a certificate from a public CA"
                    .to_owned()
            } else {
                format!(
                    "if `{issuer}` is an intermediate, append its certificate; \
                     if it is your own CA, all is well"
                )
            });
    }
}
