//! How a [`Report`] looks: the place, what is wrong, the line with a caret, then what was seen, why it
//! matters and how to mend it. The same words with and without colour.

use std::fmt;

use super::report::{Problem, Report, Severity};
use super::withheld;

/// The escape sequences that colour a text, or nothing at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    /// What stops the work.
    pub error: &'static str,
    /// What somebody should look at.
    pub warning: &'static str,
    /// What is as it should be.
    pub good: &'static str,
    /// What the eye should find first.
    pub strong: &'static str,
    /// What may be passed over.
    pub quiet: &'static str,
    /// The end of each of these.
    pub reset: &'static str,
}

impl Palette {
    /// For files, pipes and people who want none.
    pub const PLAIN: Self =
        Self { error: "", warning: "", good: "", strong: "", quiet: "", reset: "" };

    /// The basic colours, which every terminal's own theme keeps readable.
    pub const COLOURED: Self = Self {
        error: "\u{1b}[1;31m",
        warning: "\u{1b}[33m",
        good: "\u{1b}[32m",
        strong: "\u{1b}[1m",
        quiet: "\u{1b}[2m",
        reset: "\u{1b}[0m",
    };
}

/// A report that is being shown.
#[derive(Debug)]
pub struct Rendered<'a> {
    report: &'a Report,
    palette: Palette,
}

impl Report {
    /// The report as a terminal shows it.
    pub fn render(&self, palette: Palette) -> Rendered<'_> {
        Rendered { report: self, palette }
    }
}

impl fmt::Display for Report {
    /// The report without colour.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.render(Palette::PLAIN).fmt(f)
    }
}

impl fmt::Display for Rendered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problems = self.report.problems();
        problems.into_iter().try_for_each(|problem| self.problem(problem, f))
    }
}

impl Rendered<'_> {
    fn problem(&self, problem: &Problem, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.report.path().display();
        let (colour, label) = match problem.severity {
            Severity::Error => (self.palette.error, ""),
            Severity::Warning => (self.palette.warning, "warning: "),
        };
        let (quiet, reset) = (self.palette.quiet, self.palette.reset);
        let what = format!("{colour}{label}{}{reset}", printable(&problem.what));
        match &problem.place {
            Some(place) => {
                let (line, column) = (place.line, place.column);
                writeln!(f, "{path}:{line}:{column}: {what}")?;
                let number = line.to_string();
                writeln!(f, "  {quiet}{number} |{reset} {}", printable(&place.text))?;
                // Tabs are kept, so that the caret stands under its character.
                let shown = place.text.strip_suffix(withheld::MARK).unwrap_or(&place.text);
                let indent: String = shown
                    .chars()
                    .take(column - 1)
                    .map(|c| if c == '\t' { '\t' } else { ' ' })
                    .collect();
                let margin = " ".repeat(number.len());
                let caret = "^".repeat(place.width);
                writeln!(f, "  {quiet}{margin} |{reset} {indent}{colour}{caret}{reset}")?;
            }
            None => writeln!(f, "{path}: {what}")?,
        }
        for (label, text) in
            [("seen:", &problem.seen), ("why: ", &problem.why), ("fix: ", &problem.fix)]
        {
            if let Some(text) = text {
                // Examples of several lines stay one block below the words before them.
                let text = printable(text).replace('\n', "\n        ");
                let text = text.replace("\n        \n", "\n\n");
                writeln!(f, "  {quiet}{label}{reset} {text}")?;
            }
        }
        Ok(())
    }
}

/// A file must not be able to move the cursor of the terminal that shows it.
fn printable(text: &str) -> String {
    let is_layout = |c| c == '\n' || c == '\t';
    text.replace(|c: char| c.is_control() && !is_layout(c), "\u{FFFD}")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::super::report::Source;
    use super::*;

    fn report() -> Report {
        let mut report = Report::new(Arc::new(Source {
            path: PathBuf::from("gateway.toml"),
            text: "a = 1\n".to_owned(),
        }));
        report.warning(&(0..1), "a warning").fix("look");
        report.error(&(4..5), "an error").seen("1").why("so");
        report
    }

    #[test]
    fn errors_and_warnings_differ_in_words_and_in_colour() {
        let coloured = report().render(Palette::COLOURED).to_string();
        assert!(coloured.contains("\u{1b}[33mwarning: a warning\u{1b}[0m"));
        assert!(coloured.contains("\u{1b}[1;31man error\u{1b}[0m"));
    }

    #[test]
    fn colour_changes_nothing_but_colour() {
        let mut coloured = report().render(Palette::COLOURED).to_string();
        let Palette { error, warning, good, strong, quiet, reset } = Palette::COLOURED;
        for escape in [error, warning, good, strong, quiet, reset] {
            coloured = coloured.replace(escape, "");
        }
        assert_eq!(coloured, report().to_string());
    }
}
