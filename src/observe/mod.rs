//! What operators see: the log, its access lines, refusals, and what is counted. Nothing here decides anything.

mod exchange;
pub mod logging;
pub mod metrics;
mod refusal;
mod refusals;
mod reloads;
pub mod terminal;

pub use exchange::{Chosen, Exchange, ExchangeFacts, Outcome, RequestId};
pub use refusal::{ConnectionFacts, RefusalEvent};
pub use refusals::Refusals;
pub use reloads::{Reload, ReloadLog, Reloaded};
