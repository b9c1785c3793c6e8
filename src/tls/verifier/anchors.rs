//! The trust anchors of a site, and which of them are in force at a moment.
//!
//! webpki takes an anchor's word for ever and keeps nothing of it but name, key and name constraints;
//! the certificate stays beside it here, so that its dates and its limits can be judged.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
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
    /// Where those of each name stand, so that their number costs a handshake nothing. A name is DER without its head.
    by_name: HashMap<Vec<u8>, Vec<usize>>,
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
        let mut by_name: HashMap<Vec<u8>, Vec<usize>> = HashMap::new();
        for (place, ca) in cas.into_iter().enumerate() {
            match webpki::anchor_from_trusted_cert(&ca.der) {
                Ok(anchor) => {
                    by_name.entry(anchor.subject.to_vec()).or_default().push(place);
                    anchors.push(anchor.to_owned());
                }
                Err(error) => return Err(Box::new((ca, error))),
            }
            certificates.push(Certificate { der: ca.der, claims: ca.claims });
            files.push(ca.file);
        }
        Ok(Self { anchors, certificates, files, by_name })
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

    /// Those of these names that are valid at `now`, Unix time. A name is DER without its head.
    pub(super) fn in_force(&self, now: i64, names: &BTreeSet<Cow<'_, [u8]>>) -> InForce<'_> {
        let places = names.iter().filter_map(|name| self.by_name.get(name.as_ref())).flatten();
        let mut places: Vec<usize> = places.copied().collect();
        places.sort_unstable();
        let pairs = places.into_iter().filter_map(|place| {
            let (anchor, certificate) = (self.anchors.get(place)?, self.certificates.get(place)?);
            is_in_force(certificate, now).then(|| (anchor.clone(), certificate))
        });
        let (anchors, certificates) = pairs.unzip();
        InForce { anchors, certificates }
    }
}

/// Whether a certificate is valid at `now`, Unix time.
pub(super) fn is_in_force(certificate: &Certificate, now: i64) -> bool {
    let claims = &certificate.claims;
    (claims.not_before..=claims.not_after).contains(&now)
}

/// The anchors that may end a path now, the one that lasts longest first.
#[derive(Debug)]
pub(super) struct InForce<'a> {
    /// As webpki takes them.
    pub(super) anchors: Vec<TrustAnchor<'static>>,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Claims;
    use crate::pki::Authority;

    const DAY: i64 = 24 * 60 * 60;

    #[test]
    fn of_all_anchors_those_are_taken_that_bear_a_name_and_hold() {
        let now = time::OffsetDateTime::now_utc().unix_timestamp();
        let ca = |name, last| {
            let made = Authority::draft(name).valid(now - 9 * DAY..now + last * DAY);
            let der = made.authority().unwrap().der().clone();
            let claims = Claims::from_der(&der).unwrap();
            TrustedCa { der, claims, file: PathBuf::new() }
        };
        let cas = [ca("One", 3), ca("Two", 4), ca("One", 5), ca("One", -1), ca("Three", 6)];
        let subjects: Vec<Vec<u8>> = ["One", "Three", "Nobody"]
            .map(|name| {
                webpki::anchor_from_trusted_cert(&ca(name, 1).der).unwrap().subject.to_vec()
            })
            .into();
        let anchors = Anchors::new(cas.to_vec()).unwrap();
        let taken = |names: &[usize]| {
            let names =
                names.iter().map(|place| Cow::Borrowed(subjects[*place].as_slice())).collect();
            let found = anchors.in_force(now, &names);
            for (anchor, certificate) in found.anchors.iter().zip(&found.certificates) {
                let of_it = found.certificate_of(anchor).unwrap();
                assert_eq!(of_it.der, certificate.der);
            }
            let days = found.certificates.iter().map(|ca| (ca.claims.not_after - now) / DAY);
            days.collect::<Vec<_>>()
        };
        assert!(taken(&[]).is_empty() && taken(&[2]).is_empty());
        assert_eq!(taken(&[0]), [5, 3]);
        assert_eq!(taken(&[0, 1]), [6, 5, 3]);
    }
}
