//! What `run` and `check` share, so that they cannot differ: loading everything that a start would load,
//! and the report on it.

use std::fmt::Write as _;

use crate::config::{self, Faulty, Palette, Report, Severity};
use crate::generation::{self, Generation};
use crate::observe::logging;
use crate::process;

use super::Chosen;

/// Loads a configuration and every file that it names. There is a generation exactly when the report holds
/// no error.
pub(super) fn load(chosen: &Chosen) -> (Option<Generation>, Report) {
    let (config, mut report) = match config::load(&chosen.path) {
        Ok(loaded) => loaded,
        Err(Faulty { mut report, sites }) => {
            if !chosen.is_named
                && !chosen.path.exists()
                && let Some(missing) = report.last()
            {
                missing.seen("no `gateway.toml` in this folder either");
            }
            generation::check_files(&sites, process::unix_now(), &mut report);
            return (None, report);
        }
    };
    if let Err(error) = logging::check(&config.log) {
        report
            .error(&config.log.level.span, "`level` is no filter that can be read")
            .seen(error.to_string())
            .fix("write a level such as `info`, or a filter such as `info,mtls_gateway=debug`");
    }
    let generation = Generation::build(config, process::unix_now(), &mut report);
    (generation, report)
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
