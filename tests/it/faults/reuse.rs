//! Connections to the app that are kept: one that the app closes at the wrong moment costs no request that can safely be
//! sent again, and one with something left over on it serves nobody.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::support::gateway::Setup;
use crate::support::h2::{H2, full, request};
use crate::support::message::SITE;
use crate::support::upstream::{OK, Upstream};

/// Of each client, of which there are four of each kind.
const REQUESTS: u64 = if cfg!(debug_assertions) { 1250 } else { 12_500 };

/// An app that closes after every answer, or after some, and never says so.
fn closing(one_in: u64) -> Upstream {
    let state = AtomicU64::new(1);
    Upstream::scripted(move |talk| {
        talk.stop_recording();
        while talk.request().is_ok_and(|request| request.is_some()) {
            talk.say(OK);
            // A generator of Lehmer's will do, and differs from connection to connection.
            let random = state.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed) >> 33;
            if random % one_in == 0 {
                return;
            }
        }
    })
}

/// Ten thousand requests, half of them with a body, over both versions of HTTP.
fn assert_no_errors(app: &Upstream) {
    let gateway = Setup::new(app).site_tables("[site.timeouts]\nupstream_idle_timeout = \"1m\"");
    let gateway = gateway.workers(2).start();
    let caller = &gateway.caller();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = caller.connect();
                let post = format!("POST / HTTP/1.1\r\nHost: {SITE}\r\nContent-Length: 4\r\n\r\nbody");
                let mut unserved = 0;
                for number in 0..REQUESTS {
                    if number % 2 == 0 {
                        assert_eq!(client.get("/").status(), 200, "request {number}");
                    } else {
                        unserved += u64::from(client.ask(&post).status() != 200);
                    }
                }
                assert_eq!(unserved, 0);
            });
            scope.spawn(|| {
                let mut client = H2::connect(caller);
                for number in 0..REQUESTS {
                    let status = if number % 2 == 0 {
                        client.get("/").status
                    } else {
                        client.ask(request("POST", "/").body(full("body")).unwrap()).status
                    };
                    assert_eq!(status, 200, "request {number}");
                }
            });
        }
    });
}

#[test]
fn an_app_that_closes_at_random_fails_no_request() {
    assert_no_errors(&closing(3));
}

#[test]
fn an_app_that_closes_after_every_answer_fails_no_request() {
    assert_no_errors(&closing(1));
}
