//! DER elements by their places, for lists of a million entries: nothing is copied, nothing allocated.

use std::ops::Range;

/// The tags that a revocation list is made of.
pub(super) mod tag {
    pub(in crate::tls::revocation) const BOOLEAN: u8 = 0x01;
    pub(in crate::tls::revocation) const INTEGER: u8 = 0x02;
    pub(in crate::tls::revocation) const BIT_STRING: u8 = 0x03;
    pub(in crate::tls::revocation) const OCTET_STRING: u8 = 0x04;
    pub(in crate::tls::revocation) const OID: u8 = 0x06;
    pub(in crate::tls::revocation) const UTC_TIME: u8 = 0x17;
    pub(in crate::tls::revocation) const GENERALIZED_TIME: u8 = 0x18;
    pub(in crate::tls::revocation) const SEQUENCE: u8 = 0x30;
    pub(in crate::tls::revocation) const CONTEXT_0: u8 = 0xA0;
}

/// One element, as places in the bytes that were read.
#[derive(Clone, Debug)]
pub(super) struct Element {
    /// With tag and length.
    pub(super) whole: Range<usize>,
    /// Without.
    pub(super) content: Range<usize>,
}

/// Walks over elements that stand side by side.
#[derive(Clone, Debug)]
pub(super) struct Walk<'a> {
    bytes: &'a [u8],
    at: Range<usize>,
}

impl<'a> Walk<'a> {
    /// Over the elements in a part of `bytes`.
    pub(super) fn new(bytes: &'a [u8], part: Range<usize>) -> Self {
        Self { bytes, at: part }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at.is_empty()
    }

    /// The next element, whatever it is; `None` at the end and for what is not DER.
    pub(super) fn any(&mut self) -> Option<Element> {
        let bytes = self.bytes.get(self.at.clone())?;
        let [_, first, rest @ ..] = bytes else {
            return None;
        };
        let (head, length) = if *first < 0x80 {
            (2, usize::from(*first))
        } else {
            let count = usize::from(first & 0x7F);
            let digits = rest.get(..count).filter(|_| (1..=4).contains(&count))?;
            let length = digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit));
            // DER wants the shortest form; another would give one list two readings.
            if length < 0x80 || digits[0] == 0 {
                return None;
            }
            (2 + count, length)
        };
        let start = self.at.start;
        let end = (start + head).checked_add(length)?;
        if end > self.at.end {
            return None;
        }
        self.at.start = end;
        Some(Element { whole: start..end, content: start + head..end })
    }

    /// The next element if it has one of these tags; else nothing moves.
    pub(super) fn one_of(&mut self, tags: &[u8]) -> Option<Element> {
        let next = self.bytes.get(self.at.start).filter(|_| !self.is_at_end())?;
        if tags.contains(next) { self.any() } else { None }
    }
}
