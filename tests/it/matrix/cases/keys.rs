//! Which keys and which signatures.

use super::super::forge::{Line, Made, line};
use super::super::key::{Kind, Signing};
use super::super::{Case, Invalid, LET_IN, Silent, Valid, case};

/// A client with a key of this kind.
fn own(kind: Kind) -> Made {
    line(0).own(|own| _ = own.key(kind)).made()
}

/// A client below a CA with a key of this kind, which signs so.
fn by(kind: Kind, signing: Signing) -> Made {
    below(kind, signing).made()
}

fn below(kind: Kind, signing: Signing) -> Line {
    line(1).own(|own| own.signing = Some(signing)).above(1, |ca| _ = ca.key(kind))
}

pub fn cases() -> Vec<Case> {
    use Kind as K;
    use Signing as S;
    const WEAK: &str = "CA signature digest algorithm too weak";
    vec![
        case("client with a P-256 key", || own(K::P256), LET_IN, Valid, "ok"),
        case("client with a P-384 key", || own(K::P384), LET_IN, Valid, "ok"),
        case("client with a P-521 key", || own(K::P521), LET_IN, Valid, "ok"),
        case("client with an Ed25519 key", || own(K::Ed25519), LET_IN, Valid, "ok"),
        case("client with an RSA key of 2048 bits", || own(K::Rsa2048), LET_IN, Valid, "ok"),
        case("client with an RSA key of 3072 bits", || own(K::Rsa3072), LET_IN, Valid, "ok"),
        case("client with an RSA key of 4096 bits", || own(K::Rsa4096), LET_IN, Valid, "ok"),
        case(
            "client with an RSA key of 16384 bits",
            || own(K::Rsa16384),
            "unsupported-algorithm", Silent, "ok").servers(false, false).note("The engine verifies up to 8192 bits."),
        case(
            "client with an RSA key whose exponent has 2048 bits",
            || own(K::RsaHugeExponent),
            "bad-certificate-verify", Silent, "ok").servers(false, false).note("No such key is verified with, so what the client proves does not count."),
        case(
            "client with an RSA key of 1024 bits",
            || own(K::Rsa1024),
            "unsupported-algorithm", Silent, "EE certificate key too weak"),
        case(
            "client with an RSASSA-PSS key",
            || own(K::RsaPss),
            "unsupported-algorithm", Silent, "ok").note("TLS clients with such keys are rare; the engine knows RSASSA-PSS with ordinary RSA keys."),
        case("client with a DSA key", || own(K::Dsa), "unsupported-algorithm", Silent, "ok").note("TLS 1.3 has no DSA."),
        case("client with an Ed448 key", || own(K::Ed448), "unsupported-algorithm", Silent, "ok").note("Not in the engine."),
        case("client with a P-224 key", || own(K::P224), "unsupported-algorithm", Silent, "ok").servers(false, false).note("TLS 1.3 has no such curve."),
        case(
            "client with a secp256k1 key",
            || own(K::Secp256k1),
            "unsupported-algorithm", Silent, "ok").servers(false, false).note("TLS 1.3 has no such curve."),
        case(
            "client with a P-256 key with the curve spelled out",
            || own(K::ExplicitP256),
            "unsupported-algorithm", Invalid, "Certificate public key has explicit ECC parameters"),
        case("ECDSA on P-256 with SHA-256", || by(K::P256, S::EcSha256), LET_IN, Valid, "ok"),
        case("ECDSA on P-256 with SHA-384", || by(K::P256, S::EcSha384), LET_IN, Valid, "ok"),
        case("ECDSA on P-256 with SHA-512", || by(K::P256, S::EcSha512), LET_IN, Valid, "ok"),
        case("ECDSA on P-384 with SHA-256", || by(K::P384, S::EcSha256), LET_IN, Valid, "ok"),
        case("ECDSA on P-521 with SHA-512", || by(K::P521, S::EcSha512), LET_IN, Valid, "ok"),
        case("ECDSA with SHA-1", || by(K::P256, S::EcSha1), "unsupported-algorithm", Silent, WEAK),
        case("Ed25519", || by(K::Ed25519, S::Ed25519), LET_IN, Valid, "ok"),
        case("Ed448", || by(K::Ed448, S::Ed448), "unsupported-algorithm", Silent, "ok").note("Not in the engine."),
        case("RSA with SHA-256", || by(K::Rsa2048, S::RsaSha256), LET_IN, Valid, "ok"),
        case("RSA with SHA-384", || by(K::Rsa2048, S::RsaSha384), LET_IN, Valid, "ok"),
        case("RSA with SHA-512", || by(K::Rsa2048, S::RsaSha512), LET_IN, Valid, "ok"),
        case(
            "RSA with SHA-1",
            || by(K::Rsa2048, S::RsaSha1),
            "unsupported-algorithm", Silent, WEAK),
        case("RSA with MD5", || by(K::Rsa2048, S::RsaMd5), "unsupported-algorithm", Silent, WEAK),
        case("RSASSA-PSS with SHA-256", || by(K::Rsa2048, S::PssSha256), LET_IN, Valid, "ok"),
        case("RSASSA-PSS with SHA-384", || by(K::Rsa2048, S::PssSha384), LET_IN, Valid, "ok"),
        case("RSASSA-PSS with SHA-512", || by(K::Rsa2048, S::PssSha512), LET_IN, Valid, "ok"),
        case(
            "RSASSA-PSS by a key for that alone",
            || by(K::RsaPss, S::PssSha256),
            "unsupported-algorithm", Silent, "ok").note("The engine knows RSASSA-PSS with ordinary RSA keys."),
        case(
            "DSA with SHA-256",
            || by(K::Dsa, S::DsaSha256),
            "unsupported-algorithm", Silent, "ok").note("Not in the engine."),
        case(
            "RSA by a CA with 1024 bits",
            || by(K::Rsa1024, S::RsaSha256),
            "unsupported-algorithm", Silent, "CA certificate key too weak"),
        case("RSA by a CA with 4096 bits", || by(K::Rsa4096, S::RsaSha256), LET_IN, Valid, "ok"),
        case(
            "RSA by a CA with 16384 bits, signature wrong",
            || by(K::Rsa16384, S::RsaSha256),
            "unsupported-algorithm", Invalid, "certificate signature failure"),
        case(
            "RSA by a CA whose exponent has 2048 bits, signature wrong",
            || by(K::RsaHugeExponent, S::RsaSha256),
            "bad-signature", Invalid, "certificate signature failure"),
    ]
}
