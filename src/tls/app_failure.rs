//! Why TLS with an app failed, in words that say what to change.

use std::error::Error as StdError;
use std::io;

use rustls::{AlertDescription as Alert, CertificateError, Error};

use super::alert::alert_name;

/// The sentence for a failure of TLS that lies at the bottom of an error; `None` where there is none.
pub fn failure(error: &(dyn StdError + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<Error>() {
            return Some(sentence(error));
        }
        // The source of an I/O error is that of the error it wraps, which would be passed over.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

fn sentence(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(error) => certificate(error),
        Error::InvalidMessage(_) => {
            "does not answer in TLS; if it speaks plain HTTP, write `http://`".to_owned()
        }
        Error::AlertReceived(alert) => {
            let why = match alert {
                Alert::CertificateRequired => {
                    "it asks for a certificate: name one, `certificate` in `[upstream.tls]`"
                }
                Alert::UnknownCA
                | Alert::BadCertificate
                | Alert::CertificateExpired
                | Alert::CertificateRevoked
                | Alert::CertificateUnknown
                | Alert::UnsupportedCertificate
                | Alert::AccessDenied => {
                    "it does not accept the gateway's certificate, `certificate` in `[upstream.tls]`"
                }
                Alert::UnrecognisedName => {
                    "it does not know the name that was asked for: set `server_name` in `[upstream.tls]`"
                }
                Alert::ProtocolVersion => "it speaks no TLS 1.2 or newer",
                Alert::NoApplicationProtocol => "it does not speak HTTP/1.1 there",
                _ => "it ended the handshake",
            };
            format!("the app sent the TLS alert `{}`: {why}", alert_name(*alert))
        }
        Error::PeerIncompatible(_) => format!("no TLS that both sides speak: {error}"),
        Error::General(what) => format!("its certificate cannot be judged: {what}"),
        other => format!("the TLS handshake failed: {other}"),
    }
}

fn certificate(error: &CertificateError) -> String {
    use CertificateError as C;
    match error {
        C::UnknownIssuer => {
            "its certificate leads to no CA that is trusted: set `ca` in `[upstream.tls]` to the CA that issued it, and \
             let the app send its intermediates"
                .to_owned()
        }
        C::Expired | C::ExpiredContext { .. } => {
            "its certificate, or one of its CA's, has run out".to_owned()
        }
        C::NotValidYet | C::NotValidYetContext { .. } => {
            "its certificate, or one of its CA's, is not valid yet".to_owned()
        }
        C::NotValidForName => "its certificate is for another name".to_owned(),
        C::NotValidForNameContext { expected, presented } => {
            let names = match presented.as_slice() {
                [] => "for no name (a common name does not count)".to_owned(),
                names => format!("for {}", names.join(", ")),
            };
            format!(
                "its certificate is not for `{}`, but {names}: set `server_name` in `[upstream.tls]`, or have it issued \
                 for that name",
                expected.to_str()
            )
        }
        C::InvalidPurpose | C::InvalidPurposeContext { .. } => {
            "its certificate is not for servers (extended key usage)".to_owned()
        }
        C::Other(_) if error.to_string().contains("CaUsedAsEndEntity") => {
            "its certificate is a CA's, which cannot stand for a server: let that CA issue one for the app".to_owned()
        }
        other => format!("its certificate is not accepted: {other}"),
    }
}
