//! A connection of HTTP/1.1 between two requests, without the HTTP library and its buffers: of the 20 KiB that it needs
//! with them, only its TLS session is left. Whatever happens to it, be it a byte, the end, a change of trust or a
//! deadline, is the driver's: it gets the library again and goes on as if it had never been without.

use std::future::Future as _;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use tokio::time::{Instant, sleep_until};

use crate::config;

use super::activity::Activity;
use super::client_io::ClientIo;
use super::http::{deadline, is_to_end};
use super::standing::Standing;
use super::worker::Worker;

/// Waits until something happens.
pub(super) async fn rest(
    io: &mut ClientIo,
    worker: &Worker,
    standing: &Standing,
    activity: &Activity,
    site: &config::Site,
) {
    let most = site.limits.requests_per_connection_max;
    let entry = worker.roster.entry();
    let mut timer = pin!(sleep_until(Instant::now() + site.timeouts.idle_timeout));
    poll_fn(|cx| {
        entry.enter(cx);
        if io.poll_ahead(cx).is_ready()
            || is_to_end(worker, standing, activity, most, standing.holds())
        {
            return Poll::Ready(());
        }
        let deadline = deadline(worker, activity, &site.timeouts).map(|(at, _)| at);
        if let Some(at) = deadline.into_iter().chain(standing.expires()).min()
            && at != timer.deadline()
        {
            timer.as_mut().reset(at);
        }
        timer.as_mut().poll(cx)
    })
    .await;
}
