//! Asking an endpoint whether it is well.

use std::rc::Rc;

use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::{Request, Uri};
use http_body_util::Empty;
use tokio::time::timeout;

use crate::config::{Endpoint, HealthCheck, Protocol, Upstream};
use crate::proxy_protocol::local_header;
use crate::tls::{AppTls, app_failure};

use super::carrier::Carrier;
use super::connect::{Way, connect, connect_shared};
use super::pool::Pool;

/// Asks once.
///
/// # Errors
/// Why it is not well, in words.
pub async fn check(
    endpoint: &Endpoint,
    upstream: &Upstream,
    tls: Option<&AppTls>,
    check: &HealthCheck,
) -> Result<(), String> {
    let announced = upstream.proxy_protocol.map(|version| Rc::from(local_header(version)));
    let way = Way { endpoint, tls, announced: announced.as_ref(), stale_at: None };
    let asked = timeout(check.timeout, ask(&way, check)).await;
    asked.unwrap_or_else(|_| Err(format!("no answer within {:?}", check.timeout)))
}

async fn ask(way: &Way<'_>, check: &HealthCheck) -> Result<(), String> {
    let mut request = Request::new(Empty::<Bytes>::new());
    let target = match way.endpoint.protocol {
        Protocol::H2c => format!("http://localhost{}", check.path),
        Protocol::Http1 | Protocol::Https => {
            request.headers_mut().insert(HOST, HeaderValue::from_static("localhost"));
            check.path.clone()
        }
    };
    *request.uri_mut() = Uri::try_from(target).map_err(|error| error.to_string())?;
    let pool = Rc::new(Pool::<Empty<Bytes>>::default());
    let slot = pool.slot(None).ok_or_else(|| "no room".to_owned())?;
    let mut carrier = match way.endpoint.protocol {
        Protocol::H2c => {
            let shared = connect_shared(way, check.timeout, slot).await;
            let shared = Rc::new(shared.map_err(|error| error.cause)?);
            Carrier::Stream(shared.stream().ok_or_else(|| "it allows no stream".to_owned())?)
        }
        Protocol::Http1 | Protocol::Https => {
            let connection = connect(way, check.timeout, slot).await;
            Carrier::Connection(connection.map_err(|error| error.cause)?)
        }
    };
    let response = carrier.send(request).await;
    let response = response.map_err(|error| {
        let error = error.into_error();
        app_failure(&error).unwrap_or_else(|| format!("no answer: {error}"))
    })?;
    match response.status().as_u16() {
        ..400 => Ok(()),
        status => Err(format!("it answers {status}")),
    }
}
