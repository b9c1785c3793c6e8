//! What operators see: the log, its access lines, and refusals. Nothing here decides anything.

mod exchange;
pub mod logging;
mod refusal;
mod refusals;
pub mod terminal;

pub use exchange::{Exchange, ExchangeFacts, Outcome, RequestId};
pub use refusal::{ConnectionFacts, RefusalEvent};
pub use refusals::Refusals;
