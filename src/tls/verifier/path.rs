//! The path from a client's certificate to a trust anchor.
//!
//! rustls-webpki builds it and checks signatures, dates, names and basic constraints. What it leaves
//! out is checked here on each path that it finds, before it settles for one: a path that fails ours
//! makes it look for another. `docs/reference/path-validation.md` lists who checks what.

use std::cell::RefCell;

use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, Error, VerifiedPath};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use crate::config::{Client, CrlCheck};
use crate::identity::Claims;
use crate::policy::{Reason, Refusal};

use super::super::algorithms::Algorithms;
use super::super::material::{Certificate, content, public_key_info};
use super::super::revocation::{Asked, Issuer, RevocationLists};
use super::anchors::InForce;
use super::seconds;
use super::usage::{self, Purpose};

/// Why there is no path.
#[derive(Debug)]
pub(super) enum Failure {
    /// webpki found none.
    Engine(Error),
    /// It found one, which our own checks refuse.
    Ours(Refusal),
}

/// A path that holds, above the client's own certificate.
#[derive(Debug)]
pub(super) struct Path {
    /// Its CAs, from the one that issued to the client to the anchor.
    pub(super) cas: Vec<Claims>,
    /// When the first of them, or of the revocation lists that were asked, runs out: Unix time.
    pub(super) valid_until: i64,
}

/// What a path is judged by.
pub(super) struct Judge<'a> {
    pub(super) anchors: &'a InForce<'a>,
    pub(super) rules: &'a Client,
    pub(super) lists: &'a RevocationLists,
    pub(super) algorithms: Algorithms,
}

impl Judge<'_> {
    /// Finds a path that holds.
    pub(super) fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        candidates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<Path, Failure> {
        let accepted = RefCell::new(None);
        let refused = RefCell::new(None);
        let seconds = seconds(now);
        let judge = |path: &VerifiedPath<'_>| match self.check(path, seconds) {
            Ok(path) => {
                accepted.replace(Some(path));
                Ok(())
            }
            Err(refusal) => {
                refused.borrow_mut().get_or_insert(refusal);
                Err(Error::UnknownIssuer)
            }
        };
        let end_entity = EndEntityCert::try_from(end_entity).map_err(Failure::Engine)?;
        let found = end_entity.verify_for_usage(
            self.algorithms.for_certificates(),
            &self.anchors.anchors,
            candidates,
            now,
            Purpose(self.rules.extended_key_usage),
            None,
            Some(&judge),
        );
        // A path that reached an anchor says more than those that did not.
        match (found, refused.into_inner()) {
            (Ok(_), _) => accepted.into_inner().ok_or(Failure::Engine(Error::UnknownIssuer)),
            (Err(_), Some(refusal)) => Err(Failure::Ours(refusal)),
            (Err(error), None) => Err(Failure::Engine(error)),
        }
    }

    /// Judges the CAs of a path that webpki holds to be right.
    fn check(&self, path: &VerifiedPath<'_>, now: i64) -> Result<Path, Refusal> {
        let rule = self.rules.extended_key_usage;
        let anchor = self.anchors.certificate_of(path.anchor());
        let root = anchor.ok_or_else(|| {
            Refusal::new(Reason::UnknownCa, "presented a chain that ends nowhere")
        })?;
        let anchor = &root.claims;
        usage::check_issuer(anchor, rule)?;
        let mut valid_until = anchor.not_after;
        let (mut cas, mut counted_by_anchor) = (Vec::new(), 0);
        for certificate in path.intermediate_certificates() {
            let claims = Claims::from_der(&certificate.der()).map_err(|malformed| {
                let sentence = format!("presented a chain with what is {malformed}");
                Refusal::new(Reason::Malformed, sentence)
            })?;
            usage::check_issuer(&claims, rule)?;
            valid_until = valid_until.min(claims.not_after);
            // RFC 5280 section 6.1.4 (l): a CA that certifies its own next key is no further level.
            counted_by_anchor += u32::from(!claims.is_self_issued());
            cas.push(claims);
        }
        if let Some(most) = anchor.usage.path_len.filter(|most| counted_by_anchor > *most) {
            let sentence = format!(
                "presented a chain with {counted_by_anchor} intermediates below the CA `{}`, which \
                 allows {most}",
                anchor.subject
            );
            let nearest =
                format!("`{}`: it vouches for fewer levels than the chain has", anchor.subject);
            return Err(Refusal::new(Reason::PathLength, sentence).nearest(nearest));
        }
        let (count, most) = (cas.len(), self.rules.chain_depth_max);
        if count > most {
            let sentence = format!(
                "presented a chain with {count} intermediates, of which `chain_depth_max` allows {most}"
            );
            let advice = format!(
                "set `chain_depth_max` in `[site.client]` to {count}, or have the client's certificate issued \
                 nearer to the root"
            );
            return Err(Refusal::new(Reason::ChainTooDeep, sentence).advising(advice));
        }
        if !self.rules.crl.is_empty() {
            valid_until = valid_until.min(self.check_revocation(path, root, now)?);
        }
        cas.push(anchor.clone());
        Ok(Path { cas, valid_until })
    }

    /// Asks the revocation lists about a client's certificate that `root` issued itself; the answer is when
    /// the list that was used runs out.
    pub(super) fn check_own(
        &self,
        asked: Asked<'_>,
        root: &Certificate,
        now: i64,
    ) -> Result<i64, Refusal> {
        if self.rules.crl.is_empty() {
            return Ok(i64::MAX);
        }
        let claims = &root.claims;
        let issuer = Issuer {
            name: &claims.subject,
            key: public_key_info(&root.der).unwrap_or_default(),
            key_usage: claims.usage.key,
        };
        let used = self.lists.check(asked, "a certificate", &issuer, self.rules, now)?;
        self.check_anchor(root)?;
        Ok(used.unwrap_or(i64::MAX))
    }

    /// Asks the revocation lists; the answer is when the first of those that were used runs out.
    fn check_revocation(
        &self,
        path: &VerifiedPath<'_>,
        root: &Certificate,
        now: i64,
    ) -> Result<i64, Refusal> {
        let mut until = i64::MAX;
        let mut issuers = path.intermediate_certificates();
        let mut certificate: &webpki::Cert<'_> = path.end_entity();
        let mut who = "a certificate".to_owned();
        loop {
            let next = issuers.next();
            let (claims, key) = match next {
                Some(issuer) => (
                    Claims::from_der(&issuer.der()).ok(),
                    issuer.subject_public_key_info().to_vec(),
                ),
                None => (
                    Some(root.claims.clone()),
                    public_key_info(&root.der).unwrap_or_default().to_vec(),
                ),
            };
            let issuer = Issuer {
                name: claims.as_ref().map_or("", |claims| &claims.subject),
                key: &key,
                key_usage: claims.as_ref().and_then(|claims| claims.usage.key),
            };
            let der = certificate.der();
            let (name, serial) = (certificate.issuer(), certificate.serial());
            let asked = Asked { der: &der, issuer: name, serial };
            let used = self.lists.check(asked, &who, &issuer, self.rules, now)?;
            until = until.min(used.unwrap_or(i64::MAX));
            match next {
                Some(next) if self.rules.crl_check == CrlCheck::Chain => {
                    who = format!("a chain with the CA `{}`,", issuer.name);
                    certificate = next;
                }
                Some(_) => return Ok(until),
                None => {
                    self.check_anchor(root)?;
                    return Ok(until);
                }
            }
        }
    }

    /// Asks the revocation lists about an intermediate that ends a path.
    fn check_anchor(&self, anchor: &Certificate) -> Result<(), Refusal> {
        let claims = &anchor.claims;
        if self.rules.crl_check == CrlCheck::Leaf || claims.is_self_issued() {
            return Ok(());
        }
        let unreadable =
            || Refusal::new(Reason::Malformed, "presented a chain to an unreadable CA");
        let (_, parsed) = X509Certificate::from_der(&anchor.der).map_err(|_| unreadable())?;
        let issuer = content(&claims.issuer_der).ok_or_else(unreadable)?;
        let asked = Asked { der: &anchor.der, issuer, serial: parsed.raw_serial() };
        self.lists.check_anchor(asked, &claims.subject)
    }
}
