//! Opening a private key with its passphrase: PKCS#8 encrypted by PBES2 (RFC 8018), as OpenSSL has written it since
//! version 1.0.
//!
//! The one door to `pkcs8`. How long a passphrase is stirred is said by the key file, so a limit is set here: a file
//! must not be able to stall a reload, or to take the machine's memory.

use std::fmt;

use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::der::{Decode as _, ErrorKind};
use pkcs8::pkcs5::pbes2::{self, Kdf};
use pkcs8::pkcs5::{self, EncryptionScheme};
use zeroize::Zeroizing;

use super::der::{self, KeyAlgorithm};
use super::key_der::{Form, KeyDer};

/// Rounds of PBKDF2: a second or two, by the hash. OpenSSL writes 2048 unless told otherwise, OWASP's advice of 2023 is
/// 600,000.
const ROUNDS_MAX: u32 = 2_000_000;

/// Memory of scrypt, `128 * r * (N + p)` bytes. OpenSSL takes 16 MiB, OWASP's advice is 128.
const SCRYPT_BYTES_MAX: u64 = 192 << 20;

/// Work of scrypt, `N * r * p`: about a second. OpenSSL does an eighth of a million.
const SCRYPT_WORK_MAX: u64 = 4 << 20;

/// Why a key stays closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Closed {
    /// It is damaged.
    Unreadable,
    /// By something else than PBES2, or with an algorithm that is not known here.
    Unsupported(String),
    /// The passphrase would have to be stirred for too long.
    TooCostly(String),
    /// By another passphrase, or damaged inside.
    WrongPassphrase,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable => f.write_str("nothing that reads as an encrypted key"),
            Self::Unsupported(what) | Self::TooCostly(what) => f.write_str(what),
            Self::WrongPassphrase => f.write_str("nothing that reads as a key comes out"),
        }
    }
}

/// Opens an `EncryptedPrivateKeyInfo`.
pub(super) fn unlock(locked: &[u8], passphrase: &[u8]) -> Result<KeyDer, Closed> {
    let info =
        EncryptedPrivateKeyInfoRef::from_der(locked).map_err(|error| match error.kind() {
            ErrorKind::OidUnknown { oid } => {
                Closed::Unsupported(format!("encrypted by means of the algorithm {oid}"))
            }
            _ => unread(locked),
        })?;
    match &info.encryption_algorithm {
        EncryptionScheme::Pbes2(parameters) => affordable(&parameters.kdf)?,
        _ => return Err(unread(locked)),
    }
    // Decrypted where it lies, so that there is no copy that nobody wipes.
    let mut der = Zeroizing::new(info.encrypted_data.as_bytes().to_vec());
    let decrypted = info.encryption_algorithm.decrypt_in_place(passphrase, &mut der);
    let length = match decrypted {
        Ok(plain) => plain.len(),
        Err(pkcs5::Error::DecryptFailed | pkcs5::Error::EncryptFailed) => {
            return Err(Closed::WrongPassphrase);
        }
        Err(error) => return Err(Closed::Unsupported(error.to_string())),
    };
    der.truncate(length);
    // One wrong passphrase in 256 leaves what looks like the end of a text.
    let is_whole = der::first_element(&der).len() == der.len();
    let key = KeyDer::new(Form::Pkcs8, der);
    if !is_whole || der::key_algorithm(&key.as_rustls()) == KeyAlgorithm::Unreadable {
        return Err(Closed::WrongPassphrase);
    }
    Ok(key)
}

/// What to say of a key that `pkcs8` does not read: it does not know every algorithm's parameters either.
fn unread(locked: &[u8]) -> Closed {
    match der::encryption_algorithm(locked) {
        Some(oid) if oid != pbes2::PBES2_OID.to_string() => {
            Closed::Unsupported(format!("encrypted by means of the algorithm {oid}, not by PBES2"))
        }
        _ => Closed::Unreadable,
    }
}

fn affordable(kdf: &Kdf) -> Result<(), Closed> {
    match kdf {
        Kdf::Pbkdf2(parameters) if parameters.iteration_count > ROUNDS_MAX => {
            let rounds = parameters.iteration_count;
            Err(Closed::TooCostly(format!("{rounds} rounds of PBKDF2; {ROUNDS_MAX} are the most")))
        }
        Kdf::Scrypt(parameters) => {
            let (n, r, p) = (
                parameters.cost_parameter,
                u64::from(parameters.block_size),
                u64::from(parameters.parallelization),
            );
            let bytes = n.saturating_add(p).saturating_mul(128 * r);
            let work = n.saturating_mul(r * p);
            if bytes > SCRYPT_BYTES_MAX || work > SCRYPT_WORK_MAX {
                let most = format!(
                    "{} MiB of memory and N·r·p = {SCRYPT_WORK_MAX} are the most",
                    SCRYPT_BYTES_MAX >> 20
                );
                return Err(Closed::TooCostly(format!(
                    "scrypt with N = {n}, r = {r}, p = {p}; {most}"
                )));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use pkcs8::pkcs5::pbes2::{Pbkdf2Params, Salt, ScryptParams};
    use proptest::prelude::*;

    use super::*;

    fn scrypt(cost_parameter: u64, block_size: u16, parallelization: u16) -> Kdf {
        let salt = Salt::new([0; 8]).unwrap();
        ScryptParams { salt, cost_parameter, block_size, parallelization, key_length: None }.into()
    }

    #[test]
    fn what_openssl_and_owasp_advise_is_affordable_and_little_more() {
        let pbkdf2 = |rounds| Kdf::from(Pbkdf2Params::hmac_sha256(rounds, &[0; 8]).unwrap());
        for (kdf, is_affordable) in [
            (pbkdf2(2048), true),
            (pbkdf2(600_000), true),
            (pbkdf2(ROUNDS_MAX), true),
            (pbkdf2(ROUNDS_MAX + 1), false),
            (scrypt(1 << 14, 8, 1), true),
            (scrypt(1 << 16, 8, 2), true),
            (scrypt(1 << 17, 8, 1), true),
            (scrypt(1 << 18, 8, 1), false),
            (scrypt(2, 64, 65535), false),
            (scrypt(1 << 14, 8, 64), false),
            (scrypt(u64::MAX, u16::MAX, u16::MAX), false),
        ] {
            assert_eq!(affordable(&kdf).is_ok(), is_affordable, "{kdf:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_stay_closed(bytes: Vec<u8>) {
            prop_assert!(unlock(&bytes, b"secret").is_err());
        }
    }
}
