//! The first bytes of a connection from a balancer: a PROXY header of either version, or not.

use crate::proxy_protocol::{HEADER_BYTES_MAX, Origin, Parsed, parse};

pub(super) fn run(bytes: &[u8]) {
    let whole = parse(bytes);
    if let Ok(Parsed::Whole(header, length)) = &whole {
        assert!(*length <= bytes.len().min(HEADER_BYTES_MAX));
        // What follows changes nothing.
        assert_eq!(parse(&bytes[..*length]), whole);
        let added: usize = header.tlvs.iter().map(|tlv| 3 + tlv.value.len()).sum();
        assert!(added <= *length);
        if let Origin::Client { from, to } = header.origin {
            assert!(from.ip() == from.ip().to_canonical() && to.ip() == to.ip().to_canonical());
        }
    }
    // However the bytes are cut: whoever has read less has the same outcome, or waits for more.
    for cut in (0..bytes.len()).take(HEADER_BYTES_MAX) {
        match parse(&bytes[..cut]) {
            Ok(Parsed::Incomplete) => assert!(cut < HEADER_BYTES_MAX),
            settled => assert_eq!(settled, whole),
        }
    }
}
