//! `Client-Cert` and `Client-Cert-Chain` by RFC 9440: byte sequences of structured fields (RFC 8941).
//!
//! The chain is what the client sent behind its own certificate, in that order. A root in it stays: the RFC
//! lets it be left out only where the app is known to have it. The certificate is all that this format says
//! of the client, so it is never left out.

use crate::identity::Identity;

use super::encode::base64;
use super::{Detail, Line};

pub(super) fn lines(identity: &Identity, detail: Detail) -> Vec<Line> {
    let mut lines = vec![("client-cert", byte_sequence(identity.der()))];
    let chain = identity.chain().get(1..).unwrap_or_default();
    if detail == Detail::Whole && !chain.is_empty() {
        let chain: Vec<_> = chain.iter().map(|der| byte_sequence(der)).collect();
        lines.push(("client-cert-chain", chain.join(", ")));
    }
    lines
}

fn byte_sequence(der: &[u8]) -> String {
    format!(":{}:", base64(der))
}
