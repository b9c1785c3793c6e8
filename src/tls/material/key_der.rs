//! The bytes of a private key, wiped when they go; and those of one that a passphrase protects.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};
use zeroize::Zeroizing;

/// As tolerant as OpenSSL, which does not look at what is left over behind the last byte.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How a key is written in DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// RFC 8017, appendix A.1.2: RSA alone.
    Pkcs1,
    /// RFC 5915: elliptic curves alone.
    Sec1,
    /// RFC 5958: any.
    Pkcs8,
}

/// A private key that nobody has protected. No copy of it is made here, and it is wiped when it is dropped.
pub(super) struct KeyDer {
    form: Form,
    der: Zeroizing<Vec<u8>>,
}

impl KeyDer {
    pub(super) fn new(form: Form, der: Zeroizing<Vec<u8>>) -> Self {
        Self { form, der }
    }

    /// The key as rustls takes it.
    pub(super) fn as_rustls(&self) -> PrivateKeyDer<'_> {
        let der = self.der.as_slice();
        match self.form {
            Form::Pkcs1 => PrivatePkcs1KeyDer::from(der).into(),
            Form::Sec1 => PrivateSec1KeyDer::from(der).into(),
            Form::Pkcs8 => PrivatePkcs8KeyDer::from(der).into(),
        }
    }
}

impl fmt::Debug for KeyDer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyDer").field("form", &self.form).finish_non_exhaustive()
    }
}

/// A private key behind a passphrase.
#[derive(Debug)]
pub(super) enum Locked {
    /// `EncryptedPrivateKeyInfo` (RFC 5958, section 3), DER.
    Pkcs8(Vec<u8>),
    /// OpenSSL's own way of old, headers in front of the base64.
    OldPem,
}

/// What the lines of a PEM block say, in one buffer that is wiped; `None` if it is not base64.
pub(super) fn base64(lines: &[&[u8]]) -> Option<Zeroizing<Vec<u8>>> {
    // Neither buffer ever grows: one that does leaves a copy behind.
    let mut text = Zeroizing::new(Vec::with_capacity(lines.iter().map(|line| line.len()).sum()));
    for line in lines {
        text.extend(line.iter().filter(|byte| !byte.is_ascii_whitespace()));
    }
    let mut der = Zeroizing::new(vec![0; text.len().div_ceil(4) * 3]);
    let length = BASE64.decode_slice(&text, &mut der).ok()?;
    der.truncate(length);
    Some(der)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_any_length_are_one_text() {
        let read = |lines: &[&[u8]]| base64(lines).map(|der| der.to_vec());
        assert_eq!(read(&[b"AQID", b"BAU="]).unwrap(), [1, 2, 3, 4, 5]);
        assert_eq!(read(&[b"A", b"Q I", b"", b"DBAU"]).unwrap(), [1, 2, 3, 4, 5]);
        assert_eq!(read(&[b"AQID%"]), None);
        assert_eq!(read(&[]).unwrap(), [0; 0]);
    }

    #[test]
    fn a_key_does_not_show_itself() {
        let key = KeyDer::new(Form::Sec1, Zeroizing::new(vec![41, 42, 43]));
        assert_eq!(format!("{key:?}"), "KeyDer { form: Sec1, .. }");
    }
}
