//! Holds the documentation to the code: its configurations are read, its commands are run, its tables are
//! compared with the lists in the source, and its links lead somewhere.
//!
//! What a fenced block is checked for stands behind its language; CONTRIBUTING.md has the list.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "that is how a test fails"
)]

mod blocks;
mod check;
mod explain;
mod log;
mod man;
mod packaging;
mod roff;
mod shell;
mod stage;
mod tables;

use std::collections::BTreeSet;
use std::path::Path;

use mtls_gateway::config::{Source, parse};

use blocks::{blocks, pages};

/// What a block marked `site` is added to.
const SMALLEST: &str = r#"[[listener]]
address = "0.0.0.0:443"

[[site]]
server_names = ["www.example.com"]
certificate = "www.example.com.crt"
private_key = "www.example.com.key"
client_ca = "ca/TencentQQAuthCA.crt"
upstream = "http://127.0.0.1:8080"
"#;

#[test]
fn every_configuration_is_right() {
    let mut count = 0;
    for block in pages().iter().flat_map(|page| blocks(page)) {
        if block.language != "toml" {
            continue;
        }
        let text = if block.is("site") {
            // What stands below a header of its own is no key of the site.
            let own = |line: &&str| !line.starts_with('[');
            let own: Vec<_> = block.text.lines().take_while(own).collect();
            let written = |line: &&str| {
                let key = line.split(" =").next().unwrap_or_default();
                line.is_empty() || !own.iter().any(|own| own.starts_with(&format!("{key} =")))
            };
            let others: Vec<_> = SMALLEST.lines().filter(written).collect();
            format!("{}\n{}", others.join("\n"), block.text)
        } else {
            assert!(block.is("gateway"), "{}: mark this block", block.place());
            block.text.clone()
        };
        let path = Path::new("gateway.toml").to_owned();
        let (config, report) = parse(Source { path, text });
        let is_fine = config.is_some() && report.problems().is_empty();
        assert!(is_fine, "{}\n{report}", block.place());
        count += 1;
    }
    assert!(count >= 6, "only {count} configurations were found");
}

#[test]
fn every_mark_is_known() {
    for block in pages().iter().flat_map(|page| blocks(page)) {
        let known: &[&str] = match block.language.as_str() {
            "toml" => &["gateway", "site"],
            "sh" => &["run", "fails", "service"],
            "text" => &["output", "log"],
            "json" => &["log"],
            "" => panic!("{}: name the language of this block", block.place()),
            _ => &[],
        };
        for mark in &block.marks {
            let name = mark.split('=').next().unwrap_or_default();
            let is_known = known.contains(&name) || name == "file";
            assert!(is_known, "{}: unknown mark `{mark}`", block.place());
        }
    }
}

#[test]
fn every_link_leads_to_a_file() {
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        let folder = page.parent().unwrap();
        for link in links(&text) {
            let target = folder.join(link);
            assert!(target.exists(), "{}: `{link}` is not there", page.display());
        }
    }
}

#[test]
fn every_link_into_a_page_leads_to_a_heading() {
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://")) {
            let Some((file, fragment)) = link.split_once('#') else { continue };
            let target =
                if file.is_empty() { page.clone() } else { page.with_file_name("").join(file) };
            let is_there = headings(&std::fs::read_to_string(target).unwrap()).contains(fragment);
            assert!(is_there, "{}: `{link}` leads to no heading", page.display());
        }
    }
}

#[test]
fn no_line_of_prose_is_longer_than_120_columns() {
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        let mut is_block = false;
        for (number, line) in (1..).zip(text.lines()) {
            is_block ^= line.starts_with("```");
            // A row of a table, a command and a line of a log cannot be broken.
            let is_long = line.chars().count() > 120 && !is_block && !line.starts_with('|');
            assert!(!is_long, "{}:{number} is too long", page.display());
        }
    }
}

#[test]
fn every_page_of_docs_is_in_its_index() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let index = std::fs::read_to_string(root.join("README.md")).unwrap();
    let linked: BTreeSet<_> = links(&index).map(|link| root.join(link)).collect();
    for page in pages() {
        if page.starts_with(&root) && page != root.join("README.md") {
            assert!(linked.contains(&page), "{} is not linked", page.display());
        }
    }
}

/// The headings of a page, as links name them.
fn headings(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| line.starts_with('#'));
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ');
    let slug = |line: &str| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        title.chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    lines.map(slug).collect()
}

/// The relative links of a page, without their fragments.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|link| !link.contains("://") && !link.starts_with('#'))
        .map(|link| link.split('#').next().unwrap_or(link))
}
