//! Writing for people: to the two standard streams, in colour where somebody watches.

use std::io::{self, IsTerminal, Write as _};

use crate::config::Palette;
use crate::observe::terminal;

/// Writes to standard output; a reader that has gone is not an error of ours.
pub(super) fn print(text: &str) {
    let mut output = io::stdout().lock();
    let _ = output.write_all(text.as_bytes());
    let _ = output.flush();
}

/// Writes to standard error, likewise.
pub(super) fn print_error(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// The colours for a stream: none where nobody watches or wants them.
pub(super) fn palette(stream: &impl IsTerminal) -> Palette {
    if terminal::is_coloured(stream) { Palette::COLOURED } else { Palette::PLAIN }
}
