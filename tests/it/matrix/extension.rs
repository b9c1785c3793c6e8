//! Extensions of a certificate, by the names that people give them.

use super::der::{concat, oid, seq, tlv};

/// One extension.
#[derive(Clone)]
pub struct Extension {
    pub id: &'static str,
    pub critical: bool,
    pub value: Vec<u8>,
}

impl Extension {
    pub fn critical(mut self) -> Self {
        self.critical = true;
        self
    }

    pub fn der(&self) -> Vec<u8> {
        let critical: &[u8] = if self.critical { &[1, 1, 0xff] } else { &[] };
        seq(&[oid(self.id), critical.to_vec(), tlv(4, &self.value)])
    }
}

pub const BASIC: &str = "2.5.29.19";
pub const KEY_USAGE: &str = "2.5.29.15";
pub const EXTENDED: &str = "2.5.29.37";
pub const NAMES: &str = "2.5.29.17";
pub const CONSTRAINTS: &str = "2.5.29.30";

fn new(id: &'static str, value: Vec<u8>) -> Extension {
    Extension { id, critical: false, value }
}

/// basicConstraints with what stands in it.
pub fn basic(is_ca: bool, path_len: Option<u8>) -> Extension {
    let is_ca: &[u8] = if is_ca { &[1, 1, 0xff] } else { &[] };
    let most = path_len.map_or(Vec::new(), |most| tlv(2, &[most]));
    new(BASIC, seq(&[is_ca.to_vec(), most]))
}

/// keyUsage with these bits, numbered as RFC 5280 section 4.2.1.3 does.
pub fn key_usage(numbers: &[u8]) -> Extension {
    let mut field = [0_u8; 2];
    for number in numbers {
        field[usize::from(number / 8)] |= 0x80 >> (number % 8);
    }
    let length = 2 - usize::from(field[1] == 0);
    let unused = field[length - 1].trailing_zeros().min(7);
    let unused = u8::try_from(unused).unwrap();
    new(KEY_USAGE, tlv(3, &concat(&[&[unused], &field[..length]])))
}

pub const DIGITAL_SIGNATURE: u8 = 0;
pub const NON_REPUDIATION: u8 = 1;
pub const KEY_ENCIPHERMENT: u8 = 2;
pub const KEY_AGREEMENT: u8 = 4;
pub const KEY_CERT_SIGN: u8 = 5;
pub const CRL_SIGN: u8 = 6;

/// extendedKeyUsage with these purposes.
pub fn extended(purposes: &[&str]) -> Extension {
    let purposes: Vec<_> = purposes.iter().map(|purpose| oid(purpose)).collect();
    new(EXTENDED, seq(&purposes))
}

pub const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
pub const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";
pub const ANY_PURPOSE: &str = "2.5.29.37.0";

/// subjectAltName with these.
pub fn names(names: &[Vec<u8>]) -> Extension {
    new(NAMES, seq(names))
}

pub fn email(text: &str) -> Vec<u8> {
    tlv(0x81, text.as_bytes())
}

pub fn dns(text: &str) -> Vec<u8> {
    tlv(0x82, text.as_bytes())
}

pub fn uri(text: &str) -> Vec<u8> {
    tlv(0x86, text.as_bytes())
}

/// An address, or an address and a mask.
pub fn ip(bytes: &[u8]) -> Vec<u8> {
    tlv(0x87, bytes)
}

pub fn directory(name: &[u8]) -> Vec<u8> {
    tlv(0xa4, name)
}

/// nameConstraints that permit the first and exclude the second.
pub fn constraints(permitted: &[Vec<u8>], excluded: &[Vec<u8>]) -> Extension {
    let trees = |tag, bases: &[Vec<u8>]| {
        let trees: Vec<_> = bases.iter().map(|base| seq(&[base])).collect();
        if trees.is_empty() { Vec::new() } else { tlv(tag, &concat(&trees)) }
    };
    new(CONSTRAINTS, seq(&[trees(0xa0, permitted), trees(0xa1, excluded)])).critical()
}

/// An extension that nobody has heard of.
pub fn unknown() -> Extension {
    new("1.3.6.1.4.1.99999.1", tlv(5, &[]))
}

/// An extension by its number.
pub fn other(id: &'static str, value: Vec<u8>) -> Extension {
    new(id, value)
}

/// subjectKeyIdentifier and authorityKeyIdentifier.
pub fn own_key_id(id: &[u8]) -> Extension {
    new("2.5.29.14", tlv(4, id))
}

pub fn issuer_key_id(id: &[u8]) -> Extension {
    new("2.5.29.35", seq(&[tlv(0x80, id)]))
}
