//! What the reader of a wrong file gets to read: one snapshot for each kind of problem.

mod access_log;
mod admin;
mod everything;
mod keys_and_tables;
mod listeners;
mod loading;
mod resolving;
mod routes;
mod rules;
mod secrets;
mod shipped_file;
mod syntax;
mod trust;
mod upgrades;
mod upstreams;
mod values;

use std::path::PathBuf;

use super::{Config, Report, Source, parse};

/// The smallest file that works, as in the reference.
const SMALLEST: &str = r#"[[listener]]
address = "0.0.0.0:443"

[[site]]
server_names = ["www.example.com"]
certificate = "www.example.com.crt"
private_key = "www.example.com.key"
client_ca = "ca/TencentQQAuthCA.crt"
upstream = "http://127.0.0.1:8080"
"#;

fn parse_text(text: &str) -> (Option<Config>, Report) {
    parse(Source { path: PathBuf::from("gateway.toml"), text: text.to_owned() })
}

/// The report on a text; none of these tests may end in a configuration.
fn report(text: &str) -> String {
    let (config, report) = parse_text(text);
    assert_eq!(config.is_some(), !report.has_errors());
    report.to_string()
}

/// The report on the smallest file with more lines after it, which belong to its site.
fn with(lines: &str) -> String {
    report(&format!("{SMALLEST}{lines}\n"))
}

/// The report on the smallest file with one line written otherwise.
fn instead(line: &str) -> String {
    let key = line.split(' ').next().unwrap_or_default();
    let lines =
        SMALLEST.lines().map(|old| if old.starts_with(&format!("{key} ")) { line } else { old });
    report(&lines.collect::<Vec<_>>().join("\n"))
}

/// The configuration of a text that must be right.
fn config(text: &str) -> Config {
    let (config, report) = parse_text(text);
    config.unwrap_or_else(|| panic!("{report}"))
}
