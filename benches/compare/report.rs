//! The figures as people and programs read them.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::arguments::Arguments;
use crate::cases::{Case, Work};
use crate::machine::Machine;
use crate::peers::{Kind, Peer};
use crate::results::Results;

/// Around the tables, in a page that has them.
const BEGIN: &str = "<!-- what `cargo bench --bench compare -- --markdown` writes -->\n";
const END: &str = "<!-- up to here -->\n";

pub(crate) struct Report<'a> {
    pub(crate) arguments: &'a Arguments,
    pub(crate) peers: &'a [Peer],
    pub(crate) machine: &'a Machine,
    pub(crate) results: &'a Results,
    pub(crate) elapsed: Duration,
    pub(crate) load_after: f64,
}

/// Writes the tables to a file; in one that has the marks, between those.
pub(crate) fn put(path: &Path, text: &str) {
    let block = format!("{BEGIN}\n{text}\n{END}");
    let page = fs::read_to_string(path).unwrap_or_default();
    let parts = page.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let whole = match parts {
        Some((before, after)) => format!("{before}{block}{after}"),
        None => block,
    };
    crate::write(path, &whole);
}

impl Report<'_> {
    pub(crate) fn markdown(&self) -> String {
        let parts = [self.machine(), self.costs(), self.reloads(), self.workers(), self.notes()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
    }

    fn machine(&self) -> String {
        let Machine { processor, cores, kernel, load_before } = self.machine;
        let versions: Vec<_> = self
            .peers
            .iter()
            .map(|peer| format!("{} {}", peer.kind.name(), peer.version))
            .collect();
        let rounds = self.arguments.rounds;
        format!(
            "| | |\n|---|---|\n| processor | {processor}, {cores} of them |\n| kernel | Linux {kernel} |\n\
             | programs | {} |\n| run | {rounds} rounds, {:.1} minutes |\n\
             | load average of the machine | {load_before:.1} before, {:.1} after |\n",
            versions.join("; "),
            self.elapsed.as_secs_f64() / 60.0,
            self.load_after,
        )
    }

    /// One line a case: the median of each peer, and the gateway's ratios to others.
    fn costs(&self) -> String {
        let kinds: Vec<_> = self.peers.iter().map(|peer| peer.kind).collect();
        let has_gateway = kinds.contains(&Kind::Gateway);
        let others: Vec<_> = [Kind::Nginx, Kind::Haproxy, Kind::Envoy]
            .into_iter()
            .filter(|kind| kinds.contains(kind))
            .collect();
        let others = if has_gateway { others } else { Vec::new() };
        let mut head = vec!["case".to_owned(), "what, in what".to_owned()];
        head.extend(kinds.iter().map(|kind| kind.name().to_owned()));
        head.extend(others.iter().map(|kind| format!("÷ {}", kind.name())));
        let mut rows = Vec::new();
        for case in self.arguments.cases.iter().filter(|case| is_cost(case)) {
            let mut row = vec![format!("`{}`", case.name), format!("{}, {}", case.what, case.unit)];
            row.extend(kinds.iter().map(|kind| figure(self.results.value(case.name, *kind))));
            let ratio = |other: &Kind| self.results.ratio(case.name, Kind::Gateway, *other);
            row.extend(others.iter().map(|other| ratio(other).map_or("–".to_owned(), two)));
            rows.push(row);
            if matches!(case.work, Work::Idle { .. }) {
                let base = |kind: &Kind| figure(self.results.more(case.name, *kind, "base_mib"));
                let mut row = vec![String::new(), "memory without connections, MiB".to_owned()];
                row.extend(kinds.iter().map(base));
                row.extend(others.iter().map(|_| String::new()));
                rows.push(row);
            }
        }
        table(&head, &rows)
    }

    fn reloads(&self) -> String {
        if !self.has(|work| matches!(work, Work::Reload)) {
            return String::new();
        }
        let columns = [
            ("requests", "requests"),
            ("failed", "failed"),
            ("raced", "raced"),
            ("closed", "closed at rest"),
            ("p99_quiet_us", "p99 without reloads, µs"),
            ("p99_us", "p99 with, µs"),
            ("max_us", "longest, µs"),
        ];
        let mut head = vec!["reloads under load".to_owned()];
        head.extend(columns.iter().map(|(_, title)| (*title).to_owned()));
        head.push("p99 ratio".to_owned());
        head.push("new certificate".to_owned());
        let rows: Vec<_> = self
            .kinds_of("reload")
            .map(|kind| {
                let more = |key| self.results.more("reload", kind, key);
                let mut row = vec![kind.name().to_owned()];
                row.extend(columns.iter().map(|(key, _)| figure(more(key))));
                row.push(self.results.value("reload", kind).map_or("–".to_owned(), two));
                row.push(
                    if more("is_new") == Some(1.0) { "served" } else { "**not served**" }
                        .to_owned(),
                );
                row
            })
            .collect();
        table(&head, &rows)
    }

    fn workers(&self) -> String {
        let Some(kind) = self.kinds_of("workers2").next() else { return String::new() };
        let more = |key: &str| self.results.more("workers2", kind, key);
        let row = |name: &str, one: &str, two: &str| {
            let ratio = more(two).zip(more(one)).map(|(two, one): (f64, f64)| two / one);
            let ratio = ratio.map_or("–".to_owned(), self::two);
            vec![name.to_owned(), figure(more(one)), figure(more(two)), ratio]
        };
        let head = ["processor time of the gateway", "one worker, µs", "two workers, µs", "÷"];
        let head = head.map(str::to_owned);
        let rows = [
            row("`full13-ec`", "full13_one_us", "full13_two_us"),
            row("`h1-c64`", "h1_one_us", "h1_two_us"),
        ];
        table(&head, &rows)
    }

    /// What a reader of the table should know of single figures.
    fn notes(&self) -> String {
        let mut lines = Vec::new();
        for case in &self.arguments.cases {
            let Work::Load(work) = &case.work else { continue };
            for peer in self.peers {
                let samples = self.results.of(case.name, peer.kind);
                let name = peer.kind.name();
                if case.name == "full13-mlkem"
                    && let Some(sample) = samples.first()
                    && !sample.groups.contains("MLKEM")
                {
                    lines.push(format!("- `{}`: {name} took {}.", case.name, sample.groups));
                }
                let count =
                    |key| samples.iter().filter_map(|sample| sample.more.get(key)).sum::<f64>();
                let (resumed, all) = (count("resumed"), count("operations"));
                if work.resumes() && resumed < all {
                    lines.push(format!("- `{}`: {name} resumed {resumed} of {all}.", case.name));
                }
            }
        }
        lines.extend(self.results.notes.iter().map(|note| format!("- {note}.")));
        lines.iter().map(|line| wrapped(line)).collect()
    }

    /// Those that have samples of a case.
    fn kinds_of<'a>(&'a self, case: &'a str) -> impl Iterator<Item = Kind> + 'a {
        let kinds = self.peers.iter().map(|peer| peer.kind);
        kinds.filter(move |kind| !self.results.of(case, *kind).is_empty())
    }

    fn has(&self, is_it: impl Fn(&Work) -> bool) -> bool {
        self.arguments.cases.iter().any(|case| is_it(&case.work))
    }

    /// Every sample.
    pub(crate) fn json(&self) -> Value {
        let cases = self.arguments.cases.iter().map(|case| {
            let peers = self.peers.iter().map(|peer| {
                let kind = peer.kind;
                let samples = self.results.of(case.name, kind).into_iter().map(|sample| {
                    json!({ "value": sample.value, "groups": sample.groups, "more": sample.more })
                });
                let figures = json!({
                    "median": self.results.value(case.name, kind),
                    "ratio_to_nginx": self.results.ratio(case.name, kind, Kind::Nginx),
                    "ratio_to_haproxy": self.results.ratio(case.name, kind, Kind::Haproxy),
                    "samples": samples.collect::<Vec<_>>(),
                });
                (kind.key().to_owned(), figures)
            });
            let peers: serde_json::Map<_, _> = peers.collect();
            json!({ "case": case.name, "what": case.what, "unit": case.unit, "peers": peers })
        });
        let versions =
            self.peers.iter().map(|peer| (peer.kind.key().to_owned(), json!(peer.version)));
        json!({
            "processor": self.machine.processor,
            "cores": self.machine.cores,
            "kernel": self.machine.kernel,
            "load_before": self.machine.load_before,
            "load_after": self.load_after,
            "rounds": self.arguments.rounds,
            "scale": self.arguments.scale,
            "seconds": self.elapsed.as_secs(),
            "versions": versions.collect::<serde_json::Map<_, _>>(),
            "notes": self.results.notes,
            "cases": cases.collect::<Vec<_>>(),
        })
    }
}

/// Whether its figure is a cost, which all peers have.
pub(crate) fn is_cost(case: &Case) -> bool {
    !matches!(case.work, Work::Reload | Work::Workers)
}

/// An item of a list on lines that are no longer than those of the page.
fn wrapped(item: &str) -> String {
    const COLUMNS: usize = 120;
    let mut text = String::new();
    let mut column = 0;
    for word in item.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > COLUMNS {
            text += "\n  ";
            column = 2;
        } else if column > 0 {
            text += " ";
            column += 1;
        }
        text += word;
        column += length;
    }
    text + "\n"
}

fn table(head: &[String], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let rule = format!("|{}\n", "---|".repeat(head.len()));
    line(head) + &rule + &rows.iter().map(|row| line(row)).collect::<String>()
}

/// As many digits as mean something.
fn figure(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        Some(value) => format!("{value:.1}"),
    }
}

fn two(ratio: f64) -> String {
    format!("{ratio:.2}")
}
