//! Names of what a ClientHello offers, as IANA's registries of TLS spell them.
//!
//! The whole registries are not needed: a number without a name here is shown as such, and whoever looks it up
//! finds it.

use std::borrow::Cow;

/// A TLS version.
pub(super) fn version(number: u16) -> Cow<'static, str> {
    let name = match number {
        0x0300 => "SSL 3.0",
        0x0301 => "TLS 1.0",
        0x0302 => "TLS 1.1",
        0x0303 => "TLS 1.2",
        0x0304 => "TLS 1.3",
        other => return unknown(other),
    };
    Cow::Borrowed(name)
}

/// A signature scheme.
pub(super) fn signature_scheme(number: u16) -> Cow<'static, str> {
    let name = match number {
        0x0201 => "rsa_pkcs1_sha1",
        0x0203 => "ecdsa_sha1",
        0x0401 => "rsa_pkcs1_sha256",
        0x0403 => "ecdsa_secp256r1_sha256",
        0x0420 => "rsa_pkcs1_sha256_legacy",
        0x0501 => "rsa_pkcs1_sha384",
        0x0503 => "ecdsa_secp384r1_sha384",
        0x0520 => "rsa_pkcs1_sha384_legacy",
        0x0601 => "rsa_pkcs1_sha512",
        0x0603 => "ecdsa_secp521r1_sha512",
        0x0620 => "rsa_pkcs1_sha512_legacy",
        0x0804 => "rsa_pss_rsae_sha256",
        0x0805 => "rsa_pss_rsae_sha384",
        0x0806 => "rsa_pss_rsae_sha512",
        0x0807 => "ed25519",
        0x0808 => "ed448",
        0x0809 => "rsa_pss_pss_sha256",
        0x080a => "rsa_pss_pss_sha384",
        0x080b => "rsa_pss_pss_sha512",
        0x081a => "ecdsa_brainpoolP256r1tls13_sha256",
        0x081b => "ecdsa_brainpoolP384r1tls13_sha384",
        0x081c => "ecdsa_brainpoolP512r1tls13_sha512",
        0x0904 => "mldsa44",
        0x0905 => "mldsa65",
        0x0906 => "mldsa87",
        other => return unknown(other),
    };
    Cow::Borrowed(name)
}

/// A named group.
pub(super) fn group(number: u16) -> Cow<'static, str> {
    /// From 1 on, without a gap.
    const CURVES: [&str; 33] = [
        "sect163k1",
        "sect163r1",
        "sect163r2",
        "sect193r1",
        "sect193r2",
        "sect233k1",
        "sect233r1",
        "sect239k1",
        "sect283k1",
        "sect283r1",
        "sect409k1",
        "sect409r1",
        "sect571k1",
        "sect571r1",
        "secp160k1",
        "secp160r1",
        "secp160r2",
        "secp192k1",
        "secp192r1",
        "secp224k1",
        "secp224r1",
        "secp256k1",
        "secp256r1",
        "secp384r1",
        "secp521r1",
        "brainpoolP256r1",
        "brainpoolP384r1",
        "brainpoolP512r1",
        "x25519",
        "x448",
        "brainpoolP256r1tls13",
        "brainpoolP384r1tls13",
        "brainpoolP512r1tls13",
    ];
    let name = match number {
        0x0100 => "ffdhe2048",
        0x0101 => "ffdhe3072",
        0x0102 => "ffdhe4096",
        0x0103 => "ffdhe6144",
        0x0104 => "ffdhe8192",
        0x0200 => "MLKEM512",
        0x0201 => "MLKEM768",
        0x0202 => "MLKEM1024",
        0x11eb => "SecP256r1MLKEM768",
        0x11ec => "X25519MLKEM768",
        0x11ed => "SecP384r1MLKEM1024",
        0x6399 => "X25519Kyber768Draft00",
        other => match usize::from(other).checked_sub(1).and_then(|at| CURVES.get(at)) {
            Some(name) => name,
            None => return unknown(other),
        },
    };
    Cow::Borrowed(name)
}

fn unknown(number: u16) -> Cow<'static, str> {
    let [high, low] = number.to_be_bytes();
    // RFC 8701 reserves values of this pattern for clients that keep servers tolerant.
    if high == low && low & 0x0f == 0x0a {
        return Cow::Borrowed("GREASE");
    }
    Cow::Owned(format!("{number:#06x}"))
}

#[cfg(test)]
mod tests {
    use rustls::{NamedGroup, SignatureScheme};

    use super::*;

    /// What rustls calls a number, in one spelling with ours; `None` if it does not know it either.
    fn theirs(debug: &str) -> Option<String> {
        (!debug.contains('(')).then(|| debug.to_ascii_lowercase())
    }

    #[test]
    fn names_agree_with_those_of_rustls() {
        for number in 0..=u16::MAX {
            if let Some(theirs) = theirs(&format!("{:?}", NamedGroup::from(number))) {
                assert_eq!(group(number).to_ascii_lowercase(), theirs);
            }
            if let Some(theirs) = theirs(&format!("{:?}", SignatureScheme::from(number))) {
                let ours = signature_scheme(number);
                // Theirs are older words for some: `RSA_PSS_SHA256`, `ECDSA_NISTP256_SHA256`, `ML_DSA_44`.
                let ours = ours.replace("rsae_", "").replace("mldsa", "ml_dsa_");
                let ours = ours.replace("ecdsa_sha1", "ecdsa_sha1_legacy");
                let ours = ours.replace("secp256r1", "nistp256").replace("secp384r1", "nistp384");
                assert_eq!(ours.replace("secp521r1", "nistp521"), theirs);
            }
        }
    }

    #[test]
    fn what_has_no_name_is_shown_as_a_number() {
        assert_eq!((group(0x0a0a), signature_scheme(0xfafa)), ("GREASE".into(), "GREASE".into()));
        assert_eq!((group(0), group(0x0a1a)), ("0x0000".into(), "0x0a1a".into()));
        assert_eq!((version(0x7f1c), version(0x3a3a)), ("0x7f1c".into(), "GREASE".into()));
        assert_eq!((group(29), group(33)), ("x25519".into(), "brainpoolP512r1tls13".into()));
    }
}
