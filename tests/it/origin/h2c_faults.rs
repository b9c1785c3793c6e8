//! `h2c://` and an app that does wrong, or a client that does: nobody else pays for it.

use std::collections::HashSet;
use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use crate::support::frames::{self, Frames, frame};
use crate::support::gateway::{Gateway, Setup};
use crate::support::h2::{empty, full, request};
use crate::support::h2_app::{Asked, H2App};
use crate::support::message::SITE;
use crate::support::upstream::Upstream;

/// A gateway whose upstream has more lines, and its site more tables.
fn with(app: &H2App, lines: &str, tables: &str) -> Gateway {
    let upstream = format!("[[upstream]]\nname = \"app\"\nendpoints = [\"{}\"]\n{lines}", app.url);
    Setup::with_url("app").site_tables(tables).process_tables(&upstream).start()
}

/// Sends parts of this size without end, and notes when no more of them are taken.
async fn endless(mut asked: Asked, size: usize) {
    let mut stream = asked.begin(200);
    loop {
        stream.reserve_capacity(size);
        let room = poll_fn(|cx| stream.poll_capacity(cx));
        match timeout(Duration::from_millis(500), room).await {
            Ok(Some(Ok(room))) => {
                stream.send_data(Bytes::from(vec![b'x'; room.min(size)]), false).unwrap();
            }
            Ok(_) => return,
            Err(_) => break,
        }
    }
    asked.note("full");
    poll_fn(|cx| stream.poll_reset(cx)).await.ok();
}

/// Small parts weigh more than they have bytes.
#[test]
fn clients_that_read_nothing_hold_up_nobody_who_shares_their_connection() {
    const UNREAD: u32 = 12;
    for size in [16 * 1024, 100] {
        let app = H2App::start(None, move |mut asked| async move {
            match asked.head.uri().path() {
                "/endless" => endless(asked, size).await,
                _ => asked.answer("hello"),
            }
        });
        let gateway = with(&app, "", "");
        let mut reads_nothing = Frames::connect(&gateway.caller());
        for number in 0..UNREAD {
            let head = frames::head(&frames::request("GET", "/endless"));
            let flags = frames::END_STREAM | frames::END_HEADERS;
            reads_nothing.send(frame(frames::HEADERS, flags, 2 * number + 1, &head));
        }
        app.wait_for_notes("full", UNREAD as usize);
        assert_eq!(gateway.connect_h2().get("/").body, "hello");
        assert_eq!(gateway.connect().get("/").body, b"hello");
        assert_eq!(app.connections(), 1);
    }
}

#[test]
fn a_connection_on_which_no_request_may_go_is_not_kept() {
    let app = H2App::start(Some(0), |_| async {});
    let gateway = with(&app, "", "[site.timeouts]\nupstream_idle_timeout = \"1h\"");
    let mut client = gateway.connect();
    for _ in 0..3 {
        assert_eq!(client.get("/").status(), 503);
    }
    app.wait_until_closed(3);
}

/// An app that is told who asks, and answers with it.
fn introduced() -> H2App {
    H2App::introduced(|mut asked| async move { asked.answer("hello") })
}

#[test]
fn each_client_has_a_connection_that_speaks_for_it_alone() {
    let app = introduced();
    let gateway = with(&app, "proxy_protocol = \"v1\"", "");
    let (mut one, mut other) = (gateway.connect_h2(), gateway.connect());
    for _ in 0..3 {
        assert_eq!(one.get("/one").status, 200);
        assert_eq!(other.get("/other").status(), 200);
    }
    let heads = app.heads();
    let on_each: HashSet<_> =
        app.spread().into_iter().zip(heads.iter().map(|h| h.uri().path().to_owned())).collect();
    assert_eq!(on_each, HashSet::from([(0, "/one".to_owned()), (1, "/other".to_owned())]));
    let said =
        |port: u16| format!("PROXY TCP4 127.0.0.1 127.0.0.1 {port} {}\r\n", gateway.address.port());
    assert_eq!(app.notes(), [said(one.local().port()), said(other.local.port())]);
}

#[test]
fn no_more_unused_connections_are_kept_than_may_be() {
    let app = introduced();
    let tables = "[site.limits]\nupstream_idle_max = 2\n\
                  [site.timeouts]\nupstream_idle_timeout = \"1h\"";
    let gateway = with(&app, "proxy_protocol = \"v1\"", tables);
    let mut clients: Vec<_> = (0..5).map(|_| gateway.connect()).collect();
    clients.iter_mut().for_each(|client| assert_eq!(client.get("/").status(), 200));
    app.wait_until_closed(3);
    // Those that were used last are kept.
    for client in &mut clients[3..] {
        assert_eq!(client.get("/").status(), 200);
    }
    assert_eq!(app.connections(), 5);
}

#[test]
fn one_client_whose_connection_is_slow_to_open_holds_up_no_other() {
    // The first connection is taken, and nothing is said on it.
    let silent = Upstream::scripted(|talk| match talk.number {
        0 => talk.wait_for_end(),
        _ => {
            talk.some().unwrap();
            talk.half_close();
            talk.wait_for_end();
        }
    });
    let url = silent.url.replace("http://", "h2c://");
    let upstream =
        format!("[[upstream]]\nname = \"app\"\nendpoints = [\"{url}\"]\nproxy_protocol = \"v1\"");
    let tables = "[site.timeouts]\nupstream_connect_timeout = \"1h\"";
    let gateway = Setup::with_url("app").site_tables(tables).process_tables(&upstream).start();
    let mut waits = gateway.connect();
    waits.send(format!("GET / HTTP/1.1\r\nhost: {SITE}\r\n\r\n"));
    silent.wait_for_connections(1);
    let mut other = gateway.connect();
    assert_eq!(other.get("/").status(), 502);
    assert_eq!(silent.connections(), 2);
}

#[test]
fn http2_is_spoken_over_unix_sockets_too() {
    let folder = tempfile::tempdir().unwrap();
    let app = H2App::on_unix_socket(&folder.path().join("app.sock"), |mut asked| async move {
        asked.read().await;
        asked.answer("hello");
    });
    let gateway = with(&app, "", "");
    let mut client = gateway.connect_h2();
    let answer = client.ask(request("POST", "/").body(full("body")).unwrap());
    assert_eq!((answer.status, &answer.body[..]), (200, &b"hello"[..]));
    assert_eq!(answer.trailers["grpc-status"], "0");
    assert_eq!((gateway.connect().get("/").status(), app.connections()), (200, 1));
    let head = &app.heads()[0];
    assert_eq!(head.uri().authority().unwrap(), SITE);
    assert_eq!(head.headers()["x-ssl-client-verify"], "SUCCESS");
}

/// It has no better word for it in either version of HTTP than to break off.
#[test]
fn a_response_that_dies_or_stalls_on_its_way_is_never_taken_for_a_whole_one() {
    for is_stalled in [false, true] {
        let app = H2App::start(None, move |mut asked| async move {
            if asked.head.uri().path() == "/well" {
                return asked.answer("hello");
            }
            let mut stream = asked.begin(200);
            stream.send_data(Bytes::from_static(b"some"), false).unwrap();
            asked.note("begun");
            if is_stalled {
                poll_fn(|cx| stream.poll_reset(cx)).await.ok();
                asked.note("given up");
            } else {
                // So that the end does not overtake it.
                tokio::time::sleep(Duration::from_millis(50)).await;
                asked.die();
            }
        });
        let gateway = with(&app, "", "[site.timeouts]\nbody_idle_timeout = \"300ms\"");
        let mut http2 = gateway.connect_h2();
        let response = http2.begin(request("GET", "/").body(empty()).unwrap()).unwrap();
        assert_eq!(response.status(), 200);
        assert!(http2.finish(response).is_err());
        let mut http1 = gateway.connect();
        http1.send(format!("GET / HTTP/1.1\r\nhost: {SITE}\r\n\r\n"));
        // Chunks without the last of them.
        assert!(http1.reader.message().is_err());
        if is_stalled {
            app.wait_for_notes("given up", 2);
        }
        // Both clients of the app find it again.
        assert_eq!(http2.get("/well").status, 200);
        assert_eq!(gateway.connect().get("/well").status(), 200);
    }
}
