//! Requests that chance has damaged. Whatever becomes of them: each request that the app sees is one that nobody can
//! read in a second way, and the gateway has judged exactly this one, as its access line says.
//!
//! `DAMAGED_SECONDS` in the environment makes it go on for longer, and `DAMAGED_SEED` repeats what a failure shows.

use std::time::{Duration, Instant};

use super::strict;
use crate::support::events;
use crate::support::gateway::Gateway;
use crate::support::message::SITE;
use crate::support::upstream::Upstream;

/// How long it goes on unless the environment says so.
const SECONDS: u64 = 4;

/// A number that the environment may say.
fn given(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|number| number.parse().unwrap())
}

/// What is damaged.
const WHOLE: [&str; 7] = [
    "GET /a?b=c HTTP/1.1\r\nHost: a.example\r\nX: y\r\n\r\n",
    "POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello",
    "POST /a HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "PUT http://a.example/a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "POST /a HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\n5;a=b\r\nhello\r\n0\r\nx: y\r\n\r\n",
    "POST /a HTTP/1.0\r\nHost: a.example\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello",
    "GET /a HTTP/1.1\r\nHost: a.example\r\nConnection: x-request-id, x-ssl-client-verify\r\nUpgrade: h2c\r\nTE: trailers\r\n\r\n",
];

/// What is put in.
const PIECES: [&str; 36] = [
    "\r\n",
    "\n",
    "\r",
    "\0",
    " ",
    "\t",
    ":",
    ",",
    ";",
    "\u{b}",
    "\u{7f}",
    "\u{e4}",
    "0",
    "5",
    "-",
    "+",
    "0x",
    "chunked",
    "identity",
    "\r\nTransfer-Encoding: chunked",
    "\r\nTransfer-Encoding:\x0bchunked",
    "\r\nTransfer-Encoding : chunked",
    "\r\n Transfer-Encoding: chunked",
    "\r\nContent-Length: 5",
    "\r\nContent-Length: 0",
    "\r\nContent-Length: +5",
    "\r\nContent_Length: 9",
    "\r\nHost: b.example",
    "\r\nHost: a.example",
    "\r\nX-Forwarded-For: 1",
    "\r\nX_SSL_Client_Verify: SUCCESS",
    "\r\n\r\n",
    "GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n",
    "0\r\n\r\n",
    " HTTP/1.1",
    "//b.example/",
];

/// Damages a request in a place or two.
fn damaged(random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = WHOLE[random.usize(..WHOLE.len())].as_bytes().to_vec();
    for _ in 0..random.usize(1..4) {
        let at = random.usize(..=bytes.len());
        let piece = PIECES[random.usize(..PIECES.len())].as_bytes();
        match random.u8(..5) {
            0 | 1 => drop(bytes.splice(at..at, piece.iter().copied())),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            3 if at < bytes.len() => bytes[at] = random.u8(..),
            _ => {
                // A line again, in front of itself.
                let start =
                    bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
                let end = bytes[at..].iter().position(|byte| *byte == b'\n');
                let line = bytes[start..end.map_or(bytes.len(), |end| at + end + 1)].to_vec();
                drop(bytes.splice(start..start, line));
            }
        }
    }
    bytes
}

#[test]
fn no_damaged_request_reaches_the_app_as_another_than_was_judged() {
    let seed = given("DAMAGED_SEED").unwrap_or_else(|| fastrand::u64(..));
    let time = Duration::from_secs(given("DAMAGED_SECONDS").unwrap_or(SECONDS));
    let mut random = fastrand::Rng::with_seed(seed);
    // Each request gets a connection of its own, so that what came on one is one request.
    let app = Upstream::scripted(|talk| {
        if let Ok(Some(_)) = talk.request() {
            talk.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        }
    });
    let gateway = Gateway::before(&app);
    let (start, mark) = (Instant::now(), events::mark());
    let (mut sent, mut seen, mut whole) = (0, 0, 0);
    while start.elapsed() < time {
        let bytes = damaged(&mut random);
        let about =
            || format!("seed {seed}, request {sent}: {:?}", String::from_utf8_lossy(&bytes));
        let mut client = gateway.connect();
        _ = client.try_send(&bytes);
        client.reader.stream.conn.send_close_notify();
        _ = client.try_send("");
        // Answered, refused or cut off.
        _ = client.reader.rest();
        let received = app.received();
        for bytes in &received[seen..] {
            if bytes.is_empty() {
                continue;
            }
            let request = strict::read(bytes).unwrap_or_else(|why| panic!("{}: {why}", about()));
            let [id] = request.all("x-request-id")[..] else {
                panic!("{}: {request:?}", about());
            };
            let judged = events::wait_for_prefix("access", ("request_id", id), mark, 1).remove(0);
            assert_eq!(judged.field("method"), request.method, "{}", about());
            assert_eq!(judged.field("path"), request.path, "{}", about());
            // HTTP/1.0 need not say one; then it is the site's.
            let host = Some(judged.field("host")).filter(|host| !host.is_empty()).unwrap_or(SITE);
            assert!(request.all("host")[0].eq_ignore_ascii_case(host), "{}", about());
            assert_eq!(request.all("x-ssl-client-verify"), ["SUCCESS"], "{}", about());
            assert!(request.all("x_ssl_client_verify").is_empty(), "{}", about());
            assert_eq!(request.all("x-forwarded-for").len(), 1, "{}", about());
            whole += usize::from(request.is_whole);
        }
        (sent, seen) = (sent + 1, received.len());
    }
    assert!(whole > 0, "seed {seed}: none of {sent} came through, so nothing was tested");
}
