//! The table, by topic.

mod chains;
mod constraints;
mod dates;
mod encoding;
mod keys;
mod usages;

use super::Case;

/// A heading and the cases below it.
type Topic = (&'static str, fn() -> Vec<Case>);

pub(super) const TOPICS: &[Topic] = &[
    ("Keys and signatures", keys::cases),
    ("Chains", chains::cases),
    ("Usages", usages::cases),
    ("Dates and revocation", dates::cases),
    ("Name constraints", constraints::cases),
    ("Encoding and names", encoding::cases),
];
