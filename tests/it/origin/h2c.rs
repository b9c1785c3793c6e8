//! `h2c://`: requests share connections, each with its own fate, and trailers go both ways.

use bytes::Bytes;
use h2::Reason;
use hyper::body::Frame;

use crate::support::gateway::{Gateway, Setup};
use crate::support::h2::{channel, empty, full, request};
use crate::support::h2_app::H2App;
use crate::support::upstream::{Talk, Upstream};

fn before(app: &H2App) -> Gateway {
    Setup::with_url(&app.url).start()
}

/// A gateway whose upstream has more lines, and its site more tables.
fn with(app: &H2App, lines: &str, tables: &str) -> Gateway {
    let upstream = format!("[[upstream]]\nname = \"app\"\nendpoints = [\"{}\"]\n{lines}", app.url);
    Setup::with_url("app").site_tables(tables).process_tables(&upstream).start()
}

#[test]
fn a_request_arrives_in_http2_and_says_nothing_in_two_ways() {
    let app = H2App::answering("hello");
    let gateway = before(&app);
    let mut client = gateway.connect_h2();
    let get = request("GET", "/a?b=c").header("te", "trailers").header("x-own", "1");
    let answer = client.ask(get.body(empty()).unwrap());
    assert_eq!((answer.status, &answer.body[..]), (200, &b"hello"[..]));
    assert_eq!(answer.trailers["grpc-status"], "0");
    let mut http1 = gateway.connect();
    let go_on = http1.ask(
        "POST /x HTTP/1.1\r\nhost: a.example\r\ntransfer-encoding: chunked\r\nconnection: x-gone\r\n\
         x-gone: 1\r\nexpect: 100-continue\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    );
    assert_eq!(go_on.status(), 100);
    let response = http1.reader.message().unwrap().unwrap();
    assert_eq!((response.status(), &response.body[..]), (200, &b"hello"[..]));

    let heads = app.heads();
    for head in &heads {
        let headers = head.headers();
        assert_eq!(head.uri().authority().unwrap(), "a.example");
        assert_eq!(head.uri().scheme_str(), Some("http"));
        assert_eq!(headers["te"], "trailers");
        assert_eq!(headers["x-ssl-client-verify"], "SUCCESS");
        assert_eq!(headers["x-forwarded-proto"], "https");
        for gone in ["host", "connection", "transfer-encoding", "x-gone", "expect", "upgrade"] {
            assert!(!headers.contains_key(gone), "{gone}: {head:?}");
        }
    }
    assert_eq!(heads[0].uri().path_and_query().unwrap(), "/a?b=c");
    assert_eq!((heads[0].method().as_str(), heads[1].method().as_str()), ("GET", "POST"));
    assert_eq!(app.connections(), 1);
}

#[test]
fn a_requests_trailers_arrive_without_names_that_are_the_gateways() {
    let app = H2App::start(None, |mut asked| async move {
        let (body, trailers) = asked.read().await;
        let trailers = trailers.unwrap();
        asked.note(&format!("{} {:?}", body.len(), trailers.keys().collect::<Vec<_>>()));
        asked.answer("");
    });
    let gateway = before(&app);
    let mut client = gateway.connect_h2();
    let (sender, body) = channel();
    let mut trailers = http::HeaderMap::new();
    trailers.insert("x-checksum", "1".parse().unwrap());
    trailers.insert("x-ssl-client-verify", "SUCCESS".parse().unwrap());
    sender.try_send(Frame::data(Bytes::from_static(b"1234"))).unwrap();
    sender.try_send(Frame::trailers(trailers)).unwrap();
    drop(sender);
    assert_eq!(client.ask(request("POST", "/").body(body).unwrap()).status, 200);
    app.wait_for_note("4 [\"x-checksum\"]");
}

#[test]
fn many_requests_share_a_connection_and_more_than_it_takes_get_another() {
    for (streams_max, lines, connections) in [(None, "", 1), (Some(2), "", 3)] {
        let app = H2App::start(streams_max, |mut asked| async move {
            // Answered all together, when the last has come.
            if asked.head.uri().path() == "/last" {
                asked.note("last");
            }
            asked.read().await;
            asked.answer("hello");
        });
        let gateway = with(&app, lines, "");
        let mut client = gateway.connect_h2();
        let mut bodies = Vec::new();
        let mut responses = Vec::new();
        for count in 1..=6 {
            let (sender, body) = channel();
            responses.push(client.sender.send_request(request("POST", "/").body(body).unwrap()));
            bodies.push(sender);
            // The client moves only while it is waited for.
            client.wait(async {
                while app.heads().len() < count {
                    tokio::task::yield_now().await;
                }
            });
        }
        assert_eq!(app.connections(), connections, "{:?}", app.spread());
        bodies.clear();
        for response in responses {
            let response = client.wait(response).unwrap();
            assert_eq!(client.finish(response).unwrap().body, "hello");
        }
    }
}

#[test]
fn where_no_more_connections_may_be_requests_wait_for_a_stream() {
    let app = H2App::start(Some(1), |mut asked| async move {
        asked.read().await;
        asked.answer("hello");
    });
    let gateway = with(&app, "connections_max = 1", "");
    let mut client = gateway.connect_h2();
    let requests: Vec<_> = (0..10)
        .map(|_| client.sender.send_request(request("GET", "/").body(empty()).unwrap()))
        .collect();
    for response in requests {
        let response = client.wait(response).unwrap();
        assert_eq!(client.finish(response).unwrap().body, "hello");
    }
    assert_eq!(app.connections(), 1);
}

#[test]
fn a_client_that_cancels_ends_its_stream_and_no_other() {
    let app = H2App::start(None, |mut asked| async move {
        if asked.number == 0 {
            let mut stream = asked.begin(200);
            stream.send_data(Bytes::from_static(b"some"), false).unwrap();
            let reason = std::future::poll_fn(|cx| stream.poll_reset(cx)).await.unwrap();
            asked.note(&format!("reset: {reason:?}"));
        } else {
            asked.answer("hello");
        }
    });
    let gateway = before(&app);
    let mut client = gateway.connect_h2();
    let response = client.begin(request("GET", "/").body(empty()).unwrap()).unwrap();
    drop(response);
    // The reset goes out with what follows.
    assert_eq!(client.get("/").status, 200);
    app.wait_for_note(&format!("reset: {:?}", Reason::CANCEL));
    assert_eq!((client.get("/").status, app.connections()), (200, 1));
}

#[test]
fn a_stream_that_the_app_refuses_is_sent_again() {
    let app = H2App::start(None, |mut asked| async move {
        match asked.number {
            0 | 1 => asked.respond.send_reset(Reason::REFUSED_STREAM),
            _ => asked.answer("hello"),
        }
    });
    let gateway = before(&app);
    let mut client = gateway.connect_h2();
    // Nothing was done with it, so that even this may be done again.
    assert_eq!(client.ask(request("POST", "/").body(empty()).unwrap()).status, 200);
    assert_eq!(app.heads().len(), 3);
}

#[test]
fn an_app_that_refuses_everything_is_not_asked_for_ever() {
    let app = H2App::start(None, |mut asked| async move {
        asked.respond.send_reset(Reason::REFUSED_STREAM);
    });
    let gateway = before(&app);
    assert_eq!(gateway.connect().get("/").status(), 502);
    assert_eq!(app.heads().len(), 4);
}

#[test]
fn an_app_that_goes_away_ends_what_it_has_and_gets_no_more() {
    let app = H2App::start(None, |mut asked| async move {
        if asked.number == 0 {
            asked.go_away();
            let (body, _) = asked.read().await;
            assert_eq!(body, b"late");
        }
        asked.answer("hello");
    });
    let gateway = before(&app);
    let mut client = gateway.connect_h2();
    let (sender, body) = channel();
    let first = client.sender.send_request(request("POST", "/").body(body).unwrap());
    client.wait(async {
        while app.heads().is_empty() {
            tokio::task::yield_now().await;
        }
    });
    for _ in 0..5 {
        assert_eq!(client.get("/").status, 200);
    }
    assert_eq!(app.connections(), 2, "{:?}", app.spread());
    sender.try_send(Frame::data(Bytes::from_static(b"late"))).unwrap();
    drop(sender);
    let response = client.wait(first).unwrap();
    assert_eq!(client.finish(response).unwrap().body, "hello");
}

#[test]
fn a_stream_that_breaks_off_breaks_nothing_else() {
    let app = H2App::start(None, |mut asked| async move {
        match asked.number {
            0 => {
                let mut stream = asked.begin(200);
                stream.send_data(Bytes::from_static(b"some"), false).unwrap();
                // So that the reset does not overtake it.
                asked.note("begun");
                tokio::task::yield_now().await;
                stream.send_reset(Reason::INTERNAL_ERROR);
            }
            1 => asked.respond.send_reset(Reason::INTERNAL_ERROR),
            _ => asked.answer("hello"),
        }
    });
    let gateway = before(&app);
    let mut client = gateway.connect_h2();
    let response = client.begin(request("GET", "/").body(empty()).unwrap());
    let broken = response.and_then(|response| client.finish(response));
    assert!(broken.is_err() || broken.unwrap().status == 502);
    assert_eq!(client.get("/").status, 502);
    assert_eq!((client.get("/").status, app.connections()), (200, 1));
}

#[test]
fn a_connection_on_which_a_response_was_late_gets_no_new_request() {
    let app = H2App::start(None, |mut asked| async move {
        if asked.number == 0 {
            asked.reset().await;
            asked.note("given up");
        } else {
            asked.answer("hello");
        }
    });
    let gateway = with(&app, "", "[site.timeouts]\nresponse_header_timeout = \"200ms\"");
    let mut client = gateway.connect_h2();
    assert_eq!(client.get("/").status, 504);
    app.wait_for_note("given up");
    assert_eq!(client.get("/").status, 200);
    assert_eq!(app.spread(), [0, 1]);
}

#[test]
fn what_speaks_no_http2_is_told_before_a_request_is_lost() {
    let app = Upstream::answering("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    let gateway = Setup::with_url(&app.url.replace("http://", "h2c://")).start();
    let mut client = gateway.connect();
    assert_eq!(client.get("/").status(), 502);
    let event = client.event("access");
    assert!(event.field("cause").contains("write `http://`"), "{event:?}");

    let silent = Upstream::scripted(Talk::wait_for_end);
    let tables = "[site.timeouts]\nupstream_connect_timeout = \"200ms\"";
    let url = silent.url.replace("http://", "h2c://");
    let gateway = Setup::with_url(&url).site_tables(tables).start();
    assert_eq!(gateway.connect().get("/").status(), 504);
}

#[test]
fn an_app_that_is_away_is_no_error_for_the_one_beside() {
    let (app, nowhere) = (H2App::answering("hello"), Upstream::absent());
    let upstream = format!(
        "[[upstream]]\nname = \"app\"\nendpoints = [\"{}\", \"{}\"]\nbalance = \"round_robin\"",
        nowhere.url.replace("http://", "h2c://"),
        app.url
    );
    let gateway = Setup::with_url("app").process_tables(&upstream).start();
    let mut client = gateway.connect_h2();
    for _ in 0..6 {
        let post = request("POST", "/").body(full("body")).unwrap();
        assert_eq!(client.ask(post).status, 200);
    }
    assert_eq!(app.connections(), 1);
}

#[test]
fn unused_connections_end_and_health_checks_speak_http2() {
    let app = H2App::answering("hello");
    let lines = "health_check_path = \"/well\"\nhealth_check_interval = \"100ms\"";
    let gateway = with(&app, lines, "[site.timeouts]\nupstream_idle_timeout = \"10ms\"");
    app.wait_for_requests(2);
    assert_eq!(app.heads()[0].uri().path(), "/well");
    let mut client = gateway.connect_h2();
    assert_eq!(client.get("/").status, 200);
}
