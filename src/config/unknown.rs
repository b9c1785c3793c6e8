//! What to say about a key or table that nobody knows: where it belongs, or what was meant.

use super::foreign;
use super::keys::{self, TableSpec};

/// The answer to one unknown name.
#[derive(Debug)]
pub(super) struct Answer {
    /// What is wrong.
    pub(super) what: String,
    /// Why that is so, where it is not plain.
    pub(super) why: Option<String>,
    /// What to do.
    pub(super) fix: String,
    /// Table and key that were meant (the key is empty for a table): nobody needs to be told that
    /// this one is missing.
    pub(super) meant: Option<(&'static str, &'static str)>,
}

/// Judges a name that is neither key nor table of `here`. `is_table`: it is written as a table.
pub(super) fn answer(here: &TableSpec, name: &str, is_table: bool) -> Answer {
    foreign_word(here, name, is_table)
        .or_else(|| misplaced(here, name))
        .or_else(|| misspelt(here, name, is_table))
        .unwrap_or_else(|| Answer {
            what: unknown(here, name, is_table),
            why: None,
            fix: format!("remove it; known here: {}", known(here)),
            meant: None,
        })
}

fn foreign_word(here: &TableSpec, name: &str, is_table: bool) -> Option<Answer> {
    let word = foreign::word_in(here.path, name)?;
    Some(Answer {
        what: unknown(here, name, is_table),
        why: None,
        fix: word.fix.to_owned(),
        meant: word.ours,
    })
}

/// A name that is right elsewhere. Most often a key that follows the header of a smaller table.
fn misplaced(here: &TableSpec, name: &str) -> Option<Answer> {
    let home =
        keys::KEYS.iter().find(|key| key.name == name).and_then(|key| keys::table(key.table));
    let nested = || keys::TABLES.iter().find(|table| table.name() == name);
    let (what, home, key) = match home {
        Some(home) => {
            let what = format!("`{name}` belongs in {}, not in {}", shown(home), shown(here));
            (what, home, name)
        }
        None => {
            let table = nested()?;
            let what = format!("`{name}` in {} is a table of its own", shown(here));
            (what, table, "")
        }
    };
    let ends_before = here.path.strip_prefix(home.path).is_some_and(|rest| rest.starts_with('.'));
    let (why, fix) = if key.is_empty() {
        (None, format!("write it as {}", shown(home)))
    } else if ends_before {
        let why = format!("the line {} ends the table above it", shown(here));
        (Some(why), format!("move it up, between {} and {}", shown(home), shown(here)))
    } else {
        (None, format!("move it below a line {}", shown(home)))
    };
    let known = keys::keys_in(home.path).find(|known| known.name == key);
    let meant = Some((home.path, known.map_or("", |known| known.name)));
    Some(Answer { what, why, fix, meant })
}

fn misspelt(here: &TableSpec, name: &str, is_table: bool) -> Option<Answer> {
    let keys_here =
        keys::keys_in(here.path).map(|key| (key.table, key.name, format!("`{}`", key.name)));
    let tables_here = keys::tables_in(here.path).map(|table| (table.path, "", shown(table)));
    let keys_elsewhere = keys::KEYS.iter().filter_map(|key| {
        Some((key.table, key.name, format!("`{}` in {}", key.name, shown(keys::table(key.table)?))))
    });
    let word = |(table, key): (&'static str, &'static str)| match key {
        "" => keys::table(table).map_or("", TableSpec::name),
        key => key,
    };
    let nearest = |candidates: Vec<(&'static str, &'static str, String)>| {
        candidates
            .into_iter()
            .map(|(table, key, text)| {
                (distance(&plain(name), word((table, key))), (table, key), text)
            })
            .filter(|(distance, meant, _)| *distance <= tolerance(word(*meant)))
            .min_by_key(|(distance, ..)| *distance)
    };
    let local = nearest(keys_here.chain(tables_here).collect());
    let (_, meant, text) = local.or_else(|| nearest(keys_elsewhere.collect()))?;
    Some(Answer {
        what: unknown(here, name, is_table),
        why: None,
        fix: format!("did you mean {text}?"),
        meant: Some(meant),
    })
}

fn unknown(here: &TableSpec, name: &str, is_table: bool) -> String {
    let kind = if is_table { "table" } else { "key" };
    format!("unknown {kind} `{name}` in {}", shown(here))
}

/// A table as sentences name it.
pub(super) fn shown(table: &TableSpec) -> String {
    match table.path {
        "" => table.header(),
        _ => format!("`{}`", table.header()),
    }
}

fn known(here: &TableSpec) -> String {
    let keys = keys::keys_in(here.path).map(|key| format!("`{}`", key.name));
    let tables = keys::tables_in(here.path).map(shown);
    keys.chain(tables).collect::<Vec<_>>().join(", ")
}

/// The one of some words that is so near that it was meant.
pub(super) fn nearest(
    name: &str,
    words: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    words
        .map(|word| (distance(&plain(name), word), word))
        .filter(|(distance, word)| *distance <= tolerance(word))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// Letter case and the kind of dash are no difference worth counting.
fn plain(name: &str) -> String {
    name.replace('-', "_").to_lowercase()
}

fn tolerance(word: &str) -> usize {
    (word.len() / 3).clamp(1, 3)
}

/// Levenshtein's: how many letters to insert, remove or replace.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn distance_counts_letters() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("upstreams", "upstream"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("same", "same"), 0);
    }

    proptest! {
        #[test]
        fn any_name_in_any_table_gets_an_answer(name in "\\PC{0,20}", table in 0..keys::TABLES.len()) {
            let answer = answer(&keys::TABLES[table], &name, false);
            prop_assert!(!answer.what.is_empty() && !answer.fix.is_empty());
        }
    }
}
