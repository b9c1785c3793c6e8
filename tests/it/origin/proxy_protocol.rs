//! `proxy_protocol`: who the client is, said before the first byte, and no request under another's name.

use std::collections::HashMap;

use crate::support::gateway::{Gateway, Setup};
use crate::support::h2::{empty, request};
use crate::support::pki::Credentials;
use crate::support::tls_front::TlsFront;
use crate::support::upstream::{OK, Upstream};

/// An app that answers whatever ends like the head of a request.
fn app() -> Upstream {
    Upstream::scripted(|talk| {
        while let Ok(bytes) = talk.some() {
            if bytes.is_empty() {
                return;
            }
            if bytes.ends_with(b"\r\n\r\n") {
                talk.say(OK);
            }
        }
    })
}

fn gateway(url: &str, lines: &str) -> Gateway {
    let upstream = format!("[[upstream]]\nname = \"app\"\nendpoints = [\"{url}\"]\n{lines}");
    let tables = "[site.timeouts]\nupstream_idle_timeout = \"1h\"";
    Setup::with_url("app").site_tables(tables).process_tables(&upstream).start()
}

/// The fields of a header of version 2, and of the TLS field in it; and what comes behind.
fn read(bytes: &[u8]) -> (HashMap<u8, Vec<u8>>, &[u8]) {
    assert_eq!(&bytes[..14], b"\r\n\r\n\0\r\nQUIT\n\x21\x11");
    let length = usize::from(u16::from_be_bytes([bytes[14], bytes[15]]));
    let mut fields = HashMap::from([(0, bytes[16..28].to_vec())]);
    let mut rest = &bytes[28..16 + length];
    while let [kind, high, low, value @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        fields.insert(*kind, value[..length].to_vec());
        // The fields of TLS stand behind five bytes of its own.
        rest = if *kind == 0x20 { &value[5..] } else { &value[length..] };
    }
    (fields, &bytes[16 + length..])
}

#[test]
fn an_app_is_told_who_the_client_is_and_where_it_came_from() {
    let app = app();
    let gateway = gateway(&app.url, "proxy_protocol = \"v2\"");
    let mut client = gateway.connect();
    for _ in 0..2 {
        assert_eq!(client.get("/").status(), 200);
    }
    let received = app.received();
    // One header, before the first of two requests on one connection.
    assert_eq!(received.len(), 1);
    let (fields, requests) = read(&received[0]);
    assert_eq!(requests.windows(5).filter(|part| part == b"GET /").count(), 2);
    let addresses = &fields[&0];
    assert_eq!(addresses[..8], [127, 0, 0, 1, 127, 0, 0, 1]);
    assert_eq!(addresses[8..10], client.local.port().to_be_bytes());
    assert_eq!(addresses[10..12], gateway.address.port().to_be_bytes());
    assert_eq!(fields[&0x02], b"a.example");
    assert_eq!(fields[&0x20][..5], [0x07, 0, 0, 0, 0]);
    assert_eq!(fields[&0x21], b"TLSv1.3");
    assert_eq!(fields[&0x22], b"caller");
}

#[test]
fn no_request_goes_where_another_client_was_named() {
    for lines in ["", "connections_max = 1"] {
        let app = app();
        let gateway = gateway(&app.url, &format!("proxy_protocol = \"v2\"\n{lines}"));
        let other = Credentials::of(&gateway.pki.client_ca.client("other").issue().unwrap());
        let mut first = gateway.connect();
        let mut second = gateway.caller().presenting(other).connect();
        let mut third = gateway.connect_h2();
        for _ in 0..2 {
            assert_eq!((first.get("/first").status(), second.get("/second").status()), (200, 200));
            assert_eq!(third.get("/third").status, 200);
        }
        for bytes in app.received() {
            let (fields, requests) = read(&bytes);
            let requests = String::from_utf8(requests.to_vec()).unwrap();
            let name = if requests.contains("/second") { "other" } else { "caller" };
            assert_eq!(fields[&0x22], name.as_bytes());
            let paths = ["/first", "/second", "/third"].map(|path| requests.contains(path));
            assert_eq!(paths.iter().filter(|is_there| **is_there).count(), 1, "{requests}");
        }
        if lines.is_empty() {
            assert_eq!(app.connections(), 3);
        }
    }
}

#[test]
fn who_is_unverified_is_said_to_be() {
    let app = app();
    let upstream = format!(
        "[[upstream]]\nname = \"app\"\nendpoints = [\"{}\"]\nproxy_protocol = \"v2\"",
        app.url
    );
    let tables = "[site.client]\nmode = \"request\"";
    let gateway = Setup::with_url("app").site_tables(tables).process_tables(&upstream).start();
    let stranger = mtls_gateway::pki::Authority::root("Strangers").unwrap();
    let stranger = Credentials::of(&stranger.client("stranger").issue().unwrap());
    assert_eq!(gateway.caller().presenting(stranger).connect().get("/").status(), 200);
    assert_eq!(gateway.caller().presenting_nothing().connect().get("/").status(), 200);
    let seen: Vec<_> = app.received().iter().map(|bytes| read(bytes).0).collect();
    assert_eq!(
        (&seen[0][&0x20][..5], &seen[1][&0x20][..5]),
        (&[7, 0, 0, 0, 1][..], &[1, 0, 0, 0, 1][..])
    );
    assert!(seen.iter().all(|fields| !fields.contains_key(&0x22)));
}

#[test]
fn version_1_says_addresses_and_goes_before_tls() {
    let app = app();
    let version_1 = gateway(&app.url, "proxy_protocol = \"v1\"");
    let mut client = version_1.connect();
    assert_eq!(client.get("/").status(), 200);
    let line = format!(
        "PROXY TCP4 127.0.0.1 127.0.0.1 {} {}\r\nGET / HTTP/1.1\r\n",
        client.local.port(),
        version_1.address.port()
    );
    let received = app.received().remove(0);
    assert!(received.starts_with(line.as_bytes()), "{}", String::from_utf8_lossy(&received));

    // What listens there takes it for the beginning of TLS, and refuses.
    let ca = mtls_gateway::pki::Authority::root("App CA").unwrap();
    let front = TlsFront::new(&app, &ca.server(["127.0.0.1"]).issue().unwrap(), None);
    let before_tls = gateway(&front.url, "proxy_protocol = \"v1\"");
    let mut client = before_tls.connect_h2();
    assert_eq!(client.ask(request("GET", "/").body(empty()).unwrap()).status, 502);
    assert!(front.shaken().is_empty());
}
