//! A door for fuzzing to what nobody outside of `forward` may touch otherwise.

use http::HeaderMap;

use super::headers;

/// A client's headers without what is of one hop, and without what only the gateway may say.
pub(crate) fn cleaned(mut headers: HeaderMap) -> HeaderMap {
    headers::hop_by_hop::strip(&mut headers);
    headers::strip_reserved(&mut headers);
    headers
}
