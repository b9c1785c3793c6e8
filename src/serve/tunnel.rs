//! What becomes of an HTTP/1.1 connection whose protocol has changed: the tunnel to the app, on the same task and under
//! the same trust. Told of a change, it is asked at once whether its client may go on.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;
use tokio::time::{Instant, sleep_until, timeout};

use super::activity::Activity;
use super::client_io::ClientIo;
use super::standing::Standing;
use super::worker::Worker;

/// How long the last words to a client may take, and the wait for it to close too.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Goes on with a connection on which HTTP has ended. `ahead` is what the client has said behind it.
pub(super) async fn go_on(
    worker: &Worker,
    standing: &Standing,
    activity: &Activity,
    mut io: ClientIo,
    ahead: Bytes,
) {
    // The HTTP library does not wait for the head of a 101 to be written before it ends. A client that asked for more
    // than it took, and then for a change, would never read it whole.
    if let Some(tunnel) = activity.take_tunnel().filter(|_| io.has_taken_all()) {
        io.tunnels(true);
        run(worker, standing, tunnel.run(&mut io, ahead)).await;
        io.tunnels(false);
    }
    // Where no protocol was changed, the library has left this to others, too.
    _ = timeout(CLOSE_TIMEOUT, io.shutdown()).await;
}

/// Polls a tunnel to its end, and has the standing looked at when it is time.
async fn run(worker: &Worker, standing: &Standing, tunnel: impl Future<Output = ()>) {
    let entry = worker.roster.entry();
    let mut tunnel = pin!(tunnel);
    let mut timer = pin!(sleep_until(Instant::now()));
    std::future::poll_fn(|cx| {
        entry.enter(cx);
        // The tunnel itself asks what came of it.
        while standing.holds()
            && let Some(at) = standing.expires()
        {
            if timer.deadline() != at {
                timer.as_mut().reset(at);
            }
            if timer.as_mut().poll(cx).is_pending() {
                break;
            }
            standing.rings();
        }
        tunnel.as_mut().poll(cx)
    })
    .await;
}
