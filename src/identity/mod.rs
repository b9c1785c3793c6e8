//! Who a certificate speaks for: from DER to [`Claims`] (what it says) to [`Identity`] (what was verified).
//!
//! Pure: no clock, no I/O, no TLS library. An [`Identity`] exists only for a certificate that the TLS
//! layer has verified; code that asks for one cannot be handed mere claims.

mod claims;
mod distinguished_name;
mod moment;
mod pattern;
mod short_form;
mod usage;

pub use claims::{Claims, Malformed};
pub(crate) use distinguished_name::rfc4514;
pub use distinguished_name::{Attribute, attributes};
pub(crate) use moment::{length_text, timestamp_text};
pub use pattern::{Field, Network, NotAPattern, Pattern, sha256};
pub(crate) use short_form::{clip, short_chain};
pub use usage::{KeyUsage, Usage};

/// The verified end-entity certificate of a client.
///
/// The proof that a chain to a configured CA, or a pinned key, was checked: its one constructor is called in one place,
/// right after that check (`tests/it/layers.rs` holds that).
#[derive(Debug)]
pub struct Identity {
    claims: Claims,
    chain: Vec<Vec<u8>>,
    valid_until: i64,
}

impl Identity {
    /// Turns claims into an identity. Only for the verifier, once the chain holds: `chain` is what the client
    /// presented, its own certificate first; `valid_until` is when the first certificate of the verified
    /// path runs out, Unix time.
    pub(crate) fn of_verified(claims: Claims, chain: Vec<Vec<u8>>, valid_until: i64) -> Self {
        Self { claims, chain, valid_until }
    }

    /// What the certificate says.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The certificate itself, DER.
    pub fn der(&self) -> &[u8] {
        self.chain.first().map_or(&[], Vec::as_slice)
    }

    /// Everything that the client presented, DER, its own certificate first.
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// The last second at which every certificate of the verified path is valid, Unix time.
    pub fn valid_until(&self) -> i64 {
        self.valid_until
    }

    /// A short name for log lines: the first DNS or URI name, else the common name, else the subject.
    pub fn name(&self) -> &str {
        let claims = &self.claims;
        claims
            .san_dns
            .first()
            .or(claims.san_uri.first())
            .or(claims.subject_cn.first())
            .map_or(claims.subject.as_str(), String::as_str)
    }
}
