//! An app and a client that fail in each way they can: what the other side gets, what is logged and counted, and that
//! nothing else suffers: the next request is served, on the same connection where that stays, and on a new one.
//!
//! The tables in `cases` and `clients` are the one place of what is expected. `docs/reference/faults.md` is compared
//! with them.

mod cases;
mod clients;
mod page;
mod reuse;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::admin::{TABLE, look};
use crate::support::client::{Client, End};
use crate::support::events::Event;
use crate::support::gateway::{Gateway, Setup};
use crate::support::h2::{H2, channel, empty, request};
use crate::support::message::{Message, SITE, code_of};
use crate::support::upstream::{OK, Talk, Upstream};

/// Short, as many of the faults are silences.
const IMPATIENCE: &str = "[site.timeouts]\nresponse_header_timeout = \"300ms\"\n\
    body_idle_timeout = \"300ms\"\nupstream_connect_timeout = \"300ms\"\nupstream_idle_timeout = \"1m\"";

/// One way in which an app fails.
struct Case {
    name: &'static str,
    asked: Asked,
    /// What the app does in place of an answer; when it is done, the connection closes.
    app: fn(&mut Talk),
    gets: Gets,
    /// Whether the connection to the app serves the next request.
    is_kept: bool,
    note: &'static str,
}

/// What the client asks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Get,
    Head,
    /// With a body that comes after the app has answered, if at all.
    Post,
}

/// What the client gets.
#[derive(Clone, Copy)]
enum Gets {
    /// An answer of the gateway's own.
    Answer(u16, &'static str),
    /// The app's response, whole: its status and body.
    Whole(u16, &'static str),
    /// The beginning of the app's response, and no end: HTTP/1.1 loses the connection, HTTP/2 the stream.
    BrokenOff(u16, &'static str),
}

impl Case {
    /// Whether the endpoint is counted as failed.
    fn is_failure(&self) -> bool {
        matches!(self.gets, Gets::Answer(..))
    }

    /// `outcome` and `code` of the access line.
    fn logged(&self) -> (&'static str, &'static str) {
        match self.gets {
            Gets::Answer(_, code) => ("answered", code),
            Gets::Whole(..) => ("complete", ""),
            Gets::BrokenOff(..) => ("truncated", ""),
        }
    }

    fn assert_logged(&self, event: &Event) {
        let (outcome, code) = self.logged();
        let seen = (event.field("outcome"), event.field("code"));
        assert_eq!(seen, (outcome, code), "{}: {event:?}", self.name);
        let (Gets::Answer(status, _) | Gets::Whole(status, _) | Gets::BrokenOff(status, _)) =
            self.gets;
        assert_eq!(event.field("status"), status.to_string(), "{}", self.name);
        assert_eq!(
            event.field("cause").is_empty(),
            outcome == "complete",
            "{}: {event:?}",
            self.name
        );
    }
}

/// An app that fails at `/fault` and is well otherwise; where nothing is wrong with the connection, on that too.
fn app(fails: fn(&mut Talk), is_kept: bool) -> Upstream {
    Upstream::scripted(move |talk| {
        while let Ok(Some(request)) = talk.try_head() {
            if !request.first_line.contains(" /fault") {
                talk.say(OK);
                continue;
            }
            fails(talk);
            if !is_kept {
                return;
            }
        }
    })
}

#[test]
fn each_fault_of_an_app_is_told_to_the_client_and_harms_nobody_else() {
    let cases: Vec<_> = cases::TOPICS.iter().flat_map(|(_, cases)| *cases).collect();
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    // Most cases wait for something.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let judged = std::panic::catch_unwind(|| judge(case));
                    if judged.is_err() {
                        failures.lock().unwrap().push(case.name);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "see above:\n{}", failures.join("\n"));
}

fn judge(case: &Case) {
    let app = app(case.app, case.is_kept);
    let gateway = Setup::new(&app).site_tables(IMPATIENCE).process_tables(TABLE).start();
    over_http1(case, &gateway, &app);
    over_http2(case, &gateway, &app);
    // Each of the two met the fault once. A connection on which nothing is wrong served what came next, all the others
    // are closed.
    if case.is_kept {
        assert_eq!((app.connections(), app.closed()), (1, 0), "{}", case.name);
    } else {
        app.wait_until_closed(2);
    }
    assert_eq!(gateway.connect().get("/well").body, b"ok", "{}", case.name);
    let metrics = look(&gateway, "/metrics");
    let failed = metrics.metric(&format!(
        "mtls_gateway_upstream_failures_total{{endpoint=\"{}\"",
        app.url.trim_end_matches('/')
    ));
    let expected = if case.is_failure() { 2.0 } else { 0.0 };
    assert!((failed - expected).abs() < 0.5, "{}: counted {failed} failures", case.name);
}

fn over_http1(case: &Case, gateway: &Gateway, app: &Upstream) {
    let name = case.name;
    let mut client = gateway.connect();
    let is_post = case.asked == Asked::Post;
    client.send(match case.asked {
        Asked::Get => format!("GET /fault HTTP/1.1\r\nHost: {SITE}\r\n\r\n"),
        Asked::Head => format!("HEAD /fault HTTP/1.1\r\nHost: {SITE}\r\n\r\n"),
        Asked::Post => format!("POST /fault HTTP/1.1\r\nHost: {SITE}\r\nContent-Length: 5\r\n\r\n"),
    });
    let head = client.head();
    let stays = match case.gets {
        Gets::Answer(status, code) => {
            assert_eq!(head.status(), status, "{name}: {head:?}");
            assert_eq!(code_of(&body(&mut client, &head)), code, "{name}");
            !is_post
        }
        Gets::Whole(status, whole) => {
            assert_eq!(head.status(), status, "{name}: {head:?}");
            let is_bodiless = case.asked == Asked::Head || [204, 304].contains(&status);
            let body = if is_bodiless { Vec::new() } else { body(&mut client, &head) };
            assert_eq!(String::from_utf8_lossy(&body), whole, "{name}");
            !is_post
        }
        Gets::BrokenOff(status, began) => {
            assert_eq!(head.status(), status, "{name}: {head:?}");
            app.go_on();
            let came = broken_off(&mut client);
            // What came, in chunks or not: the beginning and no end.
            let came = String::from_utf8_lossy(&came).into_owned();
            assert!(began.is_empty() || came.contains(began), "{name}: {came:?}");
            assert!(!came.contains("\r\n0\r\n") && !came.starts_with("0\r\n"), "{name}: {came:?}");
            false
        }
    };
    if is_post {
        // What is left of the request is not waited for.
        assert_eq!(head.one("connection"), Some("close"), "{name}");
        assert_eq!(client.end(), End::Clean, "{name}");
    }
    case.assert_logged(&client.event("access"));
    if stays {
        let next = client.get("/well");
        assert_eq!((next.status(), &*next.body), (200, &b"ok"[..]), "{name}: the next request");
        assert_eq!(client.events("access", 2).len(), 2, "{name}: logged once each");
    }
}

/// The body of a response with a framing of its own.
fn body(client: &mut Client, head: &Message) -> Vec<u8> {
    let mut whole = head.clone();
    client.reader.body(&mut whole).unwrap();
    whole.body
}

/// Reads to the end of a connection that must not end well.
fn broken_off(client: &mut Client) -> Vec<u8> {
    let mut came = Vec::new();
    loop {
        match client.reader.some() {
            Ok(bytes) if bytes.is_empty() => panic!("an end with close_notify"),
            Ok(bytes) => came.extend(bytes),
            Err(error) => {
                let kind = error.kind();
                assert!(kind != std::io::ErrorKind::WouldBlock, "no end at all: {came:?}");
                return came;
            }
        }
    }
}

fn over_http2(case: &Case, gateway: &Gateway, app: &Upstream) {
    let name = case.name;
    let mut client: H2 = gateway.connect_h2();
    // A body that does not come, for as long as this lasts.
    let (_never, held) = channel();
    let asked = match case.asked {
        Asked::Get => request("GET", "/fault").body(empty()),
        Asked::Head => request("HEAD", "/fault").body(empty()),
        Asked::Post => request("POST", "/fault").header("content-length", "5").body(held),
    };
    let response = client.begin(asked.unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
    let head = response.status().as_u16();
    match case.gets {
        Gets::Answer(status, code) => {
            let answer = client.finish(response).unwrap();
            assert_eq!((head, &*code_of(&answer.body)), (status, code), "{name}");
        }
        Gets::Whole(status, whole) => {
            let answer = client.finish(response).unwrap();
            assert_eq!((head, &*answer.body), (status, whole.as_bytes()), "{name}");
        }
        Gets::BrokenOff(status, _) => {
            assert_eq!(head, status, "{name}");
            app.go_on();
            let error = client.finish(response).unwrap_err();
            assert!(!error.is_closed(), "{name}: the connection must stay: {error:?}");
        }
    }
    case.assert_logged(&client.event("access"));
    let next = client.get("/well");
    assert_eq!((next.status, &*next.body), (200, &b"ok"[..]), "{name}: the next request");
}
