//! Bodies of any size pass through bounded memory: whoever does not take more makes the other side wait.

use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Frame;
use socket2::SockRef;

use crate::support::PATIENCE;
use crate::support::frames::{self, Frames};
use crate::support::gateway::{Gateway, Setup};
use crate::support::h2::{self, empty, request};
use crate::support::message::SITE;
use crate::support::upstream::{OK, Talk, Upstream};

/// What passes. In debug builds, where encryption's Rust half is slow, less of it.
const LARGE: usize = if cfg!(debug_assertions) { 64 } else { 256 } * 1024 * 1024;

/// What may be on its way at most, in the kernel's socket buffers for the most part: two connections with
/// some MiB at each end.
const IN_FLIGHT_MAX: usize = 40 * 1024 * 1024;

/// How long a side that takes nothing is observed.
const WHILE: Duration = Duration::from_millis(400);

/// How often the content repeats itself: not in step with any buffer.
const PERIOD: usize = 251;

/// Content that shows where it was cut or doubled; long enough to compare any part with.
fn page() -> Vec<u8> {
    (0..=250).cycle().take(PERIOD * 1024).collect()
}

/// Checks a part of a body against a page.
fn check(bytes: &[u8], offset: usize, page: &[u8]) {
    let mut at = offset;
    // One comparison of memory for many bytes: these tests are about throughput, also in debug builds.
    for part in bytes.chunks(page.len() - PERIOD) {
        let from = at % PERIOD;
        assert!(part == &page[from..from + part.len()], "the body differs behind {at}");
        at += part.len();
    }
}

/// An app that sends a large body.
fn sending() -> Upstream {
    Upstream::scripted(|talk| {
        while let Ok(Some(_)) = talk.request() {
            talk.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n"));
            let page = page();
            let mut sent = 0;
            while sent < LARGE {
                let length = page.len().min(LARGE - sent);
                talk.say(&page[..length]);
                sent += length;
            }
        }
    })
}

/// An app that takes a large body, checks it and answers.
fn taking() -> Upstream {
    Upstream::scripted(|talk| {
        let head = talk.head();
        assert_eq!(head.one("content-length"), Some(&*LARGE.to_string()));
        talk.stop_recording();
        let (mut taken, page) = (0, page());
        while taken < LARGE {
            let bytes = talk.some().unwrap();
            assert!(!bytes.is_empty(), "the body broke off after {taken}");
            check(&bytes, taken, &page);
            taken += bytes.len();
        }
        talk.say(OK);
        talk.wait_for_end();
    })
}

#[test]
fn a_large_response_arrives_whole() {
    let app = sending();
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    client.send(format!("GET / HTTP/1.1\r\nHost: {SITE}\r\n\r\n"));
    client.head();
    let (mut taken, page) = (0, page());
    while taken < LARGE {
        let bytes = client.reader.some().unwrap();
        check(&bytes, taken, &page);
        taken += bytes.len();
    }
    let event = client.event("access");
    assert_eq!(event.field("response_bytes"), LARGE.to_string());
    assert_eq!(event.field("outcome"), "complete");
}

#[test]
fn a_large_response_arrives_whole_over_http_2() {
    let app = sending();
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect_h2();
    let response = client.begin(request("GET", "/").body(empty()).unwrap()).unwrap();
    let mut body = response.into_body();
    let (mut taken, page) = (0, page());
    while let Some(frame) = client.wait(body.frame()) {
        let bytes = frame.unwrap().into_data().unwrap();
        check(&bytes, taken, &page);
        taken += bytes.len();
    }
    assert_eq!(taken, LARGE);
}

#[test]
fn a_large_request_arrives_whole() {
    let app = taking();
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    client.send(format!("POST / HTTP/1.1\r\nHost: {SITE}\r\nContent-Length: {LARGE}\r\n\r\n"));
    let page = page();
    let mut sent = 0;
    while sent < LARGE {
        let length = page.len().min(LARGE - sent);
        client.send(&page[..length]);
        sent += length;
    }
    assert_eq!(client.response().status(), 200);
    let event = client.event("access");
    assert_eq!(event.field("request_bytes"), LARGE.to_string());
}

#[test]
fn a_large_request_arrives_whole_over_http_2() {
    let app = taking();
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect_h2();
    let (sender, body) = h2::channel();
    let request = request("POST", "/").header("content-length", LARGE);
    let response = client.sender.send_request(request.body(body).unwrap());
    let page = Bytes::from(page());
    let feed = async move {
        let mut sent = 0;
        while sent < LARGE {
            let length = page.len().min(LARGE - sent);
            sender.send(Frame::data(page.slice(..length))).await.unwrap();
            sent += length;
        }
    };
    let (response, ()) = client.wait(async { tokio::join!(response, feed) });
    assert_eq!(response.unwrap().status(), 200);
}

/// An app that sends as much as the path says.
fn sending_by_path() -> Upstream {
    Upstream::scripted(|talk| {
        while let Ok(Some(request)) = talk.request() {
            let path = request.first_line.split(' ').nth(1).unwrap();
            let length: usize = path[1..].parse().unwrap();
            talk.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"));
            let page = page();
            let mut sent = 0;
            while sent < length {
                let count = page.len().min(length - sent);
                talk.say(&page[..count]);
                sent += count;
            }
        }
    })
}

/// Reads nothing for a while.
#[expect(clippy::disallowed_methods, reason = "nothing tells of a client that does not read")]
fn pause(time: Duration) {
    thread::sleep(time);
}

#[test]
fn responses_arrive_whole_at_a_client_of_http_2_that_reads_slowly_and_in_between_not_at_all() {
    /// Streams with the lengths of their responses: one of many records, and small ones beside it. None ends where a
    /// record does, but for one.
    const RESPONSES: [(u32, usize); 8] = [
        (1, 12 * 1024 * 1024 + 4321),
        (3, 1),
        (5, 777),
        (7, 16 * 1024),
        (9, 16 * 1024 + 1),
        (11, 40_000),
        (13, 100),
        (15, 15_000),
    ];
    let app = sending_by_path();
    let gateway = Gateway::before(&app);
    let mut client = Frames::connect(&gateway.caller());
    // Only its socket, which is small, holds the gateway back.
    SockRef::from(client.client.tcp()).set_recv_buffer_size(32 * 1024).unwrap();
    let widest = 0x7fff_ffff_u32;
    let streams = [&[0, 4][..], &widest.to_be_bytes()].concat();
    client.send(frames::frame(frames::SETTINGS, 0, 0, &streams));
    let connection = (widest - 0xffff).to_be_bytes();
    client.send(frames::frame(frames::WINDOW_UPDATE, 0, 0, &connection));
    let ask = |client: &mut Frames, (stream, length): (u32, usize)| {
        let head = frames::head(&frames::request("GET", &format!("/{length}")));
        let flags = frames::END_STREAM | frames::END_HEADERS;
        client.send(frames::frame(frames::HEADERS, flags, stream, &head));
    };
    ask(&mut client, RESPONSES[0]);
    let (mut taken, mut open, page) = ([0; RESPONSES.len()], RESPONSES.len(), page());
    let (mut next, mut count) = (1, 0);
    while open > 0 {
        if count % 40 == 0 && next < RESPONSES.len() {
            // Two more are asked for, which wait behind what is on its way, and nobody reads.
            for response in RESPONSES[next..].iter().take(2) {
                ask(&mut client, *response);
                next += 1;
            }
            pause(WHILE / 2);
        }
        let frame = client.next().unwrap();
        count += 1;
        if count < 300 {
            pause(Duration::from_millis(1));
        }
        assert!(![frames::RST_STREAM, frames::GOAWAY].contains(&frame.kind), "{frame:?}");
        let Some(at) = RESPONSES.iter().position(|(stream, _)| *stream == frame.stream) else {
            continue;
        };
        if frame.kind == frames::DATA {
            check(&frame.payload, taken[at], &page);
            taken[at] += frame.payload.len();
        }
        open -= usize::from(frame.flags & frames::END_STREAM != 0);
    }
    assert_eq!(taken, RESPONSES.map(|(_, length)| length));
}

/// An app that sends more than may be under way, and tells how much the gateway took.
fn pushing(tell: Sender<usize>) -> Upstream {
    let tell = Mutex::new(tell);
    Upstream::scripted(move |talk: &mut Talk| {
        talk.request().unwrap();
        talk.say("HTTP/1.1 200 OK\r\nContent-Length: 268435456\r\n\r\n");
        let taken = talk.push(268_435_456, WHILE);
        _ = tell.lock().unwrap().send(taken);
    })
}

#[test]
fn a_client_that_takes_no_more_makes_the_app_wait() {
    let (tell, taken) = channel();
    let app = pushing(tell);
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    client.send(format!("GET / HTTP/1.1\r\nHost: {SITE}\r\n\r\n"));
    client.head();
    let taken = taken.recv_timeout(PATIENCE).unwrap();
    assert!(taken < IN_FLIGHT_MAX, "{taken}");
}

#[test]
fn a_client_of_http_2_that_takes_no_more_makes_the_app_wait() {
    let (tell, taken) = channel();
    let app = pushing(tell);
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect_h2();
    let response = client.begin(request("GET", "/").body(empty()).unwrap());
    let taken = taken.recv_timeout(PATIENCE).unwrap();
    assert!(taken < IN_FLIGHT_MAX, "{taken}");
    drop(response);
}

/// An app that takes nothing of a body, and a gateway before it.
fn before_a_busy_app() -> (Upstream, Sender<()>, Gateway) {
    let (end, ended) = channel();
    let ended = Mutex::new(ended);
    let app = Upstream::scripted(move |talk| {
        talk.head();
        _ = ended.lock().unwrap().recv_timeout(PATIENCE);
    });
    let gateway = Setup::new(&app).start();
    (app, end, gateway)
}

#[test]
fn an_app_that_takes_no_more_makes_the_client_wait() {
    let (_app, _end, gateway) = before_a_busy_app();
    let mut client = gateway.connect();
    client.set_patience(WHILE);
    client.send(format!("POST / HTTP/1.1\r\nHost: {SITE}\r\nContent-Length: 268435456\r\n\r\n"));
    let page = vec![b'x'; 64 * 1024];
    let mut sent = 0;
    while client.try_send(&page).is_ok() {
        sent += page.len();
        assert!(sent < IN_FLIGHT_MAX, "{sent}");
    }
}

#[test]
fn an_app_that_takes_no_more_makes_the_client_of_http_2_wait() {
    let (_app, _end, gateway) = before_a_busy_app();
    let mut client = gateway.connect_h2();
    let (sender, body) = h2::channel();
    let response = client.sender.send_request(request("POST", "/").body(body).unwrap());
    let page = Bytes::from(vec![b'x'; 64 * 1024]);
    let sent = client.wait(async {
        let mut sent = 0;
        while let Ok(taken) =
            tokio::time::timeout(WHILE, sender.send(Frame::data(page.clone()))).await
        {
            taken.unwrap();
            sent += page.len();
            assert!(sent < IN_FLIGHT_MAX, "{sent}");
        }
        sent
    });
    assert!(sent > 0);
    drop(response);
}
