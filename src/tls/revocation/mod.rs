//! Whether a certificate was revoked, by the lists that the operator provides.
//!
//! A list counts for a certificate if it is of the certificate's issuer, made for it (`scope`), and signed by
//! the very key that signed the certificate. Every doubt refuses: no list, a list that ran out, a list that
//! does not verify. Only the operator can say otherwise, for the first two.

mod der;
mod list;
mod scope;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use crate::config::{Client, CrlMissing, OnDoubt};
use crate::identity::{KeyUsage, timestamp_text};
use crate::policy::{Reason, Refusal};
use crate::tls::algorithms::Algorithms;

// For `benches` alone.
#[doc(hidden)]
pub use list::{List, Revoked};

/// The revocation lists of a site.
#[derive(Clone, Debug, Default)]
pub struct RevocationLists {
    lists: Vec<Arc<List>>,
    excused: Vec<Excused>,
}

/// A CA without a list, whose certificates are let pass: by name and key, so that no namesake is.
#[derive(Clone, Debug)]
pub(in crate::tls) struct Excused {
    /// Its name, DER without its head.
    pub(in crate::tls) name: Vec<u8>,
    /// Its `SubjectPublicKeyInfo`.
    pub(in crate::tls) key: Vec<u8>,
}

/// A certificate that is asked about, of any version.
#[derive(Clone, Copy)]
pub(in crate::tls) struct Asked<'a> {
    /// The whole of it.
    pub(in crate::tls) der: &'a [u8],
    /// Its issuer's name, DER without its head.
    pub(in crate::tls) issuer: &'a [u8],
    /// The content of its serial number's INTEGER.
    pub(in crate::tls) serial: &'a [u8],
}

impl RevocationLists {
    /// Keeps the newest list for each issuer, key and scope, as far as the lists say which key that is.
    pub(in crate::tls) fn newest_of(lists: Vec<List>) -> Self {
        let mut kept: Vec<Arc<List>> = Vec::new();
        for list in lists {
            match kept.iter_mut().find(|other| other.is_for_the_same(&list)) {
                Some(other) if list.is_newer_than(other) => *other = Arc::new(list),
                Some(_) => {}
                None => kept.push(Arc::new(list)),
            }
        }
        Self { lists: kept, excused: Vec::new() }
    }

    /// The same with CAs that need no list.
    pub(in crate::tls) fn excusing(mut self, excused: Vec<Excused>) -> Self {
        self.excused = excused;
        self
    }

    /// All of them.
    pub(in crate::tls) fn iter(&self) -> impl Iterator<Item = &List> {
        self.lists.iter().map(AsRef::as_ref)
    }

    /// Judges one certificate, which a sentence calls `who`. The answer is when the list that was used runs
    /// out, if that matters.
    pub(in crate::tls) fn check(
        &self,
        certificate: Asked<'_>,
        who: &str,
        issuer: &Issuer<'_>,
        rules: &Client,
        now: i64,
    ) -> Result<Option<i64>, Refusal> {
        let refuse =
            |reason, why: String| Err(Refusal::new(reason, format!("presented {who} {why}")));
        let advise = |refused: Result<_, Refusal>, advice: String| {
            refused.map_err(|refusal: Refusal| refusal.advising(advice))
        };
        let name = issuer.name;
        let meant: Vec<_> = self
            .iter()
            .filter(|list| list.issuer() == certificate.issuer && list.covers(certificate.der))
            .collect();
        let Some(first) = meant.first() else {
            let is_excused = |ca: &Excused| ca.name == certificate.issuer && ca.key == issuer.key;
            let may_lack_one = match rules.crl_missing {
                CrlMissing::Deny => false,
                CrlMissing::Allow => true,
                CrlMissing::AllowFor(_) => self.excused.iter().any(is_excused),
            };
            if may_lack_one {
                return Ok(None);
            }
            let why = format!("for which no revocation list of `{name}` is there");
            let advice = format!(
                "add the revocation list of `{name}` to `crl` in `[site.client]`, or set \
                 `crl_missing = \"allow\"`"
            );
            return advise(refuse(Reason::CrlMissing, why), advice);
        };
        let may_sign = issuer.key_usage.is_none_or(KeyUsage::may_sign_lists);
        let is_signed =
            |list: &&&List| may_sign && list.is_signed_by(issuer.key, Algorithms::of(rules));
        let signed: Vec<_> = meant.iter().filter(is_signed).copied().collect();
        let Some(list) = that_holds(&signed, now) else {
            let file = first.file().display();
            let why = if may_sign {
                format!(
                    "for which the revocation list `{file}` does not verify with the key of `{name}`"
                )
            } else {
                format!(
                    "for which the revocation list `{file}` is of `{name}`, which may not sign lists"
                )
            };
            let advice = format!(
                "replace `{file}` by the list that `{name}` has signed with its present key"
            );
            return advise(refuse(Reason::CrlUnreadable, why), advice);
        };
        // An older list of the same scope may name what was released since. One of another scope is heard.
        let is_superseded = |list: &List| {
            signed.iter().any(|other| other.has_the_scope_of(list) && other.is_newer_than(list))
        };
        let mut heard = signed.iter().filter(|list| !is_superseded(list));
        if let Some(revoked) = heard.find_map(|list| list.find(certificate.serial)) {
            let (at, reason) = (timestamp_text(revoked.at), revoked.reason);
            return refuse(Reason::Revoked, format!("that was revoked at {at}, reason {reason}"));
        }
        if rules.crl_expired == OnDoubt::Allow {
            return Ok(None);
        }
        let file = list.file().display();
        if list.this_update() > now {
            let from = timestamp_text(list.this_update());
            let why = format!("for which the revocation list `{file}` begins only at {from}");
            let advice = format!(
                "look at this machine's clock with `timedatectl`; if it is right, put the list that holds now \
                 into `{file}`"
            );
            return advise(refuse(Reason::CrlExpired, why), advice);
        }
        if let Some(end) = list.next_update().filter(|end| *end < now) {
            let end = timestamp_text(end);
            let why = format!("for which the revocation list `{file}` ran out at {end}");
            let advice = format!(
                "fetch the current list of `{name}` into `{file}`, or set `crl_expired = \"allow\"` in \
                 `[site.client]`"
            );
            return advise(refuse(Reason::CrlExpired, why), advice);
        }
        Ok(list.next_update())
    }

    /// Whether any list of its issuer names an intermediate that is trusted without its issuer (`partial_chain`),
    /// whose lists can be told by their name only. None need be there, and an old one counts: this only
    /// refuses.
    pub(in crate::tls) fn check_anchor(
        &self,
        anchor: Asked<'_>,
        subject: &str,
    ) -> Result<(), Refusal> {
        let mut lists = self.iter().filter(|list| list.issuer() == anchor.issuer);
        let Some(revoked) = lists.find_map(|list| list.find(anchor.serial)) else {
            return Ok(());
        };
        let (at, reason) = (timestamp_text(revoked.at), revoked.reason);
        let sentence = format!(
            "presented a chain to the configured CA `{subject}`, that was revoked at {at}, reason {reason}"
        );
        Err(Refusal::new(Reason::Revoked, sentence))
    }

    /// What `check` tells of them.
    pub fn facts(&self) -> Vec<ListFacts> {
        let facts = |list: &List| ListFacts {
            issuer: list.issuer_text(),
            file: list.file().to_owned(),
            entries: list.len(),
            this_update: list.this_update(),
            next_update: list.next_update(),
            memory: list.memory(),
        };
        self.iter().map(facts).collect()
    }
}

/// Of the lists that are meant for a certificate, the one that says whether the news is fresh: the newest that
/// has begun.
fn that_holds<'a>(lists: &[&'a List], now: i64) -> Option<&'a List> {
    let begun = lists.iter().filter(|list| list.this_update() <= now);
    let newest = begun.max_by_key(|list| list.this_update());
    newest.or_else(|| lists.iter().min_by_key(|list| list.this_update())).copied()
}

/// A list, for people who ask.
#[derive(Clone, Debug)]
pub struct ListFacts {
    /// The CA that issued it.
    pub issuer: String,
    /// The file that holds it.
    pub file: PathBuf,
    /// How many certificates it revokes.
    pub entries: usize,
    /// From when it holds, Unix time.
    pub this_update: i64,
    /// When the next one is due, Unix time, if it says so.
    pub next_update: Option<i64>,
    /// Bytes of memory that it takes.
    pub memory: usize,
}

/// The issuer of a certificate that is asked about.
#[derive(Clone, Copy)]
pub(in crate::tls) struct Issuer<'a> {
    /// Its name, for messages.
    pub(in crate::tls) name: &'a str,
    /// Its `SubjectPublicKeyInfo`.
    pub(in crate::tls) key: &'a [u8],
    pub(in crate::tls) key_usage: Option<KeyUsage>,
}
