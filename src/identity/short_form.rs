//! A presented chain in a few lines, for logs: every certificate that a person would look at, and no more
//! bytes than a log can bear.
//!
//! A chain is the client's to choose, 60 KB of it and 10,000 names in one certificate included. Whatever is
//! left out is counted, and every character is printable ASCII.

use std::net::{Ipv4Addr, Ipv6Addr};

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;

use super::claims::Claims;
use super::distinguished_name;

/// How many certificates of a chain are shown, and how many bytes they may take together.
const CERTIFICATES_MAX: usize = 8;
const CHAIN_MAX: usize = 3 * 1024;
/// How many names of a certificate are shown.
const NAMES_MAX: usize = 8;
/// The longest subject or issuer, and the longest of the other parts, in bytes.
const SUBJECT_MAX: usize = 256;
const PART_MAX: usize = 80;

/// Each certificate on one line, the client's own first, and a last line that counts those left out.
pub(crate) fn short_chain<'a>(chain: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let (mut lines, mut bytes, mut left_out) = (Vec::new(), 0, 0);
    for der in chain {
        // The rest is not even read: what is not shown costs nothing.
        if left_out > 0 || lines.len() == CERTIFICATES_MAX {
            left_out += 1;
            continue;
        }
        let line = short_form(der);
        bytes += line.len();
        // One certificate alone always fits.
        if bytes > CHAIN_MAX && !lines.is_empty() {
            left_out += 1;
            continue;
        }
        lines.push(line);
    }
    if left_out > 0 {
        lines.push(format!("and {left_out} more"));
    }
    lines
}

/// One certificate on one line of a log.
fn short_form(der: &[u8]) -> String {
    let claims = match Claims::from_der(der) {
        Ok(claims) => claims,
        Err(malformed) => return clip(format!("{} bytes, {malformed}", der.len()), SUBJECT_MAX),
    };
    let names = names(der);
    let names = if names.is_empty() { names } else { format!(" san={names:?}") };
    format!(
        "subject={:?} issuer={:?} serial={}{names} not_before={} not_after={} key={:?} signature={} sha256={}",
        clip(claims.subject.clone(), SUBJECT_MAX),
        clip(claims.issuer.clone(), SUBJECT_MAX),
        clip(claims.serial.clone(), PART_MAX),
        claims.not_before_text(),
        claims.not_after_text(),
        clip(claims.key.clone(), PART_MAX),
        clip(claims.signature_algorithm.clone(), PART_MAX),
        claims.fingerprint(),
    )
}

/// The subject alternative names as OpenSSL writes them, the first few; empty if there are none.
fn names(der: &[u8]) -> String {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return String::new();
    };
    let extensions = certificate.extensions().iter();
    let names: Vec<_> = extensions
        .filter_map(|extension| match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(names) => Some(&names.general_names),
            _ => None,
        })
        .flatten()
        .collect();
    let shown = names.iter().take(NAMES_MAX).map(|name| clip(name_text(name), PART_MAX));
    let mut shown: Vec<_> = shown.collect();
    if names.len() > NAMES_MAX {
        shown.push(format!("and {} more", names.len() - NAMES_MAX));
    }
    shown.join(", ")
}

fn name_text(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(name) => format!("DNS:{}", name.escape_default()),
        GeneralName::URI(uri) => format!("URI:{}", uri.escape_default()),
        GeneralName::RFC822Name(address) => format!("email:{}", address.escape_default()),
        GeneralName::IPAddress(bytes) => {
            if let Ok(v4) = <[u8; 4]>::try_from(*bytes) {
                format!("IP:{}", Ipv4Addr::from(v4))
            } else if let Ok(v6) = <[u8; 16]>::try_from(*bytes) {
                format!("IP:{}", Ipv6Addr::from(v6))
            } else {
                format!("IP:{} bytes", bytes.len())
            }
        }
        GeneralName::DirectoryName(name) => {
            format!("DirName:{}", distinguished_name::rfc4514(name))
        }
        GeneralName::RegisteredID(oid) => format!("RID:{}", oid.to_id_string()),
        GeneralName::OtherName(oid, _) => format!("othername:{}", oid.to_id_string()),
        GeneralName::X400Address(_) => "X400Name".to_owned(),
        GeneralName::EDIPartyName(_) => "EdiPartyName".to_owned(),
        GeneralName::Invalid(tag, bytes) => format!("invalid:[{}] {} bytes", tag.0, bytes.len()),
    }
}

/// A text of at most `max` bytes, dots included: what is too long loses its middle, because a sentence says
/// much at its end.
pub(crate) fn clip(text: String, max: usize) -> String {
    const DOTS: &str = "...";
    if text.len() <= max {
        return text;
    }
    let kept = max.saturating_sub(DOTS.len());
    let (head_max, tail_min) = (kept - kept / 3, text.len() - kept / 3);
    let head = (0..=head_max).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let tail = (tail_min..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    format!("{}{DOTS}{}", &text[..head], &text[tail..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn certificate(wish: impl Fn(&mut CertificateParams)) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "caller");
        wish(&mut params);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn every_kind_of_name_is_shown() {
        let der = certificate(|params| {
            params.subject_alt_names = vec![
                SanType::DnsName("a.example".try_into().unwrap()),
                SanType::Rfc822Name("a@example".try_into().unwrap()),
                SanType::URI("spiffe://a/b".try_into().unwrap()),
                SanType::IpAddress("192.0.2.7".parse().unwrap()),
                SanType::IpAddress("2001:db8::7".parse().unwrap()),
                SanType::OtherName((
                    vec![1, 3, 6, 1, 4],
                    rcgen::OtherNameValue::Utf8String("x".to_owned()),
                )),
            ];
        });
        let line = short_form(&der);
        let names = "san=\"DNS:a.example, email:a@example, URI:spiffe://a/b, IP:192.0.2.7, \
                     IP:2001:db8::7, othername:1.3.6.1.4\"";
        assert!(line.contains(names), "{line}");
        assert!(line.contains("key=\"EC P-256\" signature=ecdsa-with-SHA256 sha256="), "{line}");
    }

    #[test]
    fn ten_thousand_names_are_counted_and_not_shown() {
        let der = certificate(|params| {
            params.subject_alt_names = (0..10_000)
                .map(|number| SanType::DnsName(format!("{number}.example").try_into().unwrap()))
                .collect();
        });
        let line = short_form(&der);
        assert!(line.contains("DNS:7.example, and 9992 more\""), "{line}");
        assert!(line.len() < 600, "{}", line.len());
    }

    #[test]
    fn a_chain_of_the_largest_certificates_stays_short() {
        let wide = certificate(|params| {
            for _ in 0..20 {
                params
                    .distinguished_name
                    .push(DnType::OrganizationalUnitName, "\u{7}\"\\".repeat(500));
            }
            let name = |number| format!("{number}{}", "\"".repeat(2000)).try_into().unwrap();
            params.subject_alt_names = (0..20).map(|number| SanType::URI(name(number))).collect();
            params.serial_number = Some(vec![0x7f; 5000].into());
        });
        assert!(wide.len() > 40_000);
        let lines = short_chain(std::iter::repeat_n(wide.as_slice(), 50));
        let bytes: usize = lines.iter().map(String::len).sum();
        assert!(bytes <= CHAIN_MAX + 20, "{bytes}");
        assert!(lines.last().unwrap().starts_with("and 4"), "{lines:?}");
        assert!(lines.concat().bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{lines:?}");
    }

    #[test]
    fn an_ordinary_chain_is_shown_whole_up_to_eight() {
        let der = certificate(|_| {});
        assert_eq!(short_chain(std::iter::repeat_n(der.as_slice(), 8)).len(), 8);
        let more = short_chain(std::iter::repeat_n(der.as_slice(), 30));
        assert_eq!((more.len(), more[8].as_str()), (9, "and 22 more"));
        assert_eq!(short_chain([]), Vec::<String>::new());
        assert!(short_chain([&b"no certificate"[..]])[0].starts_with("14 bytes, not a DER"));
    }

    proptest! {
        #[test]
        fn what_is_clipped_keeps_both_ends(text: String, max in 3_usize..60) {
            let clipped = clip(text.clone(), max);
            prop_assert!(clipped.len() <= max);
            prop_assert!(text.len() > max || clipped == text);
        }
    }
}
