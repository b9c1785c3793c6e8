//! A connection of plain HTTP: one request under one deadline, an answer that leads elsewhere, and the end. It never
//! comes near a site, and a flood of such connections only has the oldest of its own kind make way.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::rc::Rc;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tracing::debug;

use crate::config::PlainHttp;
use crate::forward::Plain;
use crate::generation::Generation;
use crate::observe::ConnectionFacts;
use crate::policy::{Reason, Refusal};
use crate::tls::unix_now;

use super::introduction::introduce;
use super::worker::{DRAIN_GRACE, Worker};
use super::{Arrival, linger};

/// What a request's head may take: browsers and CAs send less than 2 KiB, cookies are all that is longer.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEADER_COUNT_MAX: usize = 64;

/// Serves one connection to its end.
pub(super) async fn serve(
    worker: &Rc<Worker>,
    mut stream: TcpStream,
    arrival: &Arrival,
    http: &PlainHttp,
    generation: &Generation,
    facts: ConnectionFacts,
) {
    let limits = &generation.config.limits;
    let limit = limits.handshake_timeout;
    let place = worker.plain.begin(worker.share(limits.handshakes_max));
    let facts = RefCell::new(facts);
    let drained = async {
        worker.shared.stop.drain.cancelled().await;
        sleep(DRAIN_GRACE).await;
    };
    let talk = async {
        let mut known = facts.borrow().clone();
        let introduced = introduce(&mut stream, arrival, &worker.shared, limits, &mut known).await;
        facts.replace(known);
        // For as long as the connection lasts.
        let places = introduced?;
        let plain = Plain { generation, http, reads: &worker.challenge_reads };
        Ok((answer_one(worker, plain, stream, &facts).await, places))
    };
    let ended = tokio::select! {
        ended = timeout(limit, talk) => ended.unwrap_or_else(|_| {
            let sentence = format!("did not send a request within {limit:?}");
            Err(Refusal::new(Reason::Timeout, sentence))
        }),
        () = place.makes_way() => {
            let sentence = "was the oldest of too many connections in plain HTTP, and did not end";
            Err(Refusal::new(Reason::MadeWay, sentence))
        }
        () = drained => return,
    };
    drop(place);
    match ended {
        Ok((stream, _places)) => linger::close(stream).await,
        Err(refusal) => {
            let told = generation.config.log.refusals_per_minute;
            worker.shared.refusals.report(told, unix_now(), facts.into_inner(), refusal, false);
        }
    }
}

/// Answers one request; the stream, to be closed.
async fn answer_one(
    worker: &Worker,
    plain: Plain<'_>,
    stream: TcpStream,
    facts: &RefCell<ConnectionFacts>,
) -> TcpStream {
    let service = service_fn(|request: Request<Incoming>| {
        // Boxed for the library, which wants to move it.
        Box::pin(async move {
            let (response, told) = plain.answer(&request).await;
            worker.counters.plain_answered(told.code());
            plain.tell(&request, response.status(), &told, &facts.borrow(), &worker.access_log);
            Ok::<_, Infallible>(response.map(Full::<Bytes>::new))
        })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // All of it has a deadline already.
        .header_read_timeout(None)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADER_COUNT_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = poll_fn(|cx| connection.poll_without_shutdown(cx)).await {
        debug!(%error, "a connection of plain HTTP broke");
    }
    // What could not be read was answered, too.
    connection.into_parts().io.into_inner()
}
