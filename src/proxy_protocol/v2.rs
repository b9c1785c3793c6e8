//! Version 2: a signature, a command, a family, a length, and then the addresses and what is added (TLV), in binary.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::tlv::Tlvs;
use super::{Header, Malformed, Origin, Parsed, begin_with, canonical};

/// What a header may take, additions included. HAProxy's own limit is a buffer of 16 KiB less, of which it fills some
/// hundred bytes; a certificate of the balancer's client, the longest addition that is known, is about 2 KiB.
pub const HEADER_BYTES_MAX: usize = 4096;

/// What the length does not count.
const FIXED: usize = 16;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Version and command.
const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;

/// Family and protocol.
const UNSPEC: u8 = 0x00;
const TCP_OVER_IPV4: u8 = 0x11;
const TCP_OVER_IPV6: u8 = 0x21;
const UNIX_STREAM: u8 = 0x31;
/// Two paths of 108 bytes.
const UNIX_BYTES: usize = 216;

pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, Malformed> {
    if !begin_with(bytes, SIGNATURE) {
        return Err(Malformed::NoHeader);
    }
    let command = bytes.get(SIGNATURE.len()).copied();
    if command.is_some_and(|command| !matches!(command, LOCAL | PROXY)) {
        return Err(Malformed::Command);
    }
    let Some([_, family, high, low]) = bytes.get(SIGNATURE.len()..FIXED) else {
        return Ok(Parsed::Incomplete);
    };
    let length = FIXED + usize::from(u16::from_be_bytes([*high, *low]));
    if length > HEADER_BYTES_MAX {
        return Err(Malformed::LongHeader);
    }
    let Some(header) = bytes.get(..length) else {
        return Ok(Parsed::Incomplete);
    };
    let block = &header[FIXED..];
    // Of the balancer's own connections the specification has the rest discarded, the family too.
    let header = match (command, *family) {
        (Some(LOCAL), _) => Header { origin: Origin::Balancer, tlvs: Tlvs::default() },
        (_, UNSPEC) => Header { origin: Origin::Untold, tlvs: Tlvs::default() },
        (_, TCP_OVER_IPV4) => {
            let (from, to, ports, rest) = addresses::<4>(block)?;
            let (from, to) = (Ipv4Addr::from(from), Ipv4Addr::from(to));
            let origin =
                Origin::Client { from: canonical(from, ports.0), to: canonical(to, ports.1) };
            Header { origin, tlvs: Tlvs::read(rest, header)? }
        }
        (_, TCP_OVER_IPV6) => {
            let (from, to, ports, rest) = addresses::<16>(block)?;
            let (from, to) = (Ipv6Addr::from(from), Ipv6Addr::from(to));
            let origin =
                Origin::Client { from: canonical(from, ports.0), to: canonical(to, ports.1) };
            Header { origin, tlvs: Tlvs::read(rest, header)? }
        }
        (_, UNIX_STREAM) => {
            let rest = block.get(UNIX_BYTES..).ok_or(Malformed::Short)?;
            Header { origin: Origin::Untold, tlvs: Tlvs::read(rest, header)? }
        }
        _ => return Err(Malformed::Family),
    };
    Ok(Parsed::Whole(header, length))
}

type Addresses<'a, const N: usize> = ([u8; N], [u8; N], (u16, u16), &'a [u8]);

/// Two addresses, two ports, and what follows.
fn addresses<const N: usize>(block: &[u8]) -> Result<Addresses<'_, N>, Malformed> {
    let (from, rest) = block.split_first_chunk::<N>().ok_or(Malformed::Short)?;
    let (to, rest) = rest.split_first_chunk::<N>().ok_or(Malformed::Short)?;
    let ([a, b, c, d], rest) = rest.split_first_chunk::<4>().ok_or(Malformed::Short)?;
    let ports = (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]));
    Ok((*from, *to, ports, rest))
}
