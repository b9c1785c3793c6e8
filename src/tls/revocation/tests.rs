//! Lists of every kind: what is read, what is kept, what is found, and at what cost.

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint,
    CrlIssuingDistributionPoint, CrlScope, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevocationReason, RevokedCertParams, SerialNumber,
};
use time::OffsetDateTime;

use super::der::Walk;
use super::{List, RevocationLists};
use crate::tls::algorithms::Algorithms;

fn at(unix: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(unix).unwrap()
}

fn revoked(serial: u64) -> RevokedCertParams {
    RevokedCertParams {
        serial_number: SerialNumber::from(serial),
        revocation_time: at(1_700_000_000),
        reason_code: serial.is_multiple_of(2).then_some(RevocationReason::KeyCompromise),
        invalidity_date: None,
    }
}

fn list(this_update: i64, number: u64, serials: &[u64]) -> CertificateRevocationListParams {
    CertificateRevocationListParams {
        this_update: at(this_update),
        next_update: at(this_update + 1_000_000),
        crl_number: SerialNumber::from(number),
        issuing_distribution_point: None,
        revoked_certs: serials.iter().map(|serial| revoked(*serial)).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    }
}

/// A CA that signs lists, and its `SubjectPublicKeyInfo`.
struct Ca(Issuer<'static, KeyPair>, Vec<u8>);

impl Ca {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::CrlSign];
        let spki = rcgen::PublicKeyData::subject_public_key_info(&key);
        Self(Issuer::new(params, key), spki)
    }

    fn sign(&self, params: &CertificateRevocationListParams) -> Vec<u8> {
        params.signed_by(&self.0).unwrap().der().to_vec()
    }

    fn list(&self, params: &CertificateRevocationListParams) -> Result<List, String> {
        List::read(self.sign(params), Path::new("ca.crl"))
    }
}

#[test]
fn what_is_revoked_is_found_and_nothing_else() {
    let ca = Ca::new();
    let list = ca.list(&list(1, 1, &[7, 300, 2, 70_000])).unwrap();
    assert_eq!(list.len(), 4);
    assert!(list.is_signed_by(&ca.1, Algorithms::USUAL));
    assert!(!list.is_signed_by(&Ca::new().1, Algorithms::USUAL));
    let found = |serial: &[u8]| list.find(serial).map(|revoked| (revoked.at, revoked.reason));
    assert_eq!(found(&[7]), Some((1_700_000_000, "unspecified")));
    assert_eq!(found(&[2]), Some((1_700_000_000, "keyCompromise")));
    assert_eq!(found(&[1, 44]), Some((1_700_000_000, "keyCompromise")));
    assert_eq!(found(&[1, 17, 112]), Some((1_700_000_000, "keyCompromise")));
    for absent in [&[3][..], &[0, 7], &[1], &[]] {
        assert_eq!(found(absent), None, "{absent:?}");
    }
}

#[test]
fn of_several_lists_the_newest_is_kept_in_any_order() {
    let ca = Ca::new();
    let versions = [(10, 1, 1), (20, 1, 2), (20, 300, 3), (20, 2, 4)];
    for turn in 0..versions.len() {
        let mut order = versions;
        order.rotate_left(turn);
        let lists =
            order.map(|(at, number, serial)| ca.list(&list(at, number, &[serial])).unwrap());
        let kept = RevocationLists::newest_of(lists.into());
        let kept: Vec<_> = kept.iter().collect();
        assert_eq!(kept.len(), 1);
        assert!(kept[0].find(&[3]).is_some(), "from {turn}");
    }
    let other = Ca::new();
    let lists = vec![ca.list(&list(1, 1, &[])).unwrap(), other.list(&list(2, 1, &[])).unwrap()];
    // One name and two keys are two lists.
    assert_eq!(RevocationLists::newest_of(lists).iter().count(), 2);
}

#[test]
fn lists_of_different_scope_stand_side_by_side() {
    let ca = Ca::new();
    let scoped = |scope| {
        let mut params = list(1, 1, &[]);
        params.issuing_distribution_point = Some(CrlIssuingDistributionPoint {
            distribution_point: CrlDistributionPoint {
                uris: vec!["http://a.example/crl".to_owned()],
            },
            scope: Some(scope),
        });
        ca.list(&params).unwrap()
    };
    let lists = vec![scoped(CrlScope::UserCertsOnly), scoped(CrlScope::CaCertsOnly)];
    assert_eq!(RevocationLists::newest_of(lists).iter().count(), 2);
}

#[test]
fn a_list_that_names_no_next_update_never_runs_out() {
    let der = Ca::new().sign(&list(1, 1, &[5]));
    let mut outer = Walk::new(&der, 0..der.len()).any().unwrap().content;
    let signed = Walk::new(&der, outer.clone()).any().unwrap();
    outer.start = signed.whole.end;
    let mut parts = Walk::new(&der, signed.content.clone());
    // Version, algorithm, issuer, this update: what stands before the next one.
    let before =
        signed.content.start..(0..4).map(|_| parts.any().unwrap()).last().unwrap().whole.end;
    let after = parts.any().unwrap().whole.end..signed.content.end;
    let signed = sequence(&[&der[before], &der[after]]);
    let list = List::read(sequence(&[&signed, &der[outer]]), Path::new("x")).unwrap();
    assert_eq!(list.next_update(), None);
    assert!(list.find(&[5]).is_some());
}

/// These parts as one SEQUENCE.
fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let head: &[u8] = match length {
        [0, short @ ..] if short[0] < 0x80 => &[0x30, short[0]],
        [0, long] => &[0x30, 0x81, long],
        [high, low] => &[0x30, 0x82, high, low],
    };
    [head, &content].concat()
}

#[test]
fn what_is_damaged_is_refused_without_a_panic() {
    let ca = Ca::new();
    let whole = ca.sign(&list(1, 1, &[1, 2, 3]));
    for end in 0..whole.len() {
        List::read(whole[..end].to_vec(), Path::new("x")).unwrap_err();
    }
    for place in 0..whole.len() {
        for value in [0, 0x30, 0x80, 0x84, 0xFF] {
            let mut bytes = whole.clone();
            if std::mem::replace(&mut bytes[place], value) == value {
                continue;
            }
            // Whatever can still be read was not signed.
            if let Ok(list) = List::read(bytes, Path::new("x")) {
                list.find(&[1]);
                assert!(!list.is_signed_by(&ca.1, Algorithms::USUAL), "byte {place} as {value}");
            }
        }
    }
}

/// For the figures in `docs/reference/path-validation.md`; takes a while:
/// `cargo test --release --lib -- --ignored --nocapture a_million_entries`
#[test]
#[ignore = "a measurement"]
fn a_million_entries_in_figures() {
    let ca = Ca::new();
    let serials: Vec<u64> =
        (1..=1_000_000_u64).map(|number| number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 1).collect();
    let der = ca.sign(&list(1, 1, &serials));
    let bytes = der.len();
    let start = Instant::now();
    let list = List::read(der, Path::new("x")).unwrap();
    let read = start.elapsed();
    let start = Instant::now();
    assert!(list.is_signed_by(&ca.1, Algorithms::USUAL));
    let verified = start.elapsed();
    let start = Instant::now();
    let found = serials.iter().step_by(10).filter(|serial| {
        let bytes = serial.to_be_bytes();
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let bytes = &bytes[zeros..];
        // An INTEGER whose first bit is set has a zero before it.
        if bytes.first().is_some_and(|first| first & 0x80 != 0) {
            list.find(&[&[0], bytes].concat()).is_some()
        } else {
            list.find(bytes).is_some()
        }
    });
    let count = found.count();
    let each = start.elapsed() / 100_000;
    let mib = list.memory() >> 20;
    let figures = format!(
        "{bytes} bytes: read in {read:?}, signature {verified:?}, {mib} MiB; {count} found, {each:?} each"
    );
    writeln!(std::io::stderr(), "{figures}").unwrap();
}

#[test]
fn a_long_list_is_read_soon_and_takes_little_more_than_its_bytes() {
    let ca = Ca::new();
    let serials: Vec<u64> = (0..20_000).map(|number| number * 7_919 % 1_000_003).collect();
    let der = ca.sign(&list(1, 1, &serials));
    let bytes = der.len();
    let start = Instant::now();
    let list = List::read(der, Path::new("x")).unwrap();
    assert!(start.elapsed().as_secs() < 2, "{:?}", start.elapsed());
    assert!(list.memory() < bytes * 5 / 4, "{} for {bytes}", list.memory());
    assert_eq!(list.len(), serials.len());
}
