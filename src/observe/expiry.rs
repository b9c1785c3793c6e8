//! The event about something that runs out, before it does.

use tracing::warn;

use crate::identity::timestamp_text;

const DAY: i64 = 24 * 60 * 60;

/// What runs out, and what to do about it.
#[derive(Clone, Copy, Debug)]
pub struct ExpiryEvent<'a> {
    /// What there is to say, as a sentence.
    pub message: &'a str,
    /// What kind of thing it is.
    pub kind: &'static str,
    /// The sites that it concerns.
    pub site: &'a str,
    /// Its subject; of a list, its issuer.
    pub subject: &'a str,
    /// Who issued it.
    pub issuer: &'a str,
    /// The file that holds it; empty for a client's.
    pub file: &'a str,
    /// Its SHA-256; empty for a list.
    pub fingerprint: &'a str,
    /// When it ends, Unix time.
    pub not_after: i64,
    /// What to do.
    pub advice: &'a str,
}

impl ExpiryEvent<'_> {
    /// Writes it; `now` is Unix time.
    pub fn log(&self, now: i64) {
        let Self { message, kind, site, subject, issuer, file, fingerprint, not_after, advice } =
            *self;
        let (not_after, days_left) = (timestamp_text(not_after), days_left(not_after, now));
        warn!(
            target: "expiry",
            kind, site, subject, issuer, file, fingerprint, not_after, days_left, advice,
            "{message}"
        );
    }
}

/// Whole days until an end, both in Unix time; negative once it has passed.
pub fn days_left(not_after: i64, now: i64) -> i64 {
    not_after.saturating_sub(now).div_euclid(DAY)
}
