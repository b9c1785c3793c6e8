//! Connections to the app that are kept: one that the app closes at the wrong moment costs no request that can safely
//! be sent again, and one with something left over on it serves nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::support::gateway::Setup;
use crate::support::h2::{H2, full, request};
use crate::support::message::{SITE, code_of};
use crate::support::upstream::{OK, Upstream};

/// Of each client, of which there are four of each kind.
const REQUESTS: u64 = if cfg!(debug_assertions) { 1250 } else { 12_500 };

/// An app that closes after every answer, or after one in so many, and never says so. It counts the bodies that it
/// took.
fn closing(one_in: u64, bodies: &Arc<AtomicU64>) -> Upstream {
    let (state, bodies) = (AtomicU64::new(1), Arc::clone(bodies));
    Upstream::scripted(move |talk| {
        talk.stop_recording();
        while let Ok(Some(request)) = talk.request() {
            bodies.fetch_add(u64::from(!request.body.is_empty()), Ordering::SeqCst);
            talk.say(OK);
            // Weyl's sequence will do.
            let random = state.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed) >> 33;
            if random.is_multiple_of(one_in) {
                return;
            }
        }
    })
}

/// Ten thousand requests over both versions of HTTP, one in eight with a body. All without one are served. Of the
/// others those are not that were sent when the app closed; and none of them is done twice.
fn assert_no_errors(one_in: u64) {
    let taken = Arc::default();
    let app = closing(one_in, &taken);
    let gateway = Setup::new(&app).site_tables("[site.timeouts]\nupstream_idle_timeout = \"1m\"");
    let gateway = gateway.workers(2).start();
    let caller = &gateway.caller();
    let served = &AtomicU64::new(0);
    let note = |number: u64, status: u16, code: &dyn Fn() -> String| match status {
        200 => _ = served.fetch_add(u64::from(is_post(number)), Ordering::SeqCst),
        status => {
            assert!(is_post(number), "request {number}: {status} {}", code());
            assert_eq!((status, &*code()), (502, "upstream-closed"), "request {number}");
        }
    };
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = caller.connect();
                let post =
                    format!("POST / HTTP/1.1\r\nHost: {SITE}\r\nContent-Length: 4\r\n\r\nbody");
                for number in 0..REQUESTS {
                    let answer = if is_post(number) { client.ask(&post) } else { client.get("/") };
                    note(number, answer.status(), &|| answer.code());
                }
            });
            scope.spawn(|| {
                let mut client = H2::connect(caller);
                for number in 0..REQUESTS {
                    let post = request("POST", "/").body(full("body")).unwrap();
                    let answer = if is_post(number) { client.ask(post) } else { client.get("/") };
                    note(number, answer.status, &|| code_of(&answer.body));
                }
            });
        }
    });
    assert_eq!(taken.load(Ordering::SeqCst), served.load(Ordering::SeqCst));
}

fn is_post(number: u64) -> bool {
    number.is_multiple_of(8)
}

#[test]
fn an_app_that_closes_at_random_fails_no_request_that_may_be_sent_again() {
    assert_no_errors(3);
}

#[test]
fn an_app_that_closes_after_every_answer_fails_no_request_that_may_be_sent_again() {
    assert_no_errors(1);
}
