//! A revocation list, whoever made it: read or refused, found in it what another parser finds there, and believed
//! by nobody whose key did not sign it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;

use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

use super::certificate::client;
use crate::identity::rfc4514;
use crate::pki::{Authority, Issued};
use crate::tls::fuzzing::{is_refused, is_signed_by, public_key_info};
use crate::tls::revocation::List;

/// The issuer of all lists in the seeds.
pub(super) const ISSUER: &str = "Example CA";

/// A CA of the same name with another key, and a client of it.
static OTHER: LazyLock<(Authority, Issued)> = LazyLock::new(|| {
    let authority = Authority::root(ISSUER).expect("a CA");
    let client = authority.client("caller").issue().expect("a certificate");
    (authority, client)
});

pub(super) fn run(bytes: &[u8]) {
    let Ok(list) = List::read(bytes.to_vec(), Path::new("some.crl")) else {
        return;
    };
    assert!(list.len() <= bytes.len() / 8, "an entry has a serial number and a time");
    assert!(list.memory() <= bytes.len() + 4 * list.len().next_power_of_two().max(4));
    let (authority, client_of) = &*OTHER;
    let key = public_key_info(authority.der()).expect("a key");
    assert!(!is_signed_by(&list, key));
    assert!(!is_signed_by(&list, bytes));
    compare(bytes, &list);
    assert!(is_refused(list, client_of.der(), key, &client(&[], &[])));
}

/// Compares with what x509-parser reads there, as far as it reads anything.
fn compare(bytes: &[u8], list: &List) {
    let Ok((rest, other)) = CertificateRevocationList::from_der(bytes) else {
        return;
    };
    assert!(rest.is_empty());
    assert_eq!(list.issuer_text(), rfc4514(other.issuer()));
    assert_eq!(list.this_update(), other.last_update().timestamp());
    assert_eq!(list.next_update(), other.next_update().map(|time| time.timestamp()));
    assert_eq!(list.len(), other.iter_revoked_certificates().count());
    // One serial number may stand there more than once.
    let mut said: BTreeMap<&[u8], BTreeSet<i64>> = BTreeMap::new();
    for entry in other.iter_revoked_certificates() {
        let times = said.entry(entry.raw_serial()).or_default();
        times.insert(entry.revocation_date.timestamp());
    }
    for (serial, times) in &said {
        let found = list.find(serial).unwrap_or_else(|| panic!("{serial:02x?} is not found"));
        assert!(times.contains(&found.at), "{serial:02x?}: {found:?}");
        for near in near(serial) {
            assert_eq!(
                list.find(&near).is_some(),
                said.contains_key(near.as_slice()),
                "{near:02x?}"
            );
        }
    }
    for serial in [&[][..], &[0], &[1], &[0xFF], &[0x7F; 20]] {
        assert_eq!(list.find(serial).is_some(), said.contains_key(serial), "{serial:02x?}");
    }
}

/// Serial numbers that are easily taken for this one.
fn near(serial: &[u8]) -> Vec<Vec<u8>> {
    let mut near = vec![[&[0], serial].concat(), [serial, &[0]].concat()];
    near.extend(serial.split_first().map(|(_, rest)| rest.to_vec()));
    near.extend(serial.split_last().map(|(last, rest)| [rest, &[last.wrapping_add(1)]].concat()));
    near
}
