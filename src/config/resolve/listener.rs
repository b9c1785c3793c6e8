//! `[[listener]]`: addresses that can be bound, each once, and what each is for.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::client::wrong;
use crate::config::model::{Listener, ListenerKind, PlainHttp};
use crate::config::raw::{Reader, Table, Wrong};
use crate::config::report::Located;
use crate::identity::Network;

/// More connections than any machine has room for.
const COUNT_MAX: usize = 1_000_000;

/// Where browsers and callers look for HTTPS.
const HTTPS_PORT: u16 = 443;

/// Reads all listeners. `None` if one has no address that could be used.
pub(super) fn listeners(tables: Vec<Table<'_>>, reader: &Reader<'_>) -> Option<Vec<Arc<Listener>>> {
    let count = tables.len();
    let mut listeners: Vec<Listener> = Vec::with_capacity(count);
    for table in tables {
        let Some(listener) = listener(table, reader) else { continue };
        let address = &listener.address;
        if let Some(first) =
            listeners.iter().find(|first| clash(first.address.value, address.value))
        {
            reader.wrong(&address.span, taken(reader, &first.address, address.value));
        }
        let alike = |first: &&Listener| first.address == *address;
        if listeners.iter().find(alike).is_some_and(|first| *first != listener) {
            let what = "two listeners of one address with port 0 cannot be told apart";
            reader.wrong(&address.span, Wrong::new(what, "write the ports"));
        }
        listeners.push(listener);
    }
    let is_https = |listener: &Listener| listener.kind == ListenerKind::Https;
    let port = listeners.iter().find(|one| is_https(one)).map(|one| one.address.value.port());
    if let (Some(first), None) = (listeners.first(), port) {
        let wrong = Wrong::new("no `[[listener]]` speaks TLS", "add one without `kind`");
        reader.wrong(&first.address.span, wrong.why("nobody would reach the sites"));
    }
    for listener in &mut listeners {
        if let ListenerKind::Http(plain) = &mut listener.kind
            && plain.redirect_port == 0
        {
            plain.redirect_port = port.filter(|port| *port != 0).unwrap_or(HTTPS_PORT);
        }
    }
    (listeners.len() == count).then(|| listeners.into_iter().map(Arc::new).collect())
}

fn listener(mut table: Table<'_>, reader: &Reader<'_>) -> Option<Listener> {
    let address = table.parsed("address", address);
    let is_http = table.parsed("kind", is_http).is_some_and(|kind| kind.value);
    let network = |text: &str| Network::parse(text).map_err(wrong);
    let networks = table.list_if_written("proxy_protocol_from", network).unwrap_or_default();
    let count = |table: &mut Table<'_>, name| table.integer_or_unlimited(name, 1..=COUNT_MAX);
    let connections_max = count(&mut table, "connections_max");
    let connections_per_address_max = count(&mut table, "connections_per_address_max");
    let of_other: &[_] =
        if is_http { &["handshakes_max"] } else { &["redirect_port", "acme_challenges"] };
    for name in of_other.iter().filter(|name| table.has(name)) {
        let wrong = if is_http {
            Wrong::new(format!("`{name}` says nothing of plain HTTP"), "remove it")
        } else {
            let what = format!("`{name}` is for a listener with `kind = \"http\"`");
            Wrong::new(what, "move it to such a `[[listener]]`, or remove it")
        };
        reader.wrong(&table.span(name).unwrap_or(table.header.clone()), wrong);
    }
    let handshakes_max = count(&mut table, "handshakes_max");
    let redirect_port =
        table.has("redirect_port").then(|| table.integer("redirect_port", 1..=65535));
    let acme_challenges = table.path("acme_challenges");
    table.finish();
    let kind = if is_http {
        // 0 stands for that of the first listener that speaks TLS, which may be further down.
        ListenerKind::Http(PlainHttp { redirect_port: redirect_port.unwrap_or(0), acme_challenges })
    } else {
        ListenerKind::Https
    };
    Some(Listener {
        address: address?,
        kind,
        proxy_protocol_from: networks.into_iter().map(|network| network.value).collect(),
        connections_max,
        connections_per_address_max,
        handshakes_max,
    })
}

/// Whether a kind is plain HTTP.
fn is_http(text: &str) -> Result<bool, Wrong> {
    match text {
        "https" => Ok(false),
        "http" => Ok(true),
        _ => Err(Wrong::new(
            format!("`kind` knows no `{text}`"),
            "write `\"https\"`, or `\"http\"` for a listener that sends everybody on to HTTPS",
        )),
    }
}

/// Reads `0.0.0.0:443` or `[::]:443`.
pub(super) fn address(text: &str) -> Result<SocketAddr, Wrong> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let what = format!("`{text}` is no address to listen on");
    if let Ok(ip) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Err(Wrong::new(
            format!("`{text}` has no port"),
            format!("write `\"{}\"`", SocketAddr::new(ip, 443)),
        ));
    }
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    let Ok(port) = port.parse::<u16>() else {
        let fix = "write an IP address and a port from 0 to 65535, such as `\"0.0.0.0:443\"` or `\"[::]:443\"`";
        return Err(Wrong::new(what, fix));
    };
    if host.is_empty() || host == "*" {
        return Err(Wrong::new(
            what,
            format!(
                "write `\"0.0.0.0:{port}\"` for all IPv4 addresses, `\"[::]:{port}\"` for all IPv6 addresses, or a listener for each"
            ),
        ));
    }
    if let Ok(IpAddr::V6(ip)) = host.parse() {
        return Err(Wrong::new(
            what,
            format!("write an IPv6 address in brackets: `\"[{ip}]:{port}\"`"),
        ));
    }
    if host == "localhost" {
        return Err(Wrong::new(
            what,
            format!("write the address itself: `\"127.0.0.1:{port}\"` or `\"[::1]:{port}\"`"),
        ));
    }
    let wrong = Wrong::new(
        what,
        format!("write an IP address of this machine, or `\"0.0.0.0:{port}\"` for all of them"),
    );
    Err(wrong
        .why("names are not looked up for listening; the names of a site go into `server_names`"))
}

/// Whether both cannot be bound. IPv6 sockets take no IPv4 connections, and port 0 is a new port each time.
pub(super) fn clash(a: SocketAddr, b: SocketAddr) -> bool {
    let same_socket = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.is_ipv4() == b.is_ipv4() && a.port() == b.port() && a.port() != 0 && same_socket
}

pub(super) fn taken(
    reader: &Reader<'_>,
    first: &Located<SocketAddr>,
    address: SocketAddr,
) -> Wrong {
    let position = reader.report.borrow().position(&first.span);
    let what = if first.value == address {
        format!("`{address}` is listened on twice")
    } else {
        format!("`{address}` and `{}` overlap, so that both cannot be listened on", first.value)
    };
    Wrong::new(what, "remove one of the two").seen(format!("the first stands at {position}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clashes(a: &str, b: &str) -> bool {
        clash(a.parse().unwrap(), b.parse().unwrap())
    }

    #[test]
    fn a_wildcard_clashes_with_every_address_of_its_family_and_port() {
        assert!(clashes("0.0.0.0:443", "127.0.0.1:443"));
        assert!(clashes("[::1]:443", "[::]:443"));
        assert!(!clashes("0.0.0.0:443", "[::]:443"));
        assert!(!clashes("0.0.0.0:443", "127.0.0.1:8443"));
        assert!(!clashes("127.0.0.1:443", "127.0.0.2:443"));
        assert!(!clashes("0.0.0.0:0", "0.0.0.0:0"));
    }

    #[test]
    fn what_is_no_address_is_answered_with_one() {
        for (text, fix) in [
            ("443", "0.0.0.0:443"),
            (":8443", "0.0.0.0:8443"),
            ("*:443", "[::]:443"),
            ("10.0.0.1", "10.0.0.1:443"),
            ("::1", "[::1]:443"),
            ("[::]", "[::]:443"),
            ("fe80::1%eth0:443", "`\"0.0.0.0:443\"`"),
            ("localhost:443", "127.0.0.1:443"),
            ("www.example.com:443", "0.0.0.0:443"),
            ("https://0.0.0.0:443", "0.0.0.0:443"),
            ("0.0.0.0:99999", "65535"),
            ("", "[::]:443"),
        ] {
            let wrong = address(text).unwrap_err();
            assert!(wrong.fix.contains(fix), "{text}: {}", wrong.fix);
        }
    }
}
