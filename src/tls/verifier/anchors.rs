//! The trust anchors of a site, and which of them are in force at a moment.
//!
//! webpki takes an anchor's word for ever and keeps nothing of it but name, key and name constraints;
//! the certificate stays beside it here, so that its dates and its limits can be judged.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use rustls::pki_types::TrustAnchor;

use super::super::material::{Certificate, TrustedCa};

/// The anchors of a site, the one that lasts longest first.
#[derive(Debug)]
pub(super) struct Anchors {
    anchors: Vec<TrustAnchor<'static>>,
    /// The certificate of each anchor, in the same order.
    certificates: Vec<Certificate>,
    /// The file of each anchor, likewise.
    files: Vec<PathBuf>,
    /// When all of them are valid, which is the usual case.
    all_valid: RangeInclusive<i64>,
}

impl Anchors {
    /// Makes anchors of CA certificates.
    ///
    /// # Errors
    /// The CA that cannot serve as an anchor.
    pub(super) fn new(mut cas: Vec<TrustedCa>) -> Result<Self, Box<(TrustedCa, webpki::Error)>> {
        // A CA that was renewed with its old key is there twice, and the path should end at the newer one.
        cas.sort_by_key(|ca| std::cmp::Reverse(ca.claims.not_after));
        let mut anchors = Vec::with_capacity(cas.len());
        let mut certificates = Vec::with_capacity(cas.len());
        let mut files = Vec::with_capacity(cas.len());
        let mut all_valid = i64::MIN..=i64::MAX;
        for ca in cas {
            match webpki::anchor_from_trusted_cert(&ca.der) {
                Ok(anchor) => anchors.push(anchor.to_owned()),
                Err(error) => return Err(Box::new((ca, error))),
            }
            let (start, end) = (*all_valid.start(), *all_valid.end());
            all_valid = start.max(ca.claims.not_before)..=end.min(ca.claims.not_after);
            certificates.push(Certificate { der: ca.der, claims: ca.claims });
            files.push(ca.file);
        }
        Ok(Self { anchors, certificates, files, all_valid })
    }

    /// All of them, in force or not.
    pub(super) fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// The file that one of them stands in.
    pub(super) fn file_of(&self, certificate: &Certificate) -> Option<&Path> {
        let at = self.certificates.iter().position(|one| one.der == certificate.der)?;
        self.files.get(at).map(PathBuf::as_path)
    }

    /// Those that are valid at `now`, Unix time.
    pub(super) fn in_force(&self, now: i64) -> InForce<'_> {
        if self.all_valid.contains(&now) {
            return InForce {
                anchors: Cow::Borrowed(&self.anchors),
                certificates: self.certificates.iter().collect(),
            };
        }
        let pairs = self.anchors.iter().zip(&self.certificates);
        let (anchors, certificates): (Vec<_>, Vec<_>) = pairs
            .filter(|(_, certificate)| is_in_force(certificate, now))
            .map(|(anchor, certificate)| (anchor.clone(), certificate))
            .unzip();
        InForce { anchors: Cow::Owned(anchors), certificates }
    }
}

/// Whether a certificate is valid at `now`, Unix time.
pub(super) fn is_in_force(certificate: &Certificate, now: i64) -> bool {
    let claims = &certificate.claims;
    (claims.not_before..=claims.not_after).contains(&now)
}

/// The anchors that may end a path now.
#[derive(Debug)]
pub(super) struct InForce<'a> {
    /// As webpki takes them.
    pub(super) anchors: Cow<'a, [TrustAnchor<'static>]>,
    /// The certificate of each, in the same order.
    pub(super) certificates: Vec<&'a Certificate>,
}

impl InForce<'_> {
    /// The certificate of one of [`InForce::anchors`].
    pub(super) fn certificate_of(&self, anchor: &TrustAnchor<'_>) -> Option<&Certificate> {
        // By place, not by content: two certificates of one CA may differ in what webpki does not keep.
        let at = self
            .anchors
            .iter()
            .position(|one| std::ptr::eq(std::ptr::from_ref(one).cast(), anchor))?;
        self.certificates.get(at).copied()
    }
}
