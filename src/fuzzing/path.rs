//! A path as routes judge it and apps get it: servers that read paths in their own ways all read that one form alike,
//! and find in it what the routes found.

use crate::config::CanonicalPath;

/// In what order a server reads a path, and what it leaves out.
#[derive(Clone, Copy, Debug)]
struct Server {
    /// Whether it follows dots before it decodes.
    dots_first: bool,
    /// Whether it leaves out what stands behind a `;` in a segment.
    strips: bool,
    /// Whether a backslash divides segments for it.
    backslash: bool,
}

pub(super) fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let path = format!("/{text}");
    for keeps in [false, true] {
        let Ok(canonical) = CanonicalPath::of(&path, keeps) else {
            continue;
        };
        let again = CanonicalPath::of(&canonical.path, keeps).expect("the one form is read again");
        assert_eq!(again.path, canonical.path, "{path:?} has two forms");
        assert_eq!(again.judged(), canonical.judged(), "{path:?} is judged in two ways");
        assert!(canonical.path.starts_with('/') && !canonical.judged().contains(';'), "{path:?}");
        if keeps {
            // What is kept for an app that knows it is no other server's business, but climbs nowhere.
            continue;
        }
        for dots_first in [false, true] {
            for backslash in [false, true] {
                for strips in [false, true] {
                    let server = Server { dots_first, strips, backslash };
                    let ours = if strips { canonical.judged() } else { &canonical.path };
                    let ours: Vec<_> =
                        ours.split('/').filter(|part| !part.is_empty()).map(decoded).collect();
                    assert_eq!(read(&canonical.path, server), ours, "{path:?} by {server:?}");
                }
            }
        }
    }
}

/// The segments that a server finds, decoded.
fn read(path: &str, server: Server) -> Vec<Vec<u8>> {
    let is_slash = |byte: u8| byte == b'/' || server.backslash && byte == b'\\';
    let stripped = |segment: &[u8]| {
        let end = segment.iter().position(|byte| server.strips && *byte == b';');
        segment[..end.unwrap_or(segment.len())].to_vec()
    };
    let segments = |path: &[u8]| path.split(|byte| is_slash(*byte)).map(stripped).collect();
    let raw: Vec<Vec<u8>> = segments(path.as_bytes());
    let text = |segment: &Vec<u8>| String::from_utf8_lossy(segment).into_owned();
    if server.dots_first {
        return climbed(raw).iter().map(|segment| decoded(&text(segment))).collect();
    }
    let whole: Vec<_> = raw.iter().map(|segment| decoded(&text(segment))).collect();
    let whole = whole.join(&b'/');
    climbed(whole.split(|byte| is_slash(*byte)).map(<[u8]>::to_vec).collect())
}

fn climbed(segments: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut kept = Vec::new();
    for segment in segments {
        match segment.as_slice() {
            b"" | b"." => {}
            b".." => _ = kept.pop(),
            _ => kept.push(segment),
        }
    }
    kept
}

/// Each `%` with two digits as its byte.
fn decoded(text: &str) -> Vec<u8> {
    let (bytes, mut decoded, mut at) = (text.as_bytes(), Vec::new(), 0);
    while let Some(byte) = bytes.get(at) {
        let code = bytes.get(at + 1..at + 3).filter(|_| *byte == b'%');
        let code = code.and_then(|code| std::str::from_utf8(code).ok());
        let code = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        decoded.push(code.unwrap_or(*byte));
        at += if code.is_some() { 3 } else { 1 };
    }
    decoded
}
