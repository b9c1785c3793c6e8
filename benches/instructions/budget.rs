//! What each step may take: `budget.toml`, which is read, compared with and written anew, with the table in the
//! documentation that says the same.

use std::collections::BTreeMap;
use std::fs;

use toml::de::DeTable;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions/budget.toml");

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/performance.md");

/// Where the page has its table.
const TABLE: &str = "| step | instructions |\n|---|---|\n";

const HEADING: &str = "\
# What a step may take, in instructions. Written by
#
#     UPDATE_BUDGET=1 cargo bench --bench instructions
#
# docs/performance.md says what is counted, and when this is to be done.

";

/// Below it, what the compiler makes of the loop around a step is a large part of the step.
const SLACK_MIN: u64 = 5;

/// By the names of the steps.
pub(crate) struct Budget(BTreeMap<String, u64>);

/// How a figure stands with its budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Kept,
    Exceeded,
    /// So far below that as much could be lost again and nobody would notice.
    Loose,
    /// There is no budget.
    Unknown,
}

impl Budget {
    pub(crate) fn read() -> Self {
        let text = fs::read_to_string(PATH).unwrap_or_default();
        let table = DeTable::parse(&text).unwrap();
        let entry = |(name, value): (&toml::Spanned<_>, &toml::Spanned<toml::de::DeValue<'_>>)| {
            let count = value.get_ref().as_integer().unwrap().as_str().parse().unwrap();
            let name: &std::borrow::Cow<'_, str> = name.get_ref();
            (name.to_string(), count)
        };
        Self(table.get_ref().iter().map(entry).collect())
    }

    pub(crate) fn of(&self, step: &str) -> Option<u64> {
        self.0.get(step).copied()
    }

    pub(crate) fn standing(&self, step: &str, measured: u64, tolerance_percent: u64) -> Standing {
        let Some(budget) = self.of(step) else {
            return Standing::Unknown;
        };
        let slack = (budget * tolerance_percent / 100).max(SLACK_MIN);
        if measured > budget + slack {
            Standing::Exceeded
        } else if measured + slack < budget {
            Standing::Loose
        } else {
            Standing::Kept
        }
    }

    pub(crate) fn set(&mut self, step: &str, measured: u64) {
        self.0.insert(step.to_owned(), measured);
    }

    /// Writes what there is for these steps, and for no other.
    pub(crate) fn write(&self, steps: &[&str]) {
        let known = || steps.iter().filter_map(|step| Some((step, self.of(step)?)));
        let lines: String =
            known().map(|(step, count)| format!("\"{step}\" = {count}\n")).collect();
        fs::write(PATH, format!("{HEADING}{lines}")).unwrap();
        let page = fs::read_to_string(PAGE).unwrap();
        let (before, rest) = page.split_once(TABLE).unwrap();
        let (_, after) = rest.split_once("\n\n").unwrap();
        let lines: Vec<_> =
            known().map(|(step, count)| format!("| {step} | {} |", grouped(count))).collect();
        fs::write(PAGE, format!("{before}{TABLE}{}\n\n{after}", lines.join("\n"))).unwrap();
    }
}

/// With a comma between thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
