//! Clients that are trusted by their key alone, without a CA.
//!
//! Whoever holds a pinned key is meant, whoever signed the certificate around it: so its signature and what
//! comes beside it are not looked at, and its names are what the key's holder wrote. What the certificate says of
//! itself (dates, uses, what nobody here understands) holds as ever; webpki, which judges that on a path, is not
//! asked here.

use rustls::pki_types::UnixTime;

use crate::config::{Client, ExtendedKeyUsage, Legacy};
use crate::identity::Claims;
use crate::policy::{Reason, Refusal};

use super::{explain, seconds, usage};

/// Judges a client's certificate by the site's pins; what holds with a CA too is left to [`usage`].
pub(super) fn check(claims: &Claims, rules: &Client, now: UnixTime) -> Result<(), Refusal> {
    let mut pins = rules.pinned_spki_sha256.iter();
    if !pins.any(|pin| pin.value == claims.spki_sha256) {
        let sentence = format!(
            "presented a certificate with a key that is not pinned: its SHA-256 is `{}`",
            claims.key_fingerprint()
        );
        return Err(Refusal::new(Reason::NotPinned, sentence));
    }
    if claims.version < 3 && !rules.accepts(Legacy::X509V1) {
        return Err(explain::old_version(claims));
    }
    let now = seconds(now);
    if claims.not_after < now {
        return Err(explain::expired_since("a certificate that", claims, now));
    }
    if now < claims.not_before {
        return Err(explain::valid_from("a certificate that", claims, now));
    }
    if let Some(number) = &claims.usage.unknown_critical {
        return Err(explain::not_understood("a certificate that", number));
    }
    let is_for_others = claims.usage.is_for_clients() == Some(false);
    if is_for_others && rules.extended_key_usage != ExtendedKeyUsage::Ignore {
        return Err(usage::not_for_clients(claims, true));
    }
    Ok(())
}
