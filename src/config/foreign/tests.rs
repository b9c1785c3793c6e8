//! That every word leads somewhere, and none is our own.

use super::*;
use crate::config::keys;

fn all() -> impl Iterator<Item = &'static Word> {
    WORDS.iter().chain(LOCAL_WORDS.iter().map(|(_, word)| word))
}

#[test]
fn every_word_leads_to_a_key_that_exists() {
    for (table, key) in all().filter_map(|word| word.ours) {
        let exists = keys::table(table).is_some()
            && (key.is_empty() || keys::keys_in(table).any(|known| known.name == key));
        assert!(exists, "{table} {key}");
    }
}

#[test]
fn no_word_is_a_key_of_ours() {
    for name in WORDS.iter().flat_map(|word| word.names) {
        // Some are keys in a single table, and somebody else's words in all others.
        let single = ["access_log", "upstream.tls"];
        let is_key = |key: &keys::Key| key.name == *name && !single.contains(&key.table);
        assert!(!keys::KEYS.iter().any(is_key), "{name}");
    }
    for (table, word) in LOCAL_WORDS {
        let is_key = |name: &str| keys::keys_in(table).any(|key| key.name == name);
        assert!(!word.names.iter().any(|name| is_key(name)), "{table}: {:?}", word.names);
    }
}
