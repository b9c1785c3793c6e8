//! The gateway's own answers: one table from what happened to a status and a small JSON body.
//!
//! Platforms parse what they get, so every answer has a stable `code`, a sentence and the request's id,
//! and nothing of the inside: no address, no path, no cause. Those are in the log, under the same id.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode, Version};

use crate::observe::RequestId;
use crate::policy::Reason;

/// An answer of the gateway itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The request breaks the rules of HTTP, or could be read in two ways.
    BadRequest,
    /// Plain HTTP came to the TLS port.
    PlainHttp,
    /// Verified, but not admitted.
    NotAllowed,
    /// Let in when the connection began, and not trusted any more.
    NotTrusted(Reason),
    /// A method that the gateway does not forward.
    MethodNotAllowed,
    /// The request's body stood still for too long.
    RequestTimeout,
    /// The request's body is above the site's ceiling.
    BodyTooLarge,
    /// The request's target is too long.
    UriTooLong,
    /// An expectation other than `100-continue`.
    ExpectationFailed,
    /// The host is not one of the connection's site.
    Misdirected,
    /// The request's head is above the site's ceiling.
    HeaderTooLarge,
    /// What the app must be told of the client is above the site's ceiling.
    IdentityTooLarge,
    /// The app cannot be reached.
    UpstreamUnreachable,
    /// The app closed the connection without an answer.
    UpstreamClosed,
    /// The app's answer cannot be understood.
    UpstreamInvalid,
    /// The app did not answer in time.
    UpstreamTimeout,
}

impl Answer {
    /// Every answer, for documentation.
    pub const ALL: [Self; 16] = [
        Self::BadRequest,
        Self::PlainHttp,
        Self::NotAllowed,
        Self::NotTrusted(Reason::Expired),
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::BodyTooLarge,
        Self::UriTooLong,
        Self::ExpectationFailed,
        Self::Misdirected,
        Self::HeaderTooLarge,
        Self::IdentityTooLarge,
        Self::UpstreamUnreachable,
        Self::UpstreamClosed,
        Self::UpstreamInvalid,
        Self::UpstreamTimeout,
    ];

    /// The status, the stable code and the sentence.
    pub fn parts(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::BadRequest => {
                (S::BAD_REQUEST, "bad-request", "the request is not well-formed HTTP")
            }
            Self::PlainHttp => (
                S::BAD_REQUEST,
                "plain-http",
                "this port speaks HTTPS; use https:// instead of http://",
            ),
            Self::NotAllowed => {
                (S::FORBIDDEN, "not-allowed", "this client certificate is not admitted here")
            }
            Self::NotTrusted(_) => {
                (S::FORBIDDEN, "not-trusted", "this client is not trusted any more")
            }
            Self::MethodNotAllowed => {
                (S::METHOD_NOT_ALLOWED, "method-not-allowed", "this method is not forwarded")
            }
            Self::RequestTimeout => {
                (S::REQUEST_TIMEOUT, "request-timeout", "the request did not arrive in time")
            }
            Self::BodyTooLarge => {
                (S::PAYLOAD_TOO_LARGE, "body-too-large", "the request's body is too large")
            }
            Self::UriTooLong => {
                (S::URI_TOO_LONG, "uri-too-long", "the request's target is too long")
            }
            Self::ExpectationFailed => {
                (S::EXPECTATION_FAILED, "expectation-failed", "only 100-continue can be expected")
            }
            Self::Misdirected => (
                S::MISDIRECTED_REQUEST,
                "misdirected-request",
                "this connection does not serve the requested host",
            ),
            Self::HeaderTooLarge => (
                S::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "header-too-large",
                "the request's head is too large",
            ),
            Self::IdentityTooLarge => (
                S::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "identity-too-large",
                "the names in this client certificate are too long to be passed on",
            ),
            Self::UpstreamUnreachable => {
                (S::BAD_GATEWAY, "upstream-unreachable", "the app cannot be reached")
            }
            Self::UpstreamClosed => (
                S::BAD_GATEWAY,
                "upstream-closed",
                "the app ended the connection without an answer",
            ),
            Self::UpstreamInvalid => {
                (S::BAD_GATEWAY, "upstream-invalid", "the app's answer cannot be understood")
            }
            Self::UpstreamTimeout => {
                (S::GATEWAY_TIMEOUT, "upstream-timeout", "the app did not answer in time")
            }
        }
    }

    /// The answer that stands for a status which the HTTP library gave by itself.
    pub fn for_status(status: u16) -> Self {
        match status {
            414 => Self::UriTooLong,
            431 => Self::HeaderTooLarge,
            _ => Self::BadRequest,
        }
    }

    /// Whether the connection must not be used again: what follows on it cannot be trusted to be the
    /// beginning of a request.
    fn closes(self) -> bool {
        matches!(
            self,
            Self::BadRequest
                | Self::NotTrusted(_)
                | Self::MethodNotAllowed
                | Self::RequestTimeout
                | Self::BodyTooLarge
                | Self::UriTooLong
                | Self::ExpectationFailed
                | Self::HeaderTooLarge
        )
    }

    /// The body.
    pub fn body(self, id: RequestId) -> String {
        let (_, code, message) = self.parts();
        let reason = match self {
            Self::NotTrusted(reason) => format!("\"reason\":\"{reason}\","),
            _ => String::new(),
        };
        // Codes, sentences and ids hold nothing that JSON would escape.
        format!(
            "{{\"code\":\"{code}\",\"message\":\"{message}\",{reason}\"request_id\":\"{id}\"}}\n"
        )
    }

    /// The response, for a request of the given version.
    pub(super) fn response(self, id: RequestId, version: Version) -> Response<Bytes> {
        let (status, ..) = self.parts();
        let mut response = Response::new(Bytes::from(self.body(id)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if status == StatusCode::METHOD_NOT_ALLOWED {
            // RFC 9110 section 15.5.6 wants the methods that would do; the app decides on all others.
            let others = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
            headers.insert(http::header::ALLOW, others);
        }
        if self.closes() && version < Version::HTTP_2 {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
