//! HTTP/1.1 or HTTP/2 on a verified connection: the service that every request goes through, and the driver that ends
//! the connection when its time is up.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ::http::header::{CONNECTION, HeaderValue, UPGRADE};
use ::http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use crate::config;
use crate::forward::{self, Dropped, Entry, Trust as _, WatchedBody};
use crate::generation::Site;
use crate::tls::TlsStream;

use super::activity::{Activity, Expiry};
use super::client_io::{ClientIo, Outlet};
use super::frames::FrameWatch;
use super::http_settings::{self, LocalExecutor};
use super::rest;
use super::standing::Standing;
use super::tunnel;
use super::worker::Worker;

/// The sizes and timeouts of a connection are those of the site and generation that it began with.
pub(super) async fn serve(
    worker: Rc<Worker>,
    standing: Rc<Standing>,
    site: &Arc<Site>,
    stream: Box<TlsStream>,
    http2: bool,
    shaken: Duration,
) {
    let activity = Rc::new(Activity::new(http2));
    let frames = http2.then(|| FrameWatch::new(site.config.limits.control_frames_per_second));
    let io = ClientIo::new(stream, Rc::clone(&activity), Rc::clone(&standing), frames);
    let service = service(Rc::clone(&worker), Rc::clone(&standing), Rc::clone(&activity), shaken);
    if http2 {
        // On the heap, so that a connection of HTTP/1.1 needs no memory for what it is not.
        return Box::pin(serve_http2(&worker, &standing, &activity, site, io, service)).await;
    }
    let builder = http_settings::http1(&site.config.limits);
    let (mut io, mut service) = (TokioIo::new(io), service);
    loop {
        let (end, parts) = {
            let mut connection = Box::new(builder.serve_connection(io, service));
            let site = &site.config;
            let end = drive(&mut *connection, None, &worker, &standing, &activity, site).await;
            if end == End::OfAll {
                return;
            }
            // The box ends here, before the connection rests.
            (end, connection.into_parts())
        };
        if end == End::OfHttp {
            if activity.has_seen_upgrade() {
                // By hand: what the library has for upgrades wants streams that may go to another thread.
                let (io, ahead) = (parts.io.into_inner(), parts.read_buf);
                Box::pin(tunnel::go_on(&worker, &standing, &activity, io, ahead)).await;
            }
            return;
        }
        (io, service) = (parts.io, parts.service);
        io.inner_mut().unread(&parts.read_buf);
        drop(parts.read_buf);
        rest::rest(io.inner_mut(), &worker, &standing, &activity, &site.config).await;
    }
}

async fn serve_http2<S>(
    worker: &Worker,
    standing: &Standing,
    activity: &Activity,
    site: &Site,
    io: ClientIo,
    service: S,
) where
    S: Service<
            Request<Incoming>,
            Response = Response<WatchedBody>,
            Error = Dropped,
            Future: 'static,
        >,
{
    let outlet = io.outlet();
    let mut builder = http_settings::http2(&site.config.limits);
    if site.config.routes.iter().any(|route| route.value.takes_websocket()) {
        builder.enable_connect_protocol();
    }
    let mut connection = builder.serve_connection(TokioIo::new(io), service);
    drive(&mut connection, Some(outlet), worker, standing, activity, &site.config).await;
    if let Some(flood) = activity.flood() {
        standing.flooded(flood);
    }
}

/// How the driving of an HTTP connection ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// By the rules of HTTP, which closes the connection unless its protocol has changed.
    OfHttp,
    /// It broke, or was left.
    OfAll,
    /// It has nothing to do for now.
    Rests,
}

/// Every request of a connection goes through here.
fn service(
    worker: Rc<Worker>,
    standing: Rc<Standing>,
    activity: Rc<Activity>,
    shaken: Duration,
) -> impl Service<Request<Incoming>, Response = Response<WatchedBody>, Error = Dropped, Future: 'static>
{
    // Whoever sends the first request has waited for the handshake, too.
    let head_start = Cell::new(shaken);
    service_fn(move |request: Request<Incoming>| {
        activity.begun();
        if request.headers().contains_key(UPGRADE) {
            activity.saw_upgrade();
        }
        let (worker, activity) = (Rc::clone(&worker), Rc::clone(&activity));
        let ended = Rc::clone(&activity);
        let is_http1 = request.version() < Version::HTTP_2;
        let (caller, lost) = standing.caller();
        let most = caller.site.config.limits.requests_per_connection_max;
        let is_last = lost.is_some() || most.is_some_and(|most| activity.requests() >= most);
        let most = caller.generation.config.limits.requests_max.map(|most| worker.share(most));
        let (entry, running) = match lost {
            Some(reason) if standing.is_turned_away() => (Entry::TurnedAway(reason), None),
            Some(reason) => (Entry::Lost(reason), None),
            None if most.is_some_and(|most| worker.requests.get() >= most) => {
                (Entry::Overloaded, None)
            }
            None => (Entry::Fine, Some(Running::begin(&worker))),
        };
        let (trust, head_start) = (Rc::clone(&standing), head_start.take());
        let standing = Rc::clone(&standing);
        // On the heap for as long as it lasts: the library keeps room for it on each idle connection.
        let request = Box::new(request);
        let exchange = forward::exchange(caller, trust, entry, request, head_start, move || {
            drop(running);
            ended.ended();
        });
        let exchange = Box::pin(exchange);
        async move {
            let mut response = exchange.await?;
            if let Some(tunnel) = response.body_mut().take_tunnel() {
                activity.switch(tunnel);
                return Ok(response);
            }
            // What has become of the trust meanwhile, the driver may not have heard yet.
            let is_last = || is_last || worker.draining.get().is_some() || !standing.holds();
            if is_http1 && is_last() {
                let headers = response.headers_mut();
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response)
        }
    })
}

/// Counts a request among those that are under way, until it is dropped. An answer that says there are too many is none
/// of them.
struct Running(Rc<Worker>);

impl Running {
    fn begin(worker: &Rc<Worker>) -> Self {
        worker.requests.set(worker.requests.get() + 1);
        Self(Rc::clone(worker))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.requests.set(self.0.requests.get().saturating_sub(1));
    }
}

/// What the driver needs of both kinds of HTTP connection.
trait HttpConnection: Future<Output = hyper::Result<()>> + Unpin {
    /// Finish what runs, begin nothing new.
    fn wind_down(self: Pin<&mut Self>);
}

impl<S> HttpConnection for http1::Connection<TokioIo<ClientIo>, S>
where
    S: Service<Request<Incoming>, Response = Response<WatchedBody>, Error = Dropped>,
{
    fn wind_down(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<S> HttpConnection for http2::Connection<TokioIo<ClientIo>, S, LocalExecutor>
where
    S: Service<
            Request<Incoming>,
            Response = Response<WatchedBody>,
            Error = Dropped,
            Future: 'static,
        >,
{
    fn wind_down(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Runs an HTTP connection to its end: under its deadlines, under the trust in force, and until told to drain.
async fn drive(
    connection: &mut impl HttpConnection,
    outlet: Option<Outlet>,
    worker: &Worker,
    standing: &Standing,
    activity: &Activity,
    site: &config::Site,
) -> End {
    let timeouts = &site.timeouts;
    let most = site.limits.requests_per_connection_max;
    let mut connection = Pin::new(connection);
    let began = Instant::now();
    let entry = worker.roster.entry();
    let mut winding_down = None;
    let mut judgements = standing.judgements();
    // Until when what runs may finish, though its client may not do it any more.
    let mut untrusted = None;
    let mut timer = pin!(sleep_until(began + timeouts.idle_timeout));
    poll_fn(|cx| {
        entry.enter(cx);
        loop {
            let holds = standing.holds();
            if untrusted.is_none() && judgements != standing.judgements() {
                judgements = standing.judgements();
                if !holds || standing.is_outlasted() {
                    let end = Instant::now() + timeouts.untrusted_exchange_timeout;
                    untrusted = Some((end, Expiry::Untrusted));
                    if holds {
                        connection.as_mut().wind_down();
                        winding_down = Some(Instant::now());
                    }
                }
            }
            if winding_down.is_none() && is_to_end(worker, standing, activity, most, holds) {
                if let Poll::Ready(end) = look_last(connection.as_mut(), activity, cx) {
                    return Poll::Ready(end);
                }
                if is_to_end(worker, standing, activity, most, standing.holds()) {
                    connection.as_mut().wind_down();
                    winding_down = Some(Instant::now());
                }
            }
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                return Poll::Ready(end(ended));
            }
            if let Some(outlet) = &outlet {
                outlet.send(cx);
            }
            let deadline = match (deadline(worker, activity, timeouts), winding_down) {
                // Told to leave; it has a while to do so.
                (Some((_, Expiry::Idle)), Some(since)) => {
                    Some((since + timeouts.header_timeout, Expiry::Idle))
                }
                // Nobody knows who it is, so it holds no place for longer than it takes to ask.
                (Some((at, Expiry::Idle)), None) if standing.is_turned_away() => {
                    Some((at.min(began + timeouts.header_timeout), Expiry::Idle))
                }
                (deadline, _) => deadline,
            };
            let trust = standing.expires().map(|at| (at, Expiry::Trust));
            let rest = match winding_down {
                None if !standing.is_turned_away() => {
                    activity.rests_at(began).map(|at| (at, Expiry::Rest))
                }
                _ => None,
            };
            // Time to begin to ask, to ask, and to take the answer: without a window for it, no other wait would end.
            let refused = standing
                .is_turned_away()
                .then(|| (began + 2 * timeouts.header_timeout, Expiry::Untrusted));
            let ends = [deadline, trust, untrusted, rest, refused].into_iter().flatten();
            let Some((at, expiry)) = ends.min_by_key(|(at, _)| *at) else {
                return Poll::Pending;
            };
            // The timer is moved only when it would ring too late, or has rung too early: a connection
            // that is busy costs no timer operation per request.
            if at < timer.deadline() {
                timer.as_mut().reset(at);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if Instant::now() < at {
                timer.as_mut().reset(at);
                continue;
            }
            match expiry {
                // The next turn asks how the connection stands now.
                Expiry::Trust => standing.rings(),
                // The library has just found nothing to do.
                Expiry::Rest => return Poll::Ready(End::Rests),
                Expiry::Idle if winding_down.is_none() => {
                    if let Poll::Ready(end) = look_last(connection.as_mut(), activity, cx) {
                        return Poll::Ready(end);
                    }
                    if activity.is_reading_head() {
                        continue;
                    }
                    connection.as_mut().wind_down();
                    winding_down = Some(Instant::now());
                }
                // What may not go on has ended, and the others may.
                Expiry::Untrusted if standing.holds() && !standing.is_outlasted() => {
                    untrusted = None;
                }
                // Whoever does not finish, does not read, or does not leave is left.
                Expiry::Idle | Expiry::Head | Expiry::Write | Expiry::Untrusted => {
                    standing.cut();
                    debug!(?expiry, "a connection ran out of time");
                    return Poll::Ready(End::OfAll);
                }
            }
        }
    })
    .await
}

/// Takes what has come by now before a connection is told to end: a request that was sent in time is answered.
fn look_last(
    connection: Pin<&mut impl HttpConnection>,
    activity: &Activity,
    cx: &mut Context<'_>,
) -> Poll<End> {
    activity.look_last(true);
    let polled = connection.poll(cx);
    activity.look_last(false);
    polled.map(end)
}

fn end(ended: hyper::Result<()>) -> End {
    match ended {
        Ok(()) => End::OfHttp,
        Err(error) => {
            debug!(%error, "the connection broke");
            End::OfAll
        }
    }
}

/// When the connection runs out of what, as things stand.
pub(super) fn deadline(
    worker: &Worker,
    activity: &Activity,
    timeouts: &config::Timeouts,
) -> Option<(Instant, Expiry)> {
    let draining = worker.draining.get().map(|since| (since, worker.drain_grace()));
    activity.deadline(timeouts, draining)
}

/// Whether a connection must not begin anything new; `holds` is how its standing is.
pub(super) fn is_to_end(
    worker: &Worker,
    standing: &Standing,
    activity: &Activity,
    most: Option<u64>,
    holds: bool,
) -> bool {
    if !holds {
        // A request that has begun to arrive gets an answer that says why. Who was refused in the handshake has not
        // been told yet, and is before it asks.
        let is_told = !standing.is_turned_away() || activity.requests() > 0;
        return is_told && !activity.is_reading_head();
    }
    // When the gateway drains, HTTP/2's GOAWAY loses no request. An HTTP/1.1 connection is left to ask once more, or
    // to end what it began to ask: the answer says `Connection: close`, and ends it. One whose answer began before
    // the drain did has told its client that it stays open, so it has to stay for the next request.
    let is_used_up = most.is_some_and(|most| activity.requests() >= most);
    activity.is_http2() && (is_used_up || worker.draining.get().is_some())
}
