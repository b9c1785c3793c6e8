//! One way to write a path, so that a route judges what the app will see. Apps decode, merge and climb in
//! different ways; whatever is left after this, they all read alike. What cannot be made so is refused.
//!
//! RFC 3986 sections 6.2.2 and 5.2.4. Beyond them, slashes that follow each other are merged, and `;parameters` of
//! a segment are not looked at, as Java's servers do.

use std::borrow::Cow;

/// A path in its one form, and the form of it that routes look at.
#[derive(Debug, PartialEq, Eq)]
pub struct CanonicalPath<'a> {
    /// For the app.
    pub path: Cow<'a, str>,
    /// The same without the parameters of its segments, where it has any.
    bare: Option<String>,
}

/// Why a path has no one form: servers differ in what they make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ambiguous {
    /// A `%` that two hexadecimal digits do not follow.
    #[error("a `%` in its path is not followed by two hexadecimal digits")]
    Percent,
    /// `%2F` or `%5C`: a slash that divides segments for some servers and for others not.
    #[error("its path has an encoded slash or backslash")]
    Slash,
    /// A backslash, which some servers take for a slash.
    #[error("its path has a backslash")]
    Backslash,
    /// `%00`, a line end, or another control character.
    #[error("its path has an encoded control character")]
    Control,
    /// Bytes that are in no UTF-8 text, which careless decoders take for others.
    #[error("its path has bytes that no UTF-8 text has")]
    NotUtf8,
    /// More `..` than there are segments before them.
    #[error("its path climbs above the root")]
    AboveRoot,
    /// `..;x`, which some servers climb by and others do not, or `;x` alone.
    #[error("its path has parameters where a segment has no name")]
    Parameters,
}

impl<'a> CanonicalPath<'a> {
    /// Reads the path of a request, without its query. With `keeps_slashes`, encoded slashes and backslashes are
    /// bytes of their segment like any other.
    ///
    /// # Errors
    /// [`Ambiguous`] if servers would read it in different ways.
    pub fn of(path: &'a str, keeps_slashes: bool) -> Result<Self, Ambiguous> {
        if is_canonical(path) {
            return Ok(Self { path: Cow::Borrowed(path), bare: None });
        }
        let decoded = decode(path, keeps_slashes)?;
        let path = without_dots(&decoded)?;
        let bare = path.contains(';').then(|| {
            let names = path.split('/').map(name_of);
            names.collect::<Vec<_>>().join("/")
        });
        Ok(Self { path: Cow::Owned(path), bare })
    }

    /// What routes look at.
    pub fn judged(&self) -> &str {
        self.bare.as_deref().unwrap_or(&self.path)
    }
}

/// Whether there is nothing to do, which costs one look at each byte.
fn is_canonical(path: &str) -> bool {
    let mut before = 0;
    for byte in path.bytes() {
        if matches!(byte, b'%' | b'\\' | b';') || before == b'/' && matches!(byte, b'/' | b'.') {
            return false;
        }
        before = byte;
    }
    true
}

/// Decodes what needs no code, and writes all other codes in capitals.
fn decode(path: &str, keeps_slashes: bool) -> Result<String, Ambiguous> {
    let mut decoded = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find(['%', '\\']) {
        decoded.push_str(&rest[..at]);
        if rest.as_bytes()[at] == b'\\' {
            return Err(Ambiguous::Backslash);
        }
        let digits = rest.get(at + 1..at + 3).ok_or(Ambiguous::Percent)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(Ambiguous::Percent);
        }
        let byte = u8::from_str_radix(digits, 16).map_err(|_| Ambiguous::Percent)?;
        match byte {
            b'/' | b'\\' if !keeps_slashes => return Err(Ambiguous::Slash),
            _ if byte.is_ascii_control() => return Err(Ambiguous::Control),
            0xC0 | 0xC1 | 0xF5.. => return Err(Ambiguous::NotUtf8),
            b'-' | b'.' | b'_' | b'~' => decoded.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => decoded.push(char::from(byte)),
            _ => {
                decoded.push('%');
                decoded.push_str(&digits.to_ascii_uppercase());
            }
        }
        rest = &rest[at + 3..];
    }
    decoded.push_str(rest);
    Ok(decoded)
}

/// Takes out `.`, `..` and empty segments.
fn without_dots(path: &str) -> Result<String, Ambiguous> {
    let Some(relative) = path.strip_prefix('/') else {
        // `*`, the only target without a path.
        return Ok(path.to_owned());
    };
    let mut kept: Vec<&str> = Vec::new();
    let mut ends_in_slash = false;
    for segment in relative.split('/') {
        let name = name_of(segment);
        ends_in_slash = true;
        match name {
            "" | "." | ".." if name.len() < segment.len() => return Err(Ambiguous::Parameters),
            "" | "." => {}
            ".." => _ = kept.pop().ok_or(Ambiguous::AboveRoot)?,
            // A slash that is kept for the app's sake climbs nowhere, also not in an app that decodes it.
            _ if climbs_when_decoded(segment) => return Err(Ambiguous::Slash),
            _ => {
                kept.push(segment);
                ends_in_slash = false;
            }
        }
    }
    let mut clean = String::with_capacity(path.len());
    for segment in kept {
        clean.push('/');
        clean.push_str(segment);
    }
    if ends_in_slash {
        clean.push('/');
    }
    Ok(clean)
}

/// Whether a segment with encoded slashes holds dots that would count if these were slashes.
fn climbs_when_decoded(segment: &str) -> bool {
    if !segment.contains('%') {
        return false;
    }
    let slashes = segment.replace("%2F", "/").replace("%5C", "/");
    slashes.contains('/') && slashes.split('/').any(|part| matches!(name_of(part), "." | ".."))
}

/// A segment without its parameters.
fn name_of(segment: &str) -> &str {
    segment.split_once(';').map_or(segment, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical(path: &str) -> Result<(String, String), Ambiguous> {
        let canonical = CanonicalPath::of(path, false)?;
        let judged = canonical.judged().to_owned();
        Ok((canonical.path.into_owned(), judged))
    }

    #[test]
    fn what_is_written_in_many_ways_has_one_form() {
        let cases = [
            ("/", "/"),
            ("*", "*"),
            ("/admin", "/admin"),
            ("/%61dmin", "/admin"),
            ("/x/../admin", "/admin"),
            ("/x/%2e%2E/admin", "/admin"),
            ("/x/.%2e/admin/", "/admin/"),
            ("//admin", "/admin"),
            ("/./admin", "/admin"),
            ("/admin/.", "/admin/"),
            ("/admin/x/..", "/admin/"),
            ("/x/..", "/"),
            ("/a//b///c/", "/a/b/c/"),
            ("/caf%c3%a9/%7euser", "/caf%C3%A9/~user"),
            ("/a%20b%3Bc", "/a%20b%3Bc"),
            ("/%252e%252e/x", "/%252e%252e/x"),
            ("/...", "/..."),
            ("/.well-known/x", "/.well-known/x"),
        ];
        for (written, expected) in cases {
            let both = (expected.to_owned(), expected.to_owned());
            assert_eq!(canonical(written), Ok(both), "{written}");
        }
    }

    #[test]
    fn parameters_reach_the_app_and_no_route() {
        let both = ("/admin;v=1/x".to_owned(), "/admin/x".to_owned());
        assert_eq!(canonical("/admin;v=1//x"), Ok(both));
    }

    #[test]
    fn what_servers_read_in_different_ways_has_no_form() {
        use Ambiguous as A;
        let cases = [
            ("/x%2fadmin", A::Slash),
            ("/x%5cadmin", A::Slash),
            ("/x\\admin", A::Backslash),
            ("/admin%00.png", A::Control),
            ("/admin%0d%0ax", A::Control),
            ("/%c0%af", A::NotUtf8),
            ("/..", A::AboveRoot),
            ("/x/../../admin", A::AboveRoot),
            ("/..;/admin", A::Parameters),
            ("/x/..;y/admin", A::Parameters),
            ("/;x/admin", A::Parameters),
            ("/%", A::Percent),
            ("/%4", A::Percent),
            ("/%+4", A::Percent),
            ("/%zz", A::Percent),
        ];
        for (written, expected) in cases {
            assert_eq!(canonical(written), Err(expected), "{written}");
        }
    }

    #[test]
    fn encoded_slashes_are_kept_where_the_site_says_so() {
        let kept = |path| CanonicalPath::of(path, true).map(|kept| kept.path.into_owned());
        assert_eq!(kept("/a%2fb/%5c../c").as_deref(), Err(&Ambiguous::Slash));
        assert_eq!(kept("/a%2fb/..x%5c/c").as_deref(), Ok("/a%2Fb/..x%5C/c"));
        assert_eq!(kept("/a%2f..%2f/c"), Err(Ambiguous::Slash));
    }

    proptest! {
        #[test]
        fn the_one_form_is_its_own(path in "/[a-c/.%;\\\\2fF5cC0eE]{0,24}", keeps in any::<bool>()) {
            if let Ok(once) = CanonicalPath::of(&path, keeps) {
                let once = once.path.into_owned();
                let twice = CanonicalPath::of(&once, keeps).map(|twice| twice.path.into_owned());
                prop_assert_eq!(twice.as_deref(), Ok(once.as_str()));
                prop_assert!(once.split('/').all(|segment| segment != "." && segment != ".."));
                prop_assert!(once.starts_with('/') && !once.contains("//"));
            }
        }
    }
}
