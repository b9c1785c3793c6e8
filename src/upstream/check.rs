//! Asking an endpoint whether it is well.

use std::rc::Rc;

use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::{Request, Uri};
use http_body_util::Empty;
use tokio::time::timeout;

use crate::config::{Endpoint, HealthCheck};

use super::connect::connect;
use super::pool::Pool;

/// Asks once.
///
/// # Errors
/// Why it is not well, in words.
pub async fn check(endpoint: &Endpoint, check: &HealthCheck) -> Result<(), String> {
    let asked = timeout(check.timeout, ask(endpoint, check)).await;
    asked.unwrap_or_else(|_| Err(format!("no answer within {:?}", check.timeout)))
}

async fn ask(endpoint: &Endpoint, check: &HealthCheck) -> Result<(), String> {
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.uri_mut() = Uri::try_from(check.path.as_str()).map_err(|error| error.to_string())?;
    request.headers_mut().insert(HOST, HeaderValue::from_static("localhost"));
    let pool = Rc::new(Pool::<Empty<Bytes>>::default());
    let slot = pool.slot(None).ok_or_else(|| "no room".to_owned())?;
    let connection = connect(endpoint, check.timeout, slot).await;
    let mut connection = connection.map_err(|error| error.cause)?;
    let response = connection.sender.send_request(request).await;
    let response = response.map_err(|error| format!("no answer: {error}"))?;
    match response.status().as_u16() {
        ..400 => Ok(()),
        status => Err(format!("it answers {status}")),
    }
}
