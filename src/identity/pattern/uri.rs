//! A URI to compare with, such as a SPIFFE ID. In its path `*` stands for one segment and a `**` at the
//! end for the rest; scheme and host are always written out.

use super::NotAPattern;
use crate::identity::claims::is_uri;

/// A URI, or the path that some have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum UriPattern {
    /// This one, byte for byte.
    Exact(String),
    /// Those whose segments fit, one by one.
    Glob {
        /// What is compared as it is: `spiffe://prod`.
        origin: String,
        segments: Vec<Segment>,
        /// Whether one or more segments follow.
        open: bool,
    },
}

/// One piece of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    Exact(String),
    Any,
}

impl UriPattern {
    pub(super) fn parse(text: &str) -> Result<Self, NotAPattern> {
        let no_uri = |fix: &str| NotAPattern::new(format!("`{text}` is no URI"), fix);
        let form = "write a whole URI, such as `\"spiffe://example.org/ns/prod/sa/pay\"`";
        let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
        let in_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        if !scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            || !scheme.bytes().all(in_scheme)
        {
            return Err(no_uri(form));
        }
        if !is_uri(text) {
            return Err(no_uri(
                "write its other characters as `%` and two hex digits, as the certificate has them",
            ));
        }
        if !text.contains('*') {
            return Ok(Self::Exact(text.to_owned()));
        }
        glob(text).ok_or_else(|| {
            let wrong = no_uri(
                "write `*` for one whole segment of the path, or `**` at its end, such as \
                 `\"spiffe://example.org/ns/*/sa/pay\"`",
            );
            wrong.why(
                "an asterisk stands for no part of a segment, and for no scheme, host or query",
            )
        })
    }

    /// Whether a URI is meant.
    pub(super) fn matches(&self, uri: &str) -> bool {
        let (origin, segments, open) = match self {
            Self::Exact(exact) => return uri == exact,
            Self::Glob { origin, segments, open } => (origin, segments, *open),
        };
        let Some(path) = uri.strip_prefix(origin.as_str()).and_then(|rest| rest.strip_prefix('/'))
        else {
            return false;
        };
        let mut presented = path.split('/');
        let fits = segments.iter().all(|segment| {
            presented.next().is_some_and(|presented| match segment {
                Segment::Exact(exact) => presented == exact,
                Segment::Any => is_plain(presented),
            })
        });
        match (fits, open) {
            (false, _) => false,
            (true, false) => presented.next().is_none(),
            (true, true) => presented.clone().next().is_some() && presented.all(is_plain),
        }
    }
}

fn glob(text: &str) -> Option<UriPattern> {
    // At the first colon: what stands before a later `://` is no scheme and may hold an asterisk.
    let (scheme, rest) = text.split_once(':')?;
    let (authority, path) = rest.strip_prefix("//")?.split_once('/')?;
    if authority.is_empty() || authority.contains(['*', '?', '#']) {
        return None;
    }
    let segment = |segment: &str| match segment {
        "*" => Some(Segment::Any),
        exact => is_plain(exact).then(|| Segment::Exact(exact.to_owned())),
    };
    let segments = |path: &str| path.split('/').map(segment).collect::<Option<Vec<_>>>();
    let (segments, open) = match (path, path.strip_suffix("/**")) {
        ("**", _) => (Vec::new(), true),
        (_, Some(path)) => (segments(path)?, true),
        (path, None) => (segments(path)?, false),
    };
    Some(UriPattern::Glob { origin: format!("{scheme}://{authority}"), segments, open })
}

/// Whether a segment is one for every reader: nothing in it ends the path, climbs in it, or is a slash
/// once decoded.
fn is_plain(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..") && !segment.contains(['%', '?', '#', '*'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, uri: &str) -> bool {
        UriPattern::parse(pattern).unwrap().matches(uri)
    }

    #[test]
    fn an_asterisk_stands_for_one_segment() {
        let pattern = "spiffe://prod/ns/*/sa/pay";
        assert!(matches(pattern, "spiffe://prod/ns/shop/sa/pay"));
        for uri in [
            "spiffe://prod/ns/sa/pay",
            "spiffe://prod/ns//sa/pay",
            "spiffe://prod/ns/a/b/sa/pay",
            "spiffe://prod/ns/shop/sa/pay/",
            "spiffe://prod/ns/shop/sa/pay/x",
            "spiffe://prod/ns/shop/sa/payer",
            "spiffe://prod/ns/../sa/pay",
            "spiffe://prod/ns/a%2Fb/sa/pay",
            "spiffe://prod/ns/a?/sa/pay",
            "spiffe://prod.evil/ns/shop/sa/pay",
            "spiffe://PROD/ns/shop/sa/pay",
            "xspiffe://prod/ns/shop/sa/pay",
            "",
        ] {
            assert!(!matches(pattern, uri), "{uri}");
        }
    }

    #[test]
    fn two_asterisks_stand_for_the_rest() {
        for uri in ["spiffe://prod/ns/a", "spiffe://prod/ns/a/b/c"] {
            assert!(matches("spiffe://prod/ns/**", uri), "{uri}");
            assert!(matches("spiffe://prod/**", uri), "{uri}");
        }
        for uri in [
            "spiffe://prod/ns",
            "spiffe://prod/ns/",
            "spiffe://prod/nsx/a",
            "spiffe://prod/ns/a/../b",
            "spiffe://prod/ns/a#b",
        ] {
            assert!(!matches("spiffe://prod/ns/**", uri), "{uri}");
        }
    }

    #[test]
    fn without_an_asterisk_every_byte_counts() {
        assert!(matches("urn:uuid:f81d4fae", "urn:uuid:f81d4fae"));
        assert!(matches("https://a/b?c=d", "https://a/b?c=d"));
        assert!(!matches("https://a/b", "https://a/b/"));
        assert!(!matches("https://a/b", "https://a/bc"));
        assert!(!matches("https://a/b", "HTTPS://a/b"));
    }

    #[test]
    fn asterisks_elsewhere_are_refused() {
        for text in [
            "*",
            "**",
            "",
            "prod/ns",
            "*://prod/a",
            "spiffe://*/a",
            "spiffe://p*/a",
            "spiffe://prod/a*",
            "spiffe://prod/**/a",
            "spiffe://prod/a**",
            "spiffe://prod//**",
            "spiffe://prod/ns//**",
            "spiffe://prod*",
            "spiffe://**",
            "spiffe://prod/*?x",
            "spiffe://prod/*/",
            "urn:uuid:*",
            "a:/*/b://prod/c",
            "a b:c",
            "s:a b",
            "s:ä",
        ] {
            assert!(UriPattern::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_part_of_a_uri_matches(uri in "[a-z]{1,3}://[a-z]{1,3}(/[a-z]{1,3}){1,3}", cut in 1..4_usize, more in "[a-z/]{1,3}") {
            for pattern in [uri.clone(), format!("{uri}/*")] {
                let pattern = UriPattern::parse(&pattern).unwrap();
                prop_assert!(!pattern.matches(&uri[cut..]));
                prop_assert!(!pattern.matches(&uri[..uri.len() - cut]));
                let longer = format!("{more}{uri}");
                prop_assert!(!pattern.matches(&longer));
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}", uri in "\\PC{0,40}", like in "s://[a*/]{0,10}") {
            for text in [text, like] {
                _ = UriPattern::parse(&text).map(|pattern| pattern.matches(&uri));
            }
        }
    }
}
