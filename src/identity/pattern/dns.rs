//! A DNS name to compare with, or `*.` and a name, where the asterisk stands for exactly one label.

use super::NotAPattern;

/// The longest name and label of the DNS (RFC 1035, section 2.3.4).
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// A DNS name, or all names one label below one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DnsPattern {
    /// This name.
    Exact(String),
    /// Names with one label before this.
    Below(String),
}

impl DnsPattern {
    pub(super) fn parse(text: &str) -> Result<Self, NotAPattern> {
        let name = text.to_ascii_lowercase();
        match name.strip_prefix("*.") {
            Some(parent) => check(text, parent).map(|()| Self::Below(parent.to_owned())),
            None => check(text, &name).map(|()| Self::Exact(name)),
        }
    }

    /// Whether a name, in lower case, is meant.
    pub(super) fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exact(exact) => name == exact,
            Self::Below(parent) => name
                .split_once('.')
                .is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
        }
    }
}

/// Checks a name without wildcard; `text` is what was written.
pub(super) fn check(text: &str, name: &str) -> Result<(), NotAPattern> {
    let no_name = |fix: &str| NotAPattern::new(format!("`{text}` is no DNS name"), fix);
    if name.contains('*') {
        let wrong = no_name("write a whole name, or `*.` and a name, such as `\"*.example.com\"`");
        return Err(
            wrong.why("an asterisk stands for exactly one whole label, the first, and never alone")
        );
    }
    if name.contains("://") {
        return Err(no_name("write the name alone, or ask for a URI with `san_uri`"));
    }
    if name.contains('@') {
        return Err(no_name("write the name alone, or ask for an e-mail address with `san_email`"));
    }
    if name.parse::<std::net::IpAddr>().is_ok() {
        return Err(no_name("ask for an IP address with `san_ip`"));
    }
    if !name.is_ascii() {
        return Err(no_name("write the name in its ASCII form, which starts a label with `xn--`")
            .why("certificates hold names with other letters in that form"));
    }
    let in_label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_label = |label: &str| {
        !label.is_empty() && label.len() <= LABEL_BYTES_MAX && label.bytes().all(in_label)
    };
    if name.len() > NAME_BYTES_MAX || !name.split('.').all(is_label) {
        return Err(no_name(
            "write letters, digits and hyphens with dots between, such as `\"client.example.com\"`",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        DnsPattern::parse(pattern).unwrap().matches(name)
    }

    #[test]
    fn a_wildcard_stands_for_exactly_one_label() {
        assert!(matches("*.Example.com", "a.example.com"));
        assert!(matches("*.example.com", "*.example.com"));
        for name in [
            "example.com",
            ".example.com",
            "a.b.example.com",
            "aexample.com",
            "a.example.com.",
            "a.example.org",
        ] {
            assert!(!matches("*.example.com", name), "{name}");
        }
    }

    #[test]
    fn a_name_is_compared_whole() {
        assert!(matches("A.example.com", "a.example.com"));
        for name in [
            "a.example.com.evil.org",
            "xa.example.com",
            "example.com",
            "*.example.com",
            "a-example.com",
            "",
        ] {
            assert!(!matches("a.example.com", name), "{name}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            "*",
            "*.",
            "**.a.com",
            "a*.com",
            "a.*.com",
            "*.*.com",
            "a..b",
            "a b",
            "ü.de",
            "10.0.0.1",
            "::1",
            "spiffe://a/b",
            "a@b.com",
            "a.com.",
        ] {
            assert!(DnsPattern::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_longer_name_matches(name in "[a-z]{1,5}(\\.[a-z]{1,5}){0,2}", before in "[a-z.]{1,3}", after in "[a-z.]{1,3}") {
            let exact = DnsPattern::parse(&name).unwrap();
            prop_assert!(exact.matches(&name));
            let longer = format!("{before}{name}");
            prop_assert!(!exact.matches(&longer));
            let longer = format!("{name}{after}");
            prop_assert!(!exact.matches(&longer));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}", name in "\\PC{0,40}", like in "[*.a]{0,8}") {
            for text in [text, like] {
                _ = DnsPattern::parse(&text).map(|pattern| pattern.matches(&name));
            }
        }
    }
}
