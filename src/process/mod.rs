//! Being a Unix process: signals, what they mean for the workers, and reloading.

mod control_socket;
mod reload;
mod signals;

pub use control_socket::{AskError, Reply, ask, listen, own_path, usual_path};
pub use reload::{Outcome, Reloads, log_problems, start as start_reloads};
pub use signals::{Duties, watch};

pub use crate::tls::unix_now;
