//! Version 1: one line of text, `PROXY TCP4 192.0.2.7 192.0.2.1 50000 443`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::{Header, Malformed, Origin, Parsed, Tlvs, begin_with, canonical};

/// The longest line that the specification allows, with its CR LF.
pub(super) const LINE_BYTES_MAX: usize = 107;

const BEGINNING: &[u8] = b"PROXY ";

pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, Malformed> {
    if !begin_with(bytes, BEGINNING) {
        return Err(Malformed::NoHeader);
    }
    let within = &bytes[..bytes.len().min(LINE_BYTES_MAX)];
    let Some(end) = within.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
        return is_open(within);
    };
    match within.get(end..) {
        Some([b'\r', b'\n', ..]) => {}
        Some([b'\r']) => return is_open(within),
        _ => return Err(Malformed::LineEnd),
    }
    let line = within.get(BEGINNING.len()..end).ok_or(Malformed::Protocol)?;
    let header = Header { origin: origin(line)?, tlvs: Tlvs::default() };
    Ok(Parsed::Whole(header, end + 2))
}

/// A line whose end has not come.
fn is_open(line: &[u8]) -> Result<Parsed, Malformed> {
    if line.len() < LINE_BYTES_MAX { Ok(Parsed::Incomplete) } else { Err(Malformed::LongLine) }
}

/// What stands behind `PROXY `.
fn origin(line: &[u8]) -> Result<Origin, Malformed> {
    let (protocol, rest) = match line.iter().position(|byte| *byte == b' ') {
        Some(at) => (&line[..at], &line[at + 1..]),
        None => (line, &[][..]),
    };
    match protocol {
        // Whatever follows is to be ignored.
        b"UNKNOWN" => Ok(Origin::Untold),
        b"TCP4" => addresses::<Ipv4Addr>(rest),
        b"TCP6" => addresses::<Ipv6Addr>(rest),
        _ => Err(Malformed::Protocol),
    }
}

fn addresses<A: FromStr + Into<IpAddr>>(text: &[u8]) -> Result<Origin, Malformed> {
    let text = std::str::from_utf8(text).map_err(|_| Malformed::Addresses)?;
    let parts: Vec<_> = text.split(' ').collect();
    let [from, to, from_port, to_port] = parts[..] else {
        return Err(Malformed::Addresses);
    };
    // The standard library takes no address with a zero in front of a number, a zone, or anything around it.
    let address = |text: &str| text.parse::<A>().map_err(|_| Malformed::Addresses);
    Ok(Origin::Client {
        from: canonical(address(from)?, port(from_port)?),
        to: canonical(address(to)?, port(to_port)?),
    })
}

/// A decimal number in its one form; `parse` alone would take `+443` and `0443`.
fn port(text: &str) -> Result<u16, Malformed> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let is_short = text == "0" || !text.starts_with('0');
    text.parse().ok().filter(|_| is_plain && is_short).ok_or(Malformed::Addresses)
}
