//! What of a configuration's text is never shown: a key or a passphrase that somebody wrote into it.
//!
//! A report goes to terminals, logs and the page of operators. It is judged by the text alone, so that it holds for
//! a text that is no TOML too. What is withheld without need costs the reader a look into the file.

use std::ops::Range;

use super::keys;

/// What stands for it.
pub(super) const MARK: &str = "…";

/// How a block of PEM begins and ends.
const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";

/// Parts of a name whose value is a secret, wherever it stands.
const SECRET: [&str; 4] = ["pass", "secret", "token", "authorization"];

/// Names with such a part whose value is none.
const HARMLESS: [&str; 2] = ["proxy_pass", "proxypass"];

/// The shortest private key that TLS knows, Ed25519 in PKCS#8, in base64.
const KEY_BASE64_MIN: usize = 64;

/// Whether a text holds PEM.
pub(super) fn is_pem(text: &str) -> bool {
    text.contains(BEGIN)
}

/// Whether a line begins a private key in PEM.
pub(super) fn begins_private_key(line: &str) -> bool {
    line.trim().starts_with(BEGIN) && line.contains("PRIVATE KEY")
}

/// Whether a text is base64 of DER, as between the lines of PEM, and long enough for a key.
pub(super) fn is_bare_key(text: &str) -> bool {
    text.starts_with('M') && text.len() >= KEY_BASE64_MIN && text.chars().all(is_base64)
}

/// Whether what a key of this name says, or names, may be the passphrase itself.
pub(super) fn is_passphrase(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET.iter().any(|part| name.contains(part)) && !HARMLESS.contains(&name.as_str())
}

/// The places of a text that are not shown, in its order; two may overlap.
pub(super) fn ranges(text: &str) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let end = at + line.trim_end_matches(['\n', '\r']).len();
        if ranges.last().is_none_or(|last| last.end < end) {
            if let Some(begin) = line.find(BEGIN) {
                ranges.push(at + begin..end_of_pem(text, at + begin));
            } else if let Some(value) = value_of_secret(line) {
                ranges.push(at + value..end_of_value(text, at + value).max(end));
            } else if let Some(key) = bare_key(line) {
                ranges.push(at + key..end);
            }
        }
        at += line.len();
    }
    ranges
}

/// Where the block of PEM ends that begins at `from`: with the line of its end, or before one that cannot be of it.
fn end_of_pem(text: &str, from: usize) -> usize {
    let mut at = from;
    for (number, line) in text.get(from..).unwrap_or_default().split_inclusive('\n').enumerate() {
        let body = line.trim().trim_start_matches('#').trim_end_matches('\\').trim();
        let is_header = body.starts_with("Proc-Type:") || body.starts_with("DEK-Info:");
        if body.contains(END) {
            return at + line.len();
        }
        if number > 0 && !is_header && !body.chars().all(is_base64) {
            return at;
        }
        at += line.len();
    }
    at
}

/// Where in a line the value of a secret begins: after `name =`, after `name:`, or after a name that begins the line,
/// as other servers write it.
fn value_of_secret(line: &str) -> Option<usize> {
    let mut at = 0;
    for word in line.split_inclusive(|c: char| !is_of_name(c)) {
        let name = word.trim_end_matches(|c: char| !is_of_name(c));
        let is_inside = line[..at].ends_with(['?', '&', '/', '+']);
        let begins = line[..at].chars().all(|c| c.is_whitespace() || "#<\"'".contains(c));
        let after = &line[at + name.len()..];
        at += word.len();
        if name.is_empty() {
            continue;
        }
        let rest = after.trim_start_matches(['"', '\'']).trim_start();
        let is_set = rest.starts_with('=') || begins && after.starts_with([' ', '\t']);
        let name = name.rsplit('.').next().unwrap_or(name);
        let is_secret = is_passphrase(name) && (is_set || rest.starts_with(':'))
            || name.to_ascii_lowercase().contains("key") && !is_known(name) && is_set && !is_inside;
        let value = rest.trim_start_matches(['=', ':', ' ', '\t']);
        if is_secret && !value.trim().is_empty() {
            return Some(line.len() - value.len());
        }
    }
    None
}

/// Where a value ends that goes over several lines; its beginning if it does not.
fn end_of_value(text: &str, from: usize) -> usize {
    let value = text.get(from..).unwrap_or_default();
    let (open, close) = match value {
        _ if value.starts_with("\"\"\"") => (3, "\"\"\""),
        _ if value.starts_with("'''") => (3, "'''"),
        _ if value.starts_with('[') => (1, "]"),
        _ => return from,
    };
    let inside = value.get(open..).unwrap_or_default();
    from + open + inside.find(close).map_or(inside.len(), |at| at + close.len())
}

fn bare_key(line: &str) -> Option<usize> {
    let mut at = 0;
    for word in line.split_inclusive(|c: char| !is_base64(c)) {
        if is_bare_key(word.trim_end_matches(|c: char| !is_base64(c))) {
            return Some(at);
        }
        at += word.len();
    }
    None
}

fn is_known(name: &str) -> bool {
    keys::KEYS.iter().any(|key| key.name == name)
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_-.".contains(c)
}

fn is_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || "+/=".contains(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The text without what is withheld.
    fn shown(text: &str) -> String {
        let is_shown = |at: usize| !ranges(text).iter().any(|range| range.contains(&at));
        text.char_indices().filter(|(at, _)| is_shown(*at)).map(|(_, c)| c).collect()
    }

    #[test]
    fn values_of_secrets_are_withheld_however_they_are_written() {
        for (text, left) in [
            ("passphrase = \"hunter2\"", "passphrase = "),
            ("  ssl_password_file /etc/hunter2;", "  ssl_password_file "),
            ("site.\"password\" = 'hunter2' # so", "site.\"password\" = "),
            ("a = { secret = 1, b = 2 }", "a = { secret = "),
            ("passwords = [\n'hunter2',\n]\na = 1", "passwords = \na = 1"),
            ("secret = '''\nhunter2\n'''\na = 1", "secret = \na = 1"),
            ("secret = \"\"\"\nhunter2\n", "secret = "),
            ("set = [\"Authorization: Bearer hunter2\"]", "set = [\"Authorization: "),
            ("ssl_key = hunter2", "ssl_key = "),
            (
                "k = '''-----BEGIN EC PRIVATE KEY-----\nMHc=\n-----END EC PRIVATE KEY-----'''\na",
                "k = '''a",
            ),
            ("-----BEGIN PRIVATE KEY-----\r\nMHc=\r\n\r\na = 1", "a = 1"),
        ] {
            assert_eq!(shown(text).replace("\r\n", ""), left, "{text}");
        }
        let bare = format!("private_key = \"M{}\"", "a".repeat(63));
        assert_eq!(shown(&bare), "private_key = \"");
    }

    #[test]
    fn what_is_no_secret_is_shown() {
        for text in [
            "private_key = \"www.key\"",
            "server_names = [\"pass.example.com\"]",
            "proxy_pass http://127.0.0.1:8080;",
            "body = '{\"Key\":\"$status\"}'",
            "[site.secrets]",
        ] {
            assert_eq!(shown(text), text);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_cut_between_characters(text in "(\\PC|\n|-----BEGIN |key|pass=|'''|é){0,40}") {
            for range in ranges(&text) {
                prop_assert!(text.get(range.clone()).is_some(), "{range:?}");
            }
        }
    }
}
