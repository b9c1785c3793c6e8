//! Which endpoint of an upstream a request goes to. Each worker chooses by what it knows itself: its own requests
//! under way, its own turn.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::config::{Balance, Upstream};

/// Upstreams whose turn is remembered; above it, all begin anew.
const TURNS_MAX: usize = 1024;

/// An endpoint that may be chosen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    /// Its place among the upstream's.
    pub(super) index: usize,
    /// Requests of this worker that it has.
    pub(super) in_use: usize,
    /// Its share of all requests; above 0.
    pub(super) weight: f64,
    pub(super) is_backup: bool,
    /// Whether it failed too often.
    pub(super) is_out: bool,
}

/// What a worker remembers from one choice to the next.
#[derive(Debug, Default)]
pub(super) struct Turns {
    next: Cell<usize>,
    /// For each upstream, how much of its turn each endpoint has saved up.
    saved: RefCell<HashMap<String, Vec<f64>>>,
}

impl Turns {
    /// The place of the endpoint to use, out of those given. Backups only if nothing else is left; what is out only
    /// if nothing else is left at all: an app that may have come back is better than none.
    pub(super) fn choose(
        &self,
        upstream: &Upstream,
        candidates: &[Candidate],
        key: &str,
    ) -> Option<usize> {
        let tiers = [(false, false), (true, false), (false, true), (true, true)];
        let tier = tiers.into_iter().find_map(|(is_backup, is_out)| {
            let of_tier = |one: &&Candidate| one.is_backup == is_backup && one.is_out == is_out;
            let tier: Vec<_> = candidates.iter().filter(of_tier).copied().collect();
            (!tier.is_empty()).then_some(tier)
        })?;
        if let [only] = tier[..] {
            return Some(only.index);
        }
        let chosen = match &upstream.balance {
            Balance::LeastConnections => self.least(&tier),
            Balance::RoundRobin => self.in_turn(upstream, &tier),
            Balance::Hash(_) => highest(&tier, key),
        };
        chosen.map(|chosen| chosen.index)
    }

    /// Of equals, each in its turn.
    fn least(&self, tier: &[Candidate]) -> Option<Candidate> {
        let turn = self.next.get();
        self.next.set(turn.wrapping_add(1));
        let count = tier.len();
        let rotated = (0..count).map(|step| tier[(turn.wrapping_add(step)) % count]);
        #[expect(clippy::cast_precision_loss, reason = "a worker has no 2^52 requests")]
        let load = |one: &Candidate| (one.in_use as f64 + 1.0) / one.weight;
        rotated.reduce(|best, next| if load(&next) < load(&best) { next } else { best })
    }

    /// Everybody saves up its weight each time, and who has most goes and pays what all have saved: smooth, so that a
    /// heavy endpoint does not get all its turns at once.
    fn in_turn(&self, upstream: &Upstream, tier: &[Candidate]) -> Option<Candidate> {
        let mut all = self.saved.borrow_mut();
        if all.len() > TURNS_MAX {
            all.clear();
        }
        if !all.contains_key(&upstream.name) {
            all.insert(upstream.name.clone(), Vec::new());
        }
        let saved = all.get_mut(&upstream.name)?;
        saved.resize(upstream.endpoints.len(), 0.0);
        let total: f64 = tier.iter().map(|one| one.weight).sum();
        for one in tier {
            saved[one.index] += one.weight;
        }
        let more = |best: Candidate, next: &Candidate| {
            if saved[next.index] > saved[best.index] { *next } else { best }
        };
        let chosen = tier.iter().skip(1).fold(*tier.first()?, more);
        saved[chosen.index] -= total;
        Some(chosen)
    }
}

/// Rendezvous hashing: each endpoint draws a number for the key, and the highest wins. When an endpoint goes, only its
/// own keys go elsewhere. The weight enters as in "Weighted Distributed Hash Tables" (Schindelhauer, Schomaker).
fn highest(tier: &[Candidate], key: &str) -> Option<Candidate> {
    let score = |one: &Candidate| {
        let mut hasher = DefaultHasher::new();
        (key, one.index).hash(&mut hasher);
        #[expect(clippy::cast_precision_loss, reason = "53 bits are enough to draw by")]
        let drawn = ((hasher.finish() >> 11) as f64 + 1.0) / ((1_u64 << 53) as f64 + 1.0);
        -one.weight / drawn.ln()
    };
    tier.iter().copied().max_by(|a, b| score(a).total_cmp(&score(b)))
}

#[cfg(test)]
mod tests {
    use crate::config::{Endpoint, HashKey, Member};

    use super::*;

    fn upstream(balance: Balance, count: usize) -> Upstream {
        let member = |number: usize| Member::plain(Endpoint::unix(format!("/run/{number}.sock")));
        Upstream {
            endpoints: (0..count).map(member).collect(),
            balance,
            ..Upstream::plain(Endpoint::unix("/run/app.sock"))
        }
    }

    fn candidates(weights: &[f64]) -> Vec<Candidate> {
        let candidate = |(index, weight): (usize, &f64)| Candidate {
            index,
            in_use: 0,
            weight: *weight,
            is_backup: false,
            is_out: false,
        };
        weights.iter().enumerate().map(candidate).collect()
    }

    fn chosen(turns: &Turns, upstream: &Upstream, candidates: &[Candidate]) -> usize {
        turns.choose(upstream, candidates, "").unwrap()
    }

    #[test]
    fn turns_go_by_weight_and_are_spread() {
        let (turns, upstream) = (Turns::default(), upstream(Balance::RoundRobin, 3));
        let candidates = candidates(&[5.0, 1.0, 1.0]);
        let order: Vec<_> = (0..7).map(|_| chosen(&turns, &upstream, &candidates)).collect();
        assert_eq!(order, [0, 0, 1, 0, 2, 0, 0]);
    }

    #[test]
    fn the_one_with_the_fewest_requests_for_its_weight_is_chosen() {
        let (turns, upstream) = (Turns::default(), upstream(Balance::LeastConnections, 3));
        let mut candidates = candidates(&[1.0, 1.0, 4.0]);
        candidates[0].in_use = 1;
        candidates[1].in_use = 1;
        candidates[2].in_use = 6;
        assert_eq!(chosen(&turns, &upstream, &candidates), 2);
        candidates[2].in_use = 8;
        let picked: Vec<_> = (0..4).map(|_| chosen(&turns, &upstream, &candidates)).collect();
        assert!(picked.contains(&0) && picked.contains(&1) && !picked.contains(&2), "{picked:?}");
    }

    #[test]
    fn a_key_keeps_its_endpoint_when_another_goes() {
        let (turns, upstream) = (Turns::default(), upstream(Balance::Hash(HashKey::Identity), 4));
        let all = candidates(&[1.0; 4]);
        let keys: Vec<_> = (0..1000).map(|number| format!("client {number}")).collect();
        let before: Vec<_> =
            keys.iter().map(|key| turns.choose(&upstream, &all, key).unwrap()).collect();
        for index in 0..4 {
            let count = before.iter().filter(|chosen| **chosen == index).count();
            assert!((150..350).contains(&count), "{index}: {count}");
        }
        for (key, before) in keys.iter().zip(&before) {
            let after = turns.choose(&upstream, &all[..3], key).unwrap();
            assert!(after == *before || *before == 3, "{key}");
        }
    }

    #[test]
    fn backups_and_the_failed_come_last() {
        let (turns, upstream) = (Turns::default(), upstream(Balance::RoundRobin, 3));
        let mut all = candidates(&[1.0; 3]);
        all[2].is_backup = true;
        all[0].is_out = true;
        assert_eq!(chosen(&turns, &upstream, &all), 1);
        all[1].is_out = true;
        assert_eq!(chosen(&turns, &upstream, &all), 2);
        all[2].is_out = true;
        assert!(chosen(&turns, &upstream, &all) < 2);
        assert_eq!(turns.choose(&upstream, &[], ""), None);
    }
}
