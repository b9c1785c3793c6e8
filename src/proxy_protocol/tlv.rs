//! What version 2 adds behind the addresses: a type, a length and a value each. All of it is kept as it came; what it
//! says of a client is never taken for a proof, least of all what a balancer says of a certificate.

use super::Malformed;

/// Types that are checked (`proxy-protocol.txt` section 2.2).
const CRC32C: u8 = 0x03;
const UNIQUE_ID: u8 = 0x05;
const SSL: u8 = 0x20;

/// The longest unique id.
const UNIQUE_ID_BYTES_MAX: usize = 128;

/// What a header adds, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tlvs {
    /// As they came; every length in it fits.
    bytes: Box<[u8]>,
}

/// One addition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// Its type, such as 0x01 for ALPN, 0x02 for the server name, and 0x20 for TLS at the balancer.
    pub kind: u8,
    /// Its value.
    pub value: &'a [u8],
}

impl Tlvs {
    /// Reads what stands behind the addresses of a header; `header` is all of it, for its checksum.
    pub(super) fn read(bytes: &[u8], header: &[u8]) -> Result<Self, Malformed> {
        check(bytes)?;
        let tlvs = Self { bytes: bytes.into() };
        for kind in [CRC32C, UNIQUE_ID] {
            if tlvs.iter().filter(|tlv| tlv.kind == kind).count() > 1 {
                return Err(Malformed::Additions);
            }
        }
        for Tlv { kind, value } in tlvs.iter() {
            match kind {
                CRC32C => check_sum(bytes, header, value)?,
                UNIQUE_ID if value.len() > UNIQUE_ID_BYTES_MAX => return Err(Malformed::Additions),
                // A byte of flags, four of a verdict, and additions of its own.
                SSL => check(value.get(5..).ok_or(Malformed::Additions)?)?,
                _ => {}
            }
        }
        Ok(tlvs)
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = Tlv<'_>> {
        let mut rest = &*self.bytes;
        std::iter::from_fn(move || {
            let (tlv, next) = split(rest)?;
            rest = next;
            Some(tlv)
        })
    }

    /// The balancer's name for the connection (`PP2_TYPE_UNIQUE_ID`).
    pub fn unique_id(&self) -> Option<&[u8]> {
        self.iter().find(|tlv| tlv.kind == UNIQUE_ID).map(|tlv| tlv.value)
    }
}

/// Whether additions fill their place exactly.
fn check(mut bytes: &[u8]) -> Result<(), Malformed> {
    while !bytes.is_empty() {
        (_, bytes) = split(bytes).ok_or(Malformed::Additions)?;
    }
    Ok(())
}

fn split(bytes: &[u8]) -> Option<(Tlv<'_>, &[u8])> {
    let ([kind, high, low], rest) = bytes.split_first_chunk::<3>()?;
    let length = u16::from_be_bytes([*high, *low]);
    let (value, rest) = rest.split_at_checked(length.into())?;
    Some((Tlv { kind: *kind, value }, rest))
}

/// The checksum is of the whole header, with zeros in its own place.
fn check_sum(tlvs: &[u8], header: &[u8], value: &[u8]) -> Result<(), Malformed> {
    let told = u32::from_be_bytes(value.try_into().map_err(|_| Malformed::Additions)?);
    // The additions are the end of the header, and only one of them is a checksum.
    let mut at = header.len() - tlvs.len();
    let mut rest = tlvs;
    while let Some((tlv, next)) = split(rest) {
        if tlv.kind == CRC32C {
            at += 3;
            break;
        }
        at += rest.len() - next.len();
        rest = next;
    }
    let (before, after) = (header.get(..at), header.get(at + value.len()..));
    let (Some(before), Some(after)) = (before, after) else {
        return Err(Malformed::Additions);
    };
    let zeros = [0; 4];
    let all = before.iter().chain(&zeros).chain(after);
    if crc32c(all.copied()) == told { Ok(()) } else { Err(Malformed::Checksum) }
}

/// RFC 3309's checksum, bit by bit: a header is short, and few have one.
pub(super) fn crc32c(bytes: impl Iterator<Item = u8>) -> u32 {
    const POLYNOMIAL: u32 = 0x82F6_3B78;
    let step = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 };
    !bytes.fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(byte), |crc, _| step(crc)))
}
