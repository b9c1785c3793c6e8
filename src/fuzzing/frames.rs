//! What a client of HTTP/2 sends behind its preface: a size to cut it by, and then the frames.

use std::time::{Duration, Instant};

use crate::serve::fuzzing::passed;

/// What may be spent; the smallest that can be configured.
const BUDGET: u32 = 100;

pub(super) fn run(bytes: &[u8]) {
    let Some((cut, frames)) = bytes.split_first() else {
        return;
    };
    let start = Instant::now();
    let whole = passed(BUDGET, std::iter::once(frames));
    let in_pieces = passed(BUDGET, frames.chunks(usize::from(*cut).max(1)));
    // A second brings another budget.
    if start.elapsed() < Duration::from_secs(1) {
        assert_eq!(whole, slowly(frames));
        assert_eq!(in_pieces, whole, "in pieces of {cut}");
    }
}

/// The same, read plainly.
fn slowly(frames: &[u8]) -> Option<usize> {
    let (mut at, mut spent) = (0, 0);
    while let Some([a, b, c, kind, flags, ..]) = frames.get(at..).filter(|rest| rest.len() >= 9) {
        let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
        at += 9 + length;
        if at > frames.len() {
            return None;
        }
        spent += match kind {
            0 if length > 0 || flags & 1 == 1 => 0,
            1 => 0,
            3 => 10,
            _ => 1,
        };
        let is_free = *kind == 1 || *kind == 0 && (length > 0 || flags & 1 == 1);
        if spent > BUDGET && !is_free {
            return Some(at);
        }
    }
    None
}
