//! Bytes of which nothing is known yet: a ClientHello, or a file that should hold certificates.

use crate::tls::fuzzing::{hello, sections};

pub(super) fn run(bytes: &[u8]) {
    let offered = hello(bytes).offered;
    // Each version takes two bytes, and all of them stand in one list of at most 255.
    assert!(offered.versions.len() <= (bytes.len() / 2).min(127));
    let lists = [&offered.versions, &offered.signature_schemes, &offered.groups];
    for word in lists.into_iter().flatten() {
        assert!(word.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{word:?}");
    }

    let lines = bytes.split(|byte| *byte == b'\n').count();
    let mut last = 0;
    for (label, line) in sections(bytes) {
        assert!(line > last && line <= lines, "`{label}` in line {line} of {lines}");
        last = line;
    }
}
