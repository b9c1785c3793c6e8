//! The page of the faults: written from the tables, so that neither says what the other does not.

use std::collections::BTreeSet;
use std::path::Path;

use super::cases::TOPICS;
use super::clients::CLIENTS;
use super::{Case, Gets};

/// What stands above this line is written by hand.
const MARK: &str = "<!-- From here on written from tests/it/faults: UPDATE_FAULTS=1 cargo test --test it faults -->\n";

fn written() -> String {
    let mut text = String::new();
    for (topic, cases) in TOPICS {
        text.push_str(&format!(
            "\n## {topic}\n\n| the app | HTTP/1.1 client | HTTP/2 client | log | a failure | note |\n\
             |---|---|---|---|---|---|\n"
        ));
        cases.iter().for_each(|case| text.push_str(&row(case)));
    }
    text.push_str(
        "\n## Faults of clients\n\n| the client | over | log | the app | note |\n|---|---|---|---|---|\n",
    );
    for case in CLIENTS {
        let (name, over, outcome) = (case.name, case.over(), case.outcome);
        text.push_str(&format!(
            "| {name} | {over} | `{outcome}` | {} | {} |\n",
            case.app, case.note
        ));
    }
    text
}

fn row(case: &Case) -> String {
    let (http1, http2) = match case.gets {
        Gets::Answer(status, code) => {
            let answer = format!("{status} `{code}`");
            (answer.clone(), answer)
        }
        Gets::Whole(status, _) => (status.to_string(), status.to_string()),
        Gets::BrokenOff(status, _) => {
            (format!("{status}, cut off"), format!("{status}, RST_STREAM"))
        }
    };
    let (outcome, _) = case.logged();
    let (name, note) = (case.name, case.note);
    let failure = if case.is_failure() { "yes" } else { "no" };
    format!("| {name} | {http1} | {http2} | `{outcome}` | {failure} | {note} |\n")
}

#[test]
fn the_page_has_every_fault() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/faults.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (above, below) = text.split_once(MARK).unwrap();
    let written = written();
    if std::env::var_os("UPDATE_FAULTS").is_some() {
        std::fs::write(&page, format!("{above}{MARK}{written}")).unwrap();
        return;
    }
    assert!(below == written, "{} is not what the tables say: {MARK}", page.display());
}

#[test]
fn every_fault_has_a_name_of_its_own() {
    let names = TOPICS.iter().flat_map(|(_, cases)| *cases).map(|case| case.name);
    let mut seen = BTreeSet::new();
    for name in names.chain(CLIENTS.iter().map(|case| case.name)) {
        assert!(seen.insert(name) && !name.contains('|'), "twice, or with a bar: {name}");
    }
}
