//! A certificate whose names are made of the input: subject, issuer, alternative names and serial number, with
//! any tag and any bytes, in a frame that is always DER. So that fuzzing spends its time on names.

use super::certificate;
use super::der::{self, BIT_STRING, INTEGER, OCTET_STRING, OID, SEQUENCE, SET, UTC_TIME};
use crate::identity::Claims;

/// Content of OIDs: some that have a key, one of their neighbours, one that is long.
const OIDS: [&[u8]; 8] = [
    &[0x55, 4, 3],
    &[0x55, 4, 10],
    &[0x55, 4, 11],
    &[0x55, 4, 13],
    &[0x55, 4, 5],
    &[0x09, 0x92, 0x26, 0x89, 0x93, 0xF2, 0x2C, 0x64, 1, 25],
    &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 1],
    &[0x2A, 0x83, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
];

/// Tags of values: all strings, what is none, and what only looks like one.
const TAGS: [u8; 16] = [
    12, 19, 22, 18, 26, 20, 30, 28, // the strings
    2, 4, 5, 3, 0x30, 0x8C, 0x2C, 0xAC,
];

pub(super) fn run(bytes: &[u8]) {
    let der = make(bytes);
    match Claims::from_der(&der) {
        Ok(claims) => certificate::check(&der, &claims),
        Err(_) => certificate::run(&der),
    }
}

/// The certificate that an input stands for. Each part begins with a byte that says what it is, and one for
/// the length of what follows.
pub(super) fn make(mut input: &[u8]) -> Vec<u8> {
    let (mut subject, mut issuer, mut names) = (Vec::new(), Vec::new(), Vec::new());
    let mut serial = vec![1];
    while let [kind, length, rest @ ..] = input {
        let (value, next) = rest.split_at(usize::from(*length).min(rest.len()));
        input = next;
        match kind >> 6 {
            0 => add(&mut subject, *kind, value),
            1 => add(&mut issuer, *kind, value),
            2 => names.push(der::element(0x80 | (kind & 0x2F), value)),
            _ => serial = value.to_vec(),
        }
    }
    let name = |parts: Vec<Vec<Vec<u8>>>| {
        let parts: Vec<_> = parts.iter().map(|part| der::of(SET, part)).collect();
        der::of(SEQUENCE, &parts)
    };
    let algorithm = der::of(SEQUENCE, &[der::element(OID, &[0x2B, 0x65, 0x70])]);
    let time = |text: &str| der::element(UTC_TIME, text.as_bytes());
    let key = der::of(SEQUENCE, &[algorithm.clone(), der::element(BIT_STRING, &[0; 33])]);
    let names = der::of(SEQUENCE, &names);
    let extension = der::of(
        SEQUENCE,
        &[der::element(OID, &[0x55, 0x1D, 17]), der::element(OCTET_STRING, &names)],
    );
    let signed = der::of(
        SEQUENCE,
        &[
            der::element(0xA0, &[INTEGER, 1, 2]),
            der::element(INTEGER, &serial),
            algorithm.clone(),
            name(issuer),
            der::of(SEQUENCE, &[time("200101000000Z"), time("400101000000Z")]),
            name(subject),
            key,
            der::element(0xA3, &der::of(SEQUENCE, &[extension])),
        ],
    );
    der::of(SEQUENCE, &[signed, algorithm, der::element(BIT_STRING, &[0; 65])])
}

/// Adds an attribute to a name, as a part of its own or beside the last one. The value's first byte chooses
/// its tag and whether the OID is its own, too.
fn add(name: &mut Vec<Vec<Vec<u8>>>, kind: u8, value: &[u8]) {
    let (shape, value) = value.split_first().unwrap_or((&0, &[]));
    let tag = TAGS[usize::from(shape & 15)];
    let (oid, value) = match shape >> 4 {
        // An OID out of the input.
        0xF if !value.is_empty() => value.split_at(value.len().div_ceil(2)),
        _ => (OIDS[usize::from(kind & 7)], value),
    };
    let attribute = der::of(SEQUENCE, &[der::element(OID, oid), der::element(tag, value)]);
    match name.last_mut() {
        Some(part) if kind & 0x20 != 0 => part.push(attribute),
        _ if kind & 0x10 != 0 && shape >> 4 == 0xE => name.push(Vec::new()),
        _ => name.push(vec![attribute]),
    }
}
