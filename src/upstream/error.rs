//! What can go wrong with an endpoint: a kind for the answer, a sentence for the log.

use std::error::Error as StdError;
use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use crate::config::{Destination, Endpoint, Protocol};
use crate::tls::app_failure;

/// What kind of failure it was; decides the status that the client gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nobody listens, no route, no such name or socket.
    Unreachable,
    /// Connecting took too long.
    ConnectTimeout,
    /// It has as many connections as it may have, and none became free in time.
    Busy,
    /// The request was not to be sent any more when there was a connection for it.
    Recalled,
    /// The endpoint closed or reset the connection before the head of its response.
    Closed,
    /// What came is not HTTP/1.x, or breaks its rules.
    InvalidResponse,
    /// The response did not begin in time.
    ResponseTimeout,
    /// The body of the request failed: the client's doing.
    RequestBody,
}

/// A request that got no response.
#[derive(Debug, thiserror::Error)]
#[error("{endpoint}: {cause}")]
pub struct SendError {
    /// What kind.
    pub failure: Failure,
    /// Which endpoint.
    pub endpoint: String,
    /// What happened, for the log.
    pub cause: String,
    /// The request body's own error, where that is the reason.
    #[source]
    pub source: Option<Box<dyn StdError + Send + Sync>>,
}

impl SendError {
    /// A failed connect.
    pub(super) fn connect(endpoint: &Endpoint, error: &io::Error) -> Self {
        Self {
            failure: Failure::Unreachable,
            endpoint: endpoint.to_string(),
            cause: unreachable(error),
            source: None,
        }
    }

    /// No connection to be had.
    pub(super) fn busy(endpoint: &Endpoint) -> Self {
        let cause = "all connections that it may have are in use".to_owned();
        Self { failure: Failure::Busy, endpoint: endpoint.to_string(), cause, source: None }
    }

    /// Nothing of the request was sent.
    pub(super) fn recalled(endpoint: &Endpoint) -> Self {
        let cause = "the request was not to be sent any more".to_owned();
        Self { failure: Failure::Recalled, endpoint: endpoint.to_string(), cause, source: None }
    }

    /// An upstream without an endpoint, which no configuration has.
    pub fn nowhere() -> Self {
        let cause = "there is no endpoint".to_owned();
        Self { failure: Failure::Unreachable, endpoint: String::new(), cause, source: None }
    }

    /// A deadline that passed.
    pub fn timeout(endpoint: &Endpoint, failure: Failure, limit: Duration) -> Self {
        let cause = match failure {
            Failure::ConnectTimeout => format!("no connection within {limit:?}"),
            _ => format!("no response within {limit:?}"),
        };
        Self { failure, endpoint: endpoint.to_string(), cause, source: None }
    }

    /// A response that cannot be passed on.
    pub fn invalid_response(endpoint: &Endpoint, cause: impl Into<String>) -> Self {
        let (failure, cause) = (Failure::InvalidResponse, cause.into());
        Self { failure, endpoint: endpoint.to_string(), cause, source: None }
    }

    /// What hyper says of an exchange.
    pub(super) fn exchange(to: &Endpoint, error: hyper::Error) -> Self {
        let endpoint = to.to_string();
        if error.is_user() {
            let (failure, cause) = (Failure::RequestBody, with_sources(&error));
            return Self { failure, endpoint, cause, source: Some(error.into()) };
        }
        let (failure, cause) = if let Some(sentence) = app_failure(&error) {
            // With TLS 1.3 an app says only now that it refuses the gateway's certificate.
            (Failure::Closed, sentence)
        } else if error.is_parse() {
            let mut cause = format!("answered what is not HTTP/1.1: {}", with_sources(&error));
            if to.protocol == Protocol::Http1 && matches!(to.to, Destination::Tcp { .. }) {
                cause.push_str("; if it speaks TLS, write `https://`, and for HTTP/2 `h2c://`");
            }
            (Failure::InvalidResponse, cause)
        } else if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
            (Failure::Closed, "closed the connection before the head of a response".to_owned())
        } else {
            (Failure::Closed, format!("the connection broke: {}", with_sources(&error)))
        };
        Self { failure, endpoint, cause, source: None }
    }
}

/// What a failed connect means, in words.
pub(super) fn unreachable(error: &io::Error) -> String {
    if let Some(sentence) = app_failure(error) {
        return sentence;
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused: nothing listens there".into(),
        io::ErrorKind::NotFound => "no such socket or host: nothing listens there".into(),
        _ => format!("cannot connect: {error}"),
    }
}

fn with_sources(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        // Writing to a String cannot fail.
        _ = write!(text, ": {inner}");
        source = inner.source();
    }
    text
}
