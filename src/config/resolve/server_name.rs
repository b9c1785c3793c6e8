//! `server_names`: what a client may ask for, in SNI and in `Host`.

use std::net::IpAddr;

use crate::config::model::ServerName;
use crate::config::raw::Wrong;

/// The longest name and label of the DNS (RFC 1035, section 2.3.4).
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// Reads `www.example.com`, `*.example.com` or an address literal.
pub(super) fn server_name(text: &str) -> Result<ServerName, Wrong> {
    let literal = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = literal.parse::<IpAddr>() {
        return Ok(ServerName::Address(address));
    }
    if let Some((_, rest)) = text.split_once("://") {
        let host = rest.split(['/', ':']).next().unwrap_or_default();
        return Err(no_name(text, format!("write the name alone: `\"{host}\"`")));
    }
    if let Some((host, path)) = text.split_once('/') {
        let wrong = no_name(text, format!("write the name alone: `\"{host}\"`"));
        return Err(
            wrong.why(format!("a site is chosen by its name; `/{path}` is part of no name"))
        );
    }
    if let Some((host, _)) = text.rsplit_once(':') {
        let wrong = no_name(text, format!("write `\"{host}\"`"));
        return Err(wrong.why(
            "ports belong to `address` in `[[listener]]`, and every site answers on all of them",
        ));
    }
    if !text.is_ascii() {
        let wrong =
            no_name(text, "write the name in its ASCII form, which starts a label with `xn--`");
        return Err(wrong.why("clients send names with other letters in that form"));
    }
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    match name.strip_prefix("*.") {
        Some(parent) => dns_name(text, parent).map(|()| ServerName::Wildcard(parent.to_owned())),
        None => dns_name(text, &name).map(|()| ServerName::Exact(name)),
    }
}

/// Checks DNS syntax; underscores are no host names, but some platforms use them all the same.
fn dns_name(text: &str, name: &str) -> Result<(), Wrong> {
    if name.contains('*') {
        let wrong = no_name(
            text,
            "write `*.` before a name, such as `\"*.example.com\"`, or list the names",
        );
        return Err(wrong.why("a wildcard stands for one whole label, the first"));
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(no_name(text, format!("write a name of at most {NAME_BYTES_MAX} characters")));
    }
    for label in name.split('.') {
        if label.is_empty() {
            return Err(no_name(
                text,
                "write a name such as `\"www.example.com\"`, with text between the dots",
            ));
        }
        if label.len() > LABEL_BYTES_MAX {
            let fix = format!("write at most {LABEL_BYTES_MAX} characters between two dots");
            return Err(no_name(text, fix));
        }
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !label.bytes().all(allowed) || label.starts_with('-') || label.ends_with('-') {
            let fix =
                "write letters, digits, and hyphens between them, such as `\"www.example.com\"`";
            return Err(no_name(text, fix));
        }
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(no_name(text, "write an address such as `\"192.0.2.1\"`, or a name")
            .why("it ends in a number, as only addresses do"));
    }
    Ok(())
}

fn no_name(text: &str, fix: impl Into<String>) -> Wrong {
    Wrong::new(format!("`{text}` is no name of a server"), fix)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_held_in_lower_case_without_the_last_dot() {
        let read = |text| server_name(text).unwrap();
        assert_eq!(read("WWW.Example.com."), ServerName::Exact("www.example.com".into()));
        assert_eq!(read("*.Example.com"), ServerName::Wildcard("example.com".into()));
        assert_eq!(read("my_app.internal"), ServerName::Exact("my_app.internal".into()));
        assert_eq!(
            read("xn--bcher-kva.example"),
            ServerName::Exact("xn--bcher-kva.example".into())
        );
    }

    #[test]
    fn addresses_are_names_too() {
        assert_eq!(
            server_name("192.0.2.1").unwrap(),
            ServerName::Address("192.0.2.1".parse().unwrap())
        );
        assert_eq!(server_name("[::1]").unwrap(), ServerName::Address("::1".parse().unwrap()));
        assert_eq!(
            server_name("2001:DB8::1").unwrap(),
            ServerName::Address("2001:db8::1".parse().unwrap())
        );
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long_label = format!("{}.com", "a".repeat(64));
        let long_name = ["a".repeat(60).as_str(); 5].join(".");
        for text in [
            "",
            ".",
            "*",
            "*.",
            "a..b",
            "-a.com",
            "a-.com",
            "w*.example.com",
            "a.*.com",
            "*.*.com",
            "https://www.example.com",
            "www.example.com:443",
            "[::1]:443",
            "www.example.com/hook",
            "bücher.example",
            "a b",
            "192.0.2.300",
            "1",
            "*.192.0.2.1",
            &long_label,
            &long_name,
        ] {
            assert!(server_name(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,40}", like in "[a-z0-9*.:/_\\[\\]-]{0,20}") {
            _ = server_name(&text);
            if let Ok(name) = server_name(&like) {
                prop_assert_eq!(server_name(&name.to_string()).unwrap(), name);
            }
        }
    }
}
