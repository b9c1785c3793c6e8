//! What each certificate of a path must be allowed to do: sign handshakes, or sign certificates.
//!
//! webpki looks at basicConstraints and extendedKeyUsage and leaves keyUsage alone; OpenSSL-based
//! servers refuse by all three, and so does this. Everything here can only refuse.

use webpki::{ExtendedKeyUsageValidator, KeyPurposeIdIter};

use crate::config::{ExtendedKeyUsage, Legacy};
use crate::identity::Claims;
use crate::policy::{Reason, Refusal};

use super::super::algorithms::Algorithms;
use super::super::material::key_flaw;
use super::explain;

/// The site's rule for extendedKeyUsage, as webpki asks it of every certificate below the anchor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Purpose(pub(super) ExtendedKeyUsage);

impl ExtendedKeyUsageValidator for Purpose {
    fn validate(&self, present: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        match self.0 {
            ExtendedKeyUsage::Ignore => Ok(()),
            // That the client's own must have the extension is asked below; CAs seldom have it.
            ExtendedKeyUsage::IfPresent | ExtendedKeyUsage::Require => {
                webpki::KeyUsage::client_auth().validate(present)
            }
        }
    }
}

/// Judges the client's own certificate.
pub(super) fn check_end_entity(claims: &Claims, rule: ExtendedKeyUsage) -> Result<(), Refusal> {
    check_readable(claims, "a certificate that")?;
    // RFC 8446 section 4.4.2.2; TLS 1.2 clients sign with it just the same.
    if let Some(key) = claims.usage.key.filter(|key| !key.may_sign()) {
        let names = key.names();
        let sentence = format!(
            "presented a certificate whose key usage is {names}, without digitalSignature, so that \
             its key may not sign a handshake"
        );
        return Err(Refusal::new(Reason::WrongUsage, sentence));
    }
    if rule == ExtendedKeyUsage::Require && claims.usage.extended.is_none() {
        let sentence = "presented a certificate without an extended key usage; this site requires \
                        one with clientAuth";
        return Err(Refusal::new(Reason::WrongUsage, sentence).advising(
            "have the CA issue the client a certificate with the extended key usage `clientAuth`, or set \
             `extended_key_usage = \"if_present\"` in `[site.client]`",
        ));
    }
    Ok(())
}

/// Judges the client's own key. webpki judges the keys that sign certificates; this one signs the handshake,
/// where rustls would refuse it as if the client had not proved anything.
pub(super) fn check_key(claims: &Claims, algorithms: Algorithms) -> Result<(), Refusal> {
    if let Some(flaw) = key_flaw(claims, algorithms) {
        let sentence = format!("presented a certificate whose key is {flaw}: {}", claims.key);
        return Err(
            Refusal::new(Reason::UnsupportedAlgorithm, sentence).advising(other_key(claims))
        );
    }
    Ok(())
}

/// What to change about a key that is not accepted.
pub(super) fn other_key(claims: &Claims) -> String {
    let again = "have the CA issue again for a key of RSA 2048 or P-256";
    match claims.rsa_bits {
        Some(Legacy::RSA_BITS_MIN..2048) => {
            format!("{again}, or {}", explain::let_pass(Legacy::Rsa1024))
        }
        Some(..Legacy::RSA_BITS_MIN) => format!("{again}; so short a one cannot be accepted"),
        _ => again.to_owned(),
    }
}

/// Judges a CA of the path, the anchor included.
pub(super) fn check_issuer(claims: &Claims, rule: ExtendedKeyUsage) -> Result<(), Refusal> {
    let subject = &claims.subject;
    check_readable(claims, &format!("a chain whose CA `{subject}`"))?;
    if let Some(key) = claims.usage.key.filter(|key| !key.may_sign_certificates()) {
        let names = key.names();
        let sentence = format!(
            "presented a chain whose CA `{subject}` has the key usage {names}, without keyCertSign, \
             so that it may not issue certificates"
        );
        let advice = format!(
            "have `{subject}` certified again with `keyCertSign`; if it is the root, put the new certificate \
             into `client_ca`"
        );
        return Err(Refusal::new(Reason::WrongUsage, sentence).advising(advice));
    }
    if rule != ExtendedKeyUsage::Ignore && claims.usage.is_for_clients() == Some(false) {
        return Err(not_for_clients(claims, false));
    }
    Ok(())
}

/// The refusal of an extendedKeyUsage without clientAuth.
pub(super) fn not_for_clients(claims: &Claims, is_own: bool) -> Refusal {
    let subject = &claims.subject;
    let present = match claims.usage.extended.as_deref() {
        None | Some([]) => "empty".to_owned(),
        Some(purposes) => purposes.join(", "),
    };
    let sentence = if is_own {
        format!(
            "presented a certificate whose extended key usage is {present}, without clientAuth: it \
             does not allow authenticating clients"
        )
    } else {
        format!(
            "presented a chain whose CA `{subject}` has the extended key usage {present}, without \
             clientAuth: it does not allow issuing to clients"
        )
    };
    let whom = if is_own { "the client a certificate" } else { "again by a CA" };
    Refusal::new(Reason::WrongUsage, sentence).advising(format!(
        "have the CA issue {whom} with the extended key usage `clientAuth`, or set \
         `extended_key_usage = \"ignore\"` in `[site.client]`"
    ))
}

fn check_readable(claims: &Claims, who: &str) -> Result<(), Refusal> {
    match &claims.usage.flaw {
        None => Ok(()),
        Some(flaw) => {
            let sentence = format!("presented {who} holds {flaw}");
            Err(Refusal::new(Reason::Malformed, sentence))
        }
    }
}
