//! One table of the file: its place, the tables in it, and what in it is unknown or missing.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Reader, Wrong};
use crate::config::keys::{self, TableSpec};
use crate::config::unknown::{self, shown};

/// One table of the file, or its defaults where it is not written.
#[derive(Debug)]
pub(in crate::config) struct Table<'a> {
    pub(in crate::config) reader: &'a Reader<'a>,
    /// Where it starts: its header, or the whole of it if it is written inline.
    pub(in crate::config) header: Range<usize>,
    pub(super) spec: &'static TableSpec,
    pub(super) entries: Option<&'a DeTable<'a>>,
    /// Required keys that were asked for and are not there.
    pub(super) missing: Vec<(&'static str, &'static str)>,
    /// Required keys that something else can stand for, and what to say of it.
    alternatives: Vec<(&'static str, &'static str)>,
}

impl<'a> Table<'a> {
    /// Opens a table and complains of everything in it that nobody knows.
    pub(super) fn open(
        reader: &'a Reader<'a>,
        spec: &'static TableSpec,
        header: Range<usize>,
        entries: Option<&'a DeTable<'a>>,
    ) -> Self {
        for (name, value) in entries.into_iter().flatten() {
            let is_table = is_table(value.get_ref());
            let known = keys::keys_in(spec.path).any(|key| key.name == name.get_ref())
                || keys::tables_in(spec.path).any(|table| table.name() == name.get_ref())
                    && !is_key_of_another(name.get_ref(), value.get_ref());
            if known {
                continue;
            }
            let answer = unknown::answer(spec, name.get_ref(), is_table);
            reader.meant.borrow_mut().extend(answer.meant);
            let mut report = reader.report.borrow_mut();
            let entry = report.error(&name.span(), answer.what).fix(answer.fix);
            if let Some(why) = answer.why {
                entry.why(why);
            }
        }
        Self { reader, header, spec, entries, missing: Vec::new(), alternatives: Vec::new() }
    }

    /// A table that nobody wrote, at the top of the file: all that is asked for has its default.
    pub(in crate::config) fn absent(reader: &'a Reader<'a>, name: &'static str) -> Self {
        let spec = keys::table(name).unwrap_or(&keys::TABLES[0]);
        Self::open(reader, spec, 0..0, None)
    }

    /// A table in this one that stands at most once.
    pub(in crate::config) fn table(&self, name: &'static str) -> Table<'a> {
        let spec = self.child(name);
        let absent = Table::open(self.reader, spec, 0..0, None);
        let Some(value) = self.written(name) else {
            return absent;
        };
        match value.get_ref() {
            DeValue::Table(entries) => Table::open(self.reader, spec, value.span(), Some(entries)),
            DeValue::Array(items) if is_table(value.get_ref()) => {
                self.reader.wrong(
                    &value.span(),
                    Wrong::new(
                        format!("`[[{0}]]` must be written {1}", spec.path, shown(spec)),
                        "write single brackets, and the table once",
                    ),
                );
                let first =
                    items.first().and_then(|item| Some((item.span(), item.get_ref().as_table()?)));
                match first {
                    Some((span, entries)) => Table::open(self.reader, spec, span, Some(entries)),
                    None => absent,
                }
            }
            _ => {
                self.no_table(spec, value);
                absent
            }
        }
    }

    /// The tables of this name in this one.
    pub(in crate::config) fn tables(&self, name: &'static str) -> Vec<Table<'a>> {
        let spec = self.child(name);
        let Some(value) = self.written(name) else {
            return Vec::new();
        };
        match value.get_ref() {
            DeValue::Table(entries) => {
                self.single_brackets(spec, value);
                vec![Table::open(self.reader, spec, value.span(), Some(entries))]
            }
            DeValue::Array(items) => {
                if items.is_empty() {
                    let wrong = Wrong::new(
                        format!("`{}` is an empty list", spec.path),
                        format!("remove it, or write\n{}", keys::smallest(spec)),
                    );
                    self.reader.wrong(&value.span(), wrong);
                }
                let mut tables = Vec::new();
                for item in items {
                    match item.get_ref() {
                        DeValue::Table(entries) => {
                            tables.push(Table::open(self.reader, spec, item.span(), Some(entries)));
                        }
                        _ => self.no_table(spec, item),
                    }
                }
                tables
            }
            // A key that stands in the wrong table has been told of.
            other if is_key_of_another(name, other) => Vec::new(),
            _ => {
                self.no_table(spec, value);
                Vec::new()
            }
        }
    }

    /// Whether a key or table of this name is written, right or wrong.
    pub(in crate::config) fn has(&self, name: &str) -> bool {
        self.written(name).is_some()
    }

    /// Where the value of a key stands.
    pub(in crate::config) fn span(&self, name: &str) -> Option<Range<usize>> {
        self.written(name).map(Spanned::span)
    }

    /// What to say where a required key is all that is missing and something else would do.
    pub(in crate::config) fn or_else(&mut self, name: &'static str, why: &'static str) {
        self.alternatives.push((name, why));
    }

    /// Whether nothing is written in this table.
    pub(in crate::config) fn is_empty(&self) -> bool {
        self.entries.is_none_or(DeTable::is_empty)
    }

    /// Complains, once, of all required keys that were asked for and are not there.
    pub(in crate::config) fn finish(self) {
        let missing: Vec<_> = self
            .missing
            .iter()
            .filter(|(table, key)| self.reader.whole && !self.reader.is_meant(table, key))
            .map(|(_, key)| *key)
            .collect();
        if missing.is_empty() {
            return;
        }
        let named: Vec<_> = missing.iter().map(|key| format!("`{key}`")).collect();
        let lines: Vec<_> =
            missing.iter().map(|key| format!("{key} = {}", self.example(key))).collect();
        let wrong = Wrong::new(
            format!("this {} lacks {}", shown(self.spec), named.join(", ")),
            format!("add below this line\n{}", lines.join("\n")),
        );
        let alternative = self.alternatives.iter().find(|(key, _)| missing == [*key]);
        let wrong = match alternative {
            Some((_, why)) => wrong.why(*why),
            None => wrong,
        };
        self.reader.wrong(&self.header, wrong);
    }

    pub(super) fn written(&self, name: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.entries?.get(name)
    }

    fn child(&self, name: &str) -> &'static TableSpec {
        let child = keys::tables_in(self.spec.path).find(|table| table.name() == name);
        debug_assert!(child.is_some(), "no table {name} in {}", self.spec.path);
        child.unwrap_or(self.spec)
    }

    /// The example or default of a key, as TOML.
    pub(super) fn example(&self, name: &str) -> &'static str {
        keys::keys_in(self.spec.path)
            .find(|key| key.name == name)
            .map_or("", |key| key.unset.text())
    }

    /// `[site]` for `[[site]]`, or `[site.tls]` before there is any site.
    fn single_brackets(&self, spec: &TableSpec, value: &Spanned<DeValue<'_>>) {
        if !self.reader.whole {
            // The `[[site]]` that follows has been complained of, and is what to mend.
            return;
        }
        let written = self.reader.text.get(value.span()).unwrap_or_default();
        let (name, header) = (spec.path, shown(spec));
        let wrong = if written.starts_with('[') {
            Wrong::new(
                format!("`[{name}]` must be written {header}"),
                format!("double the brackets: {header}; tables inside it, such as `[{name}.…]`, keep single ones"),
            )
            .why("there can be several of them")
        } else {
            Wrong::new(
                format!("a part of `{name}` stands here, but no {header} above it"),
                format!("write a line {header} above, and its own keys below that line"),
            )
        };
        self.reader.wrong(&value.span(), wrong);
    }

    fn no_table(&self, spec: &TableSpec, value: &Spanned<DeValue<'_>>) {
        let wrong = Wrong::new(
            format!("`{}` must be a table", spec.path),
            format!("write\n{}", keys::smallest(spec)),
        );
        self.reader.wrong(&value.span(), wrong.seen(self.reader.describe(value)));
    }
}

/// Whether this is a key of another table, rather than a table of that name.
fn is_key_of_another(name: &str, value: &DeValue<'_>) -> bool {
    value.is_str() && keys::KEYS.iter().any(|key| key.name == name)
}

/// Whether a value is one table or a list of tables.
fn is_table(value: &DeValue<'_>) -> bool {
    match value {
        DeValue::Table(_) => true,
        DeValue::Array(items) => items.first().is_some_and(|item| item.get_ref().is_table()),
        _ => false,
    }
}
