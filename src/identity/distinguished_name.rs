//! Distinguished names as strings, by RFC 4514, such that two different names never look alike.
//!
//! The result is printable ASCII without leading or trailing space: everything else, and every
//! character with a meaning of its own, is escaped. It is what nginx's `$ssl_client_s_dn` and
//! Apache's `SSL_CLIENT_S_DN` with `LegacyDNStringFormat off` show for plain names.

mod read;

use std::fmt::Write as _;

use x509_parser::asn1_rs::{Any, Class, Tag, ToDer as _};
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
                let oid = type_text(attribute.attr_type().as_bytes());
                match (short_name(&oid), text(attribute.attr_value())) {
                    (Some(key), Some(value)) => format!("{key}={}", escape(&value)),
                    (None, Some(value)) => format!("{oid}={}", escape(&value)),
                    (key, None) => {
                        // RFC 4514 section 2.4: what is no text is shown as DER, with its tag, so that
                        // the number 5 and the bit string 5 do not look alike. A Vec takes all writes.
                        let der = attribute.attr_value().to_der_vec().unwrap_or_default();
                        format!("{}=#{}", key.unwrap_or(&oid), hex(&der))
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
    // Tags of other classes have other meanings, and DER has no strings in pieces.
    if value.class() != Class::Universal || value.header.is_constructed() {
        return None;
    }
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

/// An attribute type as dotted numbers. What is no OID, or has a number that is longer than a UUID, is shown by
/// its bytes, so that here, too, two types never look alike.
fn type_text(oid: &[u8]) -> String {
    dotted(oid).unwrap_or_else(|| format!("#{}", hex(oid)))
}

fn dotted(oid: &[u8]) -> Option<String> {
    let mut numbers: Vec<u128> = Vec::new();
    let mut open: Option<u128> = None;
    for byte in oid {
        // A number begins with no zeros (X.690, section 8.19.2); else it could be written in many ways.
        if open.is_none() && *byte == 0x80 {
            return None;
        }
        let number = open.unwrap_or(0).checked_mul(128)? | u128::from(byte & 0x7F);
        open = (byte & 0x80 != 0).then_some(number);
        if open.is_none() {
            numbers.push(number);
        }
    }
    let (first, others) = numbers.split_first().filter(|_| open.is_none())?;
    // The first two numbers are one in DER.
    let root = (first / 40).min(2);
    let mut text = format!("{root}.{}", first - root * 40);
    for number in others {
        // Writing to a String cannot fail.
        _ = write!(text, ".{number}");
    }
    Some(text)
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
    use x509_parser::prelude::FromDer as _;

    use super::{escape, type_text};

    #[test]
    fn characters_with_a_meaning_are_escaped() {
        assert_eq!(escape("a, CN=b"), "a\\, CN=b");
        assert_eq!(escape("a+O=b"), "a\\+O=b");
        assert_eq!(escape(" lead and trail "), "\\ lead and trail\\ ");
        assert_eq!(escape("#hash"), "\\#hash");
        assert_eq!(escape("x\r\nInjected: 1\0"), "x\\0D\\0AInjected: 1\\00");
        assert_eq!(escape("Zürich"), "Z\\C3\\BCrich");
    }

    #[test]
    fn two_types_never_look_alike() {
        for (oid, text) in [
            (&[0x55, 4, 3][..], "2.5.4.3"),
            (&[0x88, 0x37, 1], "2.999.1"),
            (&[0x2A, 0x80, 3], "#2A8003"),
            (&[0x2A, 0x83], "#2A83"),
            (&[], "#"),
        ] {
            assert_eq!(type_text(oid), text);
        }
        let uuid = [&[0x69, 0x83][..], &[0xFF; 17], &[0x7F]].concat();
        assert_eq!(type_text(&uuid), format!("2.25.{}", u128::MAX));
        let longer = [&[0x69, 0x87][..], &[0xFF; 17], &[0x7F]].concat();
        assert!(type_text(&longer).starts_with('#'));
    }

    #[test]
    fn what_is_no_text_is_shown_with_its_tag() {
        let shown = |value: &[u8]| {
            let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
            let attribute = [&[0x30, 5 + length(value), 6, 3, 0x55, 4, 3], value].concat();
            let part = [&[0x31, length(&attribute)], attribute.as_slice()].concat();
            let name = [&[0x30, length(&part)], part.as_slice()].concat();
            super::rfc4514(&super::X509Name::from_der(&name).unwrap().1)
        };
        assert_eq!(shown(&[2, 1, 65]), "CN=#020141");
        assert_eq!(shown(&[5, 0]), "CN=#0500");
        assert_eq!(shown(&[12, 1, 65]), "CN=A");
        // The tag of a UTF8String in another class.
        assert_eq!(shown(&[0x8C, 1, 65]), "CN=#8C0141");
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
