//! Which site a name belongs to: from SNI at the handshake, from `Host` at each request.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::config::ServerName;

/// Names of all sites, for one look-up whatever their number.
#[derive(Debug, Default)]
pub struct NameIndex {
    exact: HashMap<String, usize>,
    wildcard: HashMap<String, usize>,
    address: HashMap<IpAddr, usize>,
}

impl NameIndex {
    /// Indexes names; each comes with the number of its site.
    pub fn new<'a>(names: impl IntoIterator<Item = (&'a ServerName, usize)>) -> Self {
        let mut index = Self::default();
        for (name, site) in names {
            match name {
                ServerName::Exact(name) => _ = index.exact.insert(name.clone(), site),
                ServerName::Wildcard(parent) => _ = index.wildcard.insert(parent.clone(), site),
                ServerName::Address(address) => _ = index.address.insert(*address, site),
            }
        }
        index
    }

    /// The site that answers to a host: a DNS name in any letter case, or an address literal (IPv6 in
    /// brackets). An exact name wins over a wildcard; a wildcard stands for exactly one label.
    pub fn site(&self, host: &str) -> Option<usize> {
        let host = host.strip_suffix('.').unwrap_or(host);
        let lower;
        let host = if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
            lower = host.to_ascii_lowercase();
            lower.as_str()
        } else {
            host
        };
        if let Some(site) = self.exact.get(host) {
            return Some(*site);
        }
        if let Some((label, parent)) = host.split_once('.')
            && !label.is_empty()
            && let Some(site) = self.wildcard.get(parent)
        {
            return Some(*site);
        }
        if self.address.is_empty() {
            return None;
        }
        let literal = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        self.address.get(&literal.parse().ok()?).copied()
    }
}

/// The host of an authority such as `www.example.com:443` or `[::1]:8443`, without its port.
/// `None` if it is not of that form.
pub fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = if authority.starts_with('[') {
        let (host, port) = authority.split_at(authority.find(']')? + 1);
        (host, if port.is_empty() { "" } else { port.strip_prefix(':')? })
    } else {
        authority.split_once(':').unwrap_or((authority, ""))
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
    let is_host = !host.is_empty() && host.bytes().all(allowed);
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit()) && port.len() <= 5;
    (is_host && is_port).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> NameIndex {
        let names = [
            (ServerName::Exact("www.example.com".into()), 0),
            (ServerName::Wildcard("example.com".into()), 1),
            (ServerName::Address("192.0.2.1".parse().unwrap()), 2),
            (ServerName::Address("2001:db8::1".parse().unwrap()), 3),
        ];
        NameIndex::new(names.iter().map(|(name, site)| (name, *site)))
    }

    #[test]
    fn an_exact_name_wins_over_a_wildcard() {
        assert_eq!(index().site("www.example.com"), Some(0));
        assert_eq!(index().site("WWW.Example.COM."), Some(0));
        assert_eq!(index().site("api.example.com"), Some(1));
    }

    #[test]
    fn a_wildcard_stands_for_exactly_one_label() {
        for host in ["example.com", "a.b.example.com", ".example.com", "xexample.com", ""] {
            assert_eq!(index().site(host), None, "{host:?}");
        }
    }

    #[test]
    fn address_literals_match_by_value() {
        assert_eq!(index().site("192.0.2.1"), Some(2));
        assert_eq!(index().site("[2001:DB8:0::1]"), Some(3));
        assert_eq!(index().site("192.0.2.2"), None);
    }

    #[test]
    fn the_port_is_no_part_of_the_host() {
        assert_eq!(host_of("www.example.com:8443"), Some("www.example.com"));
        assert_eq!(host_of("www.example.com"), Some("www.example.com"));
        assert_eq!(host_of("[::1]:443"), Some("[::1]"));
        assert_eq!(host_of("[::1]"), Some("[::1]"));
    }

    #[test]
    fn what_is_no_authority_has_no_host() {
        for text in
            ["", ":443", "a b", "a@b", "a/b", "a:b", "a:443:1", "[::1", "[::1]x", "a,b", "a\0"]
        {
            assert_eq!(host_of(text), None, "{text:?}");
        }
    }
}
