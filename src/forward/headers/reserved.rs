//! Which header names a client may not send through: the identity and forwarding headers of this gateway
//! and of the proxies that apps were written for, in every spelling that an app could fold into one of them.
//!
//! CGI, WSGI, PHP and Rack turn punctuation in a header name into `_`, so `X_SSL_Client_Verify`,
//! `X.SSL.Client.Verify` and `X-SSL-Client-Verify` can arrive as one variable. Names are therefore compared
//! with every character but letters and digits read as a dash.

/// Names as they read once folded. `docs/reference/headers.md` shows this list; a test compares.
const NAMES: [&str; 52] = [
    // Who the client is, by proxies that say so after verifying.
    "client-cert",
    "client-cert-chain",
    "l5d-client-id",
    "remote-user",
    "x-arr-clientcert",
    "x-authenticated-user",
    "x-client-cn",
    "x-client-dn",
    "x-client-fingerprint",
    "x-client-i-dn",
    "x-client-identity",
    "x-client-issuer",
    "x-client-s-dn",
    "x-client-san",
    "x-client-serial",
    "x-client-subject",
    "x-client-verified",
    "x-client-verify",
    "x-forwarded-client-cert",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
    "x-forwarded-user",
    "x-remote-user",
    "x-spiffe-id",
    "x-subject-dn",
    "x-user-dn",
    "x-verified-client",
    "ssl-client",
    "x-ssl",
    // Where the request came from, and for what.
    "cf-connecting-ip",
    "forwarded",
    "true-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-forwarded",
    "x-forwarded-by",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-forwarded-scheme",
    "x-forwarded-server",
    "x-forwarded-ssl",
    "x-real-ip",
    "x-request-id",
    "x-forwarded-protocol",
    "x-original-uri",
    "x-original-url",
    "x-rewrite-url",
    "x-scheme",
];

/// Beginnings of whole families, likewise folded.
const FAMILIES: [&str; 15] = [
    "cf-client-cert-",
    "proxy-ssl-",
    "ssl-cipher",
    "ssl-client-",
    "ssl-server-",
    "x-amzn-mtls-",
    "x-client-cert",
    "x-client-ssl-",
    "x-client-tls-",
    "x-forwarded-tls-",
    "x-ssl-",
    "x-tls-client-",
    "x-mtls-",
    "x-auth-request-",
    "x-remote-",
];

/// Headers that say where a message ends and whom it is for, which only their plain spelling may do.
const FRAMING: [&str; 6] =
    ["connection", "content-length", "expect", "host", "transfer-encoding", "upgrade"];

/// Every reserved name, folded, and every family as `beginning*`; for documentation.
pub fn reserved_names() -> impl Iterator<Item = String> {
    let names = NAMES.iter().map(|name| (*name).to_owned());
    let families = FAMILIES.iter().map(|family| format!("{family}*"));
    names.chain(families).chain(["proxy".to_owned()])
}

/// Whether only the gateway may send this header to the app.
pub(in crate::forward) fn is_reserved(name: &str) -> bool {
    // `Proxy` becomes the variable HTTP_PROXY in CGI, which libraries obey (httpoxy, CVE-2016-5385).
    if name.eq_ignore_ascii_case("proxy") {
        return true;
    }
    // No name on the lists is longer; a longer header can only belong to a family by its beginning.
    let mut folded = [0; 64];
    let length = name.len().min(folded.len());
    for (folded, byte) in folded.iter_mut().zip(name.bytes()) {
        *folded = if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' };
    }
    let folded = &folded[..length];
    let is_whole = length == name.len();
    let is_plain = name.bytes().all(|byte| byte == b'-' || byte.is_ascii_alphanumeric());
    if !is_plain && is_whole && FRAMING.iter().any(|known| known.as_bytes() == folded) {
        return true;
    }
    // Nearly every header ends here: the lists know few first letters.
    if !matches!(folded.first(), Some(b'c' | b'f' | b'l' | b'p' | b'r' | b's' | b't' | b'x')) {
        return false;
    }
    (is_whole && NAMES.iter().any(|known| known.as_bytes() == folded))
        || FAMILIES.iter().any(|family| folded.starts_with(family.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_name_is_reserved() {
        for name in NAMES {
            for separator in ["-", "_", ".", "~", "+"] {
                let spelled = name.replace('-', separator);
                assert!(is_reserved(&spelled), "{spelled}");
                assert!(is_reserved(&spelled.to_ascii_uppercase()), "{spelled}");
            }
        }
    }

    #[test]
    fn whole_families_are_reserved() {
        for family in FAMILIES {
            assert!(is_reserved(&format!("{family}anything")));
            assert!(is_reserved(&format!("{}{}", family.replace('-', "_"), "y".repeat(100))));
        }
    }

    #[test]
    fn framing_has_no_second_spelling() {
        for name in FRAMING {
            assert!(!is_reserved(name), "{name}");
        }
        for name in ["content_length", "Transfer_Encoding", "content.length", "transfer-encodin~"] {
            assert_eq!(is_reserved(name), !name.ends_with('~'), "{name}");
        }
    }

    #[test]
    fn ordinary_headers_are_not_reserved() {
        let names = [
            "host",
            "content-type",
            "x-api-key",
            "x-client-version",
            "x-client-info",
            "cookie",
            "x-tencent-sign",
            "x-slack-signature",
            "x-hub-signature-256",
            "proxy-authorization",
            "forwarded-extra",
            "x-forwarded-custom",
            "trailer",
            "te",
            "sec-fetch-mode",
            "referer",
        ];
        for name in names {
            assert!(!is_reserved(name), "{name}");
        }
    }

    #[test]
    fn the_first_letters_that_end_the_search_early_fit_the_lists() {
        for name in NAMES.iter().chain(&FAMILIES) {
            assert!(b"cflprstx".contains(&name.as_bytes()[0]), "{name}");
        }
    }
}
