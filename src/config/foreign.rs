//! The words of nginx, Apache, HAProxy and Caddy, for people who bring a configuration along.
//!
//! Each is answered with the key that does the same here, or with why there is none; some by the table in which they
//! stand.

mod local;
#[cfg(test)]
mod tests;
mod words;

use local::LOCAL_WORDS;
use words::WORDS;

/// What a foreign word is called here.
#[derive(Debug)]
pub(super) struct Word {
    /// Spellings, compared in any letter case.
    names: &'static [&'static str],
    /// Table and key that do the same; an empty key is the table itself.
    pub(super) ours: Option<(&'static str, &'static str)>,
    /// What to do, as a `fix:` line.
    pub(super) fix: &'static str,
}

impl Word {
    fn is_called(&self, name: &str) -> bool {
        self.names.iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// Looks a word up that may stand anywhere.
pub(super) fn word(name: &str) -> Option<&'static Word> {
    WORDS.iter().find(|word| word.is_called(name))
}

/// Looks a word up that stands in a table, by its path.
pub(super) fn word_in(table: &str, name: &str) -> Option<&'static Word> {
    let here = LOCAL_WORDS.iter().find(|(home, word)| *home == table && word.is_called(name));
    here.map(|(_, word)| word).or_else(|| word(name))
}
