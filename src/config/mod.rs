//! `gateway.toml`: from text to checked domain types, with every problem reported at once.
//!
//! `syntax` makes a tree of the text, `raw` reads its keys as written, `resolve` turns them into the
//! [`model`](Config), `report` says what is wrong and `render` how that looks. Certificates and keys are
//! read later, by the TLS layer, into the same [`Report`].

mod canonical_path;
mod foreign;
pub mod keys;
mod load;
mod model;
mod path;
mod pattern;
mod raw;
mod regular;
mod render;
mod report;
mod resolve;
mod rule;
mod syntax;
#[cfg(test)]
mod tests;
mod units;
mod unknown;
mod withheld;

pub use canonical_path::{Ambiguous, CanonicalPath};
pub use load::{
    ControlSocket, Faulty, SOURCE_BYTES_MAX, control_socket, load, load_regular, parse,
};
pub use model::{
    AccessField, AccessFormat, AccessLog, AccessPattern, AccessPiece, AccessTarget, Action, Admin,
    Answers, Balance, BodyRate, CaHints, Client, ClientMode, Config, CrlCheck, CrlMissing,
    Endpoint, ExtendedKeyUsage, HashKey, HeaderRules, HealthCheck, IdentityFormat, IdentityHeaders,
    Legacy, Limits, Listener, Log, LogFormat, Member, OnDoubt, Piece, Proxy, Quoted, Retry, Route,
    RouteClient, RoutePath, Runtime, Sandbox, ServerName, Site, SiteLimits, Template, Timeouts,
    Tls, TlsVersion, Upgrade, Upstream, Warnings,
};
pub use path::{is_credential, is_missing_credential};
pub use regular::open_regular;
pub use render::{Palette, Rendered};
pub use report::{Located, Place, Problem, Report, Severity, Source};
pub use rule::{Condition, Rule};
