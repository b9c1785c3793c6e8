//! One rule of `allow` or `deny`: what a certificate must have, all of it, for the rule to speak of it.

use std::fmt;

use crate::identity::{Field, Pattern};

/// One rule of `allow` or `deny`; it fits a certificate that meets all of its conditions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// At least one, each of another field.
    pub conditions: Vec<Condition>,
}

/// One key of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Where in the certificate to look.
    pub field: Field,
    /// What to find there: one of these will do.
    pub any_of: Vec<Pattern>,
}

impl Rule {
    /// Whether it says anything of the client itself, and not of its CA only.
    pub fn names_the_client(&self) -> bool {
        let mut conditions = self.conditions.iter();
        conditions.any(|condition| !condition.field.is_of_issuer())
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let conditions: Vec<_> = self.conditions.iter().map(ToString::to_string).collect();
        f.write_str(&conditions.join(", "))
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |pattern: &Pattern| format!("{:?}", pattern.to_string());
        let key = self.field.key();
        match self.any_of.as_slice() {
            [one] => write!(f, "{key} = {}", quoted(one)),
            several => {
                let several: Vec<_> = several.iter().map(quoted).collect();
                write!(f, "{key} = [{}]", several.join(", "))
            }
        }
    }
}
