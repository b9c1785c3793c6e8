//! Both versions by example, and whatever the bytes and however they are cut.

use proptest::prelude::*;

use super::tlv::crc32c as checksum;
use super::*;
use crate::config::ProxyProtocol;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A header of version 2, its length counted.
fn v2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let mut header = SIGNATURE.to_vec();
    header.extend([command, family]);
    header.extend(u16::try_from(block.len()).unwrap().to_be_bytes());
    header.extend(block);
    header
}

const IPV4: [u8; 12] = [192, 0, 2, 7, 192, 0, 2, 1, 0xC3, 0x50, 1, 0xBB];

fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    let mut tlv = vec![kind];
    tlv.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
    tlv.extend(value);
    tlv
}

fn client(from: &str, to: &str) -> Origin {
    Origin::Client { from: from.parse().unwrap(), to: to.parse().unwrap() }
}

/// The origin of a header, behind which there is more.
#[track_caller]
fn origin(header: &[u8]) -> Origin {
    let with_more = [header, b"\x16\x03\x01"].concat();
    match parse(&with_more) {
        Ok(Parsed::Whole(read, length)) => {
            assert_eq!(length, header.len());
            read.origin
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_line_of_version_1_tells_the_client() {
    let both = client("192.0.2.7:50000", "192.0.2.1:443");
    assert_eq!(origin(b"PROXY TCP4 192.0.2.7 192.0.2.1 50000 443\r\n"), both);
    assert_eq!(origin(b"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.1 50000 443\r\n"), both);
    let six = client("[2001:db8::7]:0", "[2001:db8::1]:65535");
    assert_eq!(origin(b"PROXY TCP6 2001:db8::7 2001:DB8::1 0 65535\r\n"), six);
    assert_eq!(origin(b"PROXY UNKNOWN\r\n"), Origin::Untold);
    assert_eq!(origin(b"PROXY UNKNOWN ffff::1 what ever 1 2 3\r\n"), Origin::Untold);
    let longest = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 91], b"\r\n"].concat();
    assert_eq!((longest.len(), origin(&longest)), (107, Origin::Untold));
}

#[test]
fn nothing_that_is_nearly_a_line_of_version_1_is_one() {
    use Malformed::{Addresses, LineEnd, LongLine, NoHeader, Protocol};
    for (line, wrong) in [
        ("PROXY TCP4 192.0.2.7 192.0.2.1 50000 443\n", LineEnd),
        ("PROXY TCP4 192.0.2.7 192.0.2.1 50000 443\rx", LineEnd),
        ("PROXY\tTCP4 192.0.2.7 192.0.2.1 50000 443\r\n", NoHeader),
        ("proxy TCP4 192.0.2.7 192.0.2.1 50000 443\r\n", NoHeader),
        ("POST / HTTP/1.1\r\n", NoHeader),
        ("PROXY  TCP4 192.0.2.7 192.0.2.1 50000 443\r\n", Protocol),
        ("PROXY UDP4 192.0.2.7 192.0.2.1 50000 443\r\n", Protocol),
        ("PROXY tcp4 192.0.2.7 192.0.2.1 50000 443\r\n", Protocol),
        ("PROXY UNKNOWNS\r\n", Protocol),
        ("PROXY \r\n", Protocol),
        ("PROXY TCP4\r\n", Addresses),
        ("PROXY TCP4 192.0.2.7  192.0.2.1 50000 443\r\n", Addresses),
        ("PROXY TCP4 192.0.2.7 192.0.2.1 50000 443 \r\n", Addresses),
        ("PROXY TCP4 192.0.2.7 192.0.2.1 50000 443 1\r\n", Addresses),
        ("PROXY TCP4 192.0.2.7 192.0.2.1 50000\r\n", Addresses),
        ("PROXY TCP4 192.0.2.7 192.0.2.1 +5000 443\r\n", Addresses),
        ("PROXY TCP4 192.0.2.7 192.0.2.1 050 443\r\n", Addresses),
        ("PROXY TCP4 192.0.2.7 192.0.2.1 65536 443\r\n", Addresses),
        ("PROXY TCP4 192.0.2.007 192.0.2.1 50000 443\r\n", Addresses),
        ("PROXY TCP4 2001:db8::7 2001:db8::1 50000 443\r\n", Addresses),
        ("PROXY TCP6 192.0.2.7 192.0.2.1 50000 443\r\n", Addresses),
        ("PROXY TCP6 fe80::1%eth0 2001:db8::1 50000 443\r\n", Addresses),
        ("PROXY TCP4 192.0.2.\u{FF17} 192.0.2.1 50000 443\r\n", Addresses),
    ] {
        assert_eq!(parse(line.as_bytes()), Err(wrong), "{line:?}");
    }
    let endless = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 93]].concat();
    assert_eq!(parse(&endless[..106]), Ok(Parsed::Incomplete));
    assert_eq!(parse(&endless), Err(LongLine));
}

#[test]
fn a_header_of_version_2_tells_the_client() {
    assert_eq!(origin(&v2(0x21, 0x11, &IPV4)), client("192.0.2.7:50000", "192.0.2.1:443"));
    let mut six = [0; 36];
    (six[0], six[15], six[31], six[33], six[35]) = (0x20, 7, 1, 80, 81);
    assert_eq!(origin(&v2(0x21, 0x21, &six)), client("[2000::7]:80", "[::1]:81"));
    assert_eq!(origin(&v2(0x21, 0x31, &[b'x'; 216])), Origin::Untold);
    assert_eq!(origin(&v2(0x21, 0x00, b"whatever")), Origin::Untold);
    // Of the balancer's own connection nothing else counts.
    assert_eq!(origin(&v2(0x20, 0x00, &[])), Origin::Balancer);
    assert_eq!(origin(&v2(0x20, 0xFF, b"whatever")), Origin::Balancer);
}

#[test]
fn nothing_that_is_nearly_a_header_of_version_2_is_one() {
    use Malformed::{Additions, Command, Family, LongHeader, NoHeader, Short};
    let added = |tlvs: &[u8]| v2(0x21, 0x11, &[&IPV4, tlvs].concat());
    let twice = |kind| added(&[tlv(kind, b"abcd"), tlv(kind, b"abcd")].concat());
    for (header, wrong) in [
        (b"\r\n\r\n\0\r\nQUIT\r".to_vec(), NoHeader),
        (v2(0x11, 0x11, &IPV4), Command),
        (v2(0x22, 0x11, &IPV4), Command),
        (v2(0x21, 0x12, &IPV4), Family),
        (v2(0x21, 0x10, &IPV4), Family),
        (v2(0x21, 0x22, &[0; 36]), Family),
        (v2(0x21, 0x41, &[0; 36]), Family),
        (v2(0x21, 0x11, &IPV4[..11]), Short),
        (v2(0x21, 0x21, &[0; 35]), Short),
        (v2(0x21, 0x31, &[0; 215]), Short),
        (v2(0x21, 0x11, &[0; 4081]), LongHeader),
        (added(&[1]), Additions),
        (added(&[1, 0, 9, b'h', b'2']), Additions),
        (added(&tlv(3, b"abc")), Additions),
        (added(&tlv(5, &[b'x'; 129])), Additions),
        (added(&tlv(0x20, &[1, 0, 0, 0])), Additions),
        (added(&tlv(0x20, &[1, 0, 0, 0, 0, 0x22])), Additions),
        (twice(3), Additions),
        (twice(5), Additions),
    ] {
        assert_eq!(parse(&header), Err(wrong), "{header:?}");
    }
}

#[test]
fn what_a_header_adds_is_kept_and_its_checksum_must_fit() {
    assert_eq!(checksum(b"123456789".iter().copied()), 0xE306_9283);
    let ssl = [&[7, 0, 0, 0, 0][..], &tlv(0x22, b"client.example")].concat();
    let ssl = tlv(0x20, &ssl);
    let added = [tlv(1, b"h2"), tlv(5, b"7f000001:c350"), ssl, tlv(3, &[0; 4])].concat();
    let mut header = v2(0x21, 0x11, &[&IPV4[..], &added].concat());
    assert_eq!(parse(&header), Err(Malformed::Checksum));
    let sum = checksum(header.iter().copied());
    let at = header.len() - 4;
    header[at..].copy_from_slice(&sum.to_be_bytes());
    let Ok(Parsed::Whole(Header { tlvs, .. }, _)) = parse(&header) else {
        panic!("{:?}", parse(&header));
    };
    assert_eq!(tlvs.unique_id(), Some(b"7f000001:c350".as_slice()));
    assert_eq!(tlvs.iter().map(|tlv| tlv.kind).collect::<Vec<_>>(), [1, 5, 0x20, 3]);
    // A damaged address does not pass.
    header[17] ^= 1;
    assert_eq!(parse(&header), Err(Malformed::Checksum));
}

/// Bytes that are nearly headers.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let line = "PROXY (TCP[46]|UNKNOWN|[A-Z]{0,5})( [0-9.:a-f]{1,9}){0,5}[\r\n]{0,2}";
    let block = prop::collection::vec(any::<u8>(), 0..60);
    let tlvs = prop::collection::vec((0..0x24_u8, prop::collection::vec(any::<u8>(), 0..9)), 0..5);
    let tlvs =
        tlvs.prop_map(|all| all.iter().flat_map(|(kind, value)| tlv(*kind, value)).collect());
    let block = prop_oneof![block, tlvs.prop_map(|tlvs: Vec<u8>| [&IPV4[..], &tlvs].concat())];
    let family = prop::sample::select(vec![0x00, 0x11, 0x21, 0x31, 0x12]);
    prop_oneof![
        line.prop_map(String::into_bytes),
        (0x20..0x23_u8, family, block)
            .prop_map(|(command, family, block)| v2(command, family, &block)),
        prop::collection::vec(any::<u8>(), 0..300),
    ]
}

proptest! {
    #[test]
    fn however_the_bytes_are_cut_the_outcome_is_the_same(bytes in nearly(), more in any::<[u8; 4]>()) {
        let bytes = [&bytes[..], &more].concat();
        let whole = parse(&bytes);
        if let Ok(Parsed::Whole(_, length)) = &whole {
            prop_assert!(*length <= bytes.len());
        }
        for cut in 0..bytes.len() {
            match parse(&bytes[..cut]) {
                Ok(Parsed::Incomplete) => {}
                settled => prop_assert_eq!(&settled, &whole, "after {} bytes", cut),
            }
        }
    }
}

fn addresses() -> impl Strategy<Value = SocketAddr> {
    let mapped = any::<std::net::Ipv4Addr>().prop_map(|ip| ip.to_ipv6_mapped().into());
    let ip = prop_oneof![any::<std::net::IpAddr>(), mapped];
    (ip, any::<u16>()).prop_map(Into::into)
}

proptest! {
    /// What the gateway says to apps, it would itself understand of a balancer: all of it, and where it ends.
    #[test]
    fn what_is_written_is_read(
        (from, to) in (addresses(), addresses()),
        server_name in proptest::option::of(".{0,1100}"),
        name in proptest::option::of(".{0,1100}"),
        who in 0..3,
        (is_resumed, is_v1) in any::<(bool, bool)>(),
        more in any::<[u8; 16]>(),
    ) {
        let introduction = Introduction {
            client: from,
            gateway: to,
            tls_version: "TLS 1.3",
            is_resumed,
            server_name: server_name.clone(),
            unique_id: crate::observe::RequestId::random(),
        };
        let who = match who {
            0 => Client::Verified(name.as_deref()),
            1 => Client::Unverified,
            _ => Client::WithoutCertificate,
        };
        let version = if is_v1 { ProxyProtocol::V1 } else { ProxyProtocol::V2 };
        let written = header(version, &introduction, who);
        let bytes = [&written[..], &more].concat();
        let Ok(Parsed::Whole(read, length)) = parse(&bytes) else {
            return Err(TestCaseError::fail(format!("{written:?}")));
        };
        prop_assert_eq!(length, written.len());
        let canonical = |address: SocketAddr| (address.ip().to_canonical(), address.port());
        let Origin::Client { from: read_from, to: read_to } = read.origin else {
            return Err(TestCaseError::fail(format!("{read:?}")));
        };
        prop_assert_eq!(canonical(read_from), canonical(from));
        prop_assert_eq!(canonical(read_to), canonical(to));
        if !is_v1 {
            let unique_id = introduction.unique_id.to_string();
            prop_assert_eq!(read.tlvs.unique_id(), Some(unique_id.as_bytes()));
            let said = read.tlvs.iter().find(|tlv| tlv.kind == 2).map(|tlv| tlv.value.to_vec());
            let short = server_name.filter(|name| name.len() <= 1024);
            prop_assert_eq!(said, short.map(String::into_bytes));
        }
    }
}
