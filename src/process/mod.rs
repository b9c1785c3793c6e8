//! Being a Unix process: signals, what they mean for the workers, reloading, and being a service of systemd.

mod asking;
mod control_socket;
mod handover;
mod inherit;
mod notify;
mod reload;
mod sandbox;
mod secrecy;
mod service;
mod signals;
mod upgrade;
mod watchdog;

pub use asking::{NoOutcome, Outcome, Reloads};
pub use control_socket::{AskError, Reply, ask, listen, own_path, usual_path};
pub use handover::{HandoverError, Predecessor, Program};
pub use inherit::{log_open_files, log_unwanted, sockets_of_systemd};
pub use reload::{log_problems, start as start_reloads};
pub use sandbox::{Needs, Sandbox};
pub use secrecy::{allow_dumps, forbid_dumps};
pub use service::Service;
pub use signals::{Duties, Signals};
pub use upgrade::Upgrades;
pub use watchdog::{start_watchdog, watchdog_patience};

pub use crate::tls::unix_now;
