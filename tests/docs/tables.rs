//! The tables of `docs/reference` beside the lists in the source.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use mtls_gateway::admin::FAMILIES;
use mtls_gateway::config::keys::{KEYS, Unset};
use mtls_gateway::forward::{Answer, reserved_names};
use mtls_gateway::observe::RequestId;
use mtls_gateway::policy::Reason;

/// A page of the reference.
pub(crate) fn reference(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(root.join("docs/reference").join(name)).unwrap()
}

/// The part of a page below a heading that begins so.
pub(crate) fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, rest) = page
        .split_once(&format!("\n## {heading}"))
        .unwrap_or_else(|| panic!("no heading `{heading}`"));
    rest.split("\n## ").next().unwrap_or(rest)
}

/// The cells of all table rows, without headings.
pub(crate) fn rows(text: &str) -> Vec<Vec<String>> {
    let lines: Vec<_> = text.lines().collect();
    let is_ruler = |line: &str| line.starts_with("|---");
    let is_row = |at: &usize| {
        let next = lines.get(at + 1).copied().unwrap_or_default();
        lines[*at].starts_with('|') && !is_ruler(lines[*at]) && !is_ruler(next)
    };
    let cells = |line: &str| {
        let line = line.replace("\\|", "\0");
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().replace('\0', "|")).collect()
    };
    (0..lines.len()).filter(is_row).map(|at| cells(lines[at])).collect()
}

/// The text between the backticks of a cell that is nothing else.
pub(crate) fn code(cell: &str) -> Option<&str> {
    cell.strip_prefix('`')?.strip_suffix('`')
}

#[test]
fn every_refusal_is_explained_in_order() {
    let page = reference("refusals.md");
    let rows = rows(&page);
    let explained: Vec<_> = rows.iter().filter_map(|row| code(&row[0])).collect();
    let known: Vec<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    assert_eq!(explained, known);
    for row in &rows {
        assert!(row.len() == 4 && row.iter().all(|cell| !cell.is_empty()), "{row:?}");
    }
    for (row, reason) in rows.iter().zip(Reason::ALL) {
        let (first, rest) = reason.advice().split_at(1);
        let advice = format!("{}{rest}.", first.to_uppercase());
        assert!(row[3].starts_with(&advice), "{reason}: {advice}");
    }
}

#[test]
fn every_answer_is_listed_as_it_is_given() {
    let page = reference("answers.md");
    let listed: Vec<_> = rows(&page).into_iter().map(|row| row[..3].to_vec()).collect();
    let given: Vec<_> = Answer::ALL
        .iter()
        .map(|answer| {
            let (status, code, message) = answer.parts();
            vec![status.as_u16().to_string(), format!("`{code}`"), message.to_owned()]
        })
        .collect();
    assert_eq!(listed, given);
}

#[test]
fn the_example_of_an_answer_has_its_form() {
    let page = reference("answers.md");
    let example = page.lines().find(|line| line.starts_with('{')).unwrap();
    let id = RequestId::random();
    let given = Answer::UpstreamUnreachable.body(id);
    let shown = example.rsplit('"').nth(1).unwrap();
    assert_eq!(example.replace(shown, &id.to_string()), given.trim_end());
}

#[test]
fn every_reserved_header_is_listed() {
    let page = reference("headers.md");
    let rows = rows(section(&page, "Removed from every request"));
    let cells: Vec<_> = rows.iter().flatten().filter_map(|cell| code(cell)).collect();
    let listed: BTreeSet<_> = cells.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(cells.len(), listed.len(), "a name is listed twice");
    assert_eq!(listed, reserved_names().collect());
}

#[test]
fn every_key_is_listed_with_its_default() {
    let page = reference("configuration.md");
    let mut listed = BTreeSet::new();
    for part in page.split("\n## ").skip(1) {
        let heading = part.lines().next().unwrap_or_default();
        // Where a heading names several tables, all have these keys.
        for table in heading.split('`').skip(1).step_by(2) {
            let table = table.trim_matches(['[', ']']);
            for row in rows(part) {
                let key = code(&row[0]).unwrap_or_else(|| panic!("{row:?}"));
                listed.insert((table.to_owned(), key.to_owned(), row[1].clone()));
            }
        }
    }
    let known = KEYS.iter().map(|key| {
        let unset = match key.unset {
            Unset::Default(text) => format!("`{text}`"),
            Unset::Required(_) => "required".to_owned(),
            Unset::Optional(_) => "none".to_owned(),
        };
        (key.table.to_owned(), key.name.to_owned(), unset)
    });
    assert_eq!(listed, known.collect());
}

#[test]
fn every_metric_is_listed_as_it_is_told() {
    let page = reference("metrics.md");
    let told = FAMILIES.iter().map(|family| {
        let labels: Vec<_> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        let labels = if labels.is_empty() { "none".to_owned() } else { labels.join(", ") };
        vec![format!("`{}`", family.name), family.kind.to_owned(), labels, family.help.to_owned()]
    });
    assert_eq!(rows(&page), told.collect::<Vec<_>>());
}

/// Alerts and panels ask for nothing that is not told.
#[test]
fn what_is_monitored_is_told() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/monitoring");
    let mut asked = BTreeSet::new();
    for name in ["alerts.yaml", "dashboard.json"] {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
        let words = text.split(|c: char| !is_part(c));
        let is_metric =
            |word: &&str| word.starts_with("mtls_gateway_") || word.starts_with("process_");
        for word in words.filter(is_metric) {
            let family = word.strip_suffix("_bucket").unwrap_or(word);
            let is_told = FAMILIES.iter().any(|known| known.name == family);
            assert!(is_told, "{name} asks for `{word}`");
            asked.insert(family.to_owned());
        }
    }
    assert!(asked.len() > 15, "{asked:?}");
    let dashboard = fs::read_to_string(folder.join("dashboard.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&dashboard).unwrap();
    assert!(dashboard["panels"].as_array().unwrap().len() > 10);
}

#[test]
fn the_budget_of_instructions_is_what_the_page_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/performance.md")).unwrap();
    let budget = fs::read_to_string(root.join("benches/instructions/budget.toml")).unwrap();
    let lines = budget.lines().filter_map(|line| line.strip_prefix('"')?.split_once("\" = "));
    let lines: Vec<_> = lines.map(|(step, count)| [step.to_owned(), count.to_owned()]).collect();
    let said: Vec<_> = rows(section(&page, "Instructions"))
        .into_iter()
        .map(|row| [row[0].clone(), row[1].replace(',', "")])
        .collect();
    assert!(!said.is_empty());
    assert_eq!(said, lines);
}
