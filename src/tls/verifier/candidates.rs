//! Which of the certificates at hand may take part in a path at all.
//!
//! A client may present whatever fits into a handshake, and webpki tries every order of certificates
//! whose names fit together. So only those go in that the client's certificate can need by name; and
//! where two of them have one name, only those that an anchor vouches for, which no stranger can make.

use std::borrow::Cow;
use std::collections::BTreeSet;

use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

use crate::identity::Claims;

use super::super::algorithms::Algorithms;
use super::super::material::{Certificate, Signature, content};
use super::anchors::InForce;

/// How many signatures are checked to tell certificates of one name apart: about as many as certificates fit
/// into a handshake, so that no junk hides the right one. It bounds what a stranger can cost, to some 15 ms.
const SIGNATURES_MAX: usize = 256;

/// The names of whoever issued the certificates at hand, DER without its head: no anchor with another name can end a
/// path of them. The client's own is given by its claims, as not every certificate that is read is for webpki.
pub(super) fn issuers<'a>(
    claims: &'a Claims,
    presented: &'a [CertificateDer<'a>],
    helpers: &'a [Certificate],
) -> BTreeSet<Cow<'a, [u8]>> {
    let read = presented.iter().filter_map(Candidate::read);
    let of_presented = read.map(|candidate| Cow::Owned(candidate.certificate.issuer().to_vec()));
    let known = std::iter::once(claims).chain(helpers.iter().map(|helper| &helper.claims));
    let of_known = known.filter_map(|claims| content(&claims.issuer_der)).map(Cow::Borrowed);
    of_known.chain(of_presented).collect()
}

/// The certificates among `presented` and `helpers` that a path from `end_entity` to one of `anchors` may use.
pub(super) fn select<'a>(
    end_entity: &CertificateDer<'_>,
    presented: &'a [CertificateDer<'a>],
    helpers: &'a [Certificate],
    anchors: &InForce<'_>,
    algorithms: Algorithms,
) -> Vec<CertificateDer<'a>> {
    let Ok(end_entity) = EndEntityCert::try_from(end_entity) else {
        return Vec::new();
    };
    let ders = presented.iter().chain(helpers.iter().map(|helper| &helper.der));
    let mut waiting: Vec<Candidate<'a>> = ders.filter_map(Candidate::read).collect();
    let mut needed: Vec<Candidate<'a>> = Vec::new();
    let mut names = vec![end_entity.issuer().to_vec()];
    while let Some(name) = names.pop() {
        let (found, others) = waiting
            .into_iter()
            .partition::<Vec<_>, _>(|candidate| candidate.certificate.subject() == name);
        waiting = others;
        names.extend(found.iter().map(|candidate| candidate.certificate.issuer().to_vec()));
        needed.extend(found);
    }
    needed.sort_by_key(Candidate::place);
    needed.dedup_by(|one, other| one.der == other.der);
    if have_names_of_their_own(&needed) {
        // One issuer each: a single path, however long.
        return needed.iter().map(Candidate::borrowed).collect();
    }
    vouched_for(&needed, anchors, algorithms)
}

/// A certificate that webpki can read.
struct Candidate<'a> {
    der: &'a CertificateDer<'a>,
    certificate: EndEntityCert<'a>,
}

impl<'a> Candidate<'a> {
    fn read(der: &'a CertificateDer<'a>) -> Option<Self> {
        let certificate = EndEntityCert::try_from(der).ok()?;
        Some(Self { der, certificate })
    }

    fn borrowed(&self) -> CertificateDer<'a> {
        CertificateDer::from(self.der.as_ref())
    }

    /// An order in which the same bytes stand side by side.
    fn place(&self) -> &'a [u8] {
        self.der.as_ref()
    }
}

fn have_names_of_their_own(candidates: &[Candidate<'_>]) -> bool {
    let mut names: Vec<_> =
        candidates.iter().map(|candidate| candidate.certificate.subject()).collect();
    names.sort_unstable();
    names.windows(2).all(|pair| pair[0] != pair[1])
}

/// Those that an anchor signed, or one of those that it signed, and so on.
fn vouched_for<'a>(
    candidates: &[Candidate<'a>],
    anchors: &InForce<'_>,
    algorithms: Algorithms,
) -> Vec<CertificateDer<'a>> {
    let read =
        |candidate: &Candidate<'_>| Certificate::read(candidate.borrowed().into_owned()).ok();
    let mut waiting: Vec<(CertificateDer<'a>, Certificate)> = candidates
        .iter()
        .filter_map(|candidate| Some((candidate.borrowed(), read(candidate)?)))
        .collect();
    let mut issuers: Vec<Certificate> = anchors.certificates.iter().copied().cloned().collect();
    let mut vouched = Vec::new();
    let mut signatures = 0;
    while let Some(issuer) = issuers.pop() {
        let (issued, others) = waiting.into_iter().partition::<Vec<_>, _>(|(_, candidate)| {
            if candidate.claims.issuer_der != issuer.claims.subject_der {
                return false;
            }
            signatures += 1;
            signatures <= SIGNATURES_MAX
                && candidate.signature_under(&issuer, algorithms) == Signature::Right
        });
        waiting = others;
        for (der, certificate) in issued {
            vouched.push(der);
            issuers.push(certificate);
        }
    }
    vouched
}
