//! The keys of a table: typed values by name, defaults where nothing is written.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::value::{duration, integer, size, text};
use super::{Table, Wrong};
use crate::config::keys::{self, Unset};
use crate::config::report::Located;

impl Table<'_> {
    /// A text that means something else to us.
    pub(in crate::config) fn parsed<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<Located<T>> {
        self.read(name, |value| text(name, value, &parse))
    }

    /// The same where `off` is one of the texts: who writes `false` means that.
    pub(in crate::config) fn parsed_or_off<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<Located<T>> {
        self.read(name, |value| match value.as_bool() {
            Some(false) => Err(Wrong::new(format!("`{name}` must be a string"), "write `\"off\"`")),
            _ => text(name, value, &parse),
        })
    }

    /// The path of a file, absolute or from the folder of this file.
    pub(in crate::config) fn path(&mut self, name: &'static str) -> Option<Located<PathBuf>> {
        let folders = &self.reader.folders;
        self.parsed(name, |text| folders.file(name, text))
    }

    /// The path of a socket, likewise.
    pub(in crate::config) fn socket(&mut self, name: &'static str) -> Option<Located<PathBuf>> {
        let folders = &self.reader.folders;
        self.parsed(name, |text| match text.strip_prefix("unix:") {
            Some(path) => Err(Wrong::new(
                format!("`{name}` is a path, without `unix:`"),
                format!("write {path:?}"),
            )),
            None => folders.socket(name, text),
        })
    }

    /// One path or a list of paths, at least one.
    pub(in crate::config) fn paths(&mut self, name: &'static str) -> Option<Vec<Located<PathBuf>>> {
        let folders = &self.reader.folders;
        self.one_or_list(name, |text| folders.file(name, text))
    }

    /// One text or a list of texts, at least one.
    pub(in crate::config) fn one_or_list<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<Vec<Located<T>>> {
        if self.is_list(name) {
            return self.list(name, parse);
        }
        Some(vec![self.parsed(name, parse)?])
    }

    /// Whether a list stands there.
    pub(in crate::config) fn is_list(&self, name: &str) -> bool {
        let written = self.written(name).map(Spanned::get_ref);
        matches!(written, Some(DeValue::Array(_)))
    }

    /// A list of texts, at least one. Items that are wrong are left out.
    pub(in crate::config) fn list<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<Vec<Located<T>>> {
        let empty = self.written(name).filter(|value| {
            // Empty where that is the default too.
            value.get_ref().as_array().is_some_and(|items| items.is_empty())
                && self.example(name) != "[]"
        });
        if let Some(value) = empty {
            let wrong = Wrong::new(
                format!("`{name}` is an empty list"),
                format!("write `{name} = {}`", self.example(name)),
            );
            self.reader.wrong(&value.span(), wrong);
        }
        self.list_or_none(name, parse)
    }

    /// The same where an empty list means none at all.
    pub(in crate::config) fn list_or_none<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<Vec<Located<T>>> {
        let Some(value) = self.written(name) else {
            return self.default_list(name, parse);
        };
        let DeValue::Array(items) = value.get_ref() else {
            let wrong = Wrong::new(
                format!("`{name}` must be a list"),
                match value.get_ref() {
                    DeValue::String(text) => format!("write `{name} = [{text:?}]`"),
                    _ => format!("write `{name} = {}`", self.example(name)),
                },
            );
            self.reader.wrong(&value.span(), wrong.seen(self.reader.describe(value)));
            return None;
        };
        Some(
            items
                .iter()
                .filter_map(|item| self.judge(item, text(name, item.get_ref(), &parse)))
                .collect(),
        )
    }

    /// The same where one is written.
    pub(in crate::config) fn list_if_written<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<Vec<Located<T>>> {
        self.has(name).then(|| self.list(name, parse)).flatten()
    }

    fn default_list<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<Vec<Located<T>>> {
        let key = keys::keys_in(self.spec.path).find(|key| key.name == name)?;
        let Unset::Default(default) = key.unset else {
            self.missing.push((self.spec.path, name));
            return None;
        };
        let default = DeValue::parse(default).ok()?;
        let items = default.get_ref().as_array()?.iter();
        let read = items.filter_map(|item| text(name, item.get_ref(), &parse).ok());
        Some(read.map(|value| Located::new(value, 0..0)).collect())
    }

    /// `true` or `false`.
    pub(in crate::config) fn bool(&mut self, name: &'static str) -> bool {
        let read = self.read(name, |value| {
            value.as_bool().ok_or_else(|| {
                Wrong::new(
                    format!("`{name}` must be `true` or `false`"),
                    match value.as_str() {
                        Some("on" | "yes" | "true") => {
                            format!("write `{name} = true`, without quotes")
                        }
                        Some("off" | "no" | "false") => {
                            format!("write `{name} = false`, without quotes")
                        }
                        _ => format!("write `{name} = true` or `{name} = false`"),
                    },
                )
            })
        });
        read.is_some_and(|read| read.value)
    }

    /// A whole number within bounds.
    pub(in crate::config) fn integer<T>(
        &mut self,
        name: &'static str,
        bounds: RangeInclusive<T>,
    ) -> T
    where
        T: TryFrom<u64> + PartialOrd + std::fmt::Display + Default,
    {
        self.read(name, |value| integer(name, value, &bounds))
            .map(|read| read.value)
            .unwrap_or_default()
    }

    /// A list of whole numbers within bounds, at most so many. Items that are wrong are left out.
    pub(in crate::config) fn integers<T>(
        &mut self,
        name: &'static str,
        bounds: &RangeInclusive<T>,
        count_max: usize,
    ) -> Vec<T>
    where
        T: TryFrom<u64> + PartialOrd + std::fmt::Display,
    {
        let example = self.example(name);
        let wrong = |what| Wrong::new(what, format!("write for example `{name} = {example}`"));
        let is_list = self.read(name, |value| match value {
            DeValue::Array(items) if items.len() <= count_max => Ok(()),
            DeValue::Array(items) => {
                Err(wrong(format!("`{name}` has more than {count_max} items"))
                    .seen(format!("{} of them", items.len())))
            }
            _ => Err(wrong(format!("`{name}` must be a list of whole numbers"))),
        });
        if is_list.is_none() {
            return Vec::new();
        }
        let default = DeValue::parse(example).ok();
        let value = self.written(name).or(default.as_ref()).map(Spanned::get_ref);
        let items = value.and_then(DeValue::as_array).into_iter().flatten();
        let read = items.filter_map(|item| self.judge(item, integer(name, item.get_ref(), bounds)));
        read.map(|read| read.value).collect()
    }

    /// A whole number within bounds, or `"unlimited"`.
    pub(in crate::config) fn integer_or_unlimited<T>(
        &mut self,
        name: &'static str,
        bounds: RangeInclusive<T>,
    ) -> Option<T>
    where
        T: TryFrom<u64> + PartialOrd + std::fmt::Display,
    {
        let read = self.read(name, |value| match value.as_str() {
            Some("unlimited") => Ok(None),
            _ => integer(name, value, &bounds).map(Some).map_err(|wrong| wrong.or("unlimited")),
        });
        read.and_then(|read| read.value)
    }

    /// A length of time.
    pub(in crate::config) fn duration(&mut self, name: &'static str) -> Duration {
        self.read(name, |value| duration(name, value)).map(|read| read.value).unwrap_or_default()
    }

    /// A length of time where one is written.
    pub(in crate::config) fn duration_if_written(
        &mut self,
        name: &'static str,
    ) -> Option<Duration> {
        self.read(name, |value| duration(name, value)).map(|read| read.value)
    }

    /// A length of time, or `"none"`.
    pub(in crate::config) fn duration_or_none(&mut self, name: &'static str) -> Option<Duration> {
        let read = self.read(name, |value| match value.as_str() {
            Some("none") => Ok(None),
            _ => duration(name, value).map(Some).map_err(|wrong| wrong.or("none")),
        });
        read.and_then(|read| read.value)
    }

    /// A number of bytes within bounds.
    pub(in crate::config) fn size(
        &mut self,
        name: &'static str,
        bounds: RangeInclusive<u64>,
    ) -> u64 {
        self.read(name, |value| size(name, value, &bounds))
            .map(|read| read.value)
            .unwrap_or_default()
    }

    /// A number of bytes, or `"unlimited"`.
    pub(in crate::config) fn size_or_unlimited(&mut self, name: &'static str) -> Option<u64> {
        self.size_or(name, "unlimited")
    }

    /// A number of bytes, or `"off"`.
    pub(in crate::config) fn size_or_off(&mut self, name: &'static str) -> Option<u64> {
        self.size_or(name, "off")
    }

    fn size_or(&mut self, name: &'static str, word: &'static str) -> Option<u64> {
        let read = self.read(name, |value| match value.as_str() {
            Some(text) if text == word => Ok(None),
            _ => size(name, value, &(1..=u64::MAX)).map(Some).map_err(|wrong| wrong.or(word)),
        });
        read.and_then(|read| read.value)
    }

    /// The number or word that `parse` makes of a value of any kind.
    pub(in crate::config) fn read<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&DeValue<'_>) -> Result<T, Wrong>,
    ) -> Option<Located<T>> {
        if let Some(value) = self.written(name) {
            return self.judge(value, parse(value.get_ref()));
        }
        let key = keys::keys_in(self.spec.path).find(|key| key.name == name)?;
        match key.unset {
            Unset::Default(text) => {
                let default = DeValue::parse(text).ok()?;
                Some(Located::new(parse(default.get_ref()).ok()?, 0..0))
            }
            Unset::Required(_) => {
                self.missing.push((self.spec.path, name));
                None
            }
            Unset::Optional(_) => None,
        }
    }

    fn judge<T>(&self, value: &Spanned<DeValue<'_>>, read: Result<T, Wrong>) -> Option<Located<T>> {
        match read {
            Ok(read) => Some(Located::new(read, value.span())),
            Err(mut wrong) => {
                // A text that the first line quotes has been seen.
                let is_quoted = |text: &str| wrong.what.contains(&format!("`{text}`"));
                if wrong.seen.is_none() && !value.get_ref().as_str().is_some_and(is_quoted) {
                    wrong.seen = Some(self.reader.describe(value));
                }
                self.reader.wrong(&value.span(), wrong);
                None
            }
        }
    }
}
