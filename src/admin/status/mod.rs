//! What is shown of a gateway that runs, for people as a page and for programs as JSON.

mod escape;
mod json;
mod page;
mod plot;
mod refusals;
mod sites;
mod warnings;

pub(super) use json::json;
pub(super) use page::{html, policy};
