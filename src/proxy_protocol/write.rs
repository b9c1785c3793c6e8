//! What the gateway says of a client to an app. Names come from a verified certificate or not at all, and are said
//! whole or not at all.

use std::net::{IpAddr, SocketAddr};

use crate::config::ProxyProtocol;
use crate::observe::RequestId;

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// Version 2, and whether somebody else is spoken for.
const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;

/// A stream over IPv4 or IPv6.
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;

const TYPE_AUTHORITY: u8 = 0x02;
const TYPE_UNIQUE_ID: u8 = 0x05;
const TYPE_SSL: u8 = 0x20;
const SUBTYPE_SSL_VERSION: u8 = 0x21;
const SUBTYPE_SSL_CN: u8 = 0x22;

const CLIENT_SSL: u8 = 0x01;
const CLIENT_CERT_CONN: u8 = 0x02;
const CLIENT_CERT_SESS: u8 = 0x04;

/// A longer name is left out: it could not be said whole to an app that reads a header in one piece.
const NAME_BYTES_MAX: usize = 1024;

/// How a client's connection came.
#[derive(Clone, Debug)]
pub struct Introduction {
    /// From where.
    pub client: SocketAddr,
    /// To which address of the gateway.
    pub gateway: SocketAddr,
    /// The TLS version, such as `TLS 1.3`.
    pub tls_version: &'static str,
    /// Whether the certificate was shown on an earlier connection, whose session this one resumes.
    pub is_resumed: bool,
    /// The name that it asked for.
    pub server_name: Option<String>,
    /// What tells it from all others.
    pub unique_id: RequestId,
}

/// Who the client is.
#[derive(Clone, Copy, Debug)]
pub enum Client<'a> {
    /// It has proved to be who its certificate says, and has this common name, if any.
    Verified(Option<&'a str>),
    /// It has shown a certificate that does not count.
    Unverified,
    /// It has shown none.
    WithoutCertificate,
}

/// The header for a connection on which a client is spoken for.
pub fn header(version: ProxyProtocol, introduction: &Introduction, client: Client<'_>) -> Vec<u8> {
    let (from, to) = (introduction.client, introduction.gateway);
    let (from_ip, to_ip) = of_one_family(from.ip(), to.ip());
    if version == ProxyProtocol::V1 {
        let family = if from_ip.is_ipv4() { "TCP4" } else { "TCP6" };
        let (from, to) = (from.port(), to.port());
        return format!("PROXY {family} {from_ip} {to_ip} {from} {to}\r\n").into_bytes();
    }
    let mut addresses = Vec::new();
    for ip in [from_ip, to_ip] {
        match ip {
            IpAddr::V4(ip) => addresses.extend_from_slice(&ip.octets()),
            IpAddr::V6(ip) => addresses.extend_from_slice(&ip.octets()),
        }
    }
    addresses.extend_from_slice(&from.port().to_be_bytes());
    addresses.extend_from_slice(&to.port().to_be_bytes());
    let family = if from_ip.is_ipv4() { TCP4 } else { TCP6 };
    let mut rest = addresses;
    if let Some(name) = introduction.server_name.as_deref().filter(is_short) {
        field(&mut rest, TYPE_AUTHORITY, name.as_bytes());
    }
    field(&mut rest, TYPE_UNIQUE_ID, introduction.unique_id.to_string().as_bytes());
    field(&mut rest, TYPE_SSL, &ssl(introduction, client));
    framed(PROXY, family, &rest)
}

/// The header for a connection of the gateway's own, such as a health check.
pub fn local_header(version: ProxyProtocol) -> Vec<u8> {
    match version {
        ProxyProtocol::V1 => b"PROXY UNKNOWN\r\n".to_vec(),
        ProxyProtocol::V2 => framed(LOCAL, 0, &[]),
    }
}

fn framed(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let mut header = SIGNATURE.to_vec();
    header.extend_from_slice(&[command, family]);
    // Each field is a name of bounded length, so that all of them are far below 64 KiB.
    let length = u16::try_from(rest.len()).unwrap_or(u16::MAX);
    header.extend_from_slice(&length.to_be_bytes());
    header.extend_from_slice(rest);
    header
}

fn ssl(introduction: &Introduction, client: Client<'_>) -> Vec<u8> {
    let shown = match (&client, introduction.is_resumed) {
        (Client::WithoutCertificate, _) => 0,
        (_, true) => CLIENT_CERT_SESS,
        (_, false) => CLIENT_CERT_CONN | CLIENT_CERT_SESS,
    };
    // 0 says that a certificate was shown and verified, anything else that none was.
    let verify = u32::from(!matches!(client, Client::Verified(_)));
    let mut ssl = vec![CLIENT_SSL | shown];
    ssl.extend_from_slice(&verify.to_be_bytes());
    // As OpenSSL writes it, and so everybody else.
    let version = introduction.tls_version.replace("TLS ", "TLSv");
    field(&mut ssl, SUBTYPE_SSL_VERSION, version.as_bytes());
    if let Client::Verified(Some(name)) = client
        && is_short(&name)
    {
        field(&mut ssl, SUBTYPE_SSL_CN, name.as_bytes());
    }
    ssl
}

fn is_short(name: &&str) -> bool {
    name.len() <= NAME_BYTES_MAX
}

fn field(to: &mut Vec<u8>, kind: u8, value: &[u8]) {
    // All values are bounded far below.
    if let Ok(length) = u16::try_from(value.len()) {
        to.push(kind);
        to.extend_from_slice(&length.to_be_bytes());
        to.extend_from_slice(value);
    }
}

/// Both as IPv4, or both as IPv6: a header has one family.
fn of_one_family(one: IpAddr, other: IpAddr) -> (IpAddr, IpAddr) {
    let (one, other) = (one.to_canonical(), other.to_canonical());
    let mapped = |ip| match ip {
        IpAddr::V4(ip) => IpAddr::V6(ip.to_ipv6_mapped()),
        IpAddr::V6(_) => ip,
    };
    if one.is_ipv4() == other.is_ipv4() { (one, other) } else { (mapped(one), mapped(other)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn introduction(client: &str, gateway: &str) -> Introduction {
        Introduction {
            client: client.parse().unwrap(),
            gateway: gateway.parse().unwrap(),
            tls_version: "TLS 1.3",
            is_resumed: false,
            server_name: Some("a.example".to_owned()),
            unique_id: RequestId::random(),
        }
    }

    fn line(client: &str, gateway: &str) -> String {
        let header =
            header(ProxyProtocol::V1, &introduction(client, gateway), Client::WithoutCertificate);
        String::from_utf8(header).unwrap()
    }

    #[test]
    fn version_1_is_a_line_of_one_family() {
        let plain = line("192.0.2.7:4711", "198.51.100.1:443");
        assert_eq!(plain, "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n");
        // A listener on `[::]` shows IPv4 as a part of IPv6.
        assert_eq!(line("[::ffff:192.0.2.7]:4711", "[::ffff:198.51.100.1]:443"), plain);
        let mixed = line("[2001:db8::7]:4711", "198.51.100.1:443");
        assert_eq!(mixed, "PROXY TCP6 2001:db8::7 ::ffff:198.51.100.1 4711 443\r\n");
        // The longest that the specification foresees.
        let full = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535";
        assert!(line(full, full).len() <= 107);
    }

    #[test]
    fn version_2_is_what_the_specification_draws() {
        let introduction = introduction("192.0.2.7:4711", "198.51.100.1:443");
        let header = header(ProxyProtocol::V2, &introduction, Client::Verified(Some("caller")));
        let mut expected = b"\r\n\r\n\0\r\nQUIT\n\x21\x11".to_vec();
        let id = introduction.unique_id.to_string();
        let id_bytes = u8::try_from(id.len()).unwrap();
        let mut rest = vec![192, 0, 2, 7, 198, 51, 100, 1, 0x12, 0x67, 0x01, 0xbb];
        rest.extend_from_slice(b"\x02\0\x09a.example");
        rest.extend_from_slice(&[5, 0, id_bytes]);
        rest.extend_from_slice(id.as_bytes());
        rest.extend_from_slice(b"\x20\0\x18\x07\0\0\0\0\x21\0\x07TLSv1.3\x22\0\x06caller");
        expected.extend_from_slice(&u16::try_from(rest.len()).unwrap().to_be_bytes());
        expected.extend_from_slice(&rest);
        assert_eq!(header, expected);
        assert_eq!(local_header(ProxyProtocol::V2), b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
    }

    #[test]
    fn only_who_was_verified_has_a_name_and_a_zero() {
        let mut introduction = introduction("192.0.2.7:4711", "198.51.100.1:443");
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        let mut begin = |client, is_resumed| {
            introduction.is_resumed = is_resumed;
            let ssl = ssl(&introduction, client);
            (ssl[0], u32::from_be_bytes(ssl[1..5].try_into().unwrap()), ssl.len())
        };
        let bare = 5 + 3 + "TLSv1.3".len();
        assert_eq!(begin(Client::Verified(Some("a")), false), (0x07, 0, bare + 4));
        assert_eq!(begin(Client::Verified(Some("a")), true), (0x05, 0, bare + 4));
        assert_eq!(begin(Client::Verified(None), false), (0x07, 0, bare));
        assert_eq!(begin(Client::Verified(Some(&long)), false), (0x07, 0, bare));
        assert_eq!(begin(Client::Unverified, false), (0x07, 1, bare));
        assert_eq!(begin(Client::WithoutCertificate, false), (0x01, 1, bare));
    }
}
