//! Prometheus's text format, version 0.0.4. Our own few lines rather than a crate's registry: the counters lie with
//! the workers, and what is left to do is to print them.

use std::collections::HashSet;
use std::fmt::{Display, Write as _};

use crate::observe::metrics::{BUCKETS, Lengths};

use super::metrics::Family;

/// A page of metrics being written, one family after the other.
#[derive(Default)]
pub(super) struct Text {
    out: String,
    /// The labels that the family has already: two samples with the same ones would spoil the page.
    seen: HashSet<String>,
}

impl Text {
    /// Begins a family.
    pub(super) fn begin(&mut self, family: &Family) {
        let Family { name, kind, help, .. } = family;
        self.seen.clear();
        // Helps and names are ours and hold nothing to escape.
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    /// One sample; the first of those with equal labels counts.
    pub(super) fn sample(&mut self, family: &Family, values: &[&str], value: impl Display) {
        let labels = labels(family, values);
        if self.is_new(&labels) {
            self.line(format_args!("{}{} {value}", family.name, braced(&labels)));
        }
    }

    /// All samples of one histogram.
    pub(super) fn histogram(&mut self, family: &Family, values: &[&str], lengths: &Lengths) {
        let (name, labels) = (family.name, labels(family, values));
        if !self.is_new(&labels) {
            return;
        }
        let comma = if labels.is_empty() { "" } else { "," };
        let mut below = 0;
        let ends = BUCKETS.iter().map(|(_, end)| *end).chain(["+Inf"]);
        for (end, bucket) in ends.zip(lengths.buckets) {
            below += bucket;
            self.line(format_args!("{name}_bucket{{{labels}{comma}le=\"{end}\"}} {below}"));
        }
        let (seconds, labels) = (lengths.micros as f64 / 1e6, braced(&labels));
        self.line(format_args!("{name}_sum{labels} {seconds}"));
        // The same as the last bucket, also while others count.
        self.line(format_args!("{name}_count{labels} {below}"));
    }

    /// The page.
    pub(super) fn finish(self) -> String {
        self.out
    }

    fn is_new(&mut self, labels: &str) -> bool {
        self.seen.insert(labels.to_owned())
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing into memory does not fail.
        _ = writeln!(self.out, "{line}");
    }
}

fn labels(family: &Family, values: &[&str]) -> String {
    debug_assert_eq!(family.labels.len(), values.len(), "{}", family.name);
    let pairs = family.labels.iter().zip(values);
    let pairs = pairs.map(|(name, value)| format!("{name}=\"{}\"", escaped(value)));
    pairs.collect::<Vec<_>>().join(",")
}

fn braced(labels: &str) -> String {
    if labels.is_empty() { String::new() } else { format!("{{{labels}}}") }
}

/// The three characters that the format escapes.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAMILY: Family =
        Family { name: "f", kind: "gauge", labels: &["a", "b"], help: "What it is." };

    #[test]
    fn labels_cannot_break_out() {
        let mut text = Text::default();
        text.begin(&FAMILY);
        text.sample(&FAMILY, &["x\"} 1\ny", "\\"], 1);
        let expected = "# HELP f What it is.\n# TYPE f gauge\nf{a=\"x\\\"} 1\\ny\",b=\"\\\\\"} 1\n";
        assert_eq!(text.finish(), expected);
    }

    #[test]
    fn equal_labels_are_written_once() {
        let mut text = Text::default();
        text.begin(&FAMILY);
        text.sample(&FAMILY, &["x", "y"], 1);
        text.sample(&FAMILY, &["x", "y"], 2);
        assert!(text.finish().ends_with("f{a=\"x\",b=\"y\"} 1\n"));
    }

    #[test]
    fn buckets_add_up() {
        let family = Family { name: "h", kind: "histogram", labels: &[], help: "How long." };
        let mut lengths = Lengths { micros: 1_500_000, ..Lengths::default() };
        lengths.buckets[0] = 2;
        lengths.buckets[16] = 1;
        let mut text = Text::default();
        text.histogram(&family, &[], &lengths);
        let text = text.finish();
        assert!(
            text.starts_with("h_bucket{le=\"0.0005\"} 2\nh_bucket{le=\"0.001\"} 2\n"),
            "{text}"
        );
        assert!(text.ends_with("h_bucket{le=\"+Inf\"} 3\nh_sum 1.5\nh_count 3\n"), "{text}");
    }
}
