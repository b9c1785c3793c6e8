//! What became of a request, and what its client gets of that: the response of the app or of the route, or an answer of
//! the gateway's own.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{Response, Version, header};
use hyper::body::Incoming;

use crate::config::Route;
use crate::observe::{Exchange, Outcome};
use crate::upstream::Lease;

use super::body::{Progress, RequestBody, ResponseBody};
use super::patience::Patience;
use super::upgrade::Switched;
use super::{Answer, Caller, Recall, grpc};

/// How a request was asked, as far as an answer of the gateway's own depends on it.
#[derive(Clone, Copy)]
pub(super) struct Manner {
    pub(super) version: Version,
    pub(super) is_connect: bool,
    pub(super) is_grpc: bool,
}

/// What a route makes of a request.
pub(super) enum Reply<'a> {
    /// The app's response, the connection that it comes from, whether it may last, and whose word holds for the rest.
    OfApp(Response<Incoming>, Lease<RequestBody>, Rc<Recall>, &'a Route),
    /// The app changes the protocol.
    Switched(Box<Switched>),
    /// The route's own, and what it is called in the log.
    OfRoute(Response<Bytes>, &'static str),
    /// The connection is closed.
    Nothing,
}

/// The response as the client gets it, and what its body may take of time.
pub(super) fn answer(
    caller: &Caller,
    exchange: Exchange,
    replied: Result<Reply<'_>, Denied>,
    progress: &Rc<Progress>,
    manner: Manner,
) -> Response<(ResponseBody, Patience)> {
    let (response, code) = match replied {
        Ok(Reply::OfApp(response, lease, recall, route)) => {
            let (head, incoming) = response.into_parts();
            exchange.responded(head.status);
            progress.is_answered.set(true);
            let patience = Patience::of(route);
            let waits = (patience.idle, route.timeouts.exchange_timeout);
            let progress = Rc::clone(progress);
            let body = ResponseBody::upstream(exchange, incoming, lease, recall, progress, waits);
            return Response::from_parts(head, (body, patience));
        }
        Ok(Reply::OfRoute(response, code)) => (response, Some(code)),
        Ok(Reply::Nothing | Reply::Switched(_)) => (Response::new(Bytes::new()), None),
        Err(Denied { answer, cause, is_read, retry_after }) => {
            let (own, code, _) = answer.parts();
            exchange.set_cause(&cause);
            let answers = &caller.site.config.answers;
            let mut response = match manner.is_grpc {
                true => grpc::response(answer, exchange.id()),
                false => answer.response(exchange.id(), answers, manner.version),
            };
            if manner.is_connect {
                // A configuration may give all answers the status 200; here the client would take it for a tunnel.
                *response.status_mut() = own;
            }
            if let Some(wait) = retry_after {
                // Whole seconds (RFC 9110 section 10.2.3), and none too few.
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                response.headers_mut().insert(header::RETRY_AFTER, seconds.max(1).into());
            }
            (response, is_read.then_some(code))
        }
    };
    exchange.responded(response.status());
    if let Some(code) = code {
        exchange.ended(Outcome::Answered(code));
    }
    let idle = caller.site.config.timeouts.body_idle_timeout;
    // Too few bytes for a rate.
    let patience = Patience { idle, rate: None };
    response.map(|bytes| (ResponseBody::own(exchange, bytes), patience))
}

/// A request that got the gateway's own answer.
pub(super) struct Denied {
    pub(super) answer: Answer,
    /// For the log.
    pub(super) cause: String,
    /// When it may be worth another try.
    pub(super) retry_after: Option<Duration>,
    /// Whether anybody is there to read it: not where the client broke off its own request.
    pub(super) is_read: bool,
}

impl Denied {
    pub(super) fn new(answer: Answer, cause: impl Into<String>) -> Self {
        Self { answer, cause: cause.into(), is_read: true, retry_after: None }
    }
}
