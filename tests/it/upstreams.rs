//! `[[upstream]]`: which endpoint a request goes to, what happens when it fails, and callers that have little time.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::admin::{TABLE, look, soon};
use crate::support::gateway::{Gateway, Setup};
use crate::support::upstream::{OK, Upstream};

/// A gateway whose site has these endpoints, and more lines of the upstream and of the site.
fn gateway(endpoints: &[&str], lines: &str, site: &str) -> Gateway {
    let upstream = format!("[[upstream]]\nname = \"app\"\nendpoints = {endpoints:?}\n{lines}");
    let setup = Setup::with_url("app").site_tables(site).process_tables(&upstream);
    setup.start()
}

/// Lets time pass, for an app that is slow or away.
#[expect(clippy::disallowed_methods, reason = "there is nothing to wait for but time")]
fn pass(time: Duration) {
    thread::sleep(time);
}

fn get_many(gateway: &Gateway, count: usize) {
    let mut client = gateway.connect();
    for _ in 0..count {
        assert_eq!(client.get("/").status(), 200);
    }
}

#[test]
fn requests_take_turns_by_weight() {
    let (one, two) = (Upstream::answering(OK), Upstream::answering(OK));
    let endpoints = [format!("{} weight=3", one.url), two.url.clone()];
    let endpoints: Vec<_> = endpoints.iter().map(String::as_str).collect();
    let gateway = gateway(&endpoints, "balance = \"round_robin\"", "");
    get_many(&gateway, 12);
    assert_eq!((one.requests().len(), two.requests().len()), (9, 3));
}

#[test]
fn an_endpoint_that_cannot_be_connected_costs_no_request() {
    let (app, nowhere) = (Upstream::answering(OK), Upstream::absent());
    let gateway = gateway(&[&nowhere.url, &app.url], "balance = \"round_robin\"", "");
    get_many(&gateway, 10);
    assert_eq!(app.requests().len(), 10);
}

#[test]
fn a_post_that_was_not_sent_goes_to_another_endpoint_whole() {
    let (app, nowhere) = (Upstream::answering(OK), Upstream::absent());
    let gateway = gateway(&[&nowhere.url, &app.url], "balance = \"round_robin\"", "");
    let mut client = gateway.connect();
    for _ in 0..2 {
        let post = "POST / HTTP/1.1\r\nhost: a.example\r\ncontent-length: 5\r\n\r\nhello";
        assert_eq!(client.ask(post).status(), 200);
    }
    assert!(app.requests().iter().all(|request| request.body == b"hello"));
    assert_eq!(app.requests().len(), 2);
}

#[test]
fn a_backup_is_used_only_while_nothing_else_is_left() {
    let (app, backup) = (Upstream::answering(OK), Upstream::answering(OK));
    let spare = format!("{} backup", backup.url);
    let with_app = gateway(&[&app.url, &spare], "", "");
    get_many(&with_app, 3);
    assert_eq!(backup.requests().len(), 0);
    let nowhere = Upstream::absent();
    let without = gateway(&[&nowhere.url, &spare], "", "");
    get_many(&without, 3);
    assert_eq!(backup.requests().len(), 3);
}

/// An app that closes each connection after it has read a request.
fn closing() -> Upstream {
    Upstream::scripted(|talk| _ = talk.request())
}

#[test]
fn an_endpoint_that_fails_again_and_again_is_left_out() {
    let (bad, good) = (closing(), Upstream::answering(OK));
    let lines = "balance = \"round_robin\"\nfailures_max = 2\nejection_time = \"1h\"";
    let gateway = gateway(&[&bad.url, &good.url], lines, "");
    let statuses = (0..20).map(|_| gateway.connect().get("/").status());
    assert_eq!(statuses.filter(|status| *status == 502).count(), 2);
    assert_eq!(bad.requests().len(), 2);
}

#[test]
fn an_endpoint_that_was_left_out_is_tried_again() {
    let (bad, good) = (closing(), Upstream::answering(OK));
    let lines = "balance = \"round_robin\"\nfailures_max = 2\nejection_time = \"100ms\"";
    let gateway = gateway(&[&bad.url, &good.url], lines, "");
    soon(|| {
        _ = gateway.connect().get("/");
        bad.requests().len() > 4
    });
}

/// Asked without a request: it is out before any client notices, and back as soon as it is well.
#[test]
fn an_endpoint_that_is_not_well_gets_no_request_until_it_is() {
    let is_well = Arc::new(AtomicBool::new(false));
    let says = Arc::clone(&is_well);
    let ailing = Upstream::scripted(move |talk| {
        while let Ok(Some(request)) = talk.request() {
            let is_check = request.first_line.starts_with("GET /health ");
            let is_fine = !is_check || says.load(Ordering::Relaxed);
            talk.say(if is_fine { OK } else { "HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n" });
        }
    });
    let good = Upstream::answering(OK);
    let lines = "balance = \"round_robin\"\nfailures_max = 2\nhealth_check_path = \"/health\"\n\
                 health_check_interval = \"50ms\"";
    let upstream = format!(
        "[[upstream]]\nname = \"app\"\nendpoints = {:?}\n{lines}\n{TABLE}",
        [&ailing.url, &good.url,]
    );
    let gateway = Setup::with_url("app").process_tables(&upstream).start();
    let left_out = || {
        let metrics = look(&gateway, "/metrics");
        let of = format!(
            "mtls_gateway_upstream_left_out{{site=\"a.example\",endpoint=\"{}\"",
            ailing.url
        );
        metrics.metric(&of)
    };
    soon(|| left_out() == 1.0);
    get_many(&gateway, 6);
    let requests = |app: &Upstream| {
        app.requests().iter().filter(|one| one.first_line.starts_with("GET / ")).count()
    };
    assert_eq!((requests(&ailing), requests(&good)), (0, 6));
    is_well.store(true, Ordering::Relaxed);
    soon(|| left_out() == 0.0);
    get_many(&gateway, 6);
    assert_eq!((requests(&ailing), requests(&good)), (3, 9));
}

#[test]
fn a_client_stays_at_its_endpoint() {
    let apps = [Upstream::answering(OK), Upstream::answering(OK), Upstream::answering(OK)];
    let urls: Vec<_> = apps.iter().map(|app| app.url.as_str()).collect();
    let gateway = gateway(&urls, "balance = \"hash(header:X-Key)\"", "");
    let mut client = gateway.connect();
    for _ in 0..3 {
        for key in 0..30 {
            let get = format!("GET / HTTP/1.1\r\nhost: a.example\r\nx-key: {key}\r\n\r\n");
            assert_eq!(client.ask(get).status(), 200);
        }
    }
    let mut keys = 0;
    for app in &apps {
        let seen: Vec<_> =
            app.requests().iter().map(|one| one.one("x-key").unwrap().to_owned()).collect();
        let mut distinct = seen.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(seen.len(), distinct.len() * 3, "a key went elsewhere");
        assert!(!distinct.is_empty(), "an endpoint without a key");
        keys += distinct.len();
    }
    assert_eq!(keys, 30);
}

#[test]
fn what_may_be_done_twice_is_sent_to_another_endpoint_where_the_upstream_says_so() {
    let (bad, good) = (closing(), Upstream::answering(OK));
    let lines = "balance = \"round_robin\"\nretry = \"idempotent\"\nfailures_max = \"unlimited\"";
    let gateway = gateway(&[&bad.url, &good.url], lines, "");
    let mut client = gateway.connect();
    get_many(&gateway, 4);
    let post = "POST / HTTP/1.1\r\nhost: a.example\r\ncontent-length: 0\r\n\r\n";
    let statuses = [client.ask(post).status(), client.ask(post).status()];
    assert!(statuses.contains(&502) && statuses.contains(&200), "{statuses:?}");
}

#[test]
fn a_request_is_held_while_the_app_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("app.sock");
    let gateway = hold(&socket, "5s", 1000);
    let waiting: Vec<_> = (0..5)
        .map(|_| {
            let caller = gateway.caller();
            thread::spawn(move || {
                let post = "POST /x HTTP/1.1\r\nhost: a.example\r\ncontent-length: 5\r\n\r\nhello";
                caller.connect().ask(post).status()
            })
        })
        .collect();
    pass(Duration::from_millis(300));
    let app = Upstream::on_unix_socket(&socket, |talk| {
        while let Ok(Some(_)) = talk.request() {
            talk.say(OK);
        }
    });
    for one in waiting {
        assert_eq!(one.join().unwrap(), 200);
    }
    assert!(app.requests().iter().all(|request| request.body == b"hello"));
    assert_eq!(app.requests().len(), 5);
}

#[test]
fn a_request_is_not_held_longer_than_its_time_and_not_with_too_many() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("app.sock");
    let began = Instant::now();
    assert_eq!(hold(&socket, "200ms", 1000).connect().get("/").status(), 502);
    assert!(began.elapsed() >= Duration::from_millis(200));
    let began = Instant::now();
    assert_eq!(hold(&socket, "30s", 0).connect().get("/").status(), 502);
    assert!(began.elapsed() < Duration::from_secs(15));
}

/// Waits while its app is away, and is refused there: what changed meanwhile counts.
fn assert_recalled(lines: &str, from: &str, to: &str, code: &str) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("app.sock");
    let url = format!("unix:{}", socket.display());
    let tables = format!("[site.timeouts]\nhold_timeout = \"60s\"\n{lines}");
    let gateway = Setup::with_url(&url).site_tables(&tables).process_tables(TABLE).start();
    let mut client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nhost: a.example\r\ncontent-length: 0\r\n\r\n");
    let failures = || look(&gateway, "/metrics").metric("mtls_gateway_upstream_failures_total");
    // It has been tried, and waits; that counts once.
    soon(|| failures() == 1.0);
    gateway.replace(from, to);
    let app = Upstream::on_unix_socket(&socket, |talk| {
        while let Ok(Some(_)) = talk.request() {
            talk.say(OK);
        }
    });
    let answer = client.response();
    assert_eq!((answer.status(), answer.code().as_str()), (403, code), "{to}");
    assert_eq!(app.requests().len(), 0, "{to}");
    assert_eq!(failures(), 1.0);
}

#[test]
fn a_held_request_is_not_sent_under_a_trust_that_is_gone() {
    let deny = "[site.client]\ndeny = [{ subject_cn = \"nobody\" }]\n";
    assert_recalled(deny, "\"nobody\"", "\"caller\"", "not-trusted");
    let allow = "[[site.route]]\npath = \"/\"\nallow = [{ subject_cn = \"caller\" }]\n";
    assert_recalled(allow, "\"caller\"", "\"nobody\"", "not-allowed");
}

#[test]
fn a_held_request_is_sent_after_a_reload_that_leaves_its_client_alone() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("app.sock");
    let gateway = hold(&socket, "60s", 1000);
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nhost: a.example\r\n\r\n");
    gateway.replace("held_requests_max = 1000", "held_requests_max = 999");
    let _app = Upstream::on_unix_socket(&socket, |talk| {
        while let Ok(Some(_)) = talk.request() {
            talk.say(OK);
        }
    });
    assert_eq!(client.response().status(), 200);
}

/// Who was told that it failed does not find out later that it was done.
#[test]
fn a_held_request_is_not_sent_behind_its_answer() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("app.sock");
    let url = format!("unix:{}", socket.display());
    // Answered at nine tenths, and held until the end.
    let tables = "[site.timeouts]\ncallback_budget = \"3s\"\n";
    let gateway = Setup::with_url(&url).site_tables(tables).start();
    let mut client = gateway.connect();
    assert_eq!(client.get("/").status(), 504);
    let app =
        Upstream::on_unix_socket(
            &socket,
            |talk| while talk.request().is_ok_and(|one| one.is_some()) {},
        );
    pass(Duration::from_millis(600));
    assert_eq!(app.requests().len(), 0);
}

fn hold(socket: &Path, timeout: &str, max: usize) -> Gateway {
    let tables = format!(
        "[site.timeouts]\nhold_timeout = \"{timeout}\"\n[site.limits]\nheld_requests_max = {max}\n"
    );
    let url = format!("unix:{}", socket.display());
    Setup::with_url(&url).site_tables(&tables).start()
}

#[test]
fn a_caller_with_little_time_is_answered_in_it_and_the_late_response_is_counted() {
    let app = Upstream::scripted(|talk| {
        _ = talk.request();
        pass(Duration::from_millis(900));
        talk.say(OK);
    });
    let tables = "[site.timeouts]\ncallback_budget = \"600ms\"\n";
    let gateway = Setup::new(&app).site_tables(tables).process_tables(TABLE).start();
    let mut client = gateway.connect();
    let began = Instant::now();
    assert_eq!(client.get("/").status(), 504);
    let took = began.elapsed();
    assert!(took < Duration::from_millis(600), "{took:?}");
    soon(|| look(&gateway, "/metrics").metric("mtls_gateway_upstream_late_responses_total") == 1.0);
}

#[test]
fn an_app_has_no_more_connections_than_it_may_have() {
    let app = Upstream::scripted(|talk| {
        while let Ok(Some(_)) = talk.request() {
            pass(Duration::from_millis(20));
            talk.say(OK);
        }
    });
    let gateway = gateway(&[&app.url], "connections_max = 2", "");
    let waiting: Vec<_> = (0..12)
        .map(|_| {
            let caller = gateway.caller();
            thread::spawn(move || caller.connect().get("/").status())
        })
        .collect();
    for one in waiting {
        assert_eq!(one.join().unwrap(), 200);
    }
    assert_eq!(app.requests().len(), 12);
    assert!(app.connections() <= 2, "{}", app.connections());
}

#[test]
fn an_app_that_stays_busy_is_told_of() {
    let app = Upstream::scripted(|talk| {
        _ = talk.request();
        talk.wait_for_end();
    });
    let site = "[site.timeouts]\nupstream_connect_timeout = \"100ms\"\n";
    let gateway = gateway(&[&app.url], "connections_max = 1", site);
    let mut first = gateway.connect();
    first.send("GET / HTTP/1.1\r\nhost: a.example\r\n\r\n");
    app.wait_for_connections(1);
    let answer = gateway.connect().get("/");
    assert_eq!((answer.status(), answer.code().as_str()), (503, "upstream-busy"));
}

#[test]
fn a_kept_connection_that_the_app_has_closed_costs_no_request() {
    // One answer a connection, and then it closes without having said so.
    let app = Upstream::scripted(|talk| {
        if let Ok(Some(_)) = talk.request() {
            talk.say(OK);
        }
    });
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    for _ in 0..20 {
        assert_eq!(client.get("/").status(), 200);
    }
}
