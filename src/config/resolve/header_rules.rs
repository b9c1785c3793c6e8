//! Headers that a route sets and removes.

use http::{HeaderName, HeaderValue};

use crate::config::model::HeaderRules;
use crate::config::raw::{Table, Wrong};

/// What says where a message ends or belongs to one hop; the gateway writes it by itself.
const FRAMING: [&str; 11] = [
    "connection",
    "content-length",
    "expect",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-request-id",
];

/// Reads the two keys of one direction.
pub(super) fn header_rules(
    table: &mut Table<'_>,
    remove: &'static str,
    set: &'static str,
) -> HeaderRules {
    let removed = table.list_if_written(remove, name).unwrap_or_default();
    let set = table.list_if_written(set, line).unwrap_or_default();
    HeaderRules {
        remove: removed.into_iter().map(|name| name.value).collect(),
        set: set.into_iter().map(|line| line.value).collect(),
    }
}

fn name(text: &str) -> Result<HeaderName, Wrong> {
    let name = HeaderName::from_bytes(text.as_bytes()).map_err(|_| {
        Wrong::new(format!("`{text}` is no name of a header"), "write one such as `\"X-Route\"`")
    })?;
    if FRAMING.contains(&name.as_str()) {
        let wrong = Wrong::new(
            format!("`{text}` is not for routes to change"),
            "leave it to the gateway, which writes it anew for each hop",
        );
        return Err(wrong);
    }
    Ok(name)
}

fn line(text: &str) -> Result<(HeaderName, HeaderValue), Wrong> {
    let Some((before, value)) = text.split_once(':') else {
        return Err(Wrong::new(
            format!("`{text}` is no line of a header"),
            "write a name, a colon and a value, such as `\"X-Route: callback\"`",
        ));
    };
    let name = name(before.trim_end())?;
    let value = HeaderValue::from_str(value.trim()).map_err(|_| {
        Wrong::new(
            format!("the value of `{name}` has characters that no header may have"),
            "write printable characters on one line",
        )
    })?;
    Ok((name, value))
}
