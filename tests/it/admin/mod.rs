//! The listener of operators: each page, what it says of what happens, and what it does not let anybody do.

mod browser;
mod drift;
mod moves;
mod page;
mod tools;
mod warnings;

use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use mtls_gateway::admin::{FAMILIES, Place};
use mtls_gateway::pki::Authority;
use rustls::client::Resumption;
use serde_json::Value;

use crate::support::PATIENCE;
use crate::support::gateway::{Gateway, Setup};
use crate::support::message::SITE;
use crate::support::pki::Credentials;
use crate::support::upstream::{OK, Upstream};

pub const TABLE: &str = "[admin]\naddress = \"127.0.0.1:0\"\n";

/// An answer: its head as it came, and its body.
pub struct Answer {
    head: String,
    body: String,
}

impl Answer {
    fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    fn has(&self, line: &str) -> bool {
        self.head.lines().any(|there| there.eq_ignore_ascii_case(line))
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The value of the one sample that begins so.
    pub fn metric(&self, begins: &str) -> f64 {
        let mut values = self.body.lines().filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            (!line.starts_with('#') && name.starts_with(begins)).then(|| value.parse().unwrap())
        });
        let value = values.next().unwrap_or_else(|| panic!("no `{begins}` in\n{}", self.body));
        assert_eq!(values.next(), None, "several `{begins}`");
        value
    }
}

fn say(mut stream: impl std::io::Read + std::io::Write, request: &str) -> Answer {
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    Answer { head: head.to_owned(), body: body.to_owned() }
}

fn door(gateway: &Gateway) -> SocketAddr {
    match gateway.control().door().first() {
        Some(Place::Tcp(address)) => *address,
        other => panic!("{other:?}"),
    }
}

fn connect(door: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(door).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn ask_at(door: SocketAddr, method: &str, path: &str) -> Answer {
    let request =
        format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    say(connect(door), &request)
}

fn ask(gateway: &Gateway, method: &str, path: &str) -> Answer {
    ask_at(door(gateway), method, path)
}

pub fn look(gateway: &Gateway, path: &str) -> Answer {
    let answer = ask(gateway, "GET", path);
    assert_eq!(answer.status(), 200, "{}\n{}", answer.head, answer.body);
    answer
}

/// What is counted when something is over is there a moment later.
#[track_caller]
pub fn soon(mut is_so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < PATIENCE, "it did not happen");
        thread::yield_now();
    }
}

fn started(upstream: &Upstream) -> Gateway {
    Setup::new(upstream).process_tables(TABLE).start()
}

#[test]
fn without_the_table_nobody_listens() {
    let app = Upstream::answering(OK);
    assert!(Gateway::before(&app).control().door().is_empty());
}

#[test]
fn each_page_is_there_and_nothing_can_be_done() {
    let app = Upstream::answering(OK);
    let gateway = started(&app);
    for (path, kind) in [
        ("/healthz", "text/plain; charset=utf-8"),
        ("/readyz", "application/json"),
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8"),
        ("/status", "text/html; charset=utf-8"),
        ("/status.json", "application/json"),
    ] {
        let answer = look(&gateway, path);
        assert!(answer.has(&format!("content-type: {kind}")), "{}", answer.head);
        assert!(answer.has("cache-control: no-store"), "{}", answer.head);
        assert!(!answer.body.is_empty());
        let head = ask(&gateway, "HEAD", path);
        assert_eq!((head.status(), head.body.as_str()), (200, ""), "{path}");
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"] {
            let answer = ask(&gateway, method, path);
            assert_eq!(answer.status(), 405, "{method}");
            assert!(answer.has("allow: GET, HEAD"));
        }
    }
    assert_eq!(look(&gateway, "/healthz").body, "ok\n");
    for path in ["/nothing", "/status/", "/healthz/../status", "//metrics"] {
        assert_eq!(ask(&gateway, "GET", path).status(), 404, "{path}");
    }
    assert_eq!(ask(&gateway, "GET", "/").status(), 302);
    let page = look(&gateway, "/status");
    let policy = page.head.lines().find(|line| line.starts_with("content-security-policy: "));
    assert!(policy.unwrap().contains("default-src 'none'; style-src 'sha256-"), "{policy:?}");
    assert!(!page.body.contains(" style=") && !page.body.contains(" src="));
}

#[test]
fn a_name_that_somebody_else_chose_is_not_answered() {
    let app = Upstream::answering(OK);
    let gateway = started(&app);
    let request = "GET /status HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n";
    let answer = say(connect(door(&gateway)), request);
    assert_eq!(answer.status(), 421);
    assert!(!answer.body.contains(SITE));
}

#[test]
fn the_metrics_follow_what_happens() {
    let app = Upstream::answering(OK);
    let gateway = started(&app);
    let before = look(&gateway, "/metrics");
    assert_eq!(before.metric("mtls_gateway_connections_accepted_total"), 0.0);
    assert_eq!(before.metric("mtls_gateway_upstream_reachable"), 1.0);
    assert_eq!(before.metric("mtls_gateway_generation"), 1.0);

    let mut client = gateway.caller().resuming(Resumption::disabled()).connect();
    assert_eq!(client.get("/").status(), 200);
    let post = format!("POST / HTTP/1.1\r\nhost: {SITE}\r\ncontent-length: 5\r\n\r\nhello");
    assert_eq!(client.ask(post).status(), 200);
    let misdirected = "GET / HTTP/1.1\r\nhost: other.example\r\n\r\n";
    assert_eq!(client.ask(misdirected).status(), 421);
    soon(|| look(&gateway, "/metrics").body.contains("status=\"4xx\"} 1"));
    let metrics = look(&gateway, "/metrics");
    let of = |name: &str, labels: &str| {
        metrics.metric(&format!("mtls_gateway_{name}{{site=\"{SITE}\"{labels}}}"))
    };
    assert_eq!(of("requests_total", ",method=\"GET\",status=\"2xx\""), 1.0);
    assert_eq!(of("requests_total", ",method=\"POST\",status=\"2xx\""), 1.0);
    assert_eq!(of("request_body_bytes_total", ""), 5.0);
    assert_eq!(of("exchange_duration_seconds_count", ""), 3.0);
    assert_eq!(of("first_byte_duration_seconds_count", ""), 3.0);
    assert_eq!(of("handshake_duration_seconds_count", ""), 1.0);
    let handshakes = format!("mtls_gateway_handshakes_total{{site=\"{SITE}\",version=\"1.3\"");
    assert_eq!(metrics.metric(&handshakes), 1.0);
    assert_eq!(metrics.metric("mtls_gateway_connections_open"), 1.0);
    assert_eq!(metrics.metric("mtls_gateway_upstream_connect_duration_seconds_count"), 1.0);
    let seen = "mtls_gateway_client_certificate_not_after_timestamp_seconds";
    assert!(metrics.metric(seen) > 1e9);

    gateway.caller().presenting_nothing().refused();
    let refused = "mtls_gateway_refusals_total{reason=\"no-certificate\"}";
    assert_eq!(look(&gateway, "/metrics").metric(refused), 1.0);

    let reloads = gateway.reloads();
    gateway.rewrite("workers = 1", "workers = none");
    assert!(!reloads.wait().unwrap().is_applied);
    let metrics = look(&gateway, "/metrics");
    assert_eq!(metrics.metric("mtls_gateway_reloads_total{outcome=\"refused\"}"), 1.0);
    assert_eq!(metrics.metric("mtls_gateway_reload_last_successful"), 0.0);
    gateway.rewrite("", "");
    assert!(reloads.wait().unwrap().is_applied);
    let metrics = look(&gateway, "/metrics");
    assert_eq!(metrics.metric("mtls_gateway_reloads_total{outcome=\"applied\"}"), 1.0);
    assert_eq!(metrics.metric("mtls_gateway_generation"), 2.0);
    assert!(metrics.metric("mtls_gateway_reload_last_success_timestamp_seconds") > 1e9);
}

#[test]
fn an_app_that_fails_is_counted() {
    let app = Upstream::absent();
    let gateway = started(&app);
    assert_eq!(gateway.connect().get("/").status(), 502);
    let metrics = look(&gateway, "/metrics");
    assert_eq!(metrics.metric("mtls_gateway_upstream_failures_total"), 1.0);
    assert_eq!(metrics.metric("mtls_gateway_upstream_reachable"), 0.0);
}

#[test]
fn the_page_of_metrics_is_well_formed() {
    let app = Upstream::answering(OK);
    let gateway = started(&app);
    assert_eq!(gateway.connect().get("/").status(), 200);
    let metrics = look(&gateway, "/metrics");
    let mut lines = metrics.body.lines().peekable();
    for family in FAMILIES {
        let help = lines.next().unwrap();
        assert_eq!(help, format!("# HELP {} {}", family.name, family.help));
        assert_eq!(lines.next().unwrap(), format!("# TYPE {} {}", family.name, family.kind));
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert!(sample.starts_with(family.name), "{line} in {}", family.name);
            for label in family.labels {
                assert!(sample.contains(&format!("{label}=\"")), "{line} lacks {label}");
            }
        }
    }
    assert_eq!(lines.next(), None);
    assert!(metrics.body.ends_with('\n'));
}

#[test]
fn it_is_ready_while_the_app_can_be_reached() {
    let app = Upstream::answering(OK);
    let gateway = started(&app);
    let ready = look(&gateway, "/readyz").json();
    assert_eq!((&ready["ready"], &ready["generation"]), (&Value::Bool(true), &Value::from(1)));
    assert_eq!(ready["sites"][0]["site"], SITE);
    assert_eq!(ready["sites"][0]["endpoints"][0]["reachable"], true);

    // A mistake in the file is told, and what was in force before still serves.
    let reloads = gateway.reloads();
    gateway.rewrite("client_ca = \"", "client_ca = \"missing-");
    assert!(!reloads.wait().unwrap().is_applied);
    let ready = look(&gateway, "/readyz").json();
    let report = ready["last_failed_reload"]["report"].as_str().unwrap();
    assert!(ready["ready"] == true && report.contains("which does not exist"), "{ready}");
    assert!(look(&gateway, "/status").body.contains("which does not exist"));

    let absent = Upstream::absent();
    gateway.rewrite(&app.url, &absent.url);
    assert!(reloads.wait().unwrap().is_applied);
    let answer = ask(&gateway, "GET", "/readyz");
    assert_eq!(answer.status(), 503, "{}", answer.body);
    let ready = answer.json();
    assert_eq!(ready["last_failed_reload"], Value::Null);
    assert!(ready["sites"][0]["endpoints"][0]["trouble"].is_string(), "{ready}");
    assert_eq!(look(&gateway, "/healthz").body, "ok\n");
}

#[test]
fn hostile_names_are_shown_and_nothing_else() {
    const NAME: &str = "<script>alert(\"1\")</script>'&\u{202E}x\"} 1\nmtls_gateway_forged 1";
    let app = Upstream::answering(OK);
    let gateway = started(&app);
    let known = gateway.pki.client_ca.client(NAME).issue().unwrap();
    let client = gateway.caller().presenting(Credentials::of(&known));
    assert_eq!(client.connect().get("/").status(), 200);
    let stranger = Authority::root(NAME).unwrap();
    let unknown = stranger.client(NAME).issue().unwrap();
    gateway.caller().presenting(Credentials::of(&unknown)).refused();
    let mut request = gateway.caller().asking_for("unknown.example").open();
    _ = request.handshake();
    soon(|| gateway.control().refusals().last().len() >= 2);

    let page = look(&gateway, "/status").body;
    // The page's own script, and no other.
    assert_eq!(page.matches("<script").count(), 1, "{page}");
    assert!(page.matches("&lt;script").count() >= 2, "{page}");
    assert!(!page.contains('\u{202E}'));
    let metrics = look(&gateway, "/metrics").body;
    assert!(metrics.contains("<script>") && !metrics.contains("\nmtls_gateway_forged"));
    let status = look(&gateway, "/status.json").json();
    assert_eq!(status["clients"].as_array().unwrap().len(), 1);
    assert_eq!(status["refusals"]["counts"]["unknown-ca"], 1);
    assert_eq!(status["refusals"]["counts"]["unknown-server-name"], 1);
    assert!(status["refusals"]["last"].as_array().unwrap().len() >= 2);
}

#[test]
fn scraping_and_serving_do_not_stand_in_each_others_way() {
    const SCRAPERS: usize = 4;
    const REQUESTS: usize = 300;
    let app = Upstream::answering(OK);
    let gateway = Setup::new(&app).process_tables(TABLE).workers(2).start();
    let door = door(&gateway);
    let (is_over, scrapes) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..SCRAPERS {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    for path in ["/metrics", "/status"] {
                        assert_eq!(ask_at(door, "GET", path).status(), 200);
                    }
                    scrapes.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let callers: Vec<_> = (0..2)
            .map(|_| {
                let caller = gateway.caller();
                scope.spawn(move || {
                    let mut client = caller.connect();
                    (0..REQUESTS).for_each(|_| assert_eq!(client.get("/").status(), 200));
                })
            })
            .collect();
        let ended: Vec<_> = callers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        is_over.store(true, Ordering::Relaxed);
        assert!(ended.iter().all(Result::is_ok));
    });
    assert!(scrapes.load(Ordering::Relaxed) > 0);
    let name = format!("mtls_gateway_requests_total{{site=\"{SITE}\",method=\"GET\"");
    soon(|| look(&gateway, "/metrics").metric(&name) == 2.0 * REQUESTS as f64);
}

#[test]
fn while_it_drains_it_says_that_it_is_not_ready() {
    // Whoever asks waits until the test is over.
    let app = Upstream::scripted(|talk| {
        if let Ok(Some(_)) = talk.request() {
            talk.wait_for_end();
        }
    });
    let gateway = started(&app);
    let door = door(&gateway);
    let mut client = gateway.connect();
    client.send(format!("GET / HTTP/1.1\r\nhost: {SITE}\r\n\r\n"));
    soon(|| !app.requests().is_empty());
    assert_eq!(look(&gateway, "/readyz").json()["trouble"], Value::Null);
    gateway.stop.drain.cancel();
    let answer = ask_at(door, "GET", "/readyz");
    assert_eq!(answer.status(), 503, "{}", answer.body);
    let ready = answer.json();
    assert_eq!((&ready["draining"], &ready["ready"]), (&Value::Bool(true), &Value::Bool(false)));
    assert_eq!(ready["trouble"], "draining");
    assert_eq!(ask_at(door, "GET", "/healthz").body, "ok\n");
    assert!(ask_at(door, "GET", "/status").body.contains("not ready: draining"));
}
