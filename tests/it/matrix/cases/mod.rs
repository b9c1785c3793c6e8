//! The table, by topic.

mod chains;
mod keys;

use super::Case;

/// A heading and the cases below it.
pub(super) const TOPICS: &[(&str, fn() -> Vec<Case>)] =
    &[("Keys and signatures", keys::cases), ("Chains", chains::cases)];
