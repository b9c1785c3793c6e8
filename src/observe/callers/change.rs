//! That a client came with another certificate than before, and what of it is different.

use std::net::SocketAddr;

use tracing::{info, warn};

use crate::identity::timestamp_text;

/// What can be different.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Who issued the certificate.
    Issuer,
    /// The public key.
    Key,
    /// The names: the subject alternative names.
    San,
}

/// All that can be different, in the order of the metric.
pub const CHANGES: [Change; 3] = [Change::Issuer, Change::Key, Change::San];

impl Change {
    /// The word in the log, in metrics and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Issuer => "issuer",
            Self::Key => "key",
            Self::San => "san",
        }
    }
}

/// What a client is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Face {
    /// Who issued its certificate, by RFC 4514.
    pub issuer: String,
    /// SHA-256 of its public key, hexadecimal.
    pub key: String,
    /// Its names, sorted.
    pub san: String,
    /// SHA-256 of its certificate, hexadecimal.
    pub fingerprint: String,
    /// When that runs out, Unix time.
    pub not_after: i64,
}

/// Two faces of one name.
#[derive(Clone, Debug)]
pub(super) struct Changed {
    pub(super) before: Face,
    pub(super) after: Face,
    /// By the place in [`CHANGES`].
    pub(super) is_other: [bool; CHANGES.len()],
}

impl Changed {
    pub(super) fn changes(&self) -> Vec<Change> {
        let all = CHANGES.iter().zip(self.is_other);
        all.filter_map(|(change, is_other)| is_other.then_some(*change)).collect()
    }
}

/// A client that came with another certificate.
#[derive(Clone, Debug)]
pub struct IdentityChange {
    /// When, Unix time.
    pub at: i64,
    /// The first name of the site.
    pub site: String,
    /// The client's name.
    pub name: String,
    /// Where it came from.
    pub peer: SocketAddr,
    pub(super) changed: Changed,
    /// Changes of the same client that were not told since the last one that was.
    pub suppressed: u64,
}

impl IdentityChange {
    /// What is different.
    pub fn changes(&self) -> Vec<Change> {
        self.changed.changes()
    }

    /// The client as it was.
    pub fn before(&self) -> &Face {
        &self.changed.before
    }

    /// The client as it is.
    pub fn after(&self) -> &Face {
        &self.changed.after
    }

    /// Whether it is what a renewal brings: another key for the same names by the same issuer.
    pub fn is_renewal(&self) -> bool {
        self.changes() == [Change::Key]
    }

    /// In words, `the client ...` before it.
    pub fn sentence(&self) -> String {
        if self.is_renewal() {
            return "has renewed its certificate, with another key".to_owned();
        }
        let words = self.changes().into_iter().map(|change| match change {
            Change::Issuer => "issuer",
            Change::Key => "key",
            Change::San => "names",
        });
        let words: Vec<_> = words.collect();
        let words = match words.as_slice() {
            [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
            other => other.join(""),
        };
        format!("came with a certificate of other {words} than before")
    }

    pub(super) fn log(&self) {
        let changes: Vec<_> = self.changes().into_iter().map(Change::as_str).collect();
        let changed = changes.join(", ");
        let (before, after) = (self.before(), self.after());
        let not_after = timestamp_text(after.not_after);
        // A message is written as it is, and whoever chose the name could begin a line with it.
        let name = self.name.escape_debug();
        // The level of an event is known when the program is built.
        macro_rules! tell {
            ($level:ident) => {
                $level!(
                    target: "drift",
                    site = self.site,
                    name = self.name,
                    changed,
                    issuer = after.issuer,
                    issuer_before = before.issuer,
                    san = after.san,
                    san_before = before.san,
                    key = after.key,
                    key_before = before.key,
                    fingerprint = after.fingerprint,
                    fingerprint_before = before.fingerprint,
                    not_after,
                    peer = %self.peer,
                    suppressed = self.suppressed,
                    "the client `{name}` {}", self.sentence()
                )
            };
        }
        if self.is_renewal() {
            tell!(info);
        } else {
            tell!(warn);
        }
    }
}
