//! How certificates and names get into a header: PEM and percent-encoding, and names without a quotation mark.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// RFC 3986's unreserved characters stay as they are, as in nginx's `$ssl_client_escaped_cert`.
const UNESCAPED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Base64 on one line.
pub(super) fn base64(der: &[u8]) -> String {
    STANDARD.encode(der)
}

/// All but unreserved characters as `%` and two digits.
pub(super) fn percent(text: &str) -> String {
    utf8_percent_encode(text, &UNESCAPED).to_string()
}

/// A certificate as PEM on one line, percent-encoded.
pub(super) fn escaped_pem(der: &[u8]) -> String {
    let base64 = base64(der);
    let mut pem = String::with_capacity(base64.len() + base64.len() / 64 + 64);
    pem.push_str("-----BEGIN CERTIFICATE-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        // Base64 is ASCII, so any index is a character boundary.
        let (line, next) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = next;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    percent(&pem)
}

/// A distinguished name whose escapes are all of the form `\2C`, which RFC 4514 allows as well: no
/// quotation mark and no second backslash is left in it, so that no reader can take one for the end of a
/// quoted value, whatever it thinks of backslashes.
pub(super) fn unquotable(name: &str) -> String {
    let mut written = String::with_capacity(name.len());
    let mut rest = name.chars();
    while let Some(one) = rest.next() {
        written.push(one);
        if one != '\\' {
            continue;
        }
        match rest.next() {
            Some(digit) if digit.is_ascii_hexdigit() => written.push(digit),
            // Only ASCII is escaped by a backslash alone.
            Some(escaped) => written.push_str(&format!("{:02X}", u32::from(escaped))),
            None => {}
        }
    }
    written
}
