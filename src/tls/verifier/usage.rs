//! What each certificate of a path must be allowed to do: sign handshakes, or sign certificates.
//!
//! webpki looks at basicConstraints and extendedKeyUsage and leaves keyUsage alone; OpenSSL-based
//! servers refuse by all three, and so does this. Everything here can only refuse.

use webpki::{ExtendedKeyUsageValidator, KeyPurposeIdIter};

use crate::config::ExtendedKeyUsage;
use crate::identity::Claims;
use crate::policy::{Reason, Refusal};

use super::super::material::key_flaw;

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
        return Err(Refusal::new(Reason::WrongUsage, sentence));
    }
    // webpki judges the keys that sign certificates; this one signs the handshake, where rustls would
    // refuse it as if the client had not proved anything.
    if let Some(flaw) = key_flaw(claims) {
        let sentence = format!("presented a certificate whose key is {flaw}: {}", claims.key);
        return Err(Refusal::new(Reason::UnsupportedAlgorithm, sentence));
    }
    Ok(())
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
        return Err(Refusal::new(Reason::WrongUsage, sentence));
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
    Refusal::new(Reason::WrongUsage, sentence)
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
