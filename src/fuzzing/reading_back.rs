//! Names as anybody would read them, without the code that writes them: so that what was written can be read back
//! and compared.

use x509_parser::asn1_rs::{Any, Class, Tag, ToDer as _};
use x509_parser::x509::X509Name;

use crate::identity::attributes;

/// An attribute: the bytes of its OID, and what it says: a text, or the DER of what is none.
type Plain = (Vec<u8>, Result<String, Vec<u8>>);

/// The string of a name holds all of the name, so that two names with one string are one name.
pub(super) fn reads_back(written: &str, name: &X509Name<'_>) {
    let mut plain: Vec<Vec<Plain>> = name
        .iter_rdn()
        .map(|part| {
            let attributes = part.iter();
            attributes
                .map(|one| (one.attr_type().as_bytes().to_vec(), value(one.attr_value())))
                .collect()
        })
        .collect();
    plain.reverse();
    if plain.is_empty() {
        assert_eq!(written, "");
        return;
    }
    let read: Vec<Vec<Plain>> = attributes(written)
        .unwrap_or_else(|why| panic!("`{written}` {why}"))
        .into_iter()
        .map(|part| {
            let attributes = part.into_iter();
            attributes
                .map(|one| {
                    let value = match one.value.strip_prefix('#') {
                        Some(digits) if one.is_hex => Err(unhex(digits)),
                        _ => Ok(one.value),
                    };
                    (oid(&one.key), value)
                })
                .collect()
        })
        .collect();
    assert_eq!(read, plain, "{written}");
}

/// A value as anybody would read it.
fn value(value: &Any<'_>) -> Result<String, Vec<u8>> {
    let data = value.data;
    let wide = |width: usize| -> Option<Vec<u32>> {
        let units = data.chunks(width).map(|unit| {
            (unit.len() == width)
                .then(|| unit.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
        });
        units.collect()
    };
    let text = match value.tag() {
        _ if value.class() != Class::Universal || value.header.is_constructed() => None,
        Tag::Utf8String
        | Tag::PrintableString
        | Tag::Ia5String
        | Tag::NumericString
        | Tag::VisibleString => String::from_utf8(data.to_vec()).ok(),
        Tag::TeletexString => Some(data.iter().map(|byte| char::from(*byte)).collect()),
        Tag::BmpString => wide(2).and_then(|units| {
            let units: Vec<u16> =
                units.iter().filter_map(|unit| u16::try_from(*unit).ok()).collect();
            String::from_utf16(&units).ok()
        }),
        Tag::UniversalString => {
            wide(4).and_then(|units| units.into_iter().map(char::from_u32).collect())
        }
        _ => None,
    };
    text.ok_or_else(|| value.to_der_vec().expect("what was read can be written"))
}

fn unhex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.map(|pair| byte(pair).expect("hexadecimal digits")).collect()
}

/// The bytes of the OID that a key stands for.
fn oid(key: &str) -> Vec<u8> {
    if let Some(digits) = key.strip_prefix('#') {
        return unhex(digits);
    }
    let numbers: Vec<u128> = number(key).split('.').map(|number| number.parse().unwrap()).collect();
    let (root, others) = numbers.split_first().unwrap();
    let (second, others) = others.split_first().unwrap();
    let numbers = std::iter::once(root * 40 + second).chain(others.iter().copied());
    let septets = numbers.flat_map(|number| {
        let count = (128 - number.leading_zeros()).div_ceil(7).max(1);
        let septet = move |place: u32| u8::try_from(number >> (7 * place) & 0x7F).unwrap();
        (0..count).rev().map(move |place| septet(place) | if place > 0 { 0x80 } else { 0 })
    });
    septets.collect()
}

/// The OID of a key; itself if it is one.
fn number(key: &str) -> &str {
    match key {
        "CN" => "2.5.4.3",
        "SN" => "2.5.4.4",
        "serialNumber" => "2.5.4.5",
        "C" => "2.5.4.6",
        "L" => "2.5.4.7",
        "ST" => "2.5.4.8",
        "street" => "2.5.4.9",
        "O" => "2.5.4.10",
        "OU" => "2.5.4.11",
        "title" => "2.5.4.12",
        "businessCategory" => "2.5.4.15",
        "postalCode" => "2.5.4.17",
        "GN" => "2.5.4.42",
        "organizationIdentifier" => "2.5.4.97",
        "UID" => "0.9.2342.19200300.100.1.1",
        "DC" => "0.9.2342.19200300.100.1.25",
        "emailAddress" => "1.2.840.113549.1.9.1",
        other => other,
    }
}
