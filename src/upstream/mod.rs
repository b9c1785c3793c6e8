//! The app's side: connections to endpoints, kept and reused, and one request sent on one of them.
//!
//! Everything here but the state of endpoints belongs to one worker: a request never crosses a thread to find a
//! connection. [`Upstreams::send`] uses up a [`Permit`], so that a request which nobody judged cannot be sent.

mod balance;
mod check;
mod connect;
mod early_answer;
mod error;
mod health;
mod hold;
mod pool;
mod stream;
mod upgraded;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body::Body;
use hyper::body::Incoming;

use crate::config::{Endpoint, Retry, SiteLimits, Timeouts, Upstream};
use crate::observe::Chosen;
use crate::observe::metrics::{EndpointCounters, LocalCounters};
use crate::policy::Permit;

pub use check::check;
pub use connect::probe;
pub use error::{Failure, SendError};
pub use health::{EndpointState, EndpointStates};
pub use pool::Lease;
pub use upgraded::Upgraded;

use balance::{Candidate, Turns};
use connect::Connection;
use hold::Hold;
use pool::Pool;

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
    /// How long a request waits while no endpoint can be connected.
    pub hold_timeout: Option<Duration>,
    /// How many may wait so.
    pub held_max: usize,
}

impl Options {
    /// What a route and its site say.
    pub fn of(timeouts: &Timeouts, limits: &SiteLimits) -> Self {
        Self {
            connect_timeout: timeouts.upstream_connect_timeout,
            idle_timeout: timeouts.upstream_idle_timeout,
            idle_max: limits.upstream_idle_max,
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
    /// What the request is told by, where endpoints are chosen by that.
    pub key: String,
    /// What makes a body without a byte, if the request has such a one and may be done twice.
    pub empty: Option<fn() -> B>,
    /// Set to the place of the endpoint that is tried.
    pub chosen: Chosen,
    /// Whether it still may be sent: asked right before it is, as it may have waited for a connection until then.
    pub may_go: Box<dyn Fn() -> bool>,
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
    endpoints: RefCell<HashMap<Endpoint, Rc<Known<B>>>>,
    states: Arc<EndpointStates>,
    turns: Turns,
    hold: Hold,
    budget: hold::RetryBudget,
    counters: Rc<LocalCounters>,
    /// Among how many workers ceilings are divided.
    workers: usize,
}

/// What a worker has of an endpoint.
struct Known<B> {
    pool: Rc<Pool<B>>,
    state: Arc<EndpointState>,
    counters: Arc<EndpointCounters>,
}

impl<B> Known<B> {
    fn failed(&self, upstream: &Upstream) {
        self.counters.failures.add(1);
        self.state.failed(upstream);
    }
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
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Sends one request and waits for the head of its response. The [`Lease`] must be kept until the
    /// response's body has been read; it gives the connection back.
    ///
    /// A request that provably was not sent goes to another endpoint, or waits for one where the options say so. One
    /// that was sent goes out once more only if it may be done twice: on a new connection, if a kept one was closed
    /// without a word, as it may have been before the request came (RFC 9112 section 9.3.1); and to another endpoint, if
    /// the upstream says so and not too many do.
    ///
    /// # Errors
    /// [`SendError`], which says what happened to the endpoint that was tried last, or that the request may not be sent
    /// any more.
    pub async fn send(
        &self,
        _permit: Permit,
        call: &Call<B>,
        mut request: Request<B>,
    ) -> Result<(Response<Incoming>, Lease<B>), SendError> {
        let upstream = &*call.upstream;
        self.budget.earn();
        let mut tried = Vec::new();
        let mut wait = self.hold.wait(&call.options);
        let mut reuse = if call.empty.is_some() { Reuse::Any } else { Reuse::Sure };
        loop {
            let Some(index) = self.choose(upstream, &tried, &call.key) else {
                // Every endpoint has failed this request.
                tried.clear();
                wait.pause().await?;
                continue;
            };
            let endpoint = &upstream.endpoints[index].endpoint;
            call.chosen.set(Some(index));
            let known = self.known(endpoint);
            let (connection, is_reused) = match self.connection(&known, upstream, call, reuse).await
            {
                Ok(connection) => connection,
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
            if !(call.may_go)() {
                known.pool.put(connection, call.options);
                return Err(SendError::recalled(endpoint));
            }
            let is_asked = is_reused || upstream.retry == Retry::Idempotent;
            let copy = call.empty.filter(|_| is_asked).map(|empty| copied(&request, empty()));
            let mut lease = Lease::new(Rc::clone(&known.pool), connection, call.options);
            lease.upgrades(request.headers().contains_key(header::UPGRADE));
            let mut error = match lease.sender().try_send_request(request).await {
                Ok(response) => {
                    known.state.succeeded();
                    return Ok((response, lease));
                }
                Err(error) => error,
            };
            if let Some(unsent) = error.take_message() {
                request = unsent;
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
            let error = SendError::exchange(endpoint, error.into_error());
            // A body that its client broke off is no fault of the app.
            if error.failure == Failure::RequestBody {
                return Err(error);
            }
            match copy {
                Some(copy) if is_reused && error.failure == Failure::Closed => {
                    known.counters.retries.add(1);
                    request = copy;
                    reuse = Reuse::None;
                    continue;
                }
                _ => known.failed(upstream),
            }
            match copy {
                Some(copy) if upstream.retry == Retry::Idempotent && self.budget.spend() => {
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
    pub fn failed(&self, upstream: &Upstream, endpoint: &Endpoint) {
        self.known(endpoint).failed(upstream);
    }

    /// Goes on waiting for a response that its caller does not wait for any more, and counts it if it comes. As many
    /// are waited for as may be held.
    pub fn count_when_late(
        &self,
        sent: impl Future<Output = Result<(Response<Incoming>, Lease<B>), SendError>> + 'static,
        endpoint: &Endpoint,
        options: Options,
    ) {
        let known = self.known(endpoint);
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
    fn choose(&self, upstream: &Upstream, tried: &[usize], key: &str) -> Option<usize> {
        if upstream.endpoints.len() == 1 {
            return tried.is_empty().then_some(0);
        }
        let members = upstream.endpoints.iter().enumerate();
        let candidates =
            members.filter(|(index, _)| !tried.contains(index)).map(|(index, member)| {
                let known = self.known(&member.endpoint);
                Candidate {
                    index,
                    in_use: known.pool.in_use(),
                    weight: f64::from(member.weight) * known.state.share(upstream.slow_start),
                    is_backup: member.is_backup,
                    is_out: known.state.is_out(),
                }
            });
        self.turns.choose(upstream, &candidates.collect::<Vec<_>>(), key)
    }

    /// An unused connection to an endpoint, or a new one; and which of the two it is.
    async fn connection(
        &self,
        known: &Known<B>,
        upstream: &Upstream,
        call: &Call<B>,
        reuse: Reuse,
    ) -> Result<(Connection<B>, bool), SendError> {
        let endpoint = known.state.endpoint();
        // Divided among the workers, and at least one each.
        let ceiling = upstream.connections_max.map(|max| max.div_ceil(self.workers));
        let deadline = tokio::time::Instant::now() + call.options.connect_timeout;
        let slot = loop {
            if reuse != Reuse::None
                && let Some(connection) = known.pool.take()
            {
                if reuse == Reuse::Any {
                    return Ok((connection, true));
                }
                // What the kernel knows by now, such as that it was closed, reaches the connection meanwhile.
                tokio::task::yield_now().await;
                if connection.sender.is_ready() {
                    return Ok((connection, true));
                }
                continue;
            }
            if let Some(slot) = known.pool.slot(ceiling) {
                break slot;
            }
            // Closed, it makes room for a new one.
            if reuse == Reuse::None && known.pool.take().is_some() {
                continue;
            }
            let _place = self.hold.place(&call.options).ok_or_else(|| SendError::busy(endpoint))?;
            if tokio::time::timeout_at(deadline, known.pool.freed()).await.is_err() {
                return Err(SendError::busy(endpoint));
            }
        };
        let started = Instant::now();
        let connection = connect::connect(endpoint, call.options.connect_timeout, slot).await?;
        known.counters.connected.add(started.elapsed());
        Ok((connection, false))
    }

    fn known(&self, endpoint: &Endpoint) -> Rc<Known<B>> {
        let mut endpoints = self.endpoints.borrow_mut();
        if let Some(known) = endpoints.get(endpoint) {
            return Rc::clone(known);
        }
        let counters = self.counters.endpoint(&endpoint.to_string());
        let state = self.states.of(endpoint);
        let known = Rc::new(Known { pool: Rc::new(Pool::default()), state, counters });
        endpoints.insert(endpoint.clone(), Rc::clone(&known));
        known
    }
}

/// The same request once more.
fn copied<B>(request: &Request<B>, body: B) -> Request<B> {
    let mut copy = Request::new(body);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}
