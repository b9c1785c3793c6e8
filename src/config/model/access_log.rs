//! `[access_log]`: where access lines go, and how they look. Every field that a line can have stands here once.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use crate::config::report::Located;

/// `[access_log]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLog {
    /// Where the lines go.
    pub target: Located<AccessTarget>,
    /// How they look.
    pub format: AccessFormat,
    /// Lines that wait to be written; further ones are dropped and counted.
    pub queue_lines_max: NonZeroUsize,
}

/// Where access lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessTarget {
    /// The standard error stream, beside the rest of the log.
    Stderr,
    /// The standard output stream.
    Stdout,
    /// A file that lines are added to.
    File(PathBuf),
    /// Nowhere: none are written.
    Off,
}

impl fmt::Display for AccessTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stderr => f.write_str("stderr"),
            Self::Stdout => f.write_str("stdout"),
            Self::File(path) => path.display().fmt(f),
            Self::Off => f.write_str("off"),
        }
    }
}

/// How an access line looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessFormat {
    /// As the log's own text.
    Text,
    /// A JSON object.
    Json,
    /// What the operator wrote, or the `combined` format of nginx and Apache.
    Pattern(AccessPattern),
}

impl AccessFormat {
    /// Whether lines tell this of an exchange; what none tells need not be kept.
    pub fn tells(&self, field: AccessField) -> bool {
        match self {
            Self::Text | Self::Json => AccessField::DOCUMENTED.contains(&field),
            Self::Pattern(pattern) => pattern
                .pieces
                .iter()
                .any(|piece| matches!(piece, AccessPiece::Field(own, _) if *own == field)),
        }
    }
}

/// A line as the operator wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessPattern {
    /// In the order of the line.
    pub pieces: Vec<AccessPiece>,
}

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessPiece {
    /// Text that is the same in every line.
    Literal(String),
    /// What is to be told of the exchange.
    Field(AccessField, Quoted),
}

/// Whether the pattern puts something between double quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quoted {
    /// It does, so that a blank in it ends nothing.
    Yes,
    /// It does not.
    No,
}

/// Makes the fields, their names and the list of them all.
macro_rules! fields {
    ($($(#[$meta:meta])* $id:ident = $name:literal,)*) => {
        /// Something to be told of an exchange; `docs/reference/log.md` says what each means.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum AccessField {
            $($(#[$meta])* $id,)*
        }

        impl AccessField {
            /// Every field, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$id),*];

            /// Its name, in JSON and behind the `$` of a pattern.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$id => $name,)*
                }
            }
        }
    };
}

fields! {
    /// When the exchange was over: UTC, RFC 3339, microseconds.
    Timestamp = "timestamp",
    /// The exchange's name.
    RequestId = "request_id",
    /// The request's method.
    Method = "method",
    /// The host that was asked for.
    Host = "host",
    /// Path and query.
    Path = "path",
    /// The HTTP version.
    Version = "version",
    /// The status that the client got; 0 without one.
    Status = "status",
    /// How the exchange ended.
    Outcome = "outcome",
    /// The code of the gateway's own answer.
    Code = "code",
    /// The whole exchange, in milliseconds.
    TotalMs = "total_ms",
    /// To the head of the response, in milliseconds.
    FirstByteMs = "first_byte_ms",
    /// Body bytes of the request.
    RequestBytes = "request_bytes",
    /// Body bytes of the response.
    ResponseBytes = "response_bytes",
    /// The client's address and port.
    Peer = "peer",
    /// The balancer's address and port, where its word is taken for the client's (PROXY protocol).
    Balancer = "balancer",
    /// The balancer's name for the connection, likewise.
    UniqueId = "unique_id",
    /// A short name of the verified client.
    Identity = "identity",
    /// What verification found.
    Verify = "verify",
    /// The first name of the site.
    Site = "site",
    /// The app's address.
    Upstream = "upstream",
    /// What went wrong, in words.
    Cause = "cause",
    /// The client's address without its port.
    PeerAddress = "peer_address",
    /// When the exchange was over, as nginx's `$time_local`; UTC.
    TimeLocal = "time_local",
    /// The request's `Referer`.
    Referer = "referer",
    /// The request's `User-Agent`.
    UserAgent = "user_agent",
}

impl AccessField {
    /// Those of a line in JSON and in text, in their order; the others are for patterns alone.
    pub const DOCUMENTED: &[Self] = Self::ALL.split_at(21).0;

    /// The field of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::AccessField;

    #[test]
    fn what_json_tells_ends_with_the_cause() {
        assert_eq!(AccessField::DOCUMENTED.last(), Some(&AccessField::Cause));
        for field in AccessField::ALL {
            assert_eq!(AccessField::named(field.as_str()), Some(*field));
        }
    }
}
