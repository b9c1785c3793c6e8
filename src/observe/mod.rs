//! What operators see: the log, its access lines, refusals, and what is counted. Nothing here decides anything.

pub mod access;
mod callers;
mod exchange;
mod expiry;
mod log_lines;
pub mod logging;
pub mod metrics;
mod refusal;
mod refusals;
mod reloads;
mod room;
pub mod terminal;

pub use access::AccessLog;
pub use callers::{CHANGES, Callers, Change, Face, IdentityChange};
pub use exchange::{AccessLine, Chosen, Exchange, ExchangeFacts, Outcome, RequestId};
pub use expiry::{ExpiryEvent, days_left};
pub use log_lines::LogLines;
pub use refusal::{Balancer, ConnectionFacts, Offered, RefusalEvent};
pub use refusals::{Refusals, subscriber};
pub use reloads::{Reload, ReloadLog, Reloaded};
