//! The signature algorithms that a site accepts: those of the TLS library, and what `accept_legacy` adds.
//!
//! What is added is used for certificates and revocation lists. Of handshakes only a short RSA key changes
//! anything: aws-lc-rs verifies PKCS#1 signatures by such keys and no PSS ones, which TLS 1.3 would need, so
//! a site that accepts them speaks TLS 1.2 and asks for what can be verified.

use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA1_ASN1, ECDSA_P521_SHA1_ASN1, UnparsedPublicKey, VerificationAlgorithm,
};
use rustls::SignatureScheme;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{
    AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};
use webpki::aws_lc_rs as usual;

use crate::config::{Client, Legacy};

/// What webpki takes a list of.
type List = &'static [&'static dyn SignatureVerificationAlgorithm];

/// The algorithms of one site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Algorithms {
    sha1: bool,
    rsa_1024: bool,
}

impl Algorithms {
    /// Without anything old.
    pub(super) const USUAL: Self = Self { sha1: false, rsa_1024: false };

    /// Those of a site.
    pub(super) fn of(client: &Client) -> Self {
        Self { sha1: client.accepts(Legacy::Sha1), rsa_1024: client.accepts(Legacy::Rsa1024) }
    }

    /// Whether signatures over SHA-1 count.
    pub(super) fn accept_sha1(self) -> bool {
        self.sha1
    }

    /// The shortest RSA key, in bits, whose signatures count.
    pub(super) fn rsa_bits_min(self) -> usize {
        if self.rsa_1024 { 1024 } else { 2048 }
    }

    /// Those for certificates and revocation lists. Of two for one kind of key the first is used, so the
    /// one that takes more keys stands before the other.
    pub(super) fn for_certificates(self) -> List {
        match (self.sha1, self.rsa_1024) {
            (false, false) => USUAL,
            (true, false) => WITH_SHA1,
            (false, true) => WITH_1024,
            (true, true) => WITH_BOTH,
        }
    }

    /// Those for a client's proof that it holds its key, when `provider` has these.
    pub(super) fn for_handshakes(
        self,
        provider: WebPkiSupportedAlgorithms,
    ) -> WebPkiSupportedAlgorithms {
        if self.rsa_1024 {
            WebPkiSupportedAlgorithms { all: WITH_1024, mapping: HANDSHAKES_WITH_1024 }
        } else {
            provider
        }
    }
}

/// The usual ones, behind some others.
macro_rules! before_the_usual {
    ($($other:expr),*) => {
        &[
            $($other,)*
            usual::ECDSA_P256_SHA256,
            usual::ECDSA_P256_SHA384,
            usual::ECDSA_P256_SHA512,
            usual::ECDSA_P384_SHA256,
            usual::ECDSA_P384_SHA384,
            usual::ECDSA_P384_SHA512,
            usual::ECDSA_P521_SHA256,
            usual::ECDSA_P521_SHA384,
            usual::ECDSA_P521_SHA512,
            usual::ED25519,
            usual::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
            usual::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
            usual::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
            usual::RSA_PKCS1_2048_8192_SHA256,
            usual::RSA_PKCS1_2048_8192_SHA384,
            usual::RSA_PKCS1_2048_8192_SHA512,
            usual::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
            usual::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
            usual::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
            usual::ML_DSA_44,
            usual::ML_DSA_65,
            usual::ML_DSA_87,
        ]
    };
}

static USUAL: List = before_the_usual!();
static WITH_SHA1: List = before_the_usual!(&RSA_2048_SHA1, &P256_SHA1, &P521_SHA1);
static WITH_1024: List = before_the_usual!(&RSA_1024_SHA256, &RSA_1024_SHA512);
static WITH_BOTH: List =
    before_the_usual!(&RSA_1024_SHA1, &RSA_1024_SHA256, &RSA_1024_SHA512, &P256_SHA1, &P521_SHA1);

/// For TLS 1.2. Without PSS, which clients with a short key would choose and nobody here could verify, and
/// without SHA-384, for which aws-lc-rs takes no short key.
static HANDSHAKES_WITH_1024: &[(SignatureScheme, List)] = &[
    (
        SignatureScheme::ECDSA_NISTP256_SHA256,
        &[usual::ECDSA_P256_SHA256, usual::ECDSA_P384_SHA256, usual::ECDSA_P521_SHA256],
    ),
    (
        SignatureScheme::ECDSA_NISTP384_SHA384,
        &[usual::ECDSA_P384_SHA384, usual::ECDSA_P256_SHA384, usual::ECDSA_P521_SHA384],
    ),
    (
        SignatureScheme::ECDSA_NISTP521_SHA512,
        &[usual::ECDSA_P521_SHA512, usual::ECDSA_P384_SHA512, usual::ECDSA_P256_SHA512],
    ),
    (SignatureScheme::ED25519, &[usual::ED25519]),
    (SignatureScheme::RSA_PKCS1_SHA256, &[&RSA_1024_SHA256]),
    (SignatureScheme::RSA_PKCS1_SHA512, &[&RSA_1024_SHA512]),
];

/// One that webpki does not have.
#[derive(Debug)]
struct Old {
    key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
    by: &'static dyn VerificationAlgorithm,
}

/// sha1WithRSAEncryption with its NULL (RFC 3279 section 2.2.1).
const RSA_SHA1: AlgorithmIdentifier = AlgorithmIdentifier::from_slice(&[
    0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x05, 0x05, 0x00,
]);

/// ecdsa-with-SHA1 (RFC 3279 section 2.2.3).
const ECDSA_SHA1: AlgorithmIdentifier =
    AlgorithmIdentifier::from_slice(&[0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x01]);

static RSA_2048_SHA1: Old = rsa(RSA_SHA1, &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY);
static RSA_1024_SHA1: Old = rsa(RSA_SHA1, &signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY);
static RSA_1024_SHA256: Old =
    rsa(alg_id::RSA_PKCS1_SHA256, &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY);
static RSA_1024_SHA512: Old =
    rsa(alg_id::RSA_PKCS1_SHA512, &signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY);
// aws-lc-rs has none for P-384.
static P256_SHA1: Old =
    Old { key: alg_id::ECDSA_P256, signature: ECDSA_SHA1, by: &ECDSA_P256_SHA1_ASN1 };
static P521_SHA1: Old =
    Old { key: alg_id::ECDSA_P521, signature: ECDSA_SHA1, by: &ECDSA_P521_SHA1_ASN1 };

const fn rsa(signature: AlgorithmIdentifier, by: &'static dyn VerificationAlgorithm) -> Old {
    Old { key: alg_id::RSA_ENCRYPTION, signature, by }
}

impl SignatureVerificationAlgorithm for Old {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        // RFC 5480 section 2.2: a point on a curve, compressed or not, and nothing else.
        let is_point = matches!(public_key.first(), Some(0x02..=0x04));
        if self.key != alg_id::RSA_ENCRYPTION && !is_point {
            return Err(InvalidSignature);
        }
        let key = UnparsedPublicKey::new(self.by, public_key);
        key.verify(message, signature).map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_ones_are_those_of_the_tls_library() {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let ids = |list: &[&dyn SignatureVerificationAlgorithm]| -> Vec<_> {
            list.iter().map(|one| (one.public_key_alg_id(), one.signature_alg_id())).collect()
        };
        let all = provider.signature_verification_algorithms.all;
        assert_eq!(ids(Algorithms::USUAL.for_certificates()), ids(all));
        let handshakes =
            Algorithms::USUAL.for_handshakes(provider.signature_verification_algorithms);
        assert_eq!(ids(handshakes.all), ids(all));
    }
}
