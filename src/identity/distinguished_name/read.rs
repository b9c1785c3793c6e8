//! Reading a distinguished name that somebody wrote, by RFC 4514, as forgivingly as it can be done without
//! ever taking two names for one: letter case of keys, spaces around separators and the way of escaping do
//! not count; everything in a value does.

use super::{KEYS, escape, short_name};

/// Other words for a key of [`KEYS`].
const ALIASES: [(&str, &str); 7] = [
    ("E", "emailAddress"),
    ("email", "emailAddress"),
    ("surname", "SN"),
    ("givenName", "GN"),
    ("S", "ST"),
    ("STREET", "street"),
    ("userId", "UID"),
];

/// One attribute of a distinguished name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Its type: the key that our own strings have for it (`CN`), or an OID.
    pub key: String,
    /// Its value, not escaped. What is no text stays `#` and hexadecimal digits.
    pub value: String,
    /// Whether it is no text.
    pub is_hex: bool,
}

/// The attributes of a name, its parts in the order of the text, each with what `+` joins.
///
/// # Errors
/// What is wrong with it, as the end of a sentence.
pub fn attributes(text: &str) -> Result<Vec<Vec<Attribute>>, String> {
    let mut parts = vec![Vec::new()];
    for (piece, ends_part) in pieces(text)? {
        let attribute = attribute(piece)?;
        if let Some(part) = parts.last_mut() {
            part.push(attribute);
        }
        if ends_part {
            parts.push(Vec::new());
        }
    }
    Ok(parts)
}

/// The name as our own strings write it, so that two texts of one name become one.
pub(in crate::identity) fn canonical(text: &str) -> Result<String, String> {
    let shown = |attribute: Attribute| match attribute.is_hex {
        true => format!("{}={}", attribute.key, attribute.value),
        false => format!("{}={}", attribute.key, escape(&attribute.value)),
    };
    let part = |part: Vec<Attribute>| part.into_iter().map(shown).collect::<Vec<_>>().join("+");
    let parts = attributes(text)?.into_iter().map(part);
    Ok(parts.collect::<Vec<_>>().join(","))
}

/// The text between separators that are not escaped, and whether a comma ended it.
fn pieces(text: &str) -> Result<Vec<(&str, bool)>, String> {
    let mut pieces = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Err(
                "has a quotation mark; write it, or what it protects, with a backslash before it"
                    .to_owned(),
            ),
            b',' | b'+' => {
                pieces.push((&text[start..at], byte == b','));
                start = at + 1;
            }
            _ => {}
        }
    }
    pieces.push((&text[start..], false));
    Ok(pieces)
}

fn attribute(piece: &str) -> Result<Attribute, String> {
    let (written, value) = piece.split_once('=').ok_or_else(|| {
        let piece = piece.trim();
        format!("has a part without a key, `{piece}`")
    })?;
    let key = key(written.trim())?;
    let value = value.trim_start_matches(' ');
    if let Some(digits) = value.strip_prefix('#') {
        let digits = digits.trim_end_matches(' ').to_ascii_uppercase();
        if digits.is_empty() || !is_hex(&digits) {
            return Err("has a value that begins with `#` and is not hexadecimal".to_owned());
        }
        let value = format!("#{digits}");
        return Ok(Attribute { key, value, is_hex: true });
    }
    let value = unescaped(value)?;
    Ok(Attribute { key, value, is_hex: false })
}

/// Whether it is digits of whole bytes.
fn is_hex(digits: &str) -> bool {
    digits.len().is_multiple_of(2) && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// The key of our own strings for an attribute type.
fn key(written: &str) -> Result<String, String> {
    let is_it = |known: &str| known.eq_ignore_ascii_case(written);
    if let Some((_, key)) = KEYS.iter().find(|(_, key)| is_it(key)) {
        return Ok((*key).to_owned());
    }
    if let Some((_, key)) = ALIASES.iter().find(|(alias, _)| is_it(alias)) {
        return Ok((*key).to_owned());
    }
    let is_oid = written.contains('.')
        && written
            .split('.')
            .all(|arc| !arc.is_empty() && arc.bytes().all(|digit| digit.is_ascii_digit()));
    // As our own strings show what has no numbers.
    if let Some(digits) = written.strip_prefix('#').filter(|digits| is_hex(digits)) {
        return Ok(format!("#{}", digits.to_ascii_uppercase()));
    }
    match is_oid {
        true => Ok(short_name(written).unwrap_or(written).to_owned()),
        false => Err(format!("has a key that nobody knows, `{written}`")),
    }
}

/// A value without its escapes and the spaces behind it.
fn unescaped(value: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(value.len());
    // Up to here the value counts; spaces behind are layout unless escaped.
    let mut end = 0;
    let mut rest = value.bytes().peekable();
    while let Some(byte) = rest.next() {
        let hex = |byte: u8| char::from(byte).to_digit(16);
        if byte != b'\\' {
            bytes.push(byte);
            end = if byte == b' ' { end } else { bytes.len() };
            continue;
        }
        let next = rest.next().ok_or("ends in a backslash")?;
        match (hex(next), rest.peek().copied().and_then(hex)) {
            (Some(high), Some(low)) => {
                rest.next();
                bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
            }
            (None, _) => bytes.push(next),
            (Some(_), None) => return Err("has a backslash with one hexadecimal digit".to_owned()),
        }
        end = bytes.len();
    }
    bytes.truncate(end);
    String::from_utf8(bytes).map_err(|_| "has escapes that are not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ways_to_write_one_name_become_one() {
        for text in [
            "CN=Example CA,O=a\\, b,C=DE",
            "cn = Example CA , o = a\\2C b, c=DE ",
            "2.5.4.3=Example CA,O=a\\2c b,2.5.4.6=DE",
        ] {
            assert_eq!(canonical(text).unwrap(), "CN=Example CA,O=a\\, b,C=DE", "{text}");
        }
        assert_eq!(canonical("O=Zürich").unwrap(), canonical("O=Z\\c3\\bcrich").unwrap());
        assert_eq!(canonical("e=a@b + CN=x").unwrap(), "emailAddress=a@b+CN=x");
        assert_eq!(canonical("1.2.3=#0401aa").unwrap(), "1.2.3=#0401AA");
        assert_eq!(canonical("#2a83=a").unwrap(), "#2A83=a");
        assert_eq!(canonical("CN=").unwrap(), "CN=");
    }

    #[test]
    fn values_keep_case_and_inner_space() {
        for (one, other) in [
            ("CN=a", "CN=A"),
            ("CN=a b", "CN=a  b"),
            ("CN=a\\ ", "CN=a"),
            ("CN=a,O=b", "CN=a\\,O=b"),
            ("CN=a,O=b", "O=b,CN=a"),
            ("CN=\\#01", "CN=#01"),
        ] {
            assert_ne!(canonical(one).unwrap(), canonical(other).unwrap(), "{one} {other}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            "CN",
            "/CN=a",
            "CN=a,",
            "XX=a",
            "CN=a\\",
            "CN=\\a",
            "CN=#xyz",
            "CN=#",
            "O=\"a, b\"",
            "CN=\\FF",
        ] {
            assert!(canonical(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn our_own_strings_read_back(value: String, more: String) {
            let text = format!("CN={}+OU=x,O={}", escape(&value), escape(&more));
            prop_assert_eq!(canonical(&text).unwrap(), text.clone());
            let parts = attributes(&text).unwrap();
            prop_assert_eq!(&parts[0][0].value, &value);
            prop_assert_eq!(&parts[1][0].value, &more);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}", like in "(CN|O|=|,|\\+|\\\\|#|[0-9a-f ]){0,20}") {
            for text in [text, like] {
                if let Ok(name) = canonical(&text) {
                    prop_assert_eq!(canonical(&name).unwrap(), name);
                }
            }
        }
    }
}
