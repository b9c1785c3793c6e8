//! Clients with a certificate of X.509 version 1 or 2, where the site accepts them.
//!
//! webpki reads none, so the shortest of paths is judged here: an anchor that issued the certificate itself, by
//! name and by signature. Such a certificate has no extensions, so it cannot say that it is no CA's; what it
//! issued is therefore never followed.

use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use crate::identity::Claims;
use crate::policy::{Reason, Refusal};

use super::super::material::{Certificate, Signature, content};
use super::super::revocation::Asked;
use super::explain::{self, Scene};
use super::path::{Judge, Path};
use super::{nearest, usage};

/// Whether a certificate is judged here.
pub(super) fn is_meant(claims: &Claims) -> bool {
    claims.version < 3
}

/// Finds the anchor that issued it.
pub(super) fn verify(
    own: &CertificateDer<'_>,
    judge: &Judge<'_>,
    scene: &Scene<'_>,
) -> Result<Path, Refusal> {
    let claims = &scene.own.claims;
    let malformed = |what: &str| Refusal::new(Reason::Malformed, format!("presented {what}"));
    let (_, parsed) = X509Certificate::from_der(own)
        .map_err(|_| malformed("a certificate that cannot be read"))?;
    // RFC 5280 section 4.1.2.9: extensions are of version 3 only.
    if !parsed.extensions().is_empty() {
        return Err(malformed("a certificate of version 1 or 2 with extensions"));
    }
    if parsed.tbs_certificate.signature != parsed.signature_algorithm {
        let sentence =
            "presented a certificate that names two signature algorithms for its one signature";
        return Err(Refusal::new(Reason::BadSignature, sentence));
    }
    if parsed.signature_value.unused_bits != 0 {
        return Err(malformed("a certificate whose signature is no whole number of bytes"));
    }
    let now = scene.now;
    if claims.not_after < now {
        return Err(explain::expired(scene, &scene.own));
    }
    if now < claims.not_before {
        return Err(explain::not_yet_valid(scene, &scene.own));
    }
    if claims.is_self_issued()
        && judge.anchors.certificates.iter().any(|ca| is_named_alike(ca, claims))
    {
        let sentence = "presented the certificate of a CA as its own";
        return Err(Refusal::new(Reason::WrongUsage, sentence));
    }
    let pairs = judge.anchors.anchors.iter().zip(&judge.anchors.certificates);
    let issuers = pairs.filter(|(_, ca)| {
        ca.claims.subject_der == claims.issuer_der
            && scene.own.signature_under(ca, judge.algorithms) == Signature::Right
    });
    let mut refused = None;
    for (anchor, certificate) in issuers {
        let verdict = usage::check_issuer(&certificate.claims, judge.rules.extended_key_usage)
            .and_then(|()| match anchor.name_constraints {
                None => Ok(()),
                Some(_) => Err(Refusal::new(
                    Reason::NameConstraint,
                    "presented a version 1 certificate of a CA that may vouch for some names only",
                )),
            })
            .and_then(|()| {
                let issuer = content(&claims.issuer_der).unwrap_or_default();
                let asked = Asked { der: own, issuer, serial: parsed.raw_serial() };
                judge.check_own(asked, certificate, now)
            });
        match verdict {
            Ok(until) => {
                let valid_until = until.min(certificate.claims.not_after);
                return Ok(Path { cas: vec![certificate.claims.clone()], valid_until });
            }
            Err(refusal) => {
                refused.get_or_insert(refusal);
            }
        }
    }
    Err(refused.unwrap_or_else(|| no_issuer(scene)))
}

fn is_named_alike(ca: &Certificate, claims: &Claims) -> bool {
    ca.claims.subject_der == claims.subject_der
}

fn no_issuer(scene: &Scene<'_>) -> Refusal {
    match nearest::way(scene) {
        Some(between) if !between.is_empty() => Refusal::new(
            Reason::OldX509,
            "presented an X.509 version 1 certificate that an intermediate issued; `accept_legacy` \
             takes only those that a CA of `client_ca` issued itself",
        ),
        _ => nearest::explain_break(scene),
    }
}
