//! Where a request belongs: to a site by its host, and in a site to a route by its path and method.
//!
//! Pure. The same rules judge SNI and `Host`, so that what the handshake verified is what the request gets; and
//! the path that is judged is the path that the app gets.

mod find;
mod names;

pub use find::find;
pub use names::{NameIndex, host_of};
