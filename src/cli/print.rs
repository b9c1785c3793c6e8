//! Writing for people: to the two standard streams, in colour where somebody watches.

use std::fmt::Write as _;
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

/// A page being written: facts in two columns.
pub(super) struct Page {
    pub(super) text: String,
    pub(super) palette: Palette,
    label_width: usize,
}

impl Page {
    /// An empty one with room for labels of so many characters.
    pub(super) fn new(palette: Palette, label_width: usize) -> Self {
        Self { text: String::new(), palette, label_width }
    }

    pub(super) fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// A label and what it labels; an empty label continues the one before.
    pub(super) fn fact(&mut self, label: &str, value: &str) {
        let (quiet, reset, width) = (self.palette.quiet, self.palette.reset, self.label_width);
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "  {quiet}{label:<width$}{reset} {value}");
    }
}
