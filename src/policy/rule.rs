//! One rule of `allow` or `deny` against one certificate: every condition must hold.

use std::fmt;

use crate::config::{Condition, Rule};
use crate::identity::{Claims, Field};

/// How a rule failed, for the message and for finding the closest one.
#[derive(Debug)]
pub(super) struct Mismatch<'a> {
    rule: &'a Rule,
    /// How many of the rule's conditions held.
    pub(super) held: usize,
    /// The fields that differ, and what the certificate has there.
    differing: Vec<(Field, Vec<String>)>,
}

impl fmt::Display for Mismatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`, but the certificate's ", self.rule)?;
        for (number, (field, presented)) in self.differing.iter().enumerate() {
            let joint = if number == 0 { "" } else { ", its " };
            write!(f, "{joint}{} ", field.key())?;
            match presented.as_slice() {
                [] => f.write_str("is missing")?,
                [one] => write!(f, "is {one:?}")?,
                [first, rest @ ..] => write!(f, "are {first:?} and {} more", rest.len())?,
            }
        }
        Ok(())
    }
}

/// Whether a rule speaks of a certificate. One without a condition speaks of none; the configuration
/// refuses to hold one.
pub(super) fn fits(rule: &Rule, claims: &Claims) -> bool {
    let mut conditions = rule.conditions.iter();
    !rule.conditions.is_empty() && conditions.all(|condition| holds(condition, claims))
}

/// In what a certificate differs from a rule that does not fit it.
pub(super) fn mismatch<'a>(rule: &'a Rule, claims: &Claims) -> Mismatch<'a> {
    let conditions = rule.conditions.iter();
    let differing: Vec<_> = conditions
        .filter(|condition| !holds(condition, claims))
        .map(|condition| (condition.field, condition.field.presented(claims)))
        .collect();
    Mismatch { rule, held: rule.conditions.len() - differing.len(), differing }
}

fn holds(condition: &Condition, claims: &Claims) -> bool {
    let mut patterns = condition.any_of.iter();
    patterns.any(|pattern| pattern.matches(claims))
}
