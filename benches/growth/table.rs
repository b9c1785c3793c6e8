//! A table as people read it, in a page that keeps a place for it.

use std::fs;
use std::path::Path;

pub(crate) struct Table {
    pub(crate) head: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<String>>,
    /// Where and how it came about.
    pub(crate) machine: String,
}

impl Table {
    pub(crate) fn new(head: &[&'static str]) -> Self {
        Self { head: head.to_vec(), rows: Vec::new(), machine: String::new() }
    }

    pub(crate) fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let head: Vec<String> = self.head.iter().map(|cell| (*cell).to_owned()).collect();
        let rule = format!("|{}\n", "---|".repeat(head.len()));
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        // In small print, and no longer than the lines of a page.
        let machine = self.machine.split(';').map(str::trim).collect::<Vec<_>>().join(";\n");
        format!("{}{rule}{rows}\n{machine}\n", line(&head))
    }

    /// Writes it between its marks, or, where there are none, to the end of a file.
    pub(crate) fn put(&self, path: &Path, name: &str) {
        let begin = format!(
            "<!-- what `cargo bench --bench growth -- --only {name} --markdown` writes -->\n"
        );
        let end = format!("<!-- up to here: {name} -->\n");
        let page = fs::read_to_string(path).unwrap_or_default();
        let (before, after) = page
            .split_once(&begin)
            .and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)))
            .unwrap_or((&page, ""));
        let whole = format!("{before}{begin}\n{}\n{end}{after}", self.markdown());
        fs::write(path, whole).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

/// What several rounds say.
pub(crate) fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// As many digits as mean something.
pub(crate) fn figure(value: f64) -> String {
    if value >= 100.0 || value == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

/// A number with its thousands apart.
pub(crate) fn count(number: usize) -> String {
    match number.checked_div(1000) {
        Some(thousands @ 1..) => format!("{},{:03}", count(thousands), number % 1000),
        _ => number.to_string(),
    }
}

pub(crate) fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}
