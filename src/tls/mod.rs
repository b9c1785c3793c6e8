//! Everything rustls: reading certificates and keys, building a site's TLS, the handshake itself and
//! the verification of client certificates. No other module names a rustls type, but for `pki`, which hands
//! out the certificates that it makes as such.

mod acceptor;
mod alert;
mod algorithms;
mod app;
mod app_failure;
pub mod client;
mod client_hello;
mod client_stream;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod gather;
mod handshake_failure;
mod iana;
pub mod material;
pub mod revocation;
mod server_config;
mod sessions;
mod verdicts;
mod verifier;

pub use acceptor::{
    Arrived, ClientHello, Established, HelloFailure, TlsStream, read_client_hello,
    refuse_unknown_server_name,
};
pub use app::{AppStream, AppTls};
pub use app_failure::failure as app_failure;
pub use client_hello::HelloFacts;
pub use client_stream::ClientStream;
pub use gather::Gathered;
pub use server_config::SiteTls;
pub use verifier::{Admission, ClientVerifier};

/// The time that certificates are judged by: seconds since 1970. A clock before that reads as 1970, when no
/// certificate is valid.
pub fn unix_now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
