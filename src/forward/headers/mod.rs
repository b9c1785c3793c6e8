//! The headers of a forwarded request, in the one order that is safe: what was meant for this hop goes
//! first (all `Connection` lines), then every spelling of what only the gateway may say, then the gateway
//! says it. What a client names in `Connection` can therefore never take away what the gateway sets.

pub(super) mod client_identity;
pub(super) mod forwarded;
pub(super) mod hop_by_hop;
mod reserved;

use http::HeaderMap;

use crate::config::HeaderRules;

pub(super) use reserved::is_reserved;
pub use reserved::reserved_names;

/// Removes and sets what a route says.
pub(super) fn apply(rules: &HeaderRules, headers: &mut HeaderMap) {
    for name in &rules.remove {
        headers.remove(name);
    }
    for (name, value) in &rules.set {
        headers.insert(name, value.clone());
    }
}

/// Removes every header, however spelled, that an app could take for the gateway's own word.
pub(super) fn strip_reserved(headers: &mut HeaderMap) {
    let reserved: Vec<_> =
        headers.keys().filter(|name| is_reserved(name.as_str())).cloned().collect();
    for name in reserved {
        headers.remove(name);
    }
}
