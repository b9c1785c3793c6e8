//! The `gateway.toml` at the top of the house says what the parser does: every key, every default.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::{SMALLEST, config, parse_text};
use crate::config::Config;
use crate::config::keys::{self, KEYS};

const SHIPPED: &str = include_str!("../../../gateway.toml");

#[test]
fn as_it_is_it_is_the_smallest_file() {
    let active = SHIPPED.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let smallest = SMALLEST.lines().filter(|line| !line.is_empty());
    assert_eq!(active.collect::<Vec<_>>(), smallest.collect::<Vec<_>>());
    let (config, report) = parse_text(SHIPPED);
    assert!(config.is_some() && report.problems().is_empty(), "{report}");
}

#[test]
fn it_shows_every_key_with_its_default() {
    let shown = shown(&uncommented());
    let known: BTreeMap<_, _> = KEYS
        .iter()
        .map(|key| ((key.table.to_owned(), key.name.to_owned()), key.unset.text().to_owned()))
        .collect();
    assert_eq!(shown, known);
}

/// Removing the `#` before every default changes nothing.
#[test]
fn its_defaults_are_the_defaults() {
    // Examples that stand for something else, or for what depends on how the gateway is started.
    let text = uncommented();
    // Of a route, those that only another action has.
    let examples = ["pinned_spki_sha256", "control_socket", "path_prefix", "status = 404"];
    // And of a listener, those of plain HTTP.
    let of_actions =
        ["redirect_port", "acme_challenges", "location", "body = '{\"request_id", "content_type"];
    let is_example =
        |line: &str| examples.iter().chain(&of_actions).any(|example| line.starts_with(example));
    let lines = text.lines().filter(|line| !is_example(line));
    let text = lines.collect::<Vec<_>>().join("\n");
    let (written, unwritten) = (config(&text), config(SMALLEST));
    assert_eq!(format!("{:?}", written.runtime), format!("{:?}", unwritten.runtime));
    let log = |config: &Config| {
        let log = &config.log;
        (log.format, log.level.value.clone(), log.refusals_per_minute)
    };
    assert_eq!(log(&written), log(&unwritten));
    // Its format is an example.
    let access_log = |config: &Config| {
        let log = &config.access_log;
        (log.target.clone(), log.queue_lines_max)
    };
    assert_eq!(access_log(&written), access_log(&unwritten));
    assert_eq!(format!("{:?}", written.limits), format!("{:?}", unwritten.limits));
    let (written, unwritten) = (&written.sites[0], &unwritten.sites[0]);
    assert_eq!(format!("{:?}", written.tls), format!("{:?}", unwritten.tls));
    assert_eq!(format!("{:?}", written.timeouts), format!("{:?}", unwritten.timeouts));
    assert_eq!(format!("{:?}", written.limits), format!("{:?}", unwritten.limits));
    assert_eq!(
        format!("{:?}", written.identity_headers),
        format!("{:?}", unwritten.identity_headers)
    );
    assert_eq!(written.answers.status, unwritten.answers.status);
    assert_eq!(written.answers.content_type, unwritten.answers.content_type);
    assert_eq!(written.encoded_slashes, unwritten.encoded_slashes);
    assert_eq!(written.routes.len(), 2);
    assert_eq!(unwritten.routes.len(), 1);
    assert_eq!(written.client.allow.len(), 1);
    assert_eq!(written.client.deny.len(), 1);
}

#[test]
fn the_smallest_tables_make_the_smallest_file() {
    let tables = keys::needed().map(keys::smallest);
    assert_eq!(tables.collect::<Vec<_>>().join("\n\n") + "\n", SMALLEST);
}

/// The file with its defaults and examples in force: lines that start with `#` and no space.
fn uncommented() -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.is_empty() && !rest.starts_with(' ') => rest.to_owned(),
        _ => line.to_owned(),
    };
    SHIPPED.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Every key in a text, by table, with its value as written.
fn shown(text: &str) -> BTreeMap<(String, String), String> {
    let tree = DeTable::parse(text).unwrap();
    let mut found = BTreeMap::new();
    walk(text, "", tree.get_ref(), &mut found);
    found
}

fn walk(
    text: &str,
    path: &str,
    table: &DeTable<'_>,
    found: &mut BTreeMap<(String, String), String>,
) {
    for (name, value) in table {
        let inner = format!("{path}.{}", name.get_ref()).trim_start_matches('.').to_owned();
        match value.get_ref() {
            DeValue::Table(table) => walk(text, &inner, table, found),
            DeValue::Array(items)
                if !items.is_empty() && items.iter().all(|item| item.get_ref().is_table()) =>
            {
                for table in items.iter().filter_map(|item| item.get_ref().as_table()) {
                    walk(text, &inner, table, found);
                }
            }
            _ => {
                let key = (path.to_owned(), name.get_ref().to_string());
                found.insert(key, text[value.span()].to_owned());
            }
        }
    }
}
