//! `[[listener]]`: addresses that can be bound, each once.

use std::net::{IpAddr, SocketAddr};

use crate::config::model::Listener;
use crate::config::raw::{Reader, Table, Wrong};
use crate::config::report::Located;

/// Reads all listeners. `None` if one has no address that could be used.
pub(super) fn listeners(tables: Vec<Table<'_>>, reader: &Reader<'_>) -> Option<Vec<Listener>> {
    let count = tables.len();
    let mut listeners: Vec<Listener> = Vec::with_capacity(count);
    for mut table in tables {
        let address = table.parsed("address", address);
        table.finish();
        let Some(address) = address else { continue };
        if let Some(first) =
            listeners.iter().find(|first| clash(first.address.value, address.value))
        {
            reader.wrong(&address.span, taken(reader, &first.address, address.value));
        }
        listeners.push(Listener { address });
    }
    (listeners.len() == count).then_some(listeners)
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
