//! What a worker has of an endpoint: its connections there, opened one way. An endpoint that is spoken with in several
//! ways (by two upstreams, or before and after a change of certificates) has connections of each, which never mix.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http_body::Body;
use tokio::time::timeout_at;

use crate::config::{Destination, Endpoint, Protocol, Upstream};
use crate::observe::metrics::{EndpointCounters, LocalCounters};
use crate::tls::AppTls;

use super::carrier::Carrier;
use super::connect::{Way, connect, connect_shared};
use super::hold::Hold;
use super::pool::Pool;
use super::{Call, EndpointState, EndpointStates, Options, Reuse, SendError};

/// Of one endpoint.
pub(super) struct Known<B> {
    pub(super) pool: Rc<Pool<B>>,
    pub(super) state: Arc<EndpointState>,
    pub(super) counters: Arc<EndpointCounters>,
    /// How TLS is spoken there.
    tls: Option<Arc<AppTls>>,
    /// Whether its address is a name, which may lead elsewhere one day.
    is_named: bool,
}

impl<B> Known<B> {
    pub(super) fn failed(&self, upstream: &Upstream) {
        self.counters.failures.add(1);
        self.state.failed(upstream);
    }
}

/// All that a worker knows.
pub(super) struct Registry<B> {
    endpoints: HashMap<Endpoint, Vec<Rc<Known<B>>>>,
}

impl<B> Default for Registry<B> {
    fn default() -> Self {
        Self { endpoints: HashMap::new() }
    }
}

impl<B> Registry<B> {
    /// What is known of an endpoint, spoken with in this way.
    pub(super) fn known(
        &mut self,
        endpoint: &Endpoint,
        tls: Option<&Arc<AppTls>>,
        states: &EndpointStates,
        counters: &LocalCounters,
    ) -> Rc<Known<B>> {
        // Only where TLS is spoken does it matter how.
        let tls = tls.filter(|_| endpoint.protocol == Protocol::Https);
        if let Some(ways) = self.endpoints.get_mut(endpoint) {
            if let Some(known) = ways.iter().find(|known| known.tls.as_ref() == tls) {
                return Rc::clone(known);
            }
            // Of ways that no generation has any more the connections end, and then they are of no use. A request that
            // waits for one to close is about to open its own.
            ways.retain(|known| known.pool.has_connections() || Rc::strong_count(known) > 1);
        }
        let known = Rc::new(Known {
            pool: Rc::new(Pool::default()),
            state: states.of(endpoint),
            counters: counters.endpoint(&endpoint.to_string()),
            tls: tls.cloned(),
            is_named: is_named(endpoint),
        });
        self.endpoints.entry(endpoint.clone()).or_default().push(Rc::clone(&known));
        known
    }
}

fn is_named(endpoint: &Endpoint) -> bool {
    match &endpoint.to {
        Destination::Tcp { host, .. } => host.parse::<IpAddr>().is_err(),
        Destination::Unix(_) => false,
    }
}

impl<B> Known<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    /// What carries a request: an unused connection or a new one, a stream of one or of a new one. And whether the
    /// connection was there before.
    pub(super) async fn carrier(
        &self,
        hold: &Hold,
        ceiling: Option<usize>,
        call: &Call<B>,
        reuse: Reuse,
    ) -> Result<(Carrier<B>, bool), SendError> {
        let (endpoint, options) = (self.state.endpoint(), &call.options);
        let announced = call.announced.as_ref();
        let way = |now: tokio::time::Instant| Way {
            endpoint,
            tls: self.tls.as_deref(),
            announced,
            stale_at: self.is_named.then(|| now + options.dns_refresh),
        };
        let deadline = tokio::time::Instant::now() + options.connect_timeout;
        loop {
            if endpoint.protocol == Protocol::H2c {
                if let Some(stream) = self.pool.stream(announced) {
                    return Ok((Carrier::Stream(stream), true));
                }
                if let Some((opening, slot)) = self.pool.opening(announced, ceiling) {
                    let started = Instant::now();
                    // On the heap, so that a request that finds a connection has no room to keep for this.
                    let way = way(started.into());
                    let shared =
                        Box::pin(connect_shared(&way, options.connect_timeout, slot)).await?;
                    self.counters.connected.add(started.elapsed());
                    let stream = self.pool.share(shared, *options);
                    drop(opening);
                    // An app that allows no stream is as good as none.
                    let stream = stream.ok_or_else(|| SendError::busy(endpoint))?;
                    return Ok((Carrier::Stream(stream), false));
                }
            } else {
                if reuse != Reuse::None
                    && let Some(connection) = self.pool.take(announced)
                {
                    if reuse == Reuse::Any {
                        return Ok((Carrier::Connection(connection), true));
                    }
                    // What the kernel knows by now, such as that it was closed, reaches the connection meanwhile.
                    tokio::task::yield_now().await;
                    if connection.sender.is_ready() {
                        return Ok((Carrier::Connection(connection), true));
                    }
                    continue;
                }
                if let Some(slot) = self.pool.slot(ceiling) {
                    let started = Instant::now();
                    let way = way(started.into());
                    let connection = Box::pin(connect(&way, options.connect_timeout, slot)).await?;
                    self.counters.connected.add(started.elapsed());
                    return Ok((Carrier::Connection(connection), false));
                }
            }
            // Closed, it makes room for a new one.
            if reuse == Reuse::None && self.pool.take(announced).is_some() {
                continue;
            }
            // Unused connections that speak for other clients, or for none, make way.
            if self.pool.make_way() {
                continue;
            }
            let _place = hold.place(options).ok_or_else(|| SendError::busy(endpoint))?;
            if timeout_at(deadline, self.pool.freed()).await.is_err() {
                return Err(SendError::busy(endpoint));
            }
        }
    }

    /// Gives back what carried nothing.
    pub(super) fn put(&self, carrier: Carrier<B>, options: Options) {
        if let Carrier::Connection(connection) = carrier {
            self.pool.put(connection, options);
        }
    }
}
