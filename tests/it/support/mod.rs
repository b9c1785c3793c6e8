//! What the tests are made of: certificates, a gateway, an app and clients, each of one test alone.

pub mod client;
pub mod events;
pub mod frames;
pub mod gateway;
pub mod h2;
pub mod message;
pub mod openssl;
pub mod pki;
pub mod port;
pub mod upstream;

use std::time::Duration;

/// How long a test waits for what must happen before it fails; nothing that works comes near it.
pub const PATIENCE: Duration = Duration::from_secs(20);
