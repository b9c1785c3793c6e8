//! `X-Forwarded-Client-Cert`, Envoy's: one element of pairs `Key=value`, divided by semicolons.
//!
//! A value with `,`, `;` or `=` stands in quotation marks, the subject always. No value has a quotation mark
//! or ends in a backslash, so none can end early: URIs and DNS names have neither (claims leave out those that
//! do), and the subject's are escaped by number. `By` is left out: the gateway's certificate has no URI.

use crate::identity::Identity;

use super::encode::{escaped_pem, unquotable};
use super::{Detail, Line};

pub(super) fn lines(identity: &Identity, detail: Detail) -> Vec<Line> {
    let claims = identity.claims();
    let mut pairs = vec![format!("Hash={}", claims.fingerprint())];
    if detail != Detail::Facts {
        pairs.push(format!("Cert=\"{}\"", escaped_pem(identity.der())));
    }
    // Envoy's chain begins with the client's own certificate, so it is there without any other, too.
    if detail == Detail::Whole {
        let chain = identity.chain().iter().map(|der| escaped_pem(der));
        pairs.push(format!("Chain=\"{}\"", chain.collect::<String>()));
    }
    pairs.push(format!("Subject=\"{}\"", unquotable(&claims.subject)));
    pairs.extend(claims.san_uri.iter().map(|uri| pair("URI", uri)));
    pairs.extend(claims.san_dns.iter().map(|name| pair("DNS", name)));
    vec![("x-forwarded-client-cert", pairs.join(";"))]
}

fn pair(key: &str, value: &str) -> String {
    if value.contains([',', ';', '=']) {
        format!("{key}=\"{value}\"")
    } else {
        format!("{key}={value}")
    }
}
