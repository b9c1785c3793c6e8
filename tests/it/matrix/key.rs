//! Keys of every kind: those that this house signs with by itself, and those that take the `openssl` command.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rcgen::{KeyPair, PublicKeyData as _, SigningKey as _};
use rustls::sign::{Signer, SigningKey};
use rustls::{SignatureAlgorithm, SignatureScheme};

use super::der::{bits, integer, oid, seq, tlv};
use super::openssl::openssl;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    P256,
    P384,
    P521,
    Ed25519,
    Rsa1024,
    Rsa2048,
    Rsa3072,
    Rsa4096,
    /// A modulus of 16384 bits that nobody has the factors of.
    Rsa16384,
    /// 2048 bits and an exponent of as many.
    RsaHugeExponent,
    /// A key that says of itself that it is for RSASSA-PSS alone.
    RsaPss,
    Dsa,
    Ed448,
    P224,
    Secp256k1,
    /// P-256 with the curve spelled out instead of named.
    ExplicitP256,
}

/// How a certificate is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signing {
    EcSha1,
    EcSha256,
    EcSha384,
    EcSha512,
    RsaMd5,
    RsaSha1,
    RsaSha256,
    RsaSha384,
    RsaSha512,
    PssSha256,
    PssSha384,
    PssSha512,
    DsaSha256,
    Ed25519,
    Ed448,
}

/// A key pair.
#[derive(Clone, Debug)]
pub struct Key(Arc<Pair>);

#[derive(Debug)]
struct Pair {
    kind: Kind,
    pem: String,
    spki: Vec<u8>,
    ours: Option<KeyPair>,
}

/// Large keys take long to make, and one of each kind does for all.
static MADE: Mutex<BTreeMap<Kind, Key>> = Mutex::new(BTreeMap::new());

impl Key {
    pub fn new(kind: Kind) -> Self {
        let ours = match kind {
            Kind::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            Kind::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            Kind::P521 => &rcgen::PKCS_ECDSA_P521_SHA512,
            Kind::Ed25519 => &rcgen::PKCS_ED25519,
            _ => return MADE.lock().unwrap().entry(kind).or_insert_with(|| made(kind)).clone(),
        };
        let pair = KeyPair::generate_for(ours).unwrap();
        let (pem, spki) = (pair.serialize_pem(), pair.subject_public_key_info());
        Self(Arc::new(Pair { kind, pem, spki, ours: Some(pair) }))
    }

    /// The subjectPublicKeyInfo.
    pub fn public(&self) -> &[u8] {
        &self.0.spki
    }

    /// How such a key signs if nobody says otherwise.
    pub fn usual(&self) -> Signing {
        match self.0.kind {
            Kind::P256 | Kind::P224 | Kind::Secp256k1 | Kind::ExplicitP256 => Signing::EcSha256,
            Kind::P384 => Signing::EcSha384,
            Kind::P521 => Signing::EcSha512,
            Kind::Ed25519 => Signing::Ed25519,
            Kind::RsaPss => Signing::PssSha256,
            Kind::Dsa => Signing::DsaSha256,
            Kind::Ed448 => Signing::Ed448,
            _ => Signing::RsaSha256,
        }
    }

    pub fn sign(&self, how: Signing, message: &[u8]) -> Vec<u8> {
        match &self.0.ours {
            Some(pair) if how == self.usual() => pair.sign(message).unwrap(),
            // Nobody has the private half.
            _ if self.0.pem.is_empty() => vec![1; self.0.spki.len() / 256 * 256],
            _ => self.sign_by_openssl(how, message),
        }
    }

    fn sign_by_openssl(&self, how: Signing, message: &[u8]) -> Vec<u8> {
        use Signing as S;
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes);
        write("key", self.0.pem.as_bytes()).unwrap();
        write("message", message).unwrap();
        let digest = match how {
            S::RsaMd5 => "-md5",
            S::EcSha1 | S::RsaSha1 => "-sha1",
            S::EcSha256 | S::RsaSha256 | S::PssSha256 | S::DsaSha256 => "-sha256",
            S::EcSha384 | S::RsaSha384 | S::PssSha384 => "-sha384",
            S::EcSha512 | S::RsaSha512 | S::PssSha512 => "-sha512",
            S::Ed25519 | S::Ed448 => {
                let words = ["pkeyutl", "-sign", "-rawin", "-inkey", "key", "-in", "message"];
                return openssl(folder.path(), &words).expect("a signature");
            }
        };
        let mut words = vec!["dgst", digest, "-sign", "key"];
        if matches!(how, S::PssSha256 | S::PssSha384 | S::PssSha512) {
            words.extend(["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"]);
        }
        words.push("message");
        openssl(folder.path(), &words).expect("a signature")
    }
}

/// Has openssl make a key.
fn made(kind: Kind) -> Key {
    // Three primes are found sooner than two of half the size, and no verifier can tell.
    let rsa = |options: &str| format!("-algorithm RSA {options}");
    let options = match kind {
        Kind::Rsa1024 => rsa("-pkeyopt rsa_keygen_bits:1024"),
        Kind::Rsa2048 => rsa("-pkeyopt rsa_keygen_bits:2048"),
        Kind::Rsa3072 => rsa("-pkeyopt rsa_keygen_bits:3072 -pkeyopt rsa_keygen_primes:3"),
        Kind::Rsa4096 => rsa("-pkeyopt rsa_keygen_bits:4096 -pkeyopt rsa_keygen_primes:4"),
        Kind::RsaPss => "-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048".to_owned(),
        Kind::Ed448 => "-algorithm ED448".to_owned(),
        Kind::P224 => "-algorithm EC -pkeyopt ec_paramgen_curve:P-224".to_owned(),
        Kind::Secp256k1 => "-algorithm EC -pkeyopt ec_paramgen_curve:secp256k1".to_owned(),
        Kind::ExplicitP256 => {
            "-algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit"
                .to_owned()
        }
        // The parameters stand in RFC 7919's place for DSA: OpenSSL has them by name.
        Kind::Dsa => return dsa(),
        Kind::Rsa16384 => return rsa_without_private_half(kind, 16384, &[1, 0, 1]),
        Kind::RsaHugeExponent => {
            return rsa_without_private_half(kind, 2048, &[0x5b; 256]);
        }
        _ => panic!("{kind:?} is made by rcgen"),
    };
    let folder = tempfile::tempdir().unwrap();
    let words: Vec<_> = std::iter::once("genpkey").chain(options.split(' ')).collect();
    from_openssl(kind, folder.path(), &words)
}

fn dsa() -> Key {
    let folder = tempfile::tempdir().unwrap();
    let parameters = "genpkey -genparam -algorithm DSA -pkeyopt dsa_paramgen_bits:2048 \
                      -pkeyopt dsa_paramgen_q_bits:256 -out parameters";
    let words: Vec<_> = parameters.split_whitespace().collect();
    openssl(folder.path(), &words).expect("parameters");
    from_openssl(Kind::Dsa, folder.path(), &["genpkey", "-paramfile", "parameters"])
}

fn from_openssl(kind: Kind, folder: &Path, words: &[&str]) -> Key {
    let pem = openssl(folder, words).expect("a key");
    std::fs::write(folder.join("key"), &pem).unwrap();
    let spki = openssl(folder, &["pkey", "-in", "key", "-pubout", "-outform", "DER"]);
    let (pem, spki) = (String::from_utf8(pem).unwrap(), spki.expect("a public key"));
    Key(Arc::new(Pair { kind, pem, spki, ours: None }))
}

fn rsa_without_private_half(kind: Kind, size: usize, exponent: &[u8]) -> Key {
    let mut modulus = vec![0xb7; size / 8 + 1];
    modulus[0] = 0;
    let public = seq(&[integer(&modulus), integer(exponent)]);
    let algorithm = seq(&[oid("1.2.840.113549.1.1.1"), tlv(5, &[])]);
    let spki = seq(&[algorithm, bits(&public)]);
    Key(Arc::new(Pair { kind, pem: String::new(), spki, ours: None }))
}

impl Signing {
    /// The AlgorithmIdentifier.
    pub fn identifier(self) -> Vec<u8> {
        let rsa = |last: u8| seq(&[oid(&format!("1.2.840.113549.1.1.{last}")), tlv(5, &[])]);
        let pss = |hash: u8, salt: u8| {
            let hash = seq(&[oid(&format!("2.16.840.1.101.3.4.2.{hash}")), tlv(5, &[])]);
            let mask = seq(&[oid("1.2.840.113549.1.1.8"), hash.clone()]);
            let salt = integer(&[salt]);
            let parameters = seq(&[tlv(0xa0, &hash), tlv(0xa1, &mask), tlv(0xa2, &salt)]);
            seq(&[oid("1.2.840.113549.1.1.10"), parameters])
        };
        match self {
            Self::EcSha1 => seq(&[oid("1.2.840.10045.4.1")]),
            Self::EcSha256 => seq(&[oid("1.2.840.10045.4.3.2")]),
            Self::EcSha384 => seq(&[oid("1.2.840.10045.4.3.3")]),
            Self::EcSha512 => seq(&[oid("1.2.840.10045.4.3.4")]),
            Self::RsaMd5 => rsa(4),
            Self::RsaSha1 => rsa(5),
            Self::RsaSha256 => rsa(11),
            Self::RsaSha384 => rsa(12),
            Self::RsaSha512 => rsa(13),
            Self::PssSha256 => pss(1, 32),
            Self::PssSha384 => pss(2, 48),
            Self::PssSha512 => pss(3, 64),
            Self::DsaSha256 => seq(&[oid("2.16.840.1.101.3.4.3.2")]),
            Self::Ed25519 => seq(&[oid("1.3.101.112")]),
            Self::Ed448 => seq(&[oid("1.3.101.113")]),
        }
    }
}

/// As a client's key in a handshake: with any scheme, whether the gateway offered it or not.
impl SigningKey for Key {
    fn choose_scheme(&self, _: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        Some(Box::new(self.clone()))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match self.usual() {
            Signing::EcSha256 | Signing::EcSha384 | Signing::EcSha512 => SignatureAlgorithm::ECDSA,
            Signing::Ed25519 => SignatureAlgorithm::ED25519,
            Signing::Ed448 => SignatureAlgorithm::ED448,
            Signing::DsaSha256 => SignatureAlgorithm::DSA,
            _ => SignatureAlgorithm::RSA,
        }
    }
}

impl Signer for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let how = match self.usual() {
            // What both versions of TLS take from any RSA key.
            Signing::RsaSha256 => Signing::PssSha256,
            how => how,
        };
        Ok(Self::sign(self, how, message))
    }

    fn scheme(&self) -> SignatureScheme {
        match self.usual() {
            Signing::EcSha256 => SignatureScheme::ECDSA_NISTP256_SHA256,
            Signing::EcSha384 => SignatureScheme::ECDSA_NISTP384_SHA384,
            Signing::EcSha512 => SignatureScheme::ECDSA_NISTP521_SHA512,
            Signing::Ed25519 => SignatureScheme::ED25519,
            Signing::Ed448 => SignatureScheme::ED448,
            // RFC 8446 section 4.2.3: `rsa_pss_pss_sha256`, and DSA with SHA-256 by RFC 5246.
            Signing::PssSha256 => SignatureScheme::Unknown(0x0809),
            Signing::DsaSha256 => SignatureScheme::Unknown(0x0402),
            _ => SignatureScheme::RSA_PSS_SHA256,
        }
    }
}

/// PEM of DER.
pub fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines = text.as_bytes().chunks(64);
    let lines: Vec<_> = lines.map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
