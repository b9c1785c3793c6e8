//! DER, written by hand: what a certificate is made of, and what no library would write into one.

use time::OffsetDateTime;
use time::macros::format_description;

/// A value with its tag and its length.
pub fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut der = vec![tag];
    match u8::try_from(length) {
        Ok(short @ ..0x80) => der.push(short),
        _ => {
            let bytes = length.to_be_bytes();
            let bytes = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
            der.push(0x80 | u8::try_from(bytes.len()).unwrap());
            der.extend_from_slice(bytes);
        }
    }
    der.extend_from_slice(content);
    der
}

pub fn seq<P: AsRef<[u8]>>(parts: &[P]) -> Vec<u8> {
    tlv(0x30, &concat(parts))
}

pub fn set<P: AsRef<[u8]>>(parts: &[P]) -> Vec<u8> {
    tlv(0x31, &concat(parts))
}

pub fn concat<P: AsRef<[u8]>>(parts: &[P]) -> Vec<u8> {
    parts.iter().flat_map(|part| part.as_ref().iter().copied()).collect()
}

/// An INTEGER of these bytes, right or wrong.
pub fn integer(bytes: &[u8]) -> Vec<u8> {
    tlv(2, bytes)
}

/// A BIT STRING of whole bytes.
pub fn bits(bytes: &[u8]) -> Vec<u8> {
    tlv(3, &concat(&[&[0], bytes]))
}

pub fn oid(dotted: &str) -> Vec<u8> {
    let arcs: Vec<u64> = dotted.split('.').map(|arc| arc.parse().unwrap()).collect();
    let mut content = Vec::new();
    for arc in std::iter::once(arcs[0] * 40 + arcs[1]).chain(arcs[2..].iter().copied()) {
        let digits = (0..10).rev().map(|place| arc >> (7 * place)).skip_while(|rest| *rest == 0);
        let digits: Vec<_> = digits.map(|rest| u8::try_from(rest & 0x7f).unwrap()).collect();
        let (last, others) = digits.split_last().unwrap_or((&0, &[]));
        content.extend(others.iter().map(|digit| digit | 0x80));
        content.push(*last);
    }
    tlv(6, &content)
}

/// A point in time as RFC 5280 section 4.1.2.5 wants it: two digits for the year up to 2049.
pub fn moment(unix: i64) -> Vec<u8> {
    let at = OffsetDateTime::from_unix_timestamp(unix).unwrap();
    let text = at.format(format_description!("[year][month][day][hour][minute][second]Z")).unwrap();
    if (1950..2050).contains(&at.year()) {
        tlv(0x17, &text.as_bytes()[2..])
    } else {
        tlv(0x18, text.as_bytes())
    }
}

/// A name of one attribute a level, such as `CN=a,O=b`, in this order and without escapes.
pub fn name(text: &str) -> Vec<u8> {
    let levels = text.split(',').filter(|part| !part.is_empty()).map(|part| {
        let (key, value) = part.split_once('=').unwrap();
        set(&[attribute(key, 0x0c, value.as_bytes())])
    });
    seq(&levels.collect::<Vec<_>>())
}

/// One attribute, its value in a string of this tag.
pub fn attribute(key: &str, tag: u8, value: &[u8]) -> Vec<u8> {
    let number = match key {
        "CN" => "2.5.4.3",
        "O" => "2.5.4.10",
        "OU" => "2.5.4.11",
        other => panic!("{other}"),
    };
    seq(&[oid(number), tlv(tag, value)])
}
