//! The samples of a run, and the medians of them.

use std::collections::BTreeMap;

use crate::cases::Case;
use crate::measure::Sample;
use crate::peers::Kind;

/// By case, peer and round: a round is missing where it failed.
#[derive(Default)]
pub(crate) struct Results {
    samples: BTreeMap<(&'static str, Kind), BTreeMap<usize, Sample>>,
    /// What did not go as it should, in the order of events.
    pub(crate) notes: Vec<String>,
    /// The gateway was among those.
    pub(crate) has_gateway_failed: bool,
}

impl Results {
    pub(crate) fn add(&mut self, case: &Case, kind: Kind, round: usize, sample: Sample) {
        self.samples.entry((case.name, kind)).or_default().insert(round, sample);
    }

    pub(crate) fn fail(&mut self, kind: Kind, what: &str) {
        self.has_gateway_failed |= kind == Kind::Gateway;
        self.notes.push(format!("{}: {what}", kind.name()));
        eprintln!("! {}: {what}", kind.name());
    }

    pub(crate) fn of(&self, case: &str, kind: Kind) -> Vec<&Sample> {
        let found = self.samples.iter().find(|((name, of), _)| *name == case && *of == kind);
        found.into_iter().flat_map(|(_, rounds)| rounds.values()).collect()
    }

    /// The median over the rounds.
    pub(crate) fn value(&self, case: &str, kind: Kind) -> Option<f64> {
        median(self.of(case, kind).iter().map(|sample| sample.value).collect())
    }

    /// The median over the rounds of something else that was seen.
    pub(crate) fn more(&self, case: &str, kind: Kind, key: &str) -> Option<f64> {
        let samples = self.of(case, kind);
        median(samples.iter().filter_map(|sample| sample.more.get(key).copied()).collect())
    }

    /// The median of the ratios to another peer in the same round, as what disturbs a round disturbs both.
    pub(crate) fn ratio(&self, case: &str, kind: Kind, other: Kind) -> Option<f64> {
        let rounds = |kind| {
            let found = self.samples.iter().find(|((name, of), _)| *name == case && *of == kind);
            found.map(|(_, rounds)| rounds)
        };
        let others = rounds(other)?;
        let ratio = |(round, sample): (&usize, &Sample)| {
            Some(sample.value / others.get(round)?.value).filter(|ratio| ratio.is_normal())
        };
        median(rounds(kind)?.iter().filter_map(ratio).collect())
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    Some(f64::midpoint(values[last / 2], values[last.div_ceil(2)]))
}
