//! A revocation list of any length of the CA `Example CA`, written as DER directly: a library would hold a million
//! entries as objects first.

/// A list and what it revokes.
pub(crate) struct BigList {
    pub(crate) der: Vec<u8>,
    pub(crate) serials: Vec<[u8; 16]>,
}

impl BigList {
    /// One whose signature is none; reading and looking do not ask for it.
    pub(crate) fn new(count: usize) -> Self {
        Self::signed(count, |_| vec![0; 71])
    }

    /// One with the signature that `sign` makes of its bytes: ECDSA with SHA-256, DER.
    pub(crate) fn signed(count: usize, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> Self {
        let serials = serials(count);
        let mut entries = Vec::with_capacity(count * 36);
        for serial in &serials {
            let parts = [element(0x02, serial), element(0x17, b"260101000000Z")];
            entries.extend(element(0x30, &parts.concat()));
        }
        // ecdsa-with-SHA256
        let algorithm = element(0x30, &element(0x06, &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2]));
        let name = [element(0x06, &[0x55, 4, 3]), element(0x0C, b"Example CA")].concat();
        let signed = [
            element(0x02, &[1]),
            algorithm.clone(),
            element(0x30, &element(0x31, &element(0x30, &name))),
            element(0x17, b"260101000000Z"),
            element(0x17, b"400101000000Z"),
            // A list without entries has no list of them (RFC 5280, section 5.1.2.6).
            if count == 0 { Vec::new() } else { element(0x30, &entries) },
        ];
        let signed = element(0x30, &signed.concat());
        let signature = element(0x03, &[vec![0], sign(&signed)].concat());
        let parts = [signed, algorithm, signature];
        Self { der: element(0x30, &parts.concat()), serials }
    }
}

/// Serial numbers of 16 bytes, positive and in no order, the same in every run.
pub(crate) fn serials(count: usize) -> Vec<[u8; 16]> {
    let mut random = fastrand::Rng::with_seed(count as u64);
    let serial = |_| (random.u128(..) >> 1 | 1 << 126).to_be_bytes();
    (0..count).map(serial).collect()
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> =
        content.len().to_be_bytes().into_iter().skip_while(|digit| *digit == 0).collect();
    let mut written = Vec::with_capacity(content.len() + 6);
    written.push(tag);
    if content.len() >= 0x80 {
        written.push(0x80 | u8::try_from(digits.len()).unwrap());
    }
    written.extend(digits);
    written.extend_from_slice(content);
    written
}
