//! Certificates that no library makes any more: put together byte by byte, and signed by their CA where that
//! matters.

use mtls_gateway::pki::{Authority, Issued};
use rcgen::{KeyPair, SigningKey as _};
use rustls::pki_types::CertificateDer;

use crate::support::pki::Credentials;

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
/// The version and the extensions of a certificate, which version 1 does not have.
const NOT_IN_VERSION_1: [u8; 2] = [0xa0, 0xa3];
/// `ecdsa-with-SHA1` as an AlgorithmIdentifier.
const SHA1: [u8; 11] = [0x30, 9, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1];

/// The same certificate as version 1, well signed.
pub fn version_1(ca: &Authority, issued: &Issued) -> Credentials {
    resigned(ca, issued, |items| items.retain(|item| !NOT_IN_VERSION_1.contains(&item[0])), None)
}

/// The same certificate with a signature that says of itself that it is made with SHA-1.
pub fn signed_with_sha1(ca: &Authority, issued: &Issued) -> Credentials {
    let edit = |items: &mut Vec<Vec<u8>>| items[2] = SHA1.to_vec();
    resigned(ca, issued, edit, Some(SHA1.to_vec()))
}

fn resigned(
    ca: &Authority,
    issued: &Issued,
    edit: impl Fn(&mut Vec<Vec<u8>>),
    algorithm: Option<Vec<u8>>,
) -> Credentials {
    let parts = items(content(issued.der()));
    let mut fields = items(content(&parts[0]));
    edit(&mut fields);
    let tbs = tlv(SEQUENCE, &fields.concat());
    let key = KeyPair::from_pem(&ca.key_pem()).unwrap();
    let signature = [vec![0], key.sign(&tbs).unwrap()].concat();
    let algorithm = algorithm.unwrap_or_else(|| parts[1].clone());
    let whole = [tbs, algorithm, tlv(BIT_STRING, &signature)].concat();
    let der = CertificateDer::from(tlv(SEQUENCE, &whole));
    Credentials::from_parts(vec![der], &issued.key_pem())
}

/// The length of a value and where it begins.
fn head(der: &[u8]) -> (usize, usize) {
    match der[1] {
        short @ ..0x80 => (short.into(), 2),
        long => {
            let octets = usize::from(long & 0x7f);
            let length =
                der[2..2 + octets].iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet));
            (length, 2 + octets)
        }
    }
}

fn content(der: &[u8]) -> &[u8] {
    let (length, at) = head(der);
    &der[at..at + length]
}

fn items(mut der: &[u8]) -> Vec<Vec<u8>> {
    let mut items = Vec::new();
    while !der.is_empty() {
        let (length, at) = head(der);
        let (item, rest) = der.split_at(at + length);
        items.push(item.to_vec());
        der = rest;
    }
    items
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let mut der = vec![tag];
    match content.len() {
        0..0x80 => der.push(length[1]),
        0x80..0x100 => der.extend([0x81, length[1]]),
        _ => der.extend([0x82, length[0], length[1]]),
    }
    der.extend(content);
    der
}
