//! One revocation list (RFC 5280, section 5), kept as the bytes it came in with a sorted index of its entries.
//!
//! So a list of a million entries needs its own size and four bytes an entry. What limits or changes the
//! meaning of a list in a way that is not applied here (delta lists, indirect lists, lists for some reasons
//! only, unknown critical extensions) makes it unusable: it is refused when it is read.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustls::pki_types::SubjectPublicKeyInfoDer;
use webpki::RawPublicKeyEntity;
use x509_parser::prelude::{FromDer as _, X509Name};
use x509_parser::time::ASN1Time;

use super::der::{Element, Walk, tag};
use super::scope::Scope;
use crate::identity::rfc4514;
use crate::tls::algorithms::Algorithms;

/// How many keys of CAs are remembered per list. CAs of one name are few.
const KEYS_MAX: usize = 16;

/// The last bytes of an OID below id-ce (2.5.29).
const ID_CE: [u8; 2] = [0x55, 0x1D];

/// A revocation list.
#[derive(Debug)]
pub struct List {
    der: Vec<u8>,
    file: PathBuf,
    signed: Range<usize>,
    algorithm: Range<usize>,
    signature: Range<usize>,
    issuer: Element,
    this_update: i64,
    next_update: Option<i64>,
    /// The content of cRLNumber's INTEGER.
    number: Range<usize>,
    /// authorityKeyIdentifier, which tells the lists of two keys of one name apart.
    key_id: Range<usize>,
    scope: Scope,
    /// Where each entry starts, in the order of the serial numbers.
    entries: Vec<u32>,
    /// Public keys of CAs, and whether this list verifies with them.
    keys: Mutex<Vec<(Vec<u8>, bool)>>,
}

/// What a list says of a certificate.
#[derive(Debug)]
pub struct Revoked {
    /// Unix time.
    pub at: i64,
    /// As RFC 5280 section 5.3.1 names it.
    pub reason: &'static str,
}

impl List {
    /// Reads a list.
    ///
    /// # Errors
    /// What is wrong with it, as `which ...` goes on.
    pub fn read(der: Vec<u8>, file: &Path) -> Result<Self, String> {
        let mut list = parse(&der, file).ok_or_else(|| "is not strictly DER".to_owned())??;
        list.der = der;
        let List { der, entries, .. } = &mut list;
        entries.sort_unstable_by(|one, other| serial(der, *one).cmp(serial(der, *other)));
        Ok(list)
    }

    /// The issuer's name, DER without its head, as webpki compares names.
    pub(in crate::tls) fn issuer(&self) -> &[u8] {
        self.part(&self.issuer.content)
    }

    /// The issuer's name for people.
    pub fn issuer_text(&self) -> String {
        X509Name::from_der(self.part(&self.issuer.whole))
            .map_or_else(|_| "unreadable".to_owned(), |(_, name)| rfc4514(&name))
    }

    pub(in crate::tls) fn file(&self) -> &Path {
        &self.file
    }

    /// From when it holds, Unix time.
    pub fn this_update(&self) -> i64 {
        self.this_update
    }

    /// When the next one is due, Unix time, if it says so.
    pub fn next_update(&self) -> Option<i64> {
        self.next_update
    }

    /// How many certificates it revokes.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The bytes of memory that it takes.
    pub fn memory(&self) -> usize {
        self.der.capacity() + self.entries.capacity() * size_of::<u32>()
    }

    /// Whether it was made for this certificate, its issuer aside.
    pub(super) fn covers(&self, certificate: &[u8]) -> bool {
        self.scope.covers(&self.der, certificate)
    }

    /// Whether both are of one issuer, say that they are of one key, and have one scope. Lists that do not
    /// name their key may be of two.
    pub(super) fn is_for_the_same(&self, other: &Self) -> bool {
        let key_id = self.part(&self.key_id);
        !key_id.is_empty()
            && key_id == other.part(&other.key_id)
            && self.issuer() == other.issuer()
            && self.has_the_scope_of(other)
    }

    pub(super) fn has_the_scope_of(&self, other: &Self) -> bool {
        self.scope.text(&self.der) == other.scope.text(&other.der)
    }

    pub(super) fn is_newer_than(&self, other: &Self) -> bool {
        self.age() > other.age()
    }

    fn age(&self) -> (i64, usize, &[u8]) {
        let number = self.part(&self.number);
        (self.this_update, number.len(), number)
    }

    /// Whether the holder of this `SubjectPublicKeyInfo` signed it. Worked out once a key, by the
    /// algorithms of the one site that has the list.
    pub(in crate::tls) fn is_signed_by(&self, key: &[u8], algorithms: Algorithms) -> bool {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, verifies)) = keys.iter().find(|(known, _)| known == key) {
            return *verifies;
        }
        let verifies = self.verify(key, algorithms);
        if keys.len() < KEYS_MAX {
            keys.push((key.to_vec(), verifies));
        }
        verifies
    }

    fn verify(&self, key: &[u8], algorithms: Algorithms) -> bool {
        let key = SubjectPublicKeyInfoDer::from(key);
        let Ok(key) = RawPublicKeyEntity::try_from(&key) else {
            return false;
        };
        let (signed, signature) = (self.part(&self.signed), self.part(&self.signature));
        let named = |id: &[u8]| id == self.part(&self.algorithm);
        algorithms
            .for_certificates()
            .iter()
            .filter(|algorithm| named(algorithm.signature_alg_id().as_ref()))
            .any(|algorithm| key.verify_signature(*algorithm, signed, signature).is_ok())
    }

    /// What it says of the certificate with this serial number (the content of its INTEGER).
    pub fn find(&self, wanted: &[u8]) -> Option<Revoked> {
        let found = self.entries.binary_search_by(|entry| serial(&self.der, *entry).cmp(wanted));
        let entry = *self.entries.get(found.ok()?)?;
        let mut parts = parts_of(&self.der, entry)?;
        parts.any()?;
        let time = parts.any()?;
        let extensions = parts.any();
        let reason = extensions.and_then(|all| reason_code(&self.der, all.content));
        Some(Revoked {
            at: unix(self.part(&time.whole)).unwrap_or_default(),
            reason: reason_name(reason.unwrap_or_default()),
        })
    }

    fn part(&self, range: &Range<usize>) -> &[u8] {
        &self.der[range.clone()]
    }
}

/// The parts of the entry that starts there: serial number, time, extensions.
fn parts_of(der: &[u8], entry: u32) -> Option<Walk<'_>> {
    let start = usize::try_from(entry).ok()?;
    let entry = Walk::new(der, start..der.len()).any()?;
    Some(Walk::new(der, entry.content))
}

/// The serial number of the entry that starts there.
fn serial(der: &[u8], entry: u32) -> &[u8] {
    let serial = parts_of(der, entry).and_then(|mut parts| parts.any());
    serial.map_or(&[], |serial| &der[serial.content])
}

fn unix(time: &[u8]) -> Option<i64> {
    let (_, time) = ASN1Time::from_der(time).ok()?;
    Some(time.timestamp())
}

const TIME: [u8; 2] = [tag::UTC_TIME, tag::GENERALIZED_TIME];

/// The outer `None` is for what is no DER, the inner error for a list that cannot be used.
fn parse(der: &[u8], file: &Path) -> Option<Result<List, String>> {
    let mut top = Walk::new(der, 0..der.len());
    let whole = top.one_of(&[tag::SEQUENCE])?;
    let mut outer = Walk::new(der, whole.content);
    let signed = outer.one_of(&[tag::SEQUENCE])?;
    let algorithm = outer.one_of(&[tag::SEQUENCE])?;
    let signature = outer.one_of(&[tag::BIT_STRING])?;
    if !top.is_at_end() || !outer.is_at_end() || der.get(signature.content.start) != Some(&0) {
        return None;
    }
    let mut inner = Walk::new(der, signed.content.clone());
    inner.one_of(&[tag::INTEGER]);
    let algorithm_again = inner.one_of(&[tag::SEQUENCE])?;
    if der[algorithm_again.content] != der[algorithm.content.clone()] {
        return None;
    }
    let issuer = inner.one_of(&[tag::SEQUENCE])?;
    let this_update = unix(&der[inner.one_of(&TIME)?.whole])?;
    let next_update = match inner.one_of(&TIME) {
        Some(time) => Some(unix(&der[time.whole])?),
        None => None,
    };
    let mut list = List {
        der: Vec::new(),
        file: file.to_owned(),
        signed: signed.whole,
        algorithm: algorithm.content,
        signature: signature.content.start + 1..signature.content.end,
        issuer,
        this_update,
        next_update,
        number: 0..0,
        key_id: 0..0,
        scope: Scope::default(),
        entries: Vec::new(),
        keys: Mutex::default(),
    };
    if let Some(revoked) = inner.one_of(&[tag::SEQUENCE]) {
        let mut walk = Walk::new(der, revoked.content);
        while !walk.is_at_end() {
            let entry = walk.one_of(&[tag::SEQUENCE])?;
            let mut parts = Walk::new(der, entry.content);
            parts.one_of(&[tag::INTEGER])?;
            parts.one_of(&TIME)?;
            if let Some(extensions) = parts.one_of(&[tag::SEQUENCE]) {
                for extension in extensions_in(der, extensions.content)? {
                    // reasonCode, holdInstructionCode, invalidityDate
                    if extension.critical && !matches!(extension.id, Some(21 | 23 | 24)) {
                        return Some(Err(extension.not_understood("an entry with ")));
                    }
                }
            }
            if !parts.is_at_end() {
                return None;
            }
            list.entries.push(u32::try_from(entry.whole.start).ok()?);
        }
        list.entries.shrink_to_fit();
    }
    if let Some(extensions) = inner.one_of(&[tag::CONTEXT_0]) {
        let all = Walk::new(der, extensions.content).one_of(&[tag::SEQUENCE])?;
        for extension in extensions_in(der, all.content)? {
            match extension.id {
                Some(20) => {
                    let number = Walk::new(der, extension.value).one_of(&[tag::INTEGER])?;
                    list.number = number.content;
                }
                Some(27) => return Some(Err("is a delta list, which is not supported".to_owned())),
                Some(28) => match Scope::read(der, extension.whole, extension.value) {
                    Ok(scope) => list.scope = scope,
                    Err(why) => return Some(Err(why.to_owned())),
                },
                Some(35) => list.key_id = extension.value,
                _ if extension.critical => return Some(Err(extension.not_understood(""))),
                _ => {}
            }
        }
    }
    inner.is_at_end().then_some(Ok(list))
}

struct Extension {
    /// The last number of an OID below id-ce.
    id: Option<u8>,
    critical: bool,
    /// The whole extension.
    whole: Range<usize>,
    /// The content of its OCTET STRING.
    value: Range<usize>,
}

impl Extension {
    fn not_understood(&self, whose: &str) -> String {
        let id = self.id.map_or("of another kind".to_owned(), |id| format!("2.5.29.{id}"));
        format!("holds {whose}a critical extension {id}, which is not understood here")
    }
}

fn extensions_in(der: &[u8], part: Range<usize>) -> Option<Vec<Extension>> {
    let mut walk = Walk::new(der, part);
    let mut extensions = Vec::new();
    while !walk.is_at_end() {
        let whole = walk.one_of(&[tag::SEQUENCE])?;
        let mut parts = Walk::new(der, whole.content);
        let oid = &der[parts.one_of(&[tag::OID])?.content];
        let critical = parts.one_of(&[tag::BOOLEAN]);
        let value = parts.one_of(&[tag::OCTET_STRING])?.content;
        extensions.push(Extension {
            id: match oid {
                [one, two, id] if [*one, *two] == ID_CE => Some(*id),
                _ => None,
            },
            critical: critical.is_some_and(|flag| der[flag.content] != [0]),
            whole: whole.whole,
            value,
        });
    }
    Some(extensions)
}

/// The reasonCode among an entry's extensions.
fn reason_code(der: &[u8], part: Range<usize>) -> Option<u8> {
    let extensions = extensions_in(der, part)?;
    let reason = extensions.into_iter().find(|extension| extension.id == Some(21))?;
    let code = Walk::new(der, reason.value).any()?;
    der[code.content].first().copied()
}

fn reason_name(code: u8) -> &'static str {
    match code {
        1 => "keyCompromise",
        2 => "cACompromise",
        3 => "affiliationChanged",
        4 => "superseded",
        5 => "cessationOfOperation",
        6 => "certificateHold",
        9 => "privilegeWithdrawn",
        10 => "aACompromise",
        _ => "unspecified",
    }
}
