//! Which requests change the protocol of their connection, what the app gets to read of them, and which of its answers
//! count. Whatever does not change it goes on as HTTP, and nothing of it is read as something else.

use crate::support::client::End;
use crate::support::gateway::{Gateway, Setup};
use crate::support::message::SITE;
use crate::support::upstream::{OK, Upstream};

use super::stage::{ACCEPT, KEY, asking, echo, handshake, is_echoed, open, switch};

#[test]
fn a_websocket_is_opened_and_carries_bytes_both_ways() {
    let app = echo();
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    client.send(handshake("/chat?room=1"));
    let answer = client.head();
    assert_eq!(answer.first_line, "HTTP/1.1 101 Switching Protocols");
    assert_eq!(answer.one("upgrade"), Some("websocket"));
    assert_eq!(answer.one("connection"), Some("Upgrade"));
    assert_eq!(answer.one("sec-websocket-accept"), Some(ACCEPT));
    assert_eq!(answer.framing_headers(), 0, "{answer:?}");
    is_echoed(&mut client, b"\x81\x85\x00\x00\x00\x00hello");
    is_echoed(&mut client, b"GET / HTTP/1.1\r\n\r\n");
    let later = client.events_later();
    drop(client);
    let event = later.wait("access");
    assert_eq!(event.field("status"), "101");
    assert_eq!(event.field("request_bytes"), "29");
    assert_eq!(event.field("response_bytes"), "29");
    app.wait_until_closed(1);
}

#[test]
fn the_app_reads_one_protocol_in_the_gateways_words() {
    let app = echo();
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    client.send(format!(
        "GET / HTTP/1.1\r\nHost: {SITE}\r\nConnection: X-Secret, upgrade, HTTP2-Settings\r\nConnection: close\r\n\
         Upgrade: h2c, WEBSOCKET\r\nUpgrade: foo\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nX-Secret: 1\r\n\
         X-SSL-Client-Verify: SUCCESS\r\nKeep-Alive: timeout=5\r\nSec-WebSocket-Key: {KEY}\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
    ));
    assert_eq!(client.head().status(), 101);
    drop(client);
    app.wait_until_closed(1);
    let received = app.received().concat();
    let head = String::from_utf8(received).unwrap().to_ascii_lowercase();
    let request = head.split("\r\n").collect::<Vec<_>>();
    let of = |name: &str| request.iter().filter(|line| line.starts_with(name)).collect::<Vec<_>>();
    assert_eq!(of("upgrade:"), [&"upgrade: websocket"]);
    assert_eq!(of("connection:"), [&"connection: upgrade"]);
    assert_eq!(of("sec-websocket-protocol:"), [&"sec-websocket-protocol: chat"]);
    assert_eq!(of("x-ssl-client-verify:"), [&"x-ssl-client-verify: success"]);
    assert_eq!(of("x-forwarded-proto:"), [&"x-forwarded-proto: https"]);
    for gone in ["x-secret", "http2-settings", "keep-alive", "content-length", "transfer-encoding"]
    {
        assert_eq!(of(gone), Vec::<&&str>::new(), "{head}");
    }
}

#[test]
fn what_nobody_named_goes_on_as_a_plain_request() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    for lines in [
        "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
        "Upgrade: H2C\r\n",
        "Upgrade: foo, TLS/1.0\r\n",
        "Upgrade: websocket/13\r\n",
        "Upgrade: web\tsocket\r\n",
        "Upgrade:\r\n",
        "",
    ] {
        let mut client = gateway.connect();
        client.send(asking("/", lines));
        assert_eq!(client.response().body, b"ok", "{lines}");
        // HTTP goes on.
        assert_eq!(client.get("/next").body, b"ok", "{lines}");
    }
    for request in app.requests() {
        assert!(request.all("upgrade").is_empty(), "{request:?}");
        assert!(request.all("http2-settings").is_empty(), "{request:?}");
        assert!(request.all("connection").is_empty(), "{request:?}");
    }
}

#[test]
fn an_offer_that_is_none_goes_on_as_a_plain_request() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    for (request, keeps) in [
        // RFC 9110 section 7.8: without the option it came through somebody who did not know what it says.
        (format!("GET / HTTP/1.1\r\nHost: {SITE}\r\nUpgrade: websocket\r\n\r\n"), true),
        (handshake("/").replace("HTTP/1.1", "HTTP/1.0"), true),
        (handshake("/").replace("GET", "POST"), true),
        // Behind a body nobody could tell where the new protocol begins.
        (handshake("/").replace("\r\n\r\n", "\r\nContent-Length: 3\r\n\r\nabc"), true),
        (
            handshake("/")
                .replace("\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
            true,
        ),
    ] {
        let mut client = gateway.connect();
        client.send(&request);
        let answer = client.reader.message().unwrap().unwrap();
        assert!(answer.first_line.ends_with(" 200 OK"), "{request}: {answer:?}");
        if keeps && !request.contains("HTTP/1.0") {
            assert_eq!(client.get("/next").body, b"ok", "{request}");
        }
    }
    for request in app.requests() {
        assert!(request.all("upgrade").is_empty(), "{request:?}");
    }
}

#[test]
fn a_site_or_a_route_can_switch_it_off() {
    let app = echo();
    let gateway = Setup::new(&app)
        .site_tables(
            "upgrades = []\n[[site.route]]\npath = \"/chat\"\nupgrades = [\"websocket\"]\n",
        )
        .start();
    let mut client = gateway.connect();
    client.send(handshake("/"));
    assert_eq!(client.response().body, b"ok");
    client.send(handshake("/chat"));
    assert_eq!(client.head().status(), 101);
    is_echoed(&mut client, b"hello");
}

#[test]
fn any_other_protocol_that_is_named_passes_too() {
    let app = Upstream::scripted(|talk| {
        let request = talk.request().unwrap().unwrap();
        assert_eq!(request.one("upgrade"), Some("Foo/2"));
        // With the first bytes of the new protocol right behind.
        talk.say(switch("Connection: upgrade\r\nUpgrade: foo/2\r\n") + "first words");
        let bytes = talk.some().unwrap();
        talk.say(bytes);
    });
    let gateway = Setup::new(&app).site_tables("upgrades = [\"Foo/2\"]").start();
    let mut client = gateway.connect();
    client.send(asking("/", "Upgrade: websocket, foo/2\r\n").replace("GET", "POST"));
    assert_eq!(client.head().one("upgrade"), Some("Foo/2"));
    assert_eq!(client.reader.exactly(11).unwrap(), b"first words");
    is_echoed(&mut client, b"hello");
}

#[test]
fn a_switch_that_nobody_asked_for_is_no_answer() {
    let offer = handshake("/");
    let plain = format!("GET / HTTP/1.1\r\nHost: {SITE}\r\n\r\n");
    let h2c = asking("/", "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n");
    for (asked, lines) in [
        (&plain, "Upgrade: websocket\r\nConnection: Upgrade\r\n"),
        (&plain, ""),
        (&h2c, "Upgrade: h2c\r\nConnection: Upgrade\r\n"),
        (&offer, "Upgrade: h2c\r\nConnection: Upgrade\r\n"),
        (&offer, "Upgrade: websocket, h2c\r\nConnection: Upgrade\r\n"),
        (&offer, "Upgrade: websocket\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n"),
        (&offer, "Connection: Upgrade\r\n"),
    ] {
        let app = Upstream::scripted(move |talk| {
            talk.request().unwrap();
            talk.say(switch(lines) + "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nevil!");
            talk.wait_for_end();
        });
        let gateway = Gateway::before(&app);
        let mut client = gateway.connect();
        let answer = client.ask(asked);
        assert_eq!((answer.status(), answer.code().as_str()), (502, "upstream-invalid"), "{lines}");
        // The app's connection is not used again, and no byte of it is anybody's answer.
        app.wait_until_closed(1);
        assert_eq!(client.get("/").status(), 502, "{lines}");
    }
}

#[test]
fn an_app_that_does_not_switch_answers_as_ever_and_http_goes_on() {
    let app = Upstream::scripted(|talk| {
        while let Ok(Some(request)) = talk.request() {
            match request.one("upgrade") {
                Some(_) => {
                    talk.say("HTTP/1.1 426 Upgrade Required\r\ncontent-length: 3\r\n\r\nno!");
                }
                None => talk.say(OK),
            }
        }
    });
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    for _ in 0..3 {
        let answer = client.ask(handshake("/"));
        assert_eq!((answer.status(), answer.body.as_slice()), (426, &b"no!"[..]));
        assert_eq!(client.get("/next").body, b"ok");
    }
    // Asked in one go: the second is a request of its own, judged as one.
    client.send(handshake("/") + "GET /x HTTP/1.1\r\nHost: other.example\r\n\r\n");
    assert_eq!(client.response().status(), 426);
    assert_eq!(client.response().status(), 421);
    // The end is as clean as that of any connection.
    client.send(format!("GET / HTTP/1.1\r\nHost: {SITE}\r\nConnection: close\r\n\r\n"));
    assert_eq!(client.response().body, b"ok");
    assert_eq!(client.end(), End::Clean);
}

#[test]
fn what_was_sent_behind_the_request_belongs_to_the_tunnel() {
    let app = echo();
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    let early = format!("GET /smuggled HTTP/1.1\r\nHost: {SITE}\r\n\r\n");
    client.send(handshake("/") + &early);
    assert_eq!(client.head().status(), 101);
    assert_eq!(client.reader.exactly(early.len()).unwrap(), early.as_bytes());
    is_echoed(&mut client, b"and more");
    assert_eq!(app.connections(), 1);
    let events = client.events_later();
    drop(client);
    let event = events.wait("access");
    assert_eq!(event.field("request_bytes"), (early.len() + 8).to_string());
}

#[test]
fn a_request_before_it_on_the_same_connection_is_answered_first() {
    let app = echo();
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    client.send(format!("GET / HTTP/1.1\r\nHost: {SITE}\r\n\r\n") + &handshake("/"));
    assert_eq!(client.response().body, b"ok");
    assert_eq!(client.head().status(), 101);
    is_echoed(&mut client, b"hello");
}

#[test]
fn rules_routes_and_rates_hold_for_the_request_that_asks() {
    let app = echo();
    let gateway = Setup::new(&app)
        .site_tables(
            "[site.limits]\nrequests_per_minute_per_client = 3\n\
             [[site.route]]\npath = \"/closed\"\nallow = [{ subject_cn = \"somebody else\" }]\n\
             [[site.route]]\npath = \"/posts\"\nmethods = [\"GET\"]\naction = \"respond\"\nstatus = 404\n",
        )
        .start();
    let mut client = gateway.connect();
    assert_eq!(client.ask(handshake("/closed")).status(), 403);
    assert_eq!(client.ask(handshake("/posts")).status(), 404);
    assert_eq!(client.ask(handshake("/").replace(SITE, "other.example")).status(), 421);
    let mut opened = open(&gateway);
    is_echoed(&mut opened, b"hello");
    assert_eq!(gateway.connect().ask(handshake("/")).status(), 429);
}
