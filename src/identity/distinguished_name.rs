//! Distinguished names as strings, by RFC 4514, such that two different names never look alike.
//!
//! The result is printable ASCII without leading or trailing space: everything else, and every
//! character with a meaning of its own, is escaped. It is what nginx's `$ssl_client_s_dn` and
//! Apache's `SSL_CLIENT_S_DN` with `LegacyDNStringFormat off` show for plain names.

mod read;

use std::fmt::Write as _;

use x509_parser::asn1_rs::{Any, Tag};
use x509_parser::x509::X509Name;

pub(super) use read::canonical;
pub use read::{Attribute, attributes};

/// The name by RFC 4514: most specific part first, `+` inside a multi-valued part.
pub(crate) fn rfc4514(name: &X509Name<'_>) -> String {
    let mut parts: Vec<String> = Vec::new();
    for rdn in name.iter_rdn() {
        let attributes: Vec<String> = rdn
            .iter()
            .map(|attribute| {
                let oid = attribute.attr_type().to_id_string();
                match (short_name(&oid), text(attribute.attr_value())) {
                    (Some(key), Some(value)) => format!("{key}={}", escape(&value)),
                    // RFC 4514 section 2.4: an unknown type goes with the hexadecimal value.
                    (None, Some(value)) => format!("{oid}={}", escape(&value)),
                    (key, None) => {
                        let key = key.unwrap_or(&oid);
                        format!("{key}=#{}", hex(attribute.attr_value().data))
                    }
                }
            })
            .collect();
        parts.push(attributes.join("+"));
    }
    parts.reverse();
    parts.join(",")
}

/// An attribute's value as text, whatever string type carries it; `None` for what is no string.
pub(super) fn text(value: &Any<'_>) -> Option<String> {
    let data = value.data;
    match value.tag() {
        Tag::Utf8String
        | Tag::PrintableString
        | Tag::Ia5String
        | Tag::NumericString
        | Tag::VisibleString => std::str::from_utf8(data).ok().map(str::to_owned),
        // T.61 was always used as Latin-1 in practice.
        Tag::TeletexString => Some(data.iter().copied().map(char::from).collect()),
        Tag::BmpString => {
            let (units, []) = data.as_chunks::<2>() else {
                return None;
            };
            String::from_utf16(&units.iter().copied().map(u16::from_be_bytes).collect::<Vec<_>>())
                .ok()
        }
        Tag::UniversalString => {
            let (units, []) = data.as_chunks::<4>() else {
                return None;
            };
            units.iter().map(|unit| char::from_u32(u32::from_be_bytes(*unit))).collect()
        }
        _ => None,
    }
}

fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    let last = value.len().saturating_sub(1);
    for (at, byte) in value.bytes().enumerate() {
        match byte {
            b'"' | b'+' | b',' | b';' | b'<' | b'>' | b'\\' => {
                escaped.push('\\');
                escaped.push(char::from(byte));
            }
            b'#' if at == 0 => escaped.push_str("\\#"),
            b' ' if at == 0 || at == last => escaped.push_str("\\ "),
            b' '..=b'~' => escaped.push(char::from(byte)),
            // Writing to a String cannot fail.
            other => _ = write!(escaped, "\\{other:02X}"),
        }
    }
    escaped
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// Attribute types and the keys that OpenSSL, nginx and Apache print for them.
const KEYS: [(&str, &str); 17] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "street"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "title"),
    ("2.5.4.15", "businessCategory"),
    ("2.5.4.17", "postalCode"),
    ("2.5.4.42", "GN"),
    ("2.5.4.97", "organizationIdentifier"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];

fn short_name(oid: &str) -> Option<&'static str> {
    let mut keys = KEYS.iter();
    keys.find_map(|(known, key)| (*known == oid).then_some(*key))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::escape;

    #[test]
    fn characters_with_a_meaning_are_escaped() {
        assert_eq!(escape("a, CN=b"), "a\\, CN=b");
        assert_eq!(escape("a+O=b"), "a\\+O=b");
        assert_eq!(escape(" lead and trail "), "\\ lead and trail\\ ");
        assert_eq!(escape("#hash"), "\\#hash");
        assert_eq!(escape("x\r\nInjected: 1\0"), "x\\0D\\0AInjected: 1\\00");
        assert_eq!(escape("Zürich"), "Z\\C3\\BCrich");
    }

    proptest! {
        #[test]
        fn two_values_never_escape_to_one_string(a: String, b: String) {
            prop_assert_eq!(a == b, escape(&a) == escape(&b));
        }

        #[test]
        fn the_result_is_printable_ascii(value: String) {
            prop_assert!(escape(&value).bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        }
    }
}
