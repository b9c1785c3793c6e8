//! `X-SSL-Client-*`: the headers that nginx and Apache users set by hand.

use crate::identity::Identity;

use super::encode::escaped_pem;
use super::{Detail, Line, VERIFY};

/// What the verdict on a verified client is, as [`Verdict`](crate::policy::Verdict) shows it.
pub(super) const VERIFIED: &str = "SUCCESS";

pub(super) fn lines(identity: &Identity, detail: Detail) -> Vec<Line> {
    let claims = identity.claims();
    let mut lines = vec![
        (VERIFY, VERIFIED.to_owned()),
        ("x-ssl-client-s-dn", claims.subject.clone()),
        ("x-ssl-client-i-dn", claims.issuer.clone()),
        ("x-ssl-client-serial", claims.serial.clone()),
        ("x-ssl-client-fingerprint", claims.fingerprint()),
    ];
    if detail != Detail::Facts {
        lines.push(("x-ssl-client-cert", escaped_pem(identity.der())));
    }
    lines
}
