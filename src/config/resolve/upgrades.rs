//! `upgrades` of a site and of a route.

use http::HeaderValue;

use crate::config::model::Upgrade;
use crate::config::raw::{Reader, Table, Wrong};

/// Protocols of one site; an offer of a client is compared with all of them.
const PROTOCOLS_MAX: usize = 16;

/// Reads the list; empty is none at all.
pub(super) fn upgrades(table: &mut Table<'_>, reader: &Reader<'_>) -> Vec<Upgrade> {
    let written = table.list_or_none("upgrades", protocol).unwrap_or_default();
    let mut protocols: Vec<Upgrade> = Vec::with_capacity(written.len());
    for protocol in written {
        if protocols.iter().any(|known| known.is_called(protocol.value.value().as_bytes())) {
            let what = format!("`{}` is listed twice", protocol.value);
            reader.wrong(&protocol.span, Wrong::new(what, "remove one of the two"));
        } else if protocols.len() == PROTOCOLS_MAX {
            let what = format!("`upgrades` names {PROTOCOLS_MAX} protocols at most");
            reader.wrong(&protocol.span, Wrong::new(what, "keep those that the app speaks"));
            break;
        } else {
            protocols.push(protocol.value);
        }
    }
    protocols
}

/// The list of a route, or its site's where it has none.
pub(super) fn upgrades_or(
    site: &[Upgrade],
    table: &mut Table<'_>,
    reader: &Reader<'_>,
) -> Vec<Upgrade> {
    if table.has("upgrades") { upgrades(table, reader) } else { site.to_vec() }
}

fn protocol(text: &str) -> Result<Upgrade, Wrong> {
    let (name, version) = text.split_once('/').unwrap_or((text, "1"));
    let lower = name.to_ascii_lowercase();
    let meant = match lower.as_str() {
        "h2c" | "h2" | "h3" | "http" | "tls" => {
            let wrong = Wrong::new(
                format!("`upgrades` cannot name `{text}`"),
                "remove it; clients get HTTP/2 by TLS's own means (ALPN), without an upgrade",
            );
            return Err(wrong.why(
                "behind such an upgrade come further requests, which would reach the app unseen: past the rules, \
                 and with any identity header that the client likes",
            ));
        }
        "ws" | "wss" | "web-socket" | "web_socket" => Some(Upgrade::WEBSOCKET),
        "any" | "*" => {
            let wrong = Wrong::new(
                format!("`upgrades` knows no `{text}`"),
                "name each protocol that the app speaks, such as `\"websocket\"`",
            );
            return Err(wrong.why("what nobody has named is not let through"));
        }
        "off" | "none" | "on" | "" => {
            let wrong = Wrong::new(
                format!("`upgrades` knows no `{text}`"),
                "name the protocols, such as `[\"websocket\"]`; `[]` lets none through",
            );
            return Err(wrong);
        }
        _ => None,
    };
    if let Some(meant) = meant {
        let fix = format!("write `\"{meant}\"`");
        return Err(Wrong::new(format!("`upgrades` knows no `{text}`"), fix));
    }
    let value = HeaderValue::from_str(text).ok().filter(|_| is_token(name) && is_token(version));
    value.map(Upgrade::new).ok_or_else(|| {
        Wrong::new(
            format!("`{text}` is no name of a protocol"),
            "write one such as `\"websocket\"`, with `/` and a version where it has one",
        )
    })
}

/// RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    let is_mark = |byte: u8| b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || is_mark(byte))
}
