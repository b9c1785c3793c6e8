//! WebSocket over HTTP/2 (RFC 8441): a stream of its own, which the app meets as WebSocket over HTTP/1.1.

use std::sync::Mutex;
use std::sync::mpsc::channel;

use hyper::Request;
use hyper::ext::Protocol;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::PATIENCE;
use crate::support::gateway::{Gateway, Setup};
use crate::support::h2::{Body, H2, empty};
use crate::support::message::SITE;
use crate::support::upstream::{OK, Upstream};

use super::stage::{IN_FLIGHT_MAX, WHILE, app, echo, switch};

/// A connection whose client knows what the gateway can do.
pub fn connect(gateway: &Gateway) -> H2 {
    let mut client = gateway.connect_h2();
    client.get("/");
    client
}

/// An extended CONNECT.
pub fn asking(path: &str, protocol: &'static str) -> Request<Body> {
    Request::builder()
        .method("CONNECT")
        .uri(format!("https://{SITE}{path}"))
        .extension(Protocol::from_static(protocol))
        .header("sec-websocket-version", "13")
        .header("sec-websocket-protocol", "chat")
        .body(empty())
        .unwrap()
}

pub type Stream = TokioIo<hyper::upgrade::Upgraded>;

/// Opens a tunnel.
pub fn open(client: &mut H2) -> Stream {
    let response = client.begin(asking("/", "websocket")).unwrap();
    assert_eq!(response.status(), 200, "{response:?}");
    for name in ["upgrade", "connection", "sec-websocket-accept", "content-length"] {
        assert!(!response.headers().contains_key(name), "{response:?}");
    }
    TokioIo::new(client.wait(hyper::upgrade::on(response)).unwrap())
}

/// Says something into a tunnel, and reads it back.
#[track_caller]
pub fn is_echoed(client: &H2, stream: &mut Stream, text: &[u8]) {
    let mut back = vec![0; text.len()];
    client.wait(async {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let (said, read) = tokio::join!(
            async {
                writer.write_all(text).await?;
                writer.flush().await
            },
            reader.read_exact(&mut back)
        );
        said.unwrap();
        read.unwrap();
    });
    assert!(back == text, "{} bytes came back changed", text.len());
}

#[test]
fn a_websocket_is_a_stream_of_its_own() {
    let app = echo();
    let gateway = Gateway::before(&app);
    let mut client = connect(&gateway);
    let mut first = open(&mut client);
    let mut second = open(&mut client);
    is_echoed(&client, &mut first, b"hello");
    is_echoed(&client, &mut second, b"hello to the other");
    // Beside them, requests go on.
    assert_eq!(client.get("/").body, "ok");
    let large: Vec<u8> = (0..=250).cycle().take(3_000_000).collect();
    is_echoed(&client, &mut first, &large);
    client.wait(first.shutdown()).unwrap();
    let mut rest = Vec::new();
    client.wait(first.read_to_end(&mut rest)).unwrap();
    assert!(rest.is_empty());
    let events = client.events("access", 3);
    let event = events
        .iter()
        .find(|event| event.field("path") == "/" && event.field("request_bytes") != "0");
    let event = event.unwrap();
    assert_eq!((event.field("method"), event.field("status")), ("GET", "200"));
    assert_eq!(event.field("request_bytes"), "3000005");
    assert_eq!(event.field("response_bytes"), "3000005");
    assert_eq!(event.field("outcome"), "complete");
    is_echoed(&client, &mut second, b"still here");
}

#[test]
fn the_app_meets_it_as_over_http_1() {
    let app = echo();
    let gateway = Gateway::before(&app);
    let mut client = connect(&gateway);
    drop(open(&mut client));
    app.wait_for_connections(1);
    let received = app.received().concat();
    let text = String::from_utf8(received).unwrap();
    let head = text.split("\r\n\r\n").find(|head| head.contains("upgrade")).unwrap();
    let lines: Vec<_> = head.split("\r\n").collect();
    assert_eq!(lines[0], "GET / HTTP/1.1");
    for line in [
        &format!("host: {SITE}")[..],
        "upgrade: websocket",
        "connection: Upgrade",
        "sec-websocket-version: 13",
        "sec-websocket-protocol: chat",
        "x-ssl-client-verify: SUCCESS",
    ] {
        assert_eq!(lines.iter().filter(|other| **other == line).count(), 1, "{line}: {head}");
    }
    let keys = lines.iter().filter(|line| line.starts_with("sec-websocket-key: "));
    assert_eq!(keys.map(|line| line.len()).collect::<Vec<_>>(), [19 + 24], "{head}");
}

#[test]
fn another_protocol_is_not_served() {
    let app = echo();
    let gateway = Setup::new(&app)
        .site_tables(
            "upgrades = [\"websocket\", \"foo\"]\n\
             [[site.route]]\npath = \"/off\"\nupgrades = []\n\
             [[site.route]]\npath = \"/own\"\naction = \"respond\"\nbody = \"hello\"\n\
             [site.answers]\nstatus = 200\nbody = '$code $request_id'\n",
        )
        .start();
    let mut client = connect(&gateway);
    for (path, protocol, status) in [
        ("/", "connect-udp", 501),
        ("/", "foo", 501),
        ("/off", "websocket", 501),
        // A success would be a tunnel.
        ("/own", "websocket", 501),
    ] {
        let answer = client.ask(asking(path, protocol));
        assert_eq!(answer.status, status, "{path} {protocol}: {answer:?}");
    }
    assert!(app.requests().iter().all(|request| request.one("upgrade").is_none()));
    // The connection is as good as before.
    assert_eq!(client.get("/").body, "ok");
}

#[test]
fn a_plain_connect_is_refused_whatever_status_answers_have() {
    let app = echo();
    for tables in ["", "[site.answers]\nstatus = 200\n"] {
        let gateway = Setup::new(&app).site_tables(tables).start();
        let mut client = gateway.connect_h2();
        let request = Request::builder().method("CONNECT").uri(format!("{SITE}:443"));
        let answer = client.ask(request.body(empty()).unwrap());
        assert_eq!(answer.status, 405, "{answer:?}");
        let request = format!("CONNECT {SITE}:443 HTTP/1.1\r\nHost: {SITE}:443\r\n\r\n");
        assert_eq!(gateway.connect().ask(request).status(), 405);
    }
    assert_eq!(app.connections(), 0);
}

#[test]
fn a_success_without_a_switch_is_no_tunnel() {
    for (answer, status) in [
        (OK.to_owned(), 502),
        ("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno".to_owned(), 403),
        (switch("Upgrade: websocket\r\nConnection: Upgrade\r\n"), 502),
        (
            switch(
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
            ),
            502,
        ),
        (switch("Upgrade: h2c\r\nConnection: Upgrade\r\n"), 502),
    ] {
        let said = answer.clone();
        let app = Upstream::scripted(move |talk| {
            while let Ok(Some(request)) = talk.request() {
                talk.say(if request.one("upgrade").is_some() { &said } else { OK });
            }
        });
        let gateway = Gateway::before(&app);
        let mut client = connect(&gateway);
        let came = client.ask(asking("/", "websocket"));
        assert_eq!(came.status, status, "{answer}");
    }
}

#[test]
fn without_websocket_the_client_is_not_told_that_it_could() {
    let app = echo();
    let gateway = Setup::new(&app).site_tables("upgrades = []").start();
    let mut client = connect(&gateway);
    // Whoever asks in spite of it breaks the rules.
    assert!(client.begin(asking("/", "websocket")).is_err());
    assert!(app.requests().iter().all(|request| request.one("upgrade").is_none()));
}

#[test]
fn an_end_of_either_side_reaches_the_other() {
    let app = app(|talk| {
        let mut all = Vec::new();
        while let Ok(bytes) = talk.some()
            && !bytes.is_empty()
        {
            all.extend(bytes);
        }
        talk.say(format!("{} bytes, goodbye", all.len()));
    });
    let gateway = Gateway::before(&app);
    let mut client = connect(&gateway);
    let mut stream = open(&mut client);
    client.wait(stream.write_all(b"some words")).unwrap();
    client.wait(stream.shutdown()).unwrap();
    let mut rest = Vec::new();
    client.wait(stream.read_to_end(&mut rest)).unwrap();
    assert_eq!(rest, b"10 bytes, goodbye");
    app.wait_until_closed(1);
}

#[test]
fn a_stream_that_is_given_up_ends_the_tunnel() {
    let app = echo();
    let gateway = Gateway::before(&app);
    let mut client = connect(&gateway);
    let mut stream = open(&mut client);
    is_echoed(&client, &mut stream, b"hello");
    drop(stream);
    client.wait(async {
        while app.closed() == 0 {
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(client.get("/").body, "ok");
}

#[test]
fn a_client_that_takes_no_more_makes_the_app_wait() {
    let (tell, taken) = channel();
    let tell = Mutex::new(tell);
    let app = app(move |talk| {
        let taken = talk.push(268_435_456, WHILE);
        _ = tell.lock().unwrap().send(taken);
    });
    let gateway = Gateway::before(&app);
    let mut client = connect(&gateway);
    let stream = open(&mut client);
    let taken = taken.recv_timeout(PATIENCE).unwrap();
    assert!(taken < IN_FLIGHT_MAX, "{taken}");
    drop(stream);
}
