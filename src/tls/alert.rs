//! One spelling for alerts, the one of the RFCs: in the log, in the demo and in the documentation.

use rustls::AlertDescription;

/// The name that the RFCs give an alert: `UnknownCA` becomes `unknown_ca`, `ECHRequired` becomes `ech_required`.
pub(super) fn alert_name(alert: AlertDescription) -> String {
    if alert == AlertDescription::UnrecognisedName {
        // RFC 6066 spells it otherwise than rustls.
        return "unrecognized_name".to_owned();
    }
    let letters: Vec<char> = format!("{alert:?}").chars().collect();
    let mut name = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let is_small = |at: usize| letters.get(at).is_some_and(char::is_ascii_lowercase);
        let begins_word = at > 0 && (is_small(at - 1) || is_small(at + 1));
        if letter.is_ascii_uppercase() && begins_word {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_have_the_names_of_the_rfcs() {
        for (alert, name) in [
            (AlertDescription::CertificateRequired, "certificate_required"),
            (AlertDescription::UnknownCA, "unknown_ca"),
            (AlertDescription::UnknownPSKIdentity, "unknown_psk_identity"),
            (AlertDescription::UnrecognisedName, "unrecognized_name"),
        ] {
            assert_eq!(alert_name(alert), name);
        }
    }
}
