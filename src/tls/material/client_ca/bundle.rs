//! One file of CA certificates: all that are in it, and nothing that is none.

use rustls::pki_types::CertificateDer;

use super::super::certificate::Certificate;
use super::super::der;
use super::super::file::NamedFile;
use super::super::pem::{self, Block, Contents};
use super::super::wrong_kind::{Wanted, report_wrong_kind};
use crate::config::Report;
use crate::identity::Claims;

/// The CA certificates of one file; `None` after an error was reported.
pub(in crate::tls::material) fn read(
    file: &NamedFile<'_>,
    report: &mut Report,
) -> Option<Vec<Certificate>> {
    let bytes = file.read(report)?;
    let contents = pem::contents(&bytes);
    let certificates = read_certificates(file, &contents, report)?;
    let (authorities, others): (Vec<_>, Vec<_>) =
        certificates.into_iter().partition(|certificate| why_no_ca(&certificate.claims).is_none());
    let none_at_all = authorities.is_empty();
    for other in &others {
        report_no_ca(file, &other.claims, none_at_all, report);
    }
    (!none_at_all).then_some(authorities)
}

/// All certificates of one file, at least one.
fn read_certificates(
    file: &NamedFile<'_>,
    contents: &Contents,
    report: &mut Report,
) -> Option<Vec<Certificate>> {
    let ders: Vec<(CertificateDer<'static>, Option<usize>)> = match contents {
        Contents::Der(der::Kind::Certificate, bytes) => {
            vec![(CertificateDer::from(bytes.to_vec()), None)]
        }
        Contents::Pem(sections) => {
            let mut ders = Vec::new();
            for section in sections {
                match &section.block {
                    Block::Certificate(der) => ders.push((der.clone(), Some(section.line))),
                    Block::Broken(why) => {
                        report_damaged(file, Some(section.line), why, report);
                        return None;
                    }
                    _ => {}
                }
            }
            ders
        }
        _ => Vec::new(),
    };
    if ders.is_empty() {
        report_wrong_kind(file, Wanted::TrustAnchor, contents, report);
        return None;
    }
    let mut certificates = Vec::new();
    let count = ders.len();
    for (der, line) in ders {
        // The second reading is webpki's, which will judge clients by it and is stricter.
        match (webpki::anchor_from_trusted_cert(&der), Certificate::read(der.clone())) {
            (Ok(_), Ok(certificate)) => certificates.push(certificate),
            (_, Err(_)) => {
                report_damaged(file, line, "no X.509 certificate in DER", report);
            }
            (Err(_), _) => {
                report_damaged(file, line, "a certificate that is not strictly DER", report);
            }
        }
    }
    (certificates.len() == count).then_some(certificates)
}

fn report_damaged(file: &NamedFile<'_>, line: Option<usize>, why: &str, report: &mut Report) {
    let at = line.map_or_else(String::new, |line| format!("at line {line}: "));
    report
        .error(file.span, format!("{} holds a damaged certificate", file.says()))
        .seen(format!("{at}{why}"))
        .fix("copy the file again, whole, from whoever runs the CA");
}

/// Why a certificate may not issue others (RFC 5280, section 6.1.4); `None` if it may.
fn why_no_ca(claims: &Claims) -> Option<String> {
    if let Some(flaw) = &claims.usage.flaw {
        return Some(format!("it holds {flaw}"));
    }
    if let Some(number) = &claims.usage.unknown_critical {
        return Some(format!(
            "it holds the critical extension {number}, which is not understood here"
        ));
    }
    let why = match (claims.ca, claims.may_sign_certificates()) {
        (Some(false), _) => "its basicConstraints says `CA:FALSE`",
        (_, Some(false)) => "its keyUsage lacks `keyCertSign`",
        (Some(true), _) | (None, Some(true)) => return None,
        // Version 1 has no place to say it: a root that somebody lists here is meant to be one.
        (None, None) if claims.version < 3 && claims.is_self_issued() => return None,
        (None, None) => "nothing in it says that it is a CA",
    };
    Some(why.to_owned())
}

fn report_no_ca(file: &NamedFile<'_>, claims: &Claims, none_at_all: bool, report: &mut Report) {
    let why = why_no_ca(claims).unwrap_or_default();
    let seen = format!("`{}`, issued by `{}`: {why}", claims.subject, claims.issuer);
    if none_at_all {
        report.error(file.span, format!("{} holds no CA certificate", file.says())).seen(seen).fix(
            if claims.is_self_issued() && file.key == "ca" {
                "list the certificate of a CA, and let it issue the app's".to_owned()
            } else if claims.is_self_issued() {
                "list the certificate of a CA that issues the clients' certificates".to_owned()
            } else {
                format!("list the certificate of the CA that issued it, `{}`", claims.issuer)
            },
        );
    } else {
        report
            .warning(
                file.span,
                format!("{} holds a certificate that is no CA, and is left out", file.says()),
            )
            .seen(seen)
            .fix("take it out of the file");
    }
}
