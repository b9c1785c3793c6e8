//! What a client may do: pure rules from a [`Verdict`] to a [`Permit`] or a [`Denial`].
//!
//! A [`Permit`] travels with the request and is used up by the upstream, so that code that forwards
//! a request nobody judged does not compile.

mod advice;
mod expiry;
mod rate;
mod refusal;
mod rule;
mod verdict;

pub use expiry::{Stage, remark};
pub use rate::Rates;
pub use refusal::{Reason, Refusal};
pub use verdict::{Failed, LetIn, Verdict, let_in, lets_in, turned_away};

use crate::config::{Client, ClientMode, Located, RouteClient, Rule};
use crate::identity::Claims;

/// The proof that a request was judged by its client's verdict and may be forwarded, once.
///
/// Its one constructor is [`judge`].
#[derive(Debug)]
#[must_use]
pub struct Permit(());

/// Why a client is not admitted; reads well after "it is not admitted:".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// A rule of `deny` speaks of it: the rule.
    #[error("the rule `{0}` of `deny` fits it")]
    Denied(String),
    /// No rule of `allow` does: the closest one, and what differed.
    #[error("no rule of `allow` fits it; the closest is {0}")]
    NotAllowed(String),
    /// No rule of the route's `allow` does, although the site lets it in: the closest one, and what differed.
    #[error("no rule of the route's `allow` fits it; the closest is {0}")]
    NotOnThisRoute(String),
    /// The client is not verified, and the site's `mode` lets no such client in.
    #[error("its verdict is {0}, and `mode = \"{mode}\"`", mode = .1.as_str())]
    Unverified(String, ClientMode),
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
            Self::NotOnThisRoute(_) => {
                "if this client is to use this route, add to the route's `allow` a rule that fits its \
                 certificate, or widen the closest one"
            }
            Self::Unverified(..) => {
                "send a certificate that this site verifies, or let such clients in by `mode` in \
                 `[site.client]`"
            }
        }
    }
}

/// Whether the site's rules admit a certificate, and by which of `allow`. `deny` wins; an empty `allow`
/// admits every verified one.
///
/// # Errors
/// [`Denial`] that names the rule of `deny`, or the closest of `allow` with the fields that differ.
pub fn admit<'a>(client: &'a Client, claims: &Claims) -> Result<Option<&'a Located<Rule>>, Denial> {
    let mut denied = client.deny.iter();
    if let Some(denied) = denied.find(|denied| rule::fits(&denied.value, claims)) {
        return Err(Denial::Denied(denied.value.to_string()));
    }
    match none_fits(&client.allow, claims) {
        Some(closest) => Err(Denial::NotAllowed(closest)),
        None => Ok(client.allow.iter().find(|allowed| rule::fits(&allowed.value, claims))),
    }
}

/// Where there are rules and none fits: the closest one, and what differs.
fn none_fits(allow: &[Located<Rule>], claims: &Claims) -> Option<String> {
    if allow.is_empty() || allow.iter().any(|allowed| rule::fits(&allowed.value, claims)) {
        return None;
    }
    let mismatches = allow.iter().map(|allowed| rule::mismatch(&allowed.value, claims));
    // The first of equals, so that the message follows the order of the file.
    let closest = mismatches.reduce(|best, next| if next.held > best.held { next } else { best });
    Some(closest.map_or_else(String::new, |mismatch| mismatch.to_string()))
}

/// Judges one request: of a verified client by the rules, of any other by the mode alone; by its site's first, and
/// then by those of the route, which only narrow them.
///
/// # Errors
/// [`Denial`] as for [`admit`], or that the client is not verified and would have to be.
pub fn judge(client: &Client, route: &RouteClient, verdict: &Verdict) -> Result<Permit, Denial> {
    let mode = route.mode.unwrap_or(client.mode);
    match verdict {
        Verdict::Verified(identity) => {
            admit(client, identity.claims())?;
            if let Some(closest) = none_fits(&route.allow, identity.claims()) {
                return Err(Denial::NotOnThisRoute(closest));
            }
        }
        unverified if !unverified.is_served(client.mode) => {
            return Err(Denial::Unverified(unverified.to_string(), client.mode));
        }
        unverified if !unverified.is_served(mode) => {
            return Err(Denial::Unverified(unverified.to_string(), mode));
        }
        // Rules speak of verified certificates; who has none fits none.
        unverified if !route.allow.is_empty() => {
            return Err(Denial::Unverified(unverified.to_string(), ClientMode::Require));
        }
        _ => {}
    }
    Ok(Permit(()))
}
