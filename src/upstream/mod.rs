//! The app's side: connections to endpoints, kept and reused, and one request sent on one of them.
//!
//! Everything here but the state of endpoints belongs to one worker: a request never crosses a thread to find a
//! connection. [`Upstreams::send`] uses up a [`Permit`], so that a request which nobody judged cannot be sent.

mod balance;
mod carrier;
mod check;
mod connect;
mod early_answer;
mod error;
mod first_frame;
mod health;
mod hold;
mod known;
mod multiplexed;
mod pool;
mod stream;
mod upgraded;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body::Body;
use hyper::body::Incoming;

use crate::config::{Endpoint, Protocol, Retry, SiteLimits, Timeouts, Upstream};
use crate::observe::Chosen;
use crate::observe::metrics::LocalCounters;
use crate::policy::Permit;
use crate::tls::AppTls;

pub use check::check;
pub use connect::probe;
pub use error::{Failure, SendError};
pub use health::{EndpointState, EndpointStates};
pub use pool::Lease;
pub use upgraded::Upgraded;

use balance::{Candidate, Turns};
use carrier::is_refused;
use hold::Hold;
use known::{Known, Registry};

/// How often one request is sent again because an app has refused it unseen: a loop of that would be endless.
const REFUSED_MAX: usize = 3;

/// How late a response is still counted as late.
const LATE_MAX: Duration = Duration::from_secs(30);

/// How to treat an endpoint's connections, from the configuration of a route and its site.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// For connecting.
    pub connect_timeout: Duration,
    /// How long an unused connection is kept.
    pub idle_timeout: Duration,
    /// How many unused connections are kept.
    pub idle_max: usize,
    /// How long a connection to a name is used.
    pub dns_refresh: Duration,
    /// How long a request waits while no endpoint can be connected.
    pub hold_timeout: Option<Duration>,
    /// How many may wait so.
    pub held_max: usize,
}

impl Options {
    /// What a route, its site and its app say.
    pub fn of(timeouts: &Timeouts, limits: &SiteLimits, upstream: &Upstream) -> Self {
        Self {
            connect_timeout: timeouts.upstream_connect_timeout,
            idle_timeout: timeouts.upstream_idle_timeout,
            idle_max: limits.upstream_idle_max,
            dns_refresh: upstream.dns_refresh,
            hold_timeout: timeouts.hold_timeout,
            held_max: limits.held_requests_max,
        }
    }
}

/// A request on its way, beside the request itself.
pub struct Call<B> {
    /// The app.
    pub upstream: Arc<Upstream>,
    /// How to treat its connections.
    pub options: Options,
    /// What connections for it say of the client before anything else; they carry no request of which another would be
    /// said.
    pub announced: Option<Rc<[u8]>>,
    /// What the request is told by, where endpoints are chosen by that.
    pub key: String,
    /// What makes a body without a byte, if the request has such a one: then it can be made again.
    pub empty: Option<fn() -> B>,
    /// Whether it may be done twice (RFC 9110 section 9.2.2).
    pub is_idempotent: bool,
    /// Set to the place of the endpoint that is tried.
    pub chosen: Chosen,
    /// What may have changed while it waited for a connection.
    pub now: Rc<dyn Now>,
}

/// What holds for a request at this moment, however long ago it came.
pub trait Now {
    /// Whether it still may be sent: asked right before it is.
    fn may_go(&self) -> bool;

    /// How TLS is spoken with an app; `None` where it is not.
    fn tls(&self, upstream: &Upstream) -> Option<Arc<AppTls>>;
}

/// Which of the connections that are kept will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reuse {
    /// The next, as what is sent on it can be sent again.
    Any,
    /// One of which is known that the app has not closed it.
    Sure,
    /// None.
    None,
}

/// One worker's connections to all endpoints.
pub struct Upstreams<B> {
    endpoints: RefCell<Registry<B>>,
    states: Arc<EndpointStates>,
    turns: Turns,
    hold: Hold,
    budget: hold::RetryBudget,
    counters: Rc<LocalCounters>,
    /// Among how many workers ceilings are divided.
    workers: usize,
}

impl<B> Upstreams<B> {
    /// None yet; what becomes of them is counted. The states are those of all workers, of which there are so many.
    pub fn new(counters: Rc<LocalCounters>, states: Arc<EndpointStates>, workers: usize) -> Self {
        Self {
            endpoints: RefCell::default(),
            states,
            turns: Turns::default(),
            hold: Hold::default(),
            budget: hold::RetryBudget::default(),
            counters,
            workers: workers.max(1),
        }
    }
}

impl<B> Upstreams<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Sends one request and waits for the head of its response. The [`Lease`] must be kept until the
    /// response's body has been read; it gives the connection back.
    ///
    /// A request that provably was not sent goes to another endpoint, or waits for one where the options say so. One
    /// that was sent goes out once more only if it may be done twice: on a new connection, if a kept one was closed
    /// without a word, as it may have been before the request came (RFC 9112 section 9.3.1); and to another endpoint,
    /// if the upstream says so and not too many do.
    ///
    /// # Errors
    /// [`SendError`], which says what happened to the endpoint that was tried last, or that the request may not be sent
    /// any more.
    pub async fn send(
        &self,
        _permit: Permit,
        call: &Call<B>,
        mut request: Box<Request<B>>,
    ) -> Result<(Response<Incoming>, Lease<B>), SendError> {
        let upstream = &*call.upstream;
        self.budget.earn();
        let mut tried = Vec::new();
        let mut refused = 0;
        let mut wait = self.hold.wait(&call.options);
        let is_repeatable = call.is_idempotent && call.empty.is_some();
        let mut reuse = if is_repeatable { Reuse::Any } else { Reuse::Sure };
        loop {
            // What is trusted now: nothing goes to whom a reload has put out of trust.
            let tls = call.now.tls(upstream);
            let Some(index) = self.choose(call, tls.as_ref(), &tried) else {
                // Every endpoint has failed this request.
                tried.clear();
                wait.pause().await?;
                continue;
            };
            let endpoint = &upstream.endpoints[index].endpoint;
            call.chosen.set(Some(index));
            let known = self.known(endpoint, tls.as_ref());
            // Divided among the workers, and at least one each.
            let ceiling = upstream.connections_max.map(|max| max.div_ceil(self.workers));
            let (carrier, is_reused) = match known.carrier(&self.hold, ceiling, call, reuse).await {
                Ok(carrier) => carrier,
                Err(error) => {
                    // Once a request, however often it comes back.
                    if error.failure != Failure::Busy {
                        known.state.failed(upstream);
                        known.counters.failures.add(u64::from(!wait.has_waited()));
                    }
                    tried.push(index);
                    wait.failed(error);
                    continue;
                }
            };
            if call.now.tls(upstream) != tls {
                // A reload came while it connected; what that has opened is of no use any more.
                continue;
            }
            if !call.now.may_go() {
                known.put(carrier, call.options);
                return Err(SendError::recalled(endpoint));
            }
            let is_asked = call.is_idempotent && (is_reused || upstream.retry == Retry::Idempotent);
            let is_copied = is_asked || carrier.may_refuse();
            let copy =
                call.empty.filter(|_| is_copied).map(|empty| Box::new(copied(&request, empty())));
            carrier.upgrades(request.headers().contains_key(header::UPGRADE));
            let mut lease = Lease::new(Rc::clone(&known.pool), carrier, call.options);
            let mut error = match lease.carrier().send(*request).await {
                Ok(response) => {
                    known.state.succeeded();
                    return Ok((response, lease));
                }
                Err(error) => error,
            };
            if let Some(unsent) = error.take_message() {
                *request = unsent;
                if is_reused {
                    // It was closed meanwhile; that says nothing of the endpoint.
                    known.counters.retries.add(1);
                } else {
                    known.failed(upstream);
                    tried.push(index);
                    wait.failed(SendError::exchange(endpoint, error.into_error()));
                }
                continue;
            }
            let error = error.into_error();
            let is_refused = is_refused(&error);
            let error = SendError::exchange(endpoint, error);
            // For all that is known, it crossed the end of a connection that the app closed (RFC 9112 section 9.3.1). A
            // stream that is reset says nothing of that kind.
            let crossed = call.is_idempotent
                && is_reused
                && reuse != Reuse::None
                && endpoint.protocol != Protocol::H2c
                && error.failure == Failure::Closed;
            let copy = match copy {
                Some(copy) if crossed || is_refused && refused < REFUSED_MAX => {
                    // Not counted as a failure: an app that closes does so.
                    known.counters.retries.add(1);
                    request = copy;
                    refused += 1;
                    if crossed {
                        reuse = Reuse::None;
                    }
                    continue;
                }
                copy => copy,
            };
            // A body that its client broke off is no fault of the app.
            if error.failure == Failure::RequestBody {
                return Err(error);
            }
            known.failed(upstream);
            let may_be_done_twice = call.is_idempotent && upstream.retry == Retry::Idempotent;
            match copy.filter(|_| may_be_done_twice) {
                Some(copy) if self.budget.spend() => {
                    known.counters.retries.add(1);
                    request = copy;
                    tried.push(index);
                    wait.failed(error);
                    wait.gives_up();
                }
                _ => return Err(error),
            }
        }
    }

    /// Notes a failure of an endpoint that only its response, or the lack of one, has shown.
    pub fn failed(&self, upstream: &Upstream, endpoint: &Endpoint, tls: Option<&Arc<AppTls>>) {
        let known = self.known(endpoint, tls);
        known.failed(upstream);
        known.pool.distrust();
    }

    /// Goes on waiting for a response that its caller does not wait for any more, and counts it if it comes. As many
    /// are waited for as may be held.
    pub fn count_when_late(
        &self,
        sent: impl Future<Output = Result<(Response<Incoming>, Lease<B>), SendError>> + 'static,
        endpoint: &Endpoint,
        options: Options,
    ) {
        let known = self.known(endpoint, None);
        let Some(place) = self.hold.place(&options) else {
            return;
        };
        tokio::task::spawn_local(async move {
            let answered = tokio::time::timeout(LATE_MAX, sent).await;
            if matches!(answered, Ok(Ok(_))) {
                known.counters.late.add(1);
            }
            drop(place);
        });
    }

    /// An endpoint that this request has not tried.
    fn choose(&self, call: &Call<B>, tls: Option<&Arc<AppTls>>, tried: &[usize]) -> Option<usize> {
        let upstream = &*call.upstream;
        if upstream.endpoints.len() == 1 {
            return tried.is_empty().then_some(0);
        }
        let members = upstream.endpoints.iter().enumerate();
        let candidates =
            members.filter(|(index, _)| !tried.contains(index)).map(|(index, member)| {
                let known = self.known(&member.endpoint, tls);
                Candidate {
                    index,
                    in_use: known.pool.in_use(),
                    weight: f64::from(member.weight) * known.state.share(upstream.slow_start),
                    is_backup: member.is_backup,
                    is_out: known.state.is_out(),
                }
            });
        self.turns.choose(upstream, &candidates.collect::<Vec<_>>(), &call.key)
    }

    fn known(&self, endpoint: &Endpoint, tls: Option<&Arc<AppTls>>) -> Rc<Known<B>> {
        self.endpoints.borrow_mut().known(endpoint, tls, &self.states, &self.counters)
    }
}

/// The same request once more.
fn copied<B>(request: &Request<B>, body: B) -> Request<B> {
    let mut copy = Request::new(body);
    *copy.method_mut() = request.method().clone();
    *copy.version_mut() = request.version();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}
