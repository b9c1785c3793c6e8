//! From the request of a connection to its response. [`exchange`] begins and ends it; `reply_to` and `forward`,
//! below, are the path of a request in order, and each of its steps is a file beside this one.

mod body;
mod caller;
mod deadlines;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod grpc;
mod headers;
mod outgoing;
mod pace;
mod patience;
mod plain;
mod rate;
mod recall;
mod replied;
mod reply;
mod request;
mod response;
mod route;
mod sending;
mod tunnel;
mod upgrade;
mod watched;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, Request, Response, StatusCode, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::config::{self, Action, Proxy, Route, ServerName};
use crate::observe::{Exchange, ExchangeFacts, Outcome, RequestId};
use crate::policy::{self, Permit};

pub use body::{BodyError, RequestBody};
pub use caller::{Announced, Caller, Entry, Trust};
pub use headers::client_identity::{ClientIdentityHeaders, TooLong};
pub use headers::forwarded::Forwarded;
pub use headers::reserved_names;
pub use plain::{Plain, PlainRequest};
pub use recall::Recall;
pub use reply::Answer;
pub use tunnel::Tunnel;
pub use watched::WatchedBody;

use body::Progress;
use patience::Patience;
use replied::{Denied, Manner, Reply, answer};
use sending::Sending;
use upgrade::{Bridged, Wanted};

/// When a client whose request found the gateway overloaded may try again.
const OVERLOAD_PAUSE: Duration = Duration::from_secs(1);

/// How long a client that expects `100 Continue` is kept waiting for an app that says nothing.
const EXPECTATION_TIMEOUT: Duration = Duration::from_secs(1);

/// Serves one request, or answers why it is not served. The client has waited for `head_start` already, for its
/// handshake. `on_end` runs when the exchange is over, however it ends.
pub async fn exchange(
    caller: Rc<Caller>,
    trust: Rc<dyn Trust>,
    entry: Entry,
    mut request: Box<Request<Incoming>>,
    head_start: Duration,
    on_end: impl FnOnce() + 'static,
) -> Result<Response<WatchedBody>, Dropped> {
    let manner = Manner {
        version: request.version(),
        is_connect: *request.method() == Method::CONNECT,
        is_grpc: grpc::is_call(&request),
    };
    let version = manner.version;
    let bridged = Bridged::of(&mut request);
    let exchange = begin(&caller, &request, on_end);
    let since = exchange.started().checked_sub(head_start).unwrap_or(exchange.started());
    let progress = Rc::new(Progress::of(request.body()));
    let replied = match entry {
        Entry::Fine => {
            reply_to(&caller, trust, &exchange, (request, bridged), &progress, since).await
        }
        Entry::Lost(reason) => {
            let cause = format!("the connection is not trusted any more: {reason}");
            Err(Denied::new(Answer::NotTrusted(reason), cause))
        }
        Entry::TurnedAway(reason) => {
            let cause = format!("the client was refused in the handshake: {reason}");
            Err(Denied::new(Answer::Refused(reason), cause))
        }
        Entry::Overloaded => {
            let cause = "as many requests are under way as `requests_max` allows";
            Err(Denied {
                retry_after: Some(OVERLOAD_PAUSE),
                ..Denied::new(Answer::Overloaded, cause)
            })
        }
    };
    let mut response = match replied {
        Ok(Reply::Nothing) => {
            exchange.ended(Outcome::Dropped);
            return Err(Dropped);
        }
        Ok(Reply::Switched(switched)) => return Ok(switched.response(exchange)),
        replied => answer(&caller, exchange, replied, &progress, manner),
    };
    if version < Version::HTTP_2 && !progress.ended.get() {
        // What is left of the request's body is not waited for, so the connection cannot go on; the client
        // is told (RFC 9110 section 10.1.1).
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let watched = version >= Version::HTTP_2;
    Ok(response.map(|(body, patience)| WatchedBody::new(body, patience, watched)))
}

/// A request whose route says to close without an answer: HTTP/1.1 loses the connection, HTTP/2 the stream.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the route of the request says to close without an answer")]
pub struct Dropped;

/// The path of a request, until its route is known.
async fn reply_to<'a>(
    caller: &'a Rc<Caller>,
    trust: Rc<dyn Trust>,
    exchange: &Exchange,
    (request, bridged): (Box<Request<Incoming>>, Option<Bridged>),
    progress: &Rc<Progress>,
    since: Instant,
) -> Result<Reply<'a>, Denied> {
    let site = &caller.site.config;
    // On HTTP/1.1 the HTTP library counts by itself.
    let (count, max) = (request.headers().len(), site.limits.header_count_max);
    if count > max {
        let cause = format!("{count} header lines; the ceiling is {max}");
        return Err(Denied::new(Answer::HeaderTooLarge, cause));
    }
    // One reading only, and a host that belongs to the connection's site.
    let default_host = site.server_names.iter().find_map(|name| match &name.value {
        ServerName::Exact(name) => Some(name.as_str()),
        _ => None,
    });
    let host = request::check(&request, default_host)
        .map_err(|refused| Denied::new(refused.answer, refused.cause))?;
    if !caller.generation.is_host_of(host.name, &caller.site) {
        let cause = foreign_host(host.name, site);
        return Err(Denied::new(Answer::Misdirected, cause));
    }
    let uri = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if uri > site.limits.uri_bytes_max {
        let cause =
            format!("{uri} bytes of path and query; the ceiling is {}", site.limits.uri_bytes_max);
        return Err(Denied::new(Answer::UriTooLong, cause));
    }
    rate::take(caller, exchange.started())?;
    let (route, path) = route::choose(site, request.method(), request.uri())?;
    // What such a client may do.
    let permit = policy::judge(&site.client, &route.client, &caller.verdict)
        .map_err(|denial| Denied::new(Answer::NotAllowed, denial.to_string()))?;
    if let (Some(length), Some(max)) = (request.body().size_hint().exact(), route.body_bytes_max)
        && length > max
    {
        let cause = format!("a body of {length} bytes; the ceiling is {max}");
        return Err(Denied::new(Answer::BodyTooLarge, cause));
    }
    let proxy = match &route.action {
        Action::Proxy(proxy) => proxy,
        _ if bridged.is_some() => {
            let cause = "the route answers by itself, and speaks no other protocol";
            return Err(Denied::new(Answer::ProtocolNotServed, cause));
        }
        own => {
            let target = route::target(path.as_deref(), request.uri());
            return route::reply(own, exchange.id(), host.name, &target);
        }
    };
    let authority = host.authority.to_owned();
    let asked = Asked { authority, path, request, bridged, permit, trust, since };
    forward(caller, exchange, route, proxy, asked, progress).await
}

/// A request that may go to an app.
struct Asked {
    authority: String,
    /// The path as its route has judged it; `None` is the path as it came.
    path: Option<String>,
    request: Box<Request<Incoming>>,
    /// Whether it came as a stream that is to be a WebSocket.
    bridged: Option<Bridged>,
    permit: Permit,
    /// Who asked.
    trust: Rc<dyn Trust>,
    /// Since when the caller waits.
    since: Instant,
}

/// The path of a request to an app and back.
async fn forward<'a>(
    caller: &'a Rc<Caller>,
    exchange: &Exchange,
    route: &'a Route,
    proxy: &Proxy,
    asked: Asked,
    progress: &Rc<Progress>,
) -> Result<Reply<'a>, Denied> {
    let Asked { authority, path, request, bridged, permit, trust, since } = asked;
    let upstream = &proxy.upstream.value;
    // The request as the app gets it.
    let (mut head, incoming) = request.into_parts();
    if let Some(answer) = outgoing::count_forwards(&mut head) {
        return Ok(answer);
    }
    let to_http2 = upstream.is_http2();
    // An app that speaks HTTP/2 has no connection whose protocol could change.
    let upgrades = if to_http2 { &[] } else { &route.upgrades[..] };
    let mut wanted = Wanted::of(&head, !progress.ended.get(), bridged, upgrades)?;
    let takes_trailers = outgoing::takes_trailers(&head.headers);
    let recall = Recall::new(Rc::clone(caller), trust, &head);
    let is_http1 = head.version < Version::HTTP_2;
    let path = route::rewritten(route, proxy, path, &head.uri);
    let target = route::target(path.as_deref(), &head.uri);
    head.uri = outgoing::upstream_target(&upstream.base, &head.uri, &target)?;
    head.version = Version::HTTP_11;
    headers::hop_by_hop::strip(&mut head.headers);
    headers::strip_reserved(&mut head.headers);
    let no_value = |_| Denied::new(Answer::BadRequest, "the host is no header value");
    caller.forwarded.set_host(&mut head.headers, &authority).map_err(no_value)?;
    outgoing::join_cookies(&mut head.headers);
    headers::apply(&proxy.request_headers, &mut head.headers);
    let identity_headers = caller.identity_headers.count();
    caller
        .forwarded
        .set(&mut head.headers, &authority, exchange.id(), identity_headers)
        .map_err(no_value)?;
    caller
        .identity_headers
        .set(&mut head.headers)
        .map_err(|too_long| Denied::new(Answer::IdentityTooLarge, too_long.to_string()))?;
    outgoing::set_framing(&mut head.headers, &head.method, &incoming);
    match &mut wanted {
        Some(wanted) => wanted.ask(&mut head.headers),
        None if to_http2 => outgoing::for_http2(&mut head, &authority)?,
        None if takes_trailers => outgoing::ask_for_trailers(&mut head.headers),
        None => {}
    }
    let go_on = outgoing::expects_continue(&mut head, &incoming, is_http1 && !to_http2)
        .then(CancellationToken::new);
    let expectation = go_on.clone().map(|go_on| {
        Box::pin(async move {
            tokio::select! {
                () = go_on.cancelled() => {}
                () = sleep(EXPECTATION_TIMEOUT) => {}
            }
        }) as _
    });
    let body = RequestBody::new(
        incoming,
        Rc::clone(progress),
        exchange.request_bytes(),
        route.body_bytes_max,
        Patience::of(route),
        expectation,
    );
    // On the heap, as it is handed on by one future after the other.
    let mut request = Box::new(Request::from_parts(head, body));
    if let Some(go_on) = go_on {
        hyper::ext::on_informational(&mut *request, move |response| {
            if response.status() == StatusCode::CONTINUE {
                go_on.cancel();
            }
        });
    }
    // Send it, and wait for the head of the response.
    let sending = Sending { caller, exchange, route, upstream, progress, since, recall };
    let (mut response, lease) = sending.send(permit, request).await?;
    if let Some(wanted) = wanted {
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let mut switched = sending.switch(wanted, response, lease).await?;
            headers::apply(&proxy.response_headers, switched.headers_mut());
            return Ok(Reply::Switched(Box::new(switched)));
        }
        if wanted.is_bridged() && response.status().is_success() {
            return Err(sending.invalid("no switch to WebSocket, which was asked for"));
        }
    }
    response::check(&mut response).map_err(|cause| sending.invalid(cause))?;
    headers::apply(&proxy.response_headers, response.headers_mut());
    let recall = Rc::clone(&sending.recall);
    Ok(Reply::OfApp(response, lease, recall, route))
}

/// Why a host is answered with 421, and what would have been right.
fn foreign_host(host: &str, site: &config::Site) -> String {
    /// Enough to recognise a site by.
    const SHOWN: usize = 3;
    let names = site.server_names.iter().take(SHOWN);
    let mut names: Vec<_> = names.map(|name| format!("`{}`", name.value)).collect();
    if site.server_names.len() > SHOWN {
        names.push("…".to_owned());
    }
    let names = names.join(", ");
    format!("`{host}` is not a name of this connection's site (its names: {names})")
}

fn begin(
    caller: &Caller,
    request: &Request<Incoming>,
    on_end: impl FnOnce() + 'static,
) -> Exchange {
    let uri = request.uri();
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let host = uri.authority().map(http::uri::Authority::as_str).or(host).unwrap_or_default();
    let path = uri.path_and_query().map_or("", PathAndQuery::as_str);
    let (id, method) = (RequestId::random(), request.method());
    let line = caller.line(id, |record, format| {
        record.with_request(method, host, path, request.version(), request.headers(), format)
    });
    let counters = Arc::clone(&caller.counters);
    let facts = ExchangeFacts { id, method: method.clone(), line, counters };
    Exchange::begin(facts, on_end)
}
