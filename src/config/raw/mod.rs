//! Reads keys as they are written: one spanned TOML tree, one typed value at a time.
//!
//! Every value that cannot be what its key needs is a problem, and reading goes on: a default (or an
//! empty value) stands in, and since the report has an error, nobody ever gets to use it.

mod field;
mod table;
mod value;

use std::cell::RefCell;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(super) use table::Table;

use super::keys;
use super::path::Folders;
use super::report::Report;

/// Why a value is not what its key needs. What was seen is added by the reader where it is not said.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) what: String,
    pub(super) seen: Option<String>,
    pub(super) why: Option<String>,
    pub(super) fix: String,
}

impl Wrong {
    pub(super) fn new(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { what: what.into(), seen: None, why: None, fix: fix.into() }
    }

    pub(super) fn seen(mut self, seen: impl Into<String>) -> Self {
        self.seen = Some(seen.into());
        self
    }

    /// A word that would do as well.
    fn or(mut self, word: &str) -> Self {
        self.fix.push_str(&format!(", or `\"{word}\"`"));
        self
    }

    pub(super) fn why(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }
}

/// What all tables of one file share.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    /// Paths start here.
    pub(super) folders: Folders<'a>,
    pub(super) report: RefCell<Report>,
    /// Values that the syntax check has already complained about.
    pub(super) broken: Vec<Range<usize>>,
    /// Whether the tree is all of the file; if not, nothing is called missing.
    pub(super) whole: bool,
    /// Tables and keys that a misspelt or misplaced name was meant to be.
    pub(super) meant: RefCell<Vec<(&'static str, &'static str)>>,
}

impl<'a> Reader<'a> {
    /// The top of the file.
    pub(super) fn top(&'a self, entries: &'a DeTable<'a>) -> Table<'a> {
        Table::open(self, &keys::TABLES[0], 0..0, Some(entries))
    }

    /// Adds a problem with the value at `span`.
    pub(super) fn wrong(&self, span: &Range<usize>, wrong: Wrong) {
        if self.is_broken(span) {
            return;
        }
        let mut report = self.report.borrow_mut();
        let mut entry = report.error(span, wrong.what).fix(wrong.fix);
        if let Some(seen) = wrong.seen {
            entry = entry.seen(seen);
        }
        if let Some(why) = wrong.why {
            entry.why(why);
        }
    }

    /// Whether a name that means this (an empty key: the table) stands somewhere under another name.
    pub(super) fn is_meant(&self, table: &str, key: &str) -> bool {
        self.meant.borrow().contains(&(table, key))
    }

    fn is_broken(&self, span: &Range<usize>) -> bool {
        self.broken.iter().any(|broken| broken.start < span.end && span.start < broken.end)
    }

    /// The kind of a value and how it is written, for `seen:`.
    fn describe(&self, value: &Spanned<DeValue<'_>>) -> String {
        let kind = match value.get_ref() {
            DeValue::Array(_) => return "a list".to_owned(),
            DeValue::Table(_) => return "a table".to_owned(),
            DeValue::String(text) if text.is_empty() => return "an empty string".to_owned(),
            DeValue::Datetime(_) => "date",
            other => other.type_str(),
        };
        if self.report.borrow().withholds(&value.span()) {
            return format!("a {kind}, not shown here: it may be a secret");
        }
        let article = if kind.starts_with('i') { "an" } else { "a" };
        let written = self.text.get(value.span()).unwrap_or_default();
        let short: String = written.chars().take_while(|c| *c != '\n').take(60).collect();
        let more = if short.len() < written.len() { "…" } else { "" };
        format!("{article} {kind}, `{short}{more}`")
    }
}
