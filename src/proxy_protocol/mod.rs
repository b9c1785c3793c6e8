//! The PROXY protocol as HAProxy specifies it (`proxy-protocol.txt`, versions 1 and 2): what is said of a client before
//! the first byte of its connection, by a balancer to us and by us to an app. Pure: bytes go in, and a header, a wish
//! for more or a complaint comes out, the same however the bytes are cut. Nothing that does not follow the
//! specification to the letter is taken.

mod tlv;
mod v1;
mod v2;
mod write;

use std::net::SocketAddr;

pub use tlv::{Tlv, Tlvs};
pub use v2::HEADER_BYTES_MAX;
pub use write::{Client, Introduction, header, local_header};

/// What a balancer says of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whose connection it is.
    pub origin: Origin,
    /// What version 2 adds beyond that.
    pub tlvs: Tlvs,
}

/// Whose connection it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The balancer's own, such as a health check (`LOCAL`).
    Balancer,
    /// A client's, of whom no IP address is told: `UNKNOWN`, `UNSPEC`, or a Unix socket.
    Untold,
    /// A client's.
    Client {
        /// Where it comes from.
        from: SocketAddr,
        /// What it came to.
        to: SocketAddr,
    },
}

/// What came of some first bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A header, and how many bytes it takes; what follows is the client's.
    Whole(Header, usize),
    /// The beginning of one.
    Incomplete,
}

/// What is no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Neither version begins so.
    #[error("it begins with neither `PROXY ` nor the signature of version 2")]
    NoHeader,
    /// A line of version 1 without its end.
    #[error("its line has no end within {} bytes", v1::LINE_BYTES_MAX)]
    LongLine,
    /// Something else than CR LF ends a line of version 1.
    #[error("its line does not end in CR LF")]
    LineEnd,
    /// A family that version 1 does not know.
    #[error("its protocol is none of `TCP4`, `TCP6` and `UNKNOWN`")]
    Protocol,
    /// Not two addresses and two ports of the family.
    #[error("its addresses or ports cannot be read")]
    Addresses,
    /// A version or command that nobody specified.
    #[error("it is of a version or command that nobody knows")]
    Command,
    /// A family or protocol of version 2 that is no stream of bytes.
    #[error("its address family or protocol is none that TCP connections have")]
    Family,
    /// A header of version 2 above the ceiling.
    #[error("it is longer than {HEADER_BYTES_MAX} bytes")]
    LongHeader,
    /// A header of version 2 that is shorter than its addresses.
    #[error("it is too short for its addresses")]
    Short,
    /// Additions that do not fill what they say they fill, or that come twice.
    #[error("what it adds (TLV) cannot be read")]
    Additions,
    /// A checksum that does not fit.
    #[error("its checksum (CRC32C) does not fit")]
    Checksum,
}

/// Reads a header from the first bytes of a connection.
///
/// # Errors
/// [`Malformed`]; no further byte would mend it.
pub fn parse(bytes: &[u8]) -> Result<Parsed, Malformed> {
    match bytes.first() {
        None => Ok(Parsed::Incomplete),
        Some(b'P') => v1::parse(bytes),
        Some(b'\r') => v2::parse(bytes),
        Some(_) => Err(Malformed::NoHeader),
    }
}

/// Whether bytes begin with `expected`, as far as both go.
fn begin_with(bytes: &[u8], expected: &[u8]) -> bool {
    bytes.iter().zip(expected).all(|(byte, expected)| byte == expected)
}

/// A socket address in its one form: an IPv4 address is one, however it was written.
fn canonical(address: impl Into<std::net::IpAddr>, port: u16) -> SocketAddr {
    SocketAddr::new(address.into().to_canonical(), port)
}

#[cfg(test)]
mod tests;
