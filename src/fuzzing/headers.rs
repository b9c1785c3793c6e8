//! A client's headers on their way to an app: what goes and what stays, by a plain second reading of the same rules.

use http::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue};

use crate::forward::fuzzing::cleaned;
use crate::forward::reserved_names;

/// Of one hop, named or not.
const HOP: [&str; 7] = [
    "connection",
    "proxy-connection",
    "keep-alive",
    "te",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];

/// Where a message ends and whom it is for: nothing but the plain spelling says it.
const FRAMING: [&str; 6] =
    ["connection", "content-length", "expect", "host", "transfer-encoding", "upgrade"];

pub(super) fn run(bytes: &[u8]) {
    let given = read(bytes);
    let named: Vec<Vec<u8>> = given
        .get_all(CONNECTION)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(|name| name.trim_ascii().to_ascii_lowercase())
        .collect();
    let reserved: Vec<String> = reserved_names().collect();
    let left = cleaned(given.clone());
    for name in given.keys() {
        let goes = HOP.contains(&name.as_str())
            || named.iter().any(|named| named == name.as_str().as_bytes())
            || is_reserved(name.as_str(), &reserved);
        let expected: Vec<_> = given.get_all(name).iter().filter(|_| !goes).collect();
        let found: Vec<_> = left.get_all(name).iter().collect();
        assert_eq!(found, expected, "{name}");
    }
    assert!(left.keys().all(|name| given.contains_key(name)));
    assert_eq!(cleaned(left.clone()), left, "once is enough");
}

/// Lines of a name, a colon and a value, as far as they are that.
fn read(bytes: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    // More would be refused before, and take long here.
    for line in bytes.split(|byte| *byte == b'\n').take(100) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let (name, value) =
            (HeaderName::from_bytes(&line[..colon]), line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    headers
}

fn is_reserved(name: &str, reserved: &[String]) -> bool {
    let folded: String = name
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' })
        .collect();
    let is_listed = reserved.iter().any(|listed| match listed.strip_suffix('*') {
        Some(family) => folded.starts_with(family),
        None => folded == *listed,
    });
    let is_framing = FRAMING.contains(&folded.as_str()) && folded != name;
    is_listed || is_framing
}
