//! Just enough DER to write certificates that no library would: any tag, any bytes, right lengths.

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// One element.
pub(super) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let digits: Vec<u8> = length.into_iter().skip_while(|digit| *digit == 0).collect();
    let mut written = vec![tag];
    if content.len() >= 0x80 {
        written.push(0x80 | u8::try_from(digits.len()).unwrap_or_default());
        written.extend(digits);
    } else {
        written.push(digits.first().copied().unwrap_or_default());
    }
    written.extend_from_slice(content);
    written
}

/// Several elements as one.
pub(super) fn of(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    element(tag, &parts.concat())
}
