//! Being a Unix process: signals, and what they mean for the workers.

mod signals;

pub use signals::watch;

pub use crate::tls::unix_now;
