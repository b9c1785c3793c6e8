//! The gateway's own answers in the words of gRPC: a client of it reads no status of HTTP and no JSON, but
//! `grpc-status` in a response that is nothing but headers (its "Trailers-Only").

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode, Version};

use crate::observe::RequestId;

use super::reply::{Answer, name_request};

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// Whether a request is one of gRPC: in HTTP/2, and with its content type. gRPC-Web has one of its own.
pub(super) fn is_call<B>(request: &Request<B>) -> bool {
    let content_type = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let rest = content_type.and_then(|value| value.strip_prefix(b"application/grpc"));
    let is_grpc = rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')));
    is_grpc && request.version() >= Version::HTTP_2
}

/// The response that says an answer.
pub(super) fn response(answer: Answer, id: RequestId) -> Response<Bytes> {
    let (status, _, message) = answer.parts();
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(STATUS, code(status).into());
    // None of these sentences holds what would have to be escaped.
    headers.insert(MESSAGE, HeaderValue::from_static(message));
    name_request(headers, id);
    response
}

/// As gRPC's "HTTP to gRPC Status Code Mapping" has it, but for a deadline, a size and a target, which it has no
/// status of HTTP for.
fn code(status: StatusCode) -> u16 {
    match status {
        StatusCode::BAD_REQUEST => 13,
        StatusCode::FORBIDDEN => 7,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => 12,
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => 8,
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE => 14,
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => 4,
        _ => 2,
    }
}
