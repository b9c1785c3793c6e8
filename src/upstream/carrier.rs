//! What carries one request: a connection of its own, or one stream of a connection that it shares.

use std::error::Error as StdError;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;

use super::connect::Connection;
use super::multiplexed::Stream;

pub(super) enum Carrier<B> {
    /// HTTP/1.1.
    Connection(Connection<B>),
    /// HTTP/2.
    Stream(Stream<B>),
}

impl<B> Carrier<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    /// Whether the app can say of a request that it has done nothing with it.
    pub(super) fn may_refuse(&self) -> bool {
        matches!(self, Self::Stream(_))
    }

    /// Notes whether the request that is sent next asks for a change of protocol.
    pub(super) fn upgrades(&self, is_upgrading: bool) {
        if let Self::Connection(connection) = self {
            connection.is_upgrading.set(is_upgrading);
        }
    }

    /// Sends a request, and waits for the head of its response.
    ///
    /// # Errors
    /// With the request, if provably nothing of it was sent.
    pub(super) async fn send(
        &mut self,
        request: Request<B>,
    ) -> Result<Response<Incoming>, TrySendError<Request<B>>> {
        match self {
            Self::Connection(connection) => connection.sender.try_send_request(request).await,
            Self::Stream(stream) => stream.send(request).await,
        }
    }
}

/// Whether an endpoint has said that it did nothing with a request: it refused the stream, or is closing and named an
/// earlier one as the last that it answers (RFC 9113 section 8.7).
pub(super) fn is_refused(error: &hyper::Error) -> bool {
    let source = StdError::source(error).and_then(|source| source.downcast_ref::<h2::Error>());
    source.is_some_and(|error| {
        let is_refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
        error.is_remote() && (is_refused || error.is_go_away())
    })
}
