//! The operator's certificates, keys and CA files: read, understood, and judged.
//!
//! Whatever is wrong with a file lands in the one [`Report`](crate::config::Report), with the command that
//! mends it; nothing here stops at the first problem. What comes out is ready for use: a server's chain
//! whose key belongs to it, and trust anchors that are in force.
//!
//! `file` reads, `pem` and `der` recognise, `server` and `client_ca` judge; the rest is what they judge by.

mod certificate;
mod chain;
mod challenge;
mod client_ca;
mod crl;
mod der;
mod file;
#[cfg(any(test, fuzzing))]
pub(in crate::tls) mod fuzzing;
mod key;
mod key_der;
mod locked_key;
mod names;
mod opened_keys;
mod pair_files;
mod passphrase;
mod pem;
mod presented;
mod public_roots;
mod server;
mod server_warnings;
#[cfg(test)]
mod testing;
mod unlock;
mod upstream_ca;
mod validity;
mod wrong_kind;

pub(super) use certificate::{Certificate, Signature, key_flaw};
pub use challenge::Challenge;
pub use client_ca::{ClientTrust, TrustedCa, load_client_ca};
pub use crl::{CRL_BYTES_MAX, is_named_like_a_crl};
pub(super) use der::{content, public_key_info};
pub use file::FILE_BYTES_MAX;
pub use opened_keys::OpenedKeys;
pub use presented::{NotAChain, presented_chain};
pub(super) use server::load_own;
pub use server::{ServerMaterial, load_server};
pub(super) use upstream_ca::load_upstream_ca;
