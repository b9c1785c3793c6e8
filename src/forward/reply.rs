//! The gateway's own answers: one table from what happened to a status and a small JSON body.
//!
//! Platforms parse what they get, so every answer has a stable `code`, a sentence and the request's id,
//! and nothing of the inside: no address, no path, no cause. Those are in the log, under the same id.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, HeaderName, Response, StatusCode, Version};

use crate::config::{Answers, Piece, Template};
use crate::observe::RequestId;
use crate::policy::Reason;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The methods that are known to be forwarded.
pub(super) const FORWARDED_METHODS: HeaderValue =
    HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");

/// An answer of the gateway itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The request breaks the rules of HTTP, or could be read in two ways.
    BadRequest,
    /// Plain HTTP came to the TLS port.
    PlainHttp,
    /// Verified, but not admitted.
    NotAllowed,
    /// Refused in the handshake, where the site answers instead of sending an alert.
    Refused(Reason),
    /// Let in when the connection began, and not trusted any more.
    NotTrusted(Reason),
    /// A path that servers read in different ways, where routes depend on it.
    AmbiguousPath,
    /// A method that the gateway does not forward.
    MethodNotAllowed,
    /// A stream of HTTP/2 that is to be something which it may not be here.
    ProtocolNotServed,
    /// The request's body stood still for too long.
    RequestTimeout,
    /// The request's body is above the site's ceiling.
    BodyTooLarge,
    /// The request's target is too long.
    UriTooLong,
    /// An expectation other than `100-continue`.
    ExpectationFailed,
    /// The client, or all of a site, ask more often than they may.
    TooManyRequests,
    /// As many requests are under way as there may be.
    Overloaded,
    /// Plain HTTP asked for a file of a challenge that is not there.
    NoChallenge,
    /// The host is not one of the connection's site.
    Misdirected,
    /// The request's head is above the site's ceiling.
    HeaderTooLarge,
    /// What the app must be told of the client is above the site's ceiling.
    IdentityTooLarge,
    /// The app cannot be reached.
    UpstreamUnreachable,
    /// The app has all the connections that it may have.
    UpstreamBusy,
    /// The app closed the connection without an answer.
    UpstreamClosed,
    /// The app's answer cannot be understood.
    UpstreamInvalid,
    /// The app did not answer in time.
    UpstreamTimeout,
}

impl Answer {
    /// Every answer, for documentation.
    pub const ALL: [Self; 23] = [
        Self::BadRequest,
        Self::PlainHttp,
        Self::NotAllowed,
        Self::NotTrusted(Reason::Expired),
        Self::Refused(Reason::Expired),
        Self::AmbiguousPath,
        Self::NoChallenge,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::BodyTooLarge,
        Self::UriTooLong,
        Self::ExpectationFailed,
        Self::Misdirected,
        Self::TooManyRequests,
        Self::HeaderTooLarge,
        Self::IdentityTooLarge,
        Self::ProtocolNotServed,
        Self::UpstreamUnreachable,
        Self::Overloaded,
        Self::UpstreamBusy,
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
            Self::Refused(_) => (S::FORBIDDEN, "refused", "this client is not let in"),
            Self::AmbiguousPath => (
                S::BAD_REQUEST,
                "ambiguous-path",
                "the request's path can be read in more than one way",
            ),
            Self::NoChallenge => (S::NOT_FOUND, "no-challenge", "there is no such challenge"),
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
            Self::TooManyRequests => (
                S::TOO_MANY_REQUESTS,
                "too-many-requests",
                "there are more requests than are allowed",
            ),
            Self::Overloaded => {
                (S::SERVICE_UNAVAILABLE, "overloaded", "the gateway takes no more requests now")
            }
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
            Self::ProtocolNotServed => {
                (S::NOT_IMPLEMENTED, "protocol-not-served", "this protocol is not served here")
            }
            Self::UpstreamUnreachable => {
                (S::BAD_GATEWAY, "upstream-unreachable", "the app cannot be reached")
            }
            Self::UpstreamBusy => {
                (S::SERVICE_UNAVAILABLE, "upstream-busy", "the app takes no more requests now")
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
                | Self::Refused(_)
                | Self::MethodNotAllowed
                | Self::RequestTimeout
                | Self::BodyTooLarge
                | Self::UriTooLong
                | Self::ExpectationFailed
                | Self::HeaderTooLarge
        )
    }

    /// The gateway's own body, for where no site is known.
    pub fn body(self, id: RequestId) -> String {
        let (_, code, message) = self.parts();
        let reason = match self {
            Self::NotTrusted(reason) | Self::Refused(reason) => format!("\"reason\":\"{reason}\","),
            _ => String::new(),
        };
        // Codes, sentences and ids hold nothing that JSON would escape.
        format!(
            "{{\"code\":\"{code}\",\"message\":\"{message}\",{reason}\"request_id\":\"{id}\"}}\n"
        )
    }

    /// The body in a site's own words.
    fn rendered(self, template: &Template, id: RequestId) -> String {
        let (status, code, message) = self.parts();
        template.render(|place| match place {
            Piece::RequestId => id.to_string().into(),
            Piece::Status => status.as_str().to_owned().into(),
            Piece::Code => code.into(),
            Piece::Message => message.into(),
            Piece::Reason => match self {
                Self::NotTrusted(reason) | Self::Refused(reason) => reason.to_string().into(),
                _ => "".into(),
            },
            // The configuration lets no other into such a text.
            _ => "".into(),
        })
    }

    /// The response as a site words it, for a request of the given version.
    pub fn response(self, id: RequestId, answers: &Answers, version: Version) -> Response<Bytes> {
        let (own, ..) = self.parts();
        let body = match &answers.body {
            Some(template) => self.rendered(template, id),
            None => self.body(id),
        };
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = answers.status.unwrap_or(own);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, answers.content_type.clone());
        name_request(headers, id);
        if own == StatusCode::METHOD_NOT_ALLOWED {
            // RFC 9110 section 15.5.6 wants the methods that would do; the app decides on all others.
            headers.insert(http::header::ALLOW, FORWARDED_METHODS);
        }
        if self.closes() && version < Version::HTTP_2 {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// Says in an answer of the gateway which exchange it belongs to.
pub(super) fn name_request(headers: &mut HeaderMap, id: RequestId) {
    if let Ok(id) = HeaderValue::try_from(id.to_string()) {
        headers.insert(REQUEST_ID, id);
    }
}
