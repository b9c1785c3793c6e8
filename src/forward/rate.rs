//! Whether a request is within the rates of its site, and of its client there.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

use crate::observe::subscriber;

use super::reply::Answer;
use super::{Caller, Denied};

/// Takes one request from what the client and the site have left; the client's first, so that one who asks too much
/// takes nothing from the others.
pub(super) fn take(caller: &Caller, now: Instant) -> Result<(), Denied> {
    let limits = &caller.site.config.limits;
    let (site, now) = (&*caller.site_name, now.into_std());
    if let Some(rate) = limits.requests_per_minute_per_client {
        // Whoever has no name is known by address.
        let taken = match caller.verdict.identity() {
            Some(identity) => caller.rates.take((site, identity.name()), rate, now),
            None => caller.rates.take((site, subscriber(caller.peer.ip())), rate, now),
        };
        taken.map_err(|wait| too_many("requests_per_minute_per_client", rate, wait))?;
    }
    if let Some(rate) = limits.requests_per_minute {
        let taken = caller.rates.take(site, rate, now);
        taken.map_err(|wait| too_many("requests_per_minute", rate, wait))?;
    }
    Ok(())
}

fn too_many(key: &str, rate: NonZeroU32, wait: Duration) -> Denied {
    let cause = format!("more than `{key}` allows, which is {rate}");
    Denied { retry_after: Some(wait), ..Denied::new(Answer::TooManyRequests, cause) }
}
