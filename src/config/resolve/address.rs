//! The address of an app, and whether the way there stays on this machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::os::unix::ffi::OsStrExt;

use crate::config::model::{Destination, Endpoint, Protocol};
use crate::config::path::Folders;
use crate::config::raw::Wrong;

/// What fits into a socket address of the kernel, less its closing zero byte (`unix(7)`).
const UNIX_PATH_BYTES_MAX: usize = 107;

const FORMS: &str = "write `\"http://127.0.0.1:8080\"`, `\"https://...\"`, `\"h2c://...\"` (gRPC), or `\"unix:/run/app.sock\"`";

/// What comes before `//host:port`, what is spoken there, and the port where none is written.
const SCHEMES: [(&str, Protocol, u16); 3] = [
    ("http://", Protocol::Http1, 80),
    ("https://", Protocol::Https, 443),
    ("h2c://", Protocol::H2c, 80),
];

/// Where an app listens, and the path before those of its requests.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) endpoint: Endpoint,
    /// Empty, or starts with `/` and does not end with one.
    pub(super) base: String,
}

/// Reads `http://host[:port][/base]`, likewise `https://` and `h2c://`, or `unix:path` and `h2c+unix:path`; relative
/// paths start at the folder of the file.
pub(super) fn address(folders: &Folders<'_>, text: &str) -> Result<Address, Wrong> {
    let lower = text.to_ascii_lowercase();
    if let Some(path) = text.strip_prefix("unix:") {
        return unix(folders, text, Protocol::Http1, path);
    }
    if let Some(path) = text.strip_prefix("h2c+unix:") {
        return unix(folders, text, Protocol::H2c, path);
    }
    for (scheme, protocol, port) in SCHEMES {
        let rest = lower.strip_prefix(scheme);
        if let Some(rest) = rest.and_then(|rest| text.get(text.len() - rest.len()..)) {
            return http(text, rest, scheme, protocol, port);
        }
    }
    let fix = match text {
        _ if lower.starts_with("grpc://") || lower.starts_with("h2://") => {
            let rest = text.split_once("://").map_or("", |(_, rest)| rest);
            format!("write `\"h2c://{rest}\"`: HTTP/2 in clear text, as gRPC servers speak it without TLS")
        }
        _ if lower.starts_with("grpcs://") || lower.starts_with("h2s://") => {
            "write `\"h2c://...\"`, and let the app speak HTTP/2 in clear text; over TLS only HTTP/1.1 is spoken with \
             apps (`https://`)"
                .to_owned()
        }
        _ if lower.starts_with("ws://") || lower.starts_with("wss://") => {
            let rest = text.split_once("://").map_or("", |(_, rest)| rest);
            let secure = if lower.starts_with("wss") { "s" } else { "" };
            format!("write `\"http{secure}://{rest}\"`: WebSocket passes there without a word")
        }
        _ if lower.starts_with("https+unix:") => {
            let path = text.split_once(':').map_or("", |(_, path)| path);
            format!("write `\"unix:{path}\"`: no TLS is spoken on a Unix socket")
        }
        _ if text.starts_with('/') => format!("write `\"unix:{text}\"`"),
        _ if text.contains("://") || text.is_empty() => FORMS.to_owned(),
        _ if is_port(text.trim_start_matches(':')) => {
            let port = text.trim_start_matches(':');
            format!("write `\"http://127.0.0.1:{port}\"`")
        }
        _ => format!("write `\"http://{text}\"`"),
    };
    Err(Wrong::new(format!("`{text}` is no address of an app"), fix))
}

/// Whether what is sent to `endpoint` never leaves this machine. Names other than `localhost` never
/// count: what they lead to is decided elsewhere, and may change.
pub(super) fn is_local(endpoint: &Endpoint) -> bool {
    match &endpoint.to {
        Destination::Unix(_) => true,
        Destination::Tcp { host, .. } if host == "localhost" => true,
        Destination::Tcp { host, .. } => host.parse().is_ok_and(is_own),
    }
}

/// Own addresses are those that a socket can be bound to. Where the kernel binds foreign ones too
/// (`ip_nonlocal_bind`), addresses that no machine has give that away, and only loopback counts.
fn is_own(address: IpAddr) -> bool {
    let can_bind = |address| UdpSocket::bind((address, 0)).is_ok();
    let nobodys: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::new(192, 0, 2, 1).into(),
        IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
    };
    let is_one_machines = !address.is_multicast() && address != IpAddr::from(Ipv4Addr::BROADCAST);
    address.is_loopback() || is_one_machines && can_bind(address) && !can_bind(nobodys)
}

fn unix(
    folders: &Folders<'_>,
    text: &str,
    protocol: Protocol,
    path: &str,
) -> Result<Address, Wrong> {
    let path = match path.strip_prefix("//") {
        Some(absolute) if absolute.starts_with('/') => absolute,
        Some(host) => {
            let what = format!("upstream `{text}` names a host, which a Unix socket has not");
            return Err(Wrong::new(what, format!("write `\"unix:/{host}\"`")));
        }
        None => path,
    };
    if path.is_empty() || path.contains('\0') {
        return Err(Wrong::new(
            format!("upstream `{text}` names no socket"),
            "write `\"unix:/run/app.sock\"`",
        ));
    }
    let path = folders.socket("upstream", path)?;
    if path.as_os_str().as_bytes().len() > UNIX_PATH_BYTES_MAX {
        let wrong = Wrong::new(
            format!("the path of upstream `{text}` is too long for a Unix socket"),
            "let the app listen on a shorter path, such as `/run/app.sock`",
        );
        let length = path.as_os_str().as_bytes().len();
        return Err(wrong.seen(format!("{length} bytes; {UNIX_PATH_BYTES_MAX} are the most")));
    }
    let endpoint = Endpoint { protocol, to: Destination::Unix(path) };
    Ok(Address { endpoint, base: String::new() })
}

fn http(
    text: &str,
    rest: &str,
    scheme: &str,
    protocol: Protocol,
    port: u16,
) -> Result<Address, Wrong> {
    if let Some(path) = rest.strip_prefix("unix:") {
        let path = path.trim_end_matches(':');
        return Err(Wrong::new(
            format!("`{text}` is no address of an app"),
            format!("write `\"unix:{path}\"`"),
        ));
    }
    let (rest, fragment) =
        rest.split_once('#').map_or((rest, None), |(rest, part)| (rest, Some(part)));
    let (rest, query) =
        rest.split_once('?').map_or((rest, None), |(rest, part)| (rest, Some(part)));
    let (authority, base) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if let Some((_, host)) = authority.rsplit_once('@') {
        let wrong = Wrong::new(
            "upstream carries a user name or a password".to_owned(),
            format!("write `\"{scheme}{host}{base}\"`"),
        );
        return Err(wrong
            .seen("an `@` in the address")
            .why("the gateway passes the client's own `Authorization` on and adds none"));
    }
    for (part, what) in [(query, "a query"), (fragment, "a fragment")] {
        if part.is_some() {
            let wrong = Wrong::new(
                format!("upstream `{text}` has {what}"),
                format!("write `\"{scheme}{authority}{base}\"`"),
            );
            return Err(wrong.why("each request brings its own; only a path can be put before it"));
        }
    }
    let endpoint = Endpoint { protocol, to: tcp(text, authority, scheme, port)? };
    let in_path = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%".contains(&byte);
    if !base.bytes().all(in_path) {
        let fix = "write its other characters as `%` and two hex digits, a space as `%20`";
        return Err(Wrong::new(format!("the path of upstream `{text}` is no URL path"), fix));
    }
    Ok(Address { endpoint, base: base.trim_end_matches('/').to_owned() })
}

fn tcp(text: &str, authority: &str, scheme: &str, default: u16) -> Result<Destination, Wrong> {
    let no_address = |fix: String| Wrong::new(format!("`{text}` is no address of an app"), fix);
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or_else(|| no_address(FORMS.to_owned()))?;
            if host.parse::<Ipv6Addr>().is_err() {
                return Err(no_address(
                    "write an IPv6 address in the brackets, such as `\"http://[::1]:8080\"`"
                        .to_owned(),
                ));
            }
            (host, port)
        }
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    if let Ok(ip) = authority.parse::<Ipv6Addr>() {
        return Err(no_address(format!(
            "write an IPv6 address in brackets: `\"{scheme}[{ip}]:8080\"`"
        )));
    }
    let in_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    if host.is_empty() || !host.bytes().all(in_host) {
        return Err(no_address(FORMS.to_owned()));
    }
    let port = match port.strip_prefix(':') {
        Some(port) if is_port(port) => port.parse().ok(),
        None if port.is_empty() => Some(default),
        _ => None,
    };
    match port {
        None | Some(0) => Err(no_address("write a port from 1 to 65535 after the host".to_owned())),
        Some(port) => Ok(Destination::Tcp { host: host.to_ascii_lowercase(), port }),
    }
}

/// Digits only; `parse` alone would take a sign, too.
fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<(String, String), String> {
        let folders = Folders { own: Path::new("/etc/gateway"), credentials: None };
        address(&folders, text)
            .map(|upstream| (upstream.endpoint.to_string(), upstream.base))
            .map_err(|wrong| wrong.fix)
    }

    fn tcp(host: &str) -> Endpoint {
        Endpoint::http(host, 80)
    }

    #[test]
    fn an_app_listens_on_a_port_or_a_socket() {
        for (text, endpoint, base) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080", ""),
            ("HTTP://LocalHost", "http://localhost:80", ""),
            ("http://[::1]:8080/", "http://[::1]:8080", ""),
            ("http://app.internal:1/a/b%20c//", "http://app.internal:1", "/a/b%20c"),
            ("unix:/run/app.sock", "unix:/run/app.sock", ""),
            ("unix:///run/app.sock", "unix:/run/app.sock", ""),
            ("unix:app.sock", "unix:/etc/gateway/app.sock", ""),
            ("https://App.internal/x/", "https://app.internal:443", "/x"),
            ("h2c://[::1]:50051", "h2c://[::1]:50051", ""),
            ("h2c+unix:app.sock", "h2c+unix:/etc/gateway/app.sock", ""),
        ] {
            assert_eq!(read(text), Ok((endpoint.into(), base.into())), "{text}");
        }
    }

    #[test]
    fn what_is_no_upstream_is_answered_with_one() {
        for (text, fix) in [
            ("127.0.0.1:8080", "`\"http://127.0.0.1:8080\"`"),
            ("8080", "`\"http://127.0.0.1:8080\"`"),
            (":8080", "`\"http://127.0.0.1:8080\"`"),
            ("/run/app.sock", "`\"unix:/run/app.sock\"`"),
            ("http://unix:/run/app.sock:", "`\"unix:/run/app.sock\"`"),
            ("unix://run/app.sock", "`\"unix:/run/app.sock\"`"),
            ("https://u:p@localhost/x", "`\"https://localhost/x\"`"),
            ("grpc://localhost:1", "`\"h2c://localhost:1\"`"),
            ("ws://localhost:1/x", "`\"http://localhost:1/x\"`"),
            ("wss://app.internal", "`\"https://app.internal\"`"),
            ("https+unix:/run/app.sock", "`\"unix:/run/app.sock\"`"),
            ("http://u:p@localhost/x", "`\"http://localhost/x\"`"),
            ("http://localhost/x?y", "`\"http://localhost/x\"`"),
            ("http://localhost#z", "`\"http://localhost\"`"),
            ("http://::1", "`\"http://[::1]:8080\"`"),
            ("http://localhost:0", "1 to 65535"),
            ("http://localhost:", "1 to 65535"),
            ("http://localhost:+80", "1 to 65535"),
            ("http://[::1]x", "1 to 65535"),
            ("http://[x]", "[::1]"),
            ("http://", "127.0.0.1"),
            ("http://a b", "127.0.0.1"),
            ("http://localhost/a b", "%20"),
            ("fcgi://localhost", "127.0.0.1"),
            ("unix:", "/run/app.sock"),
        ] {
            let got = read(text).unwrap_err();
            assert!(got.contains(fix), "{text}: {got}");
        }
    }

    #[test]
    fn only_what_this_machine_can_bind_is_local() {
        for host in ["localhost", "127.0.0.1", "127.9.9.9", "::1"] {
            assert!(is_local(&tcp(host)), "{host}");
        }
        for host in [
            "192.0.2.1",
            "2001:db8::1",
            "224.0.0.1",
            "255.255.255.255",
            "app.internal",
            "localhost.example.com",
        ] {
            assert!(!is_local(&tcp(host)), "{host}");
        }
        assert!(is_local(&Endpoint::unix("/run/app.sock")));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,40}", like in "(https?|h2c|(h2c\\+)?unix)[a-z0-9:/@?#\\[\\]%.-]{0,30}") {
            for text in [text, like] {
                _ = read(&text);
            }
        }
    }
}
