//! The page of the matrix: written from the table, so that neither says what the other does not.

use std::collections::BTreeSet;
use std::path::Path;

use super::cases::TOPICS;
use super::{Case, Rfc};

/// What stands above this line is written by hand.
const MARK: &str = "<!-- From here on written from tests/it/matrix: UPDATE_MATRIX=1 cargo test --test it matrix -->\n";

fn written() -> String {
    let mut text = String::new();
    for (topic, cases) in TOPICS {
        text.push_str(&format!(
            "\n## {topic}\n\n| case | gateway | RFC 5280 | OpenSSL | nginx | Apache | note |\n\
             |---|---|---|---|---|---|---|\n"
        ));
        for case in cases() {
            text.push_str(&row(&case));
        }
    }
    text
}

fn row(case: &Case) -> String {
    let rfc = match case.rfc {
        Rfc::Valid => "valid",
        Rfc::Invalid => "invalid",
        Rfc::Silent => "silent",
    };
    let server = |lets_in| if lets_in { "lets in" } else { "refuses" };
    let (nginx, apache) = (server(case.servers.0), server(case.servers.1));
    let gateway = if case.gateway.contains(' ') {
        case.gateway.to_owned()
    } else {
        format!("`{}`", case.gateway)
    };
    let Case { name, openssl, note, .. } = case;
    format!("| {name} | {gateway} | {rfc} | {openssl} | {nginx} | {apache} | {note} |\n")
}

#[test]
fn the_page_has_every_case() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/certificate-matrix.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (above, below) = text.split_once(MARK).unwrap();
    let written = written();
    if std::env::var_os("UPDATE_MATRIX").is_some() {
        std::fs::write(&page, format!("{above}{MARK}{written}")).unwrap();
        return;
    }
    assert!(below == written, "{} is not what the table says: {MARK}", page.display());
}

#[test]
fn every_case_has_a_name_of_its_own_and_says_why_columns_differ() {
    let mut names = BTreeSet::new();
    let mut silent = Vec::new();
    for case in TOPICS.iter().flat_map(|(_, cases)| cases()) {
        assert!(names.insert(case.name), "twice: {}", case.name);
        let cells = [case.name, case.gateway, case.openssl, case.note];
        assert!(
            cells.iter().all(|cell| !cell.contains('|') && !cell.contains('\n')),
            "{}",
            case.name
        );
        let is_let_in = case.gateway == super::LET_IN;
        let others = [case.openssl == "ok", case.servers.0, case.servers.1];
        let rfc = match case.rfc {
            Rfc::Valid => true,
            Rfc::Invalid => false,
            Rfc::Silent => is_let_in,
        };
        let agree = rfc == is_let_in && others.iter().all(|other| *other == is_let_in);
        if !agree && case.note.is_empty() {
            silent.push(case.name);
        }
    }
    assert!(silent.is_empty(), "say why:\n{}", silent.join("\n"));
    assert!(names.len() >= 100, "only {} cases", names.len());
}
