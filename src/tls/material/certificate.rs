//! One certificate of a file: its bytes, what it says, and whether another one vouches for it.

use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use webpki::RawPublicKeyEntity;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::der;
use crate::identity::{Claims, Malformed};
use crate::tls::algorithms::Algorithms;

/// The longest RSA key whose signatures the algorithms of aws-lc-rs verify.
const RSA_BITS_MAX: usize = 8192;

/// A certificate that was read.
#[derive(Clone, Debug)]
pub(in crate::tls) struct Certificate {
    /// As it goes on the wire.
    pub(in crate::tls) der: CertificateDer<'static>,
    /// What it says.
    pub(in crate::tls) claims: Claims,
}

impl Certificate {
    pub(in crate::tls) fn read(der: CertificateDer<'static>) -> Result<Self, Malformed> {
        let claims = Claims::from_der(&der)?;
        Ok(Self { der, claims })
    }

    /// Whether it says of itself that it is a CA's.
    pub(super) fn is_authority(&self) -> bool {
        self.claims.ca == Some(true)
    }

    /// Whether `issuer` issued this: by name, and by signature unless nobody here can check it.
    pub(in crate::tls) fn is_issued_by(&self, issuer: &Self) -> bool {
        self.claims.issuer_der == issuer.claims.subject_der
            && self.signature_by(issuer) != Signature::Wrong
    }

    /// Whether it signed itself: trusted by those who know it, and by nobody else.
    pub(in crate::tls) fn is_self_signed(&self) -> bool {
        self.is_issued_by(self)
    }

    /// Whether the key of `issuer` made the signature.
    fn signature_by(&self, issuer: &Self) -> Signature {
        self.signature_under(issuer, Algorithms::USUAL)
    }

    /// The same, with the algorithms of a site.
    pub(in crate::tls) fn signature_under(
        &self,
        issuer: &Self,
        algorithms: Algorithms,
    ) -> Signature {
        // aws-lc-rs verifies SHA-384 with no short key.
        let is_gap = issuer.short_rsa_key().is_some()
            && self.claims.signature_algorithm == "sha384WithRSAEncryption";
        let can_be_checked =
            self.can_be_checked(algorithms) && issuer.can_check(algorithms) && !is_gap;
        match self.verifies_under(issuer, algorithms) {
            Some(true) => Signature::Right,
            Some(false) if can_be_checked => Signature::Wrong,
            _ => Signature::Unchecked,
        }
    }

    fn verifies_under(&self, issuer: &Self, algorithms: Algorithms) -> Option<bool> {
        let spki = SubjectPublicKeyInfoDer::from(der::public_key_info(&issuer.der)?);
        // A bare key, because webpki takes no version 1 certificate.
        let key = RawPublicKeyEntity::try_from(&spki).ok()?;
        let (_, parsed) = X509Certificate::from_der(&self.der).ok()?;
        let message = parsed.tbs_certificate.as_ref();
        let signature = parsed.signature_value.data.as_ref();
        // Not by any other: a signature by an algorithm that the certificate does not name is wrong.
        let named = der::signature_algorithm(&self.der)?;
        let mut algorithms = algorithms
            .for_certificates()
            .iter()
            .filter(|algorithm| algorithm.signature_alg_id().as_ref() == named)
            .peekable();
        algorithms.peek()?;
        Some(
            algorithms
                .any(|algorithm| key.verify_signature(*algorithm, message, signature).is_ok()),
        )
    }

    /// Whether a signature of this algorithm that does not verify is certainly wrong.
    fn can_be_checked(&self, algorithms: Algorithms) -> bool {
        let is_sha1 = self.is_signed_with_sha1();
        is_sha1 && algorithms.accept_sha1()
            || matches!(
                self.claims.signature_algorithm.as_str(),
                "sha256WithRSAEncryption"
                    | "sha384WithRSAEncryption"
                    | "sha512WithRSAEncryption"
                    | "ecdsa-with-SHA256"
                    | "ecdsa-with-SHA384"
                    | "ecdsa-with-SHA512"
                    | "Ed25519"
            )
    }

    /// Whether this certificate's key is one that signatures are verified with here.
    fn can_check(&self, algorithms: Algorithms) -> bool {
        key_flaw(&self.claims, algorithms).is_none()
    }

    /// Whether its key is on a curve given by numbers instead of by name.
    pub(in crate::tls) fn spells_out_its_curve(&self) -> bool {
        der::spells_out_its_curve(&self.der)
    }

    /// Whether it is signed over SHA-1 or MD5, which can be forged.
    pub(in crate::tls) fn is_signed_with_weak_hash(&self) -> bool {
        self.is_signed_with_sha1() || self.claims.signature_algorithm.starts_with("md5")
    }

    /// Whether it is signed over SHA-1.
    pub(in crate::tls) fn is_signed_with_sha1(&self) -> bool {
        let algorithm = &self.claims.signature_algorithm;
        algorithm.starts_with("sha1") || algorithm.ends_with("SHA1")
    }

    /// An RSA key below 2048 bits, and its size.
    pub(in crate::tls) fn short_rsa_key(&self) -> Option<usize> {
        self.rsa_key_below(2048)
    }

    /// An RSA key of fewer bits than these, and its size.
    pub(in crate::tls) fn rsa_key_below(&self, least: usize) -> Option<usize> {
        self.claims.rsa_bits.filter(|bits| *bits < least)
    }
}

/// What keeps signatures by the key of a certificate from being verified here.
pub(in crate::tls) fn key_flaw(claims: &Claims, algorithms: Algorithms) -> Option<&'static str> {
    let is_known = claims.key.starts_with("EC P-") || claims.key == "Ed25519";
    match claims.rsa_bits {
        Some(bits) if bits < algorithms.rsa_bits_min() => Some("too short"),
        Some(bits) if bits > RSA_BITS_MAX => Some("too long"),
        None if !is_known => Some("of a kind that is not accepted"),
        _ => None,
    }
}

/// The outcome of checking a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tls) enum Signature {
    /// Made by that key.
    Right,
    /// Not made by that key.
    Wrong,
    /// Made in a way that is not supported here.
    Unchecked,
}
