//! Whether a certificate speaks for the names a site answers to, as a caller's TLS library will judge.

use std::net::IpAddr;

use crate::config::{Report, ServerName, Site};
use crate::identity::Claims;

/// Reports every server name that the certificate does not carry; whether it carries all.
pub(super) fn check(site: &Site, claims: &Claims, report: &mut Report) -> bool {
    let mut all = true;
    for name in &site.server_names {
        if covers(claims, &name.value) {
            continue;
        }
        all = false;
        report
            .error(
                &name.span,
                format!(
                    "the certificate in `{}` is not for `{}`",
                    site.certificate.value.display(),
                    name.value
                ),
            )
            .seen(carried(claims))
            .why("a caller that checks the name hangs up during the handshake")
            .fix(
                "get a certificate for this name too, give the name a `[[site]]` and a \
                certificate of its own, or correct `server_names`",
            );
    }
    let only_cn = !has_alternative_names(claims);
    if all && only_cn && claims.version == 3 {
        report
            .warning(
                &site.certificate.span,
                format!(
                    "the certificate in `{}` carries its name in the common name only",
                    site.certificate.value.display()
                ),
            )
            .seen(carried(claims))
            .why(
                "TLS libraries of today look at the subject alternative names and ignore the \
                common name",
            )
            .fix("have it issued again with a subject alternative name");
    }
    all
}

fn covers(claims: &Claims, name: &ServerName) -> bool {
    let by_common_name = !has_alternative_names(claims);
    match name {
        ServerName::Exact(name) => dns_names(claims).any(|pattern| matches(&pattern, name)),
        ServerName::Wildcard(parent) => {
            dns_names(claims).any(|pattern| pattern.strip_prefix("*.") == Some(parent))
        }
        ServerName::Address(address) => {
            claims.san_ip.contains(address)
                || by_common_name
                    && claims.subject_cn.iter().any(|cn| cn.parse::<IpAddr>() == Ok(*address))
        }
    }
}

/// The DNS names that count: the alternative names, or the common names where there are none at all.
fn dns_names(claims: &Claims) -> impl Iterator<Item = String> {
    let names = if has_alternative_names(claims) { &claims.san_dns } else { &claims.subject_cn };
    names.iter().map(|name| name.trim_end_matches('.').to_ascii_lowercase())
}

/// RFC 6125, section 6.4.3: a wildcard is a whole left-most label and stands for exactly one.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => {
            name.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == parent)
        }
        None => pattern == name,
    }
}

fn has_alternative_names(claims: &Claims) -> bool {
    !(claims.san_dns.is_empty()
        && claims.san_ip.is_empty()
        && claims.san_uri.is_empty()
        && claims.san_email.is_empty())
}

/// The names that a certificate carries, in words.
fn carried(claims: &Claims) -> String {
    /// Enough to recognise a certificate by; some carry hundreds.
    const SHOWN: usize = 8;
    if !has_alternative_names(claims) {
        return format!("no alternative names, subject `{}`", claims.subject);
    }
    let names: Vec<String> = claims
        .san_dns
        .iter()
        .cloned()
        .chain(claims.san_ip.iter().map(ToString::to_string))
        .map(|name| format!("`{name}`"))
        .collect();
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len() {
        0 => "alternative names, but no DNS name and no address among them".to_owned(),
        count if count > SHOWN => format!("it is for {shown} and {} more", count - SHOWN),
        _ => format!("it is for {shown}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pki::{Authority, self_signed_server};

    fn claims(names: &[&str]) -> Claims {
        let issued = self_signed_server(names).issue().unwrap();
        Claims::from_der(issued.der()).unwrap()
    }

    fn exact(name: &str) -> ServerName {
        ServerName::Exact(name.to_owned())
    }

    #[test]
    fn a_wildcard_stands_for_exactly_one_label() {
        let claims = claims(&["*.example.com"]);
        assert!(covers(&claims, &exact("www.example.com")));
        assert!(covers(&claims, &ServerName::Wildcard("example.com".into())));
        for name in ["example.com", "a.b.example.com", "wwwexample.com"] {
            assert!(!covers(&claims, &exact(name)), "{name}");
        }
    }

    #[test]
    fn a_wildcard_site_needs_the_wildcard_itself() {
        let claims = claims(&["www.example.com"]);
        assert!(!covers(&claims, &ServerName::Wildcard("example.com".into())));
    }

    #[test]
    fn an_address_is_matched_as_an_address() {
        let claims = claims(&["192.0.2.7", "2001:db8::7"]);
        for address in ["192.0.2.7", "2001:db8::7"] {
            assert!(covers(&claims, &ServerName::Address(address.parse().unwrap())));
        }
        assert!(!covers(&claims, &ServerName::Address("192.0.2.8".parse().unwrap())));
    }

    #[test]
    fn the_common_name_counts_only_without_alternative_names() {
        let root = Authority::root("A").unwrap();
        let old = root.client("www.example.com").issue().unwrap();
        assert!(covers(&Claims::from_der(old.der()).unwrap(), &exact("www.example.com")));
        let new = root.client("www.example.com").name("other.example.com").issue().unwrap();
        assert!(!covers(&Claims::from_der(new.der()).unwrap(), &exact("www.example.com")));
    }

    proptest! {
        #[test]
        fn a_name_matches_itself_and_the_wildcard_of_its_parent(
            label in "[a-z]{1,8}", parent in "[a-z]{1,8}\\.[a-z]{2,3}",
        ) {
            let name = format!("{label}.{parent}");
            prop_assert!(matches(&name, &name));
            let wildcard = format!("*.{parent}");
            let deeper = format!("x.{name}");
            prop_assert!(matches(&wildcard, &name));
            prop_assert!(!matches(&wildcard, &parent));
            prop_assert!(!matches(&wildcard, &deeper));
        }
    }
}
