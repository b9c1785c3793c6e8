//! The way of a request to its app, until the head of the response: which endpoint, how long, and what to answer where
//! there is no response.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method, Request, Response};
use hyper::body::Incoming;
use tokio::time::Instant;
use tracing::warn;

use crate::config::{Balance, Endpoint, HashKey, Route, Upstream};
use crate::observe::{Chosen, Exchange, Outcome};
use crate::policy::Permit;
use crate::tls::AppTls;
use crate::upstream::{Call, Failure, Lease, Options, SendError};

use super::body::{BodyError, Progress, RequestBody};
use super::deadlines::Deadlines;
use super::recall::Recall;
use super::reply::Answer;
use super::upgrade::{Switched, Wanted};
use super::{Caller, Denied};

/// What of a caller's time is kept for the way of the answer: a tenth, and at least this.
const MARGIN_MIN: Duration = Duration::from_millis(50);

/// One request that goes to an app.
pub(super) struct Sending<'a> {
    pub(super) caller: &'a Caller,
    pub(super) exchange: &'a Exchange,
    pub(super) route: &'a Route,
    pub(super) upstream: &'a Arc<Upstream>,
    pub(super) progress: &'a Progress,
    /// Since when the caller waits: longer than the exchange lasts, where it had to shake hands first.
    pub(super) since: Instant,
    pub(super) recall: Rc<Recall>,
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        if let Some(cause) = self.recall.cut_by() {
            self.exchange.ended(Outcome::Truncated(cause));
        }
    }
}

impl Sending<'_> {
    /// Sends it, and waits for the head of the response.
    pub(super) async fn send(
        &self,
        permit: Permit,
        request: Box<Request<RequestBody>>,
    ) -> Result<(Response<Incoming>, Lease<RequestBody>), Denied> {
        let upstreams = Rc::clone(&self.caller.upstreams);
        let chosen = Chosen::default();
        let call = self.call(&request, Rc::clone(&chosen));
        let options = call.options;
        self.exchange.set_upstream(Arc::clone(self.upstream), Rc::clone(&chosen));
        // Made where it is awaited: a future that is moved takes its room twice.
        let send = move || async move { upstreams.send(permit, &call, request).await };
        let timeouts = &self.route.timeouts;
        let due = timeouts.callback_budget.map(|budget| {
            let limit = budget.saturating_sub((budget / 10).max(MARGIN_MIN));
            (self.since + limit, limit)
        });
        let deadlines = Deadlines { started: self.exchange.started(), timeouts, due };
        let late = if due.is_none() {
            tokio::select! {
                sent = send() => return sent.map_err(|error| self.denied(&error)),
                late = deadlines.passed(self.progress) => late,
            }
        } else {
            let mut sent = Box::pin(send());
            tokio::select! {
                sent = &mut sent => return sent.map_err(|error| self.denied(&error)),
                late = deadlines.passed(self.progress) => {
                    self.recall.answered();
                    if let Some(endpoint) = self.endpoint(&chosen) {
                        // The caller has its answer; whether the app would have had one is counted.
                        self.caller.upstreams.count_when_late(sent, endpoint, options);
                    }
                    late
                }
            }
        };
        let Some(endpoint) = self.endpoint(&chosen) else {
            return Err(denied(&SendError::nowhere()));
        };
        self.caller.upstreams.failed(self.upstream, endpoint, self.tls());
        Err(denied(&SendError::timeout(endpoint, Failure::ResponseTimeout, late)))
    }

    /// The app changes the protocol, as it was asked to.
    pub(super) async fn switch(
        &self,
        wanted: Wanted,
        mut response: Response<Incoming>,
        mut lease: Lease<RequestBody>,
    ) -> Result<Switched, Denied> {
        wanted.take(&mut response).map_err(|cause| self.invalid(cause))?;
        let head = response.map(drop);
        let Some(app) = lease.upgraded().await else {
            return Err(self.invalid("a switch of protocols, and then the end of the connection"));
        };
        let (recall, idle) = (Rc::clone(&self.recall), self.route.timeouts.tunnel_idle_timeout);
        Ok(Switched { wanted, head, app, lease, recall, idle })
    }

    /// The app answered, with what cannot be passed on.
    pub(super) fn invalid(&self, cause: &'static str) -> Denied {
        let Some(member) = self.exchange.endpoint() else {
            return denied(&SendError::nowhere());
        };
        self.caller.upstreams.failed(self.upstream, &member.endpoint, self.tls());
        denied(&SendError::invalid_response(&member.endpoint, cause))
    }

    fn denied(&self, error: &SendError) -> Denied {
        self.recall.denied().unwrap_or_else(|| denied(error))
    }

    /// How TLS is spoken with the app.
    fn tls(&self) -> Option<&Arc<AppTls>> {
        self.caller.generation.app_tls(self.upstream)
    }

    fn endpoint(&self, chosen: &Chosen) -> Option<&Endpoint> {
        self.upstream.endpoints.get(chosen.get()?).map(|member| &member.endpoint)
    }

    fn call(&self, request: &Request<RequestBody>, chosen: Chosen) -> Call<RequestBody> {
        let (site, recall) = (&self.caller.site.config, Rc::clone(&self.recall));
        Call {
            upstream: Arc::clone(self.upstream),
            options: Options::of(&self.route.timeouts, &site.limits, self.upstream),
            announced: self
                .upstream
                .proxy_protocol
                .map(|version| Rc::clone(self.caller.announced(version))),
            key: self.key(request.headers()),
            empty: self.progress.ended.get().then_some(RequestBody::empty),
            is_idempotent: Self::is_idempotent(request),
            chosen,
            now: recall,
        }
    }

    /// What a request is told by, where that chooses its endpoint.
    fn key(&self, headers: &HeaderMap) -> String {
        let Balance::Hash(key) = &self.upstream.balance else {
            return String::new();
        };
        let of_client = match key {
            HashKey::ClientAddress => None,
            HashKey::Identity => {
                let identity = self.caller.verdict.identity();
                identity.map(|identity| identity.name().to_owned())
            }
            HashKey::Header(name) => {
                let value = headers.get(name);
                value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            }
        };
        of_client.unwrap_or_else(|| self.caller.peer.ip().to_string())
    }

    /// Whether the request may be done twice (RFC 9110 section 9.2.2).
    fn is_idempotent(request: &Request<RequestBody>) -> bool {
        const IDEMPOTENT: [Method; 5] =
            [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE];
        IDEMPOTENT.contains(request.method())
    }
}

/// The answer for what went wrong on the way to the upstream and back.
fn denied(error: &SendError) -> Denied {
    if error.failure != Failure::RequestBody {
        warn!(target: "upstream", endpoint = error.endpoint, cause = error.cause, "an upstream failed");
    }
    let answer = match error.failure {
        Failure::Unreachable => Answer::UpstreamUnreachable,
        Failure::Busy => Answer::UpstreamBusy,
        Failure::Closed => Answer::UpstreamClosed,
        Failure::InvalidResponse => Answer::UpstreamInvalid,
        // Who recalled it says why, so that this answer is for nobody.
        Failure::ConnectTimeout | Failure::ResponseTimeout | Failure::Recalled => {
            Answer::UpstreamTimeout
        }
        Failure::RequestBody => match body_error(error) {
            Some(BodyError::TooLarge(_)) => Answer::BodyTooLarge,
            Some(BodyError::Idle(_) | BodyError::TooSlow(_)) => Answer::RequestTimeout,
            _ => Answer::BadRequest,
        },
    };
    let is_read = !matches!(body_error(error), Some(BodyError::Broken(error)) if is_gone(error));
    Denied { is_read, ..Denied::new(answer, error.cause.as_str()) }
}

/// Whether the client closed, rather than sent what cannot be understood.
fn is_gone(error: &hyper::Error) -> bool {
    use std::io::ErrorKind as K;
    let io = std::error::Error::source(error).and_then(|source| source.downcast_ref());
    error.is_incomplete_message()
        || error.is_closed()
        || io.map(std::io::Error::kind).is_some_and(|kind| {
            matches!(
                kind,
                K::UnexpectedEof | K::ConnectionReset | K::ConnectionAborted | K::BrokenPipe
            )
        })
}

fn body_error(error: &SendError) -> Option<&BodyError> {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if let Some(error) = inner.downcast_ref() {
            return Some(error);
        }
        source = inner.source();
    }
    None
}
