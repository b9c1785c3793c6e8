//! Headers that are meant for one hop and go no further (RFC 9110 section 7.6.1).

use http::header::{self, HeaderMap, HeaderName};

/// Always of one hop, named in `Connection` or not. `http2-settings` goes with an upgrade to h2c.
static ALWAYS: [HeaderName; 7] = [
    header::CONNECTION,
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("keep-alive"),
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("http2-settings"),
];

/// Removes them: those above, and what any `Connection` line names.
pub(in crate::forward) fn strip(headers: &mut HeaderMap) {
    if headers.contains_key(header::CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(header::CONNECTION)
            .iter()
            .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
            // What is no header name can name no header.
            .filter_map(|option| HeaderName::from_bytes(option.trim_ascii()).ok())
            .collect();
        for name in named {
            headers.remove(name);
        }
    }
    // Most messages have none; to look at the names they do have is quicker than to look for those they have not.
    while let Some(name) = headers.keys().find(|name| ALWAYS.contains(name)).cloned() {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn every_connection_line_is_obeyed() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-First"),
            ("connection", " x-second ,, not a name,keep-alive"),
            ("x-first", "1"),
            ("x-second", "2"),
            ("x-third", "3"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAMAAABkAAQAAP__"),
            ("proxy-connection", "keep-alive"),
        ] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        strip(&mut headers);
        let left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["x-third"]);
    }
}
