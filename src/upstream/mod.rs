//! The app's side: connections to endpoints, kept and reused, and one request sent on one of them.
//!
//! Everything here belongs to one worker: a request never crosses a thread to find a connection.
//! [`Upstreams::send`] uses up a [`Permit`], so that a request which nobody judged cannot be sent.

mod connect;
mod early_answer;
mod error;
mod pool;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;

use crate::config::{Endpoint, Site};
use crate::observe::metrics::{EndpointCounters, LocalCounters};
use crate::policy::Permit;

pub use connect::probe;
pub use error::{Failure, SendError};
pub use pool::Lease;

use pool::Pool;

/// How to treat an endpoint's connections, from the site's configuration.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// For connecting.
    pub connect_timeout: Duration,
    /// How long an unused connection is kept.
    pub idle_timeout: Duration,
    /// How many unused connections are kept.
    pub idle_max: usize,
}

impl From<&Site> for Options {
    fn from(site: &Site) -> Self {
        Self {
            connect_timeout: site.timeouts.upstream_connect_timeout,
            idle_timeout: site.timeouts.upstream_idle_timeout,
            idle_max: site.limits.upstream_idle_max,
        }
    }
}

/// One worker's connections to all endpoints.
pub struct Upstreams<B> {
    pools: RefCell<HashMap<Endpoint, Known<B>>>,
    counters: Rc<LocalCounters>,
}

/// What a worker has of an endpoint.
struct Known<B> {
    pool: Rc<Pool<B>>,
    counters: Arc<EndpointCounters>,
}

impl<B> Clone for Known<B> {
    fn clone(&self) -> Self {
        Self { pool: Rc::clone(&self.pool), counters: Arc::clone(&self.counters) }
    }
}

impl<B> Upstreams<B> {
    /// None yet; what becomes of them is counted.
    pub fn new(counters: Rc<LocalCounters>) -> Self {
        Self { pools: RefCell::default(), counters }
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
    /// A request that a reused connection provably never sent (it was closed meanwhile) goes out on
    /// another; nothing else is tried twice.
    ///
    /// # Errors
    /// [`SendError`], which says what happened to which endpoint.
    pub async fn send(
        &self,
        _permit: Permit,
        endpoint: &Endpoint,
        options: Options,
        mut request: Request<B>,
    ) -> Result<(Response<Incoming>, Lease<B>), SendError> {
        let Known { pool, counters } = self.known(endpoint);
        let failed = |error: SendError| {
            // A body that its client broke off is no fault of the app.
            if error.failure != Failure::RequestBody {
                counters.failures.add(1);
            }
            error
        };
        // Goes round at most once for each unused connection: one that is new is not tried twice.
        loop {
            let reused = pool.take();
            let is_reused = reused.is_some();
            let mut connection = match reused {
                Some(connection) => connection,
                None => {
                    let started = Instant::now();
                    let connecting = connect::connect(endpoint, options.connect_timeout);
                    let connection = connecting.await.map_err(failed)?;
                    counters.connected.add(started.elapsed());
                    connection
                }
            };
            match connection.sender.try_send_request(request).await {
                Ok(response) => {
                    return Ok((response, Lease::new(Rc::clone(&pool), connection, options)));
                }
                Err(mut error) => match error.take_message() {
                    Some(unsent) if is_reused => {
                        counters.retries.add(1);
                        request = unsent;
                    }
                    _ => return Err(failed(SendError::exchange(endpoint, error.into_error()))),
                },
            }
        }
    }

    /// Counts a failure of an endpoint that only its response, or the lack of one, has shown.
    pub fn failed(&self, endpoint: &Endpoint) {
        self.known(endpoint).counters.failures.add(1);
    }

    fn known(&self, endpoint: &Endpoint) -> Known<B> {
        let mut pools = self.pools.borrow_mut();
        if let Some(known) = pools.get(endpoint) {
            return known.clone();
        }
        let counters = self.counters.endpoint(&endpoint.to_string());
        let known = Known { pool: Rc::new(Pool::default()), counters };
        pools.insert(endpoint.clone(), known.clone());
        known
    }
}
