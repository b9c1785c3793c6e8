//! An e-mail address to compare with, or `*@` and a domain for all of its addresses.

use super::{NotAPattern, dns};

/// One address, or all of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EmailPattern {
    /// `None` stands for any.
    local: Option<String>,
    domain: String,
}

impl EmailPattern {
    pub(super) fn parse(text: &str) -> Result<Self, NotAPattern> {
        let no_address =
            |fix: String| NotAPattern::new(format!("`{text}` is no e-mail address"), fix);
        let Some((local, domain)) = text.rsplit_once('@') else {
            let domain = if dns::check(text, text).is_ok() { text } else { "example.com" };
            return Err(no_address(format!(
                "write an address, or `\"*@{domain}\"` for all addresses of a domain"
            )));
        };
        dns::check(text, domain)
            .map_err(|_| no_address("write a whole domain behind the `@`".to_owned()))?;
        let in_local = |byte: u8| byte.is_ascii_graphic() && byte != b'*' && byte != b'@';
        let local = match local {
            "*" => None,
            local if !local.is_empty() && local.bytes().all(in_local) => Some(local.to_owned()),
            _ => {
                let wrong = no_address(format!("write a whole address, or `\"*@{domain}\"`"));
                return Err(wrong.why(
                    "an asterisk stands for all that can be before the `@`, never for a part of it",
                ));
            }
        };
        Ok(Self { local, domain: domain.to_ascii_lowercase() })
    }

    /// Whether an address is meant. Letter case counts before the `@` only (RFC 5280 section 7.5).
    pub(super) fn matches(&self, address: &str) -> bool {
        address.rsplit_once('@').is_some_and(|(local, domain)| {
            let is_local = match &self.local {
                Some(exact) => local == exact,
                None => !local.is_empty() && !local.contains('@'),
            };
            is_local && domain.eq_ignore_ascii_case(&self.domain)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, address: &str) -> bool {
        EmailPattern::parse(pattern).unwrap().matches(address)
    }

    #[test]
    fn letter_case_counts_before_the_at_sign_only() {
        assert!(matches("Pay@Example.com", "Pay@example.COM"));
        assert!(!matches("Pay@example.com", "pay@example.com"));
    }

    #[test]
    fn an_asterisk_stands_for_all_addresses_of_a_domain() {
        assert!(matches("*@example.com", "a.b+c@EXAMPLE.com"));
        for address in [
            "@example.com",
            "example.com",
            "a@b@example.com",
            "a@x.example.com",
            "a@example.com.evil.org",
            "a@xexample.com",
        ] {
            assert!(!matches("*@example.com", address), "{address}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "*",
            "example.com",
            "@example.com",
            "a*@example.com",
            "**@example.com",
            "a@",
            "a@*.com",
            "a@*",
            "a b@c.de",
            "a@b@c.de",
        ] {
            assert!(EmailPattern::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,40}", address in "\\PC{0,40}", like in "[a*@.]{0,8}") {
            for text in [text, like] {
                _ = EmailPattern::parse(&text).map(|pattern| pattern.matches(&address));
            }
        }
    }
}
