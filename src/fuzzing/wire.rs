//! Bytes of which nothing is known yet: a ClientHello, or a file that should hold certificates.

use crate::tls::fuzzing::{offered_versions, sections};

pub(super) fn run(bytes: &[u8]) {
    let versions = offered_versions(bytes);
    // Each version takes two bytes, and all of them stand in one list of at most 255.
    assert!(versions.len() <= (bytes.len() / 2).min(127));
    assert!(
        versions.iter().all(|version| version.bytes().all(|byte| (b' '..=b'~').contains(&byte)))
    );

    let lines = bytes.split(|byte| *byte == b'\n').count();
    let mut last = 0;
    for (label, line) in sections(bytes) {
        assert!(line > last && line <= lines, "`{label}` in line {line} of {lines}");
        last = line;
    }
}
