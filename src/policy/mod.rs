//! What a verified client may do: pure rules from an [`Identity`] to a [`Permit`] or a [`Denial`].
//!
//! A [`Permit`] travels with the request and is used up by the upstream, so that code that forwards
//! a request nobody judged does not compile.

mod advice;
mod refusal;
mod rule;

pub use refusal::{Reason, Refusal};

use crate::config::Client;
use crate::identity::{Claims, Identity};

/// The proof that a request of a verified identity was judged and may be forwarded, once.
///
/// Its one constructor is [`judge`].
#[derive(Debug)]
#[must_use]
pub struct Permit(());

/// Why a verified certificate is not admitted; reads well after "it is not admitted:".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// A rule of `deny` speaks of it: the rule.
    #[error("the rule `{0}` of `deny` fits it")]
    Denied(String),
    /// No rule of `allow` does: the closest one, and what differed.
    #[error("no rule of `allow` fits it; the closest is {0}")]
    NotAllowed(String),
}

impl Denial {
    /// What to change if the client is to be let in.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Denied(_) => {
                "if this client is to be let in, remove the rule that the sentence names from `deny` in \
                 `[site.client]`"
            }
            Self::NotAllowed(_) => {
                "if this client is to be let in, add to `allow` in `[site.client]` a rule that fits its \
                 certificate, or widen the closest one"
            }
        }
    }
}

/// Whether the site's rules admit a certificate. `deny` wins; an empty `allow` admits every verified one.
///
/// # Errors
/// [`Denial`] that names the rule of `deny`, or the closest of `allow` with the fields that differ.
pub fn admit(client: &Client, claims: &Claims) -> Result<(), Denial> {
    let mut denied = client.deny.iter();
    if let Some(denied) = denied.find(|denied| rule::fits(&denied.value, claims)) {
        return Err(Denial::Denied(denied.value.to_string()));
    }
    let mut allowed = client.allow.iter();
    if client.allow.is_empty() || allowed.any(|allowed| rule::fits(&allowed.value, claims)) {
        return Ok(());
    }
    let mismatches = client.allow.iter();
    let mismatches = mismatches.map(|allowed| rule::mismatch(&allowed.value, claims));
    // The first of equals, so that the message follows the order of the file.
    let closest = mismatches.reduce(|best, next| if next.held > best.held { next } else { best });
    let closest = closest.map_or_else(String::new, |mismatch| mismatch.to_string());
    Err(Denial::NotAllowed(closest))
}

/// Judges one request of a verified client.
///
/// # Errors
/// [`Denial`] as for [`admit`].
pub fn judge(client: &Client, identity: &Identity) -> Result<Permit, Denial> {
    admit(client, identity.claims()).map(|()| Permit(()))
}
