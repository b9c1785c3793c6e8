//! What the subcommands share: loading everything that a start would load, and the report on it.

use std::fmt::Write as _;

use crate::config::{Palette, Report, Severity};
use crate::generation::{self, Loaded};
use crate::process;

use super::Chosen;

/// Loads a configuration and every file that it names.
pub(super) fn load(chosen: &Chosen) -> Loaded {
    let mut loaded = generation::load(&chosen.path, process::unix_now());
    if !chosen.is_named
        && !chosen.path.exists()
        && let Some(missing) = loaded.report.last()
    {
        missing.seen("no `gateway.toml` in this folder either");
    }
    loaded
}

/// The report and, below it, how many of each kind; nothing if there is nothing to report.
pub(super) fn render(report: &Report, palette: Palette) -> String {
    let mut text = report.render(palette).to_string();
    let counted = [(Severity::Error, "error"), (Severity::Warning, "warning")]
        .into_iter()
        .filter_map(|(severity, name)| {
            let problems = report.problems();
            match problems.iter().filter(|p| p.severity == severity).count() {
                0 => None,
                1 => Some(format!("1 {name}")),
                count => Some(format!("{count} {name}s")),
            }
        })
        .collect::<Vec<_>>();
    if !counted.is_empty() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "\n{}", counted.join(", "));
    }
    text
}
