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

use webpki::Cert;

use crate::config::{Client, OnDoubt};
use crate::identity::{KeyUsage, timestamp_text};
use crate::policy::{Reason, Refusal};

#[doc(hidden)]
pub use list::{List, Revoked};

/// The revocation lists of a site.
#[derive(Clone, Debug, Default)]
pub struct RevocationLists(Vec<Arc<List>>);

impl RevocationLists {
    /// Keeps the newest list for each issuer, key and scope.
    pub(in crate::tls) fn newest_of(lists: Vec<List>) -> Self {
        let mut kept: Vec<Arc<List>> = Vec::new();
        for list in lists {
            match kept.iter_mut().find(|other| other.is_for_the_same(&list)) {
                Some(other) if other.is_older_than(&list) => *other = Arc::new(list),
                Some(_) => {}
                None => kept.push(Arc::new(list)),
            }
        }
        Self(kept)
    }

    /// All of them.
    pub(in crate::tls) fn iter(&self) -> impl Iterator<Item = &List> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Judges one certificate, which a sentence calls `who`. The answer is when the list that was used runs
    /// out, if that matters.
    pub(in crate::tls) fn check(
        &self,
        certificate: &Cert<'_>,
        who: &str,
        issuer: &Issuer<'_>,
        rules: &Client,
        now: i64,
    ) -> Result<Option<i64>, Refusal> {
        let refuse =
            |reason, why: String| Err(Refusal::new(reason, format!("presented {who} {why}")));
        let name = issuer.name;
        let meant: Vec<_> = self
            .iter()
            .filter(|list| list.issuer() == certificate.issuer() && list.covers(certificate))
            .collect();
        let Some(first) = meant.first() else {
            if rules.crl_missing == OnDoubt::Allow {
                return Ok(None);
            }
            let why = format!("for which no revocation list of `{name}` is there");
            return refuse(Reason::CrlMissing, why);
        };
        let may_sign = issuer.key_usage.is_none_or(KeyUsage::may_sign_lists);
        let signed = meant.iter().find(|list| may_sign && list.is_signed_by(issuer.key));
        let Some(list) = signed else {
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
            return refuse(Reason::CrlUnreadable, why);
        };
        if let Some(revoked) = list.find(certificate.serial()) {
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
            return refuse(Reason::CrlExpired, why);
        }
        if let Some(end) = list.next_update().filter(|end| *end < now) {
            let end = timestamp_text(end);
            let why = format!("for which the revocation list `{file}` ran out at {end}");
            return refuse(Reason::CrlExpired, why);
        }
        Ok(list.next_update())
    }

    /// What `check` tells of them.
    pub fn facts(&self) -> Vec<ListFacts> {
        let facts = |list: &List| ListFacts {
            issuer: list.issuer_text(),
            file: list.file().to_owned(),
            entries: list.len(),
            next_update: list.next_update(),
            memory: list.memory(),
        };
        self.iter().map(facts).collect()
    }
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
