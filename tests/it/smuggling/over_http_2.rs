//! What HTTP/2 can carry and HTTP/1.1 cannot say, or says as something else. The app gets one request that nobody can
//! read in another way, or nothing.

use super::strict::{self, Strict};
use crate::support::frames::*;
use crate::support::gateway::Gateway;
use crate::support::message::SITE;
use crate::support::upstream::{OK, Upstream};

/// Sends a head and these pieces of a body; what became of it, and what the app saw.
fn send(
    name: &str,
    fields: &[(&str, &str)],
    body: &[&str],
    trailers: &[(&str, &str)],
) -> (Outcome, Vec<Strict>) {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut client = Frames::connect(&gateway.caller());
    let ends = |is_last: bool| if is_last { END_STREAM } else { 0 };
    let no_body = body.is_empty() && trailers.is_empty();
    let mut bytes = frame(HEADERS, END_HEADERS | ends(no_body), 1, &head(fields));
    for (number, piece) in body.iter().enumerate() {
        let is_last = number + 1 == body.len() && trailers.is_empty();
        bytes.extend(frame(DATA, ends(is_last), 1, piece.as_bytes()));
    }
    if !trailers.is_empty() {
        bytes.extend(frame(HEADERS, END_HEADERS | END_STREAM, 1, &head(trailers)));
    }
    client.send(bytes);
    let outcome = client.outcome(1);
    // Whatever it was, others are served.
    assert_eq!(gateway.connect().get("/last").status(), 200, "{name}");
    let mut seen = Vec::new();
    for received in app.received() {
        let of_last = b"GET /last HTTP/1.1";
        let until = received.windows(of_last.len()).position(|window| window == of_last);
        let received = &received[..until.unwrap_or(received.len())];
        if !received.is_empty() {
            let request = strict::read(received);
            seen.push(request.unwrap_or_else(|why| panic!("{name}: {why}")));
        }
    }
    (outcome, seen)
}

/// The fields of a GET with some in place of others, and more.
fn get_with<'a>(
    changed: &[(&'a str, &'a str)],
    more: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let mut fields: Vec<_> = request("GET", "/").to_vec();
    for (name, value) in changed {
        let field = fields.iter_mut().find(|(known, _)| known == name);
        *field.expect("a pseudo-header field") = (name, value);
    }
    fields.extend(more);
    fields
}

fn assert_refused(name: &str, fields: &[(&str, &str)]) {
    let (outcome, seen) = send(name, fields, &[], &[]);
    let is_refused = match outcome {
        // 501 is for a tunnel of a protocol that nobody named.
        Outcome::Status(status) => (400..500).contains(&status) || status == 501,
        Outcome::Reset(_) | Outcome::GoAway(_) => true,
        Outcome::Gone => false,
    };
    assert!(is_refused, "{name}: {outcome:?}");
    assert!(seen.is_empty(), "{name}: {seen:?}");
}

#[test]
fn pseudo_headers_that_break_the_rules_are_refused() {
    for name in [":method", ":scheme", ":authority", ":path"] {
        let twice = match name {
            ":method" => ("twice", ":method", "POST"),
            ":scheme" => ("twice", ":scheme", "http"),
            ":authority" => ("twice", ":authority", "b.example"),
            _ => ("twice", ":path", "/smuggled"),
        };
        assert_refused(name, &get_with(&[], &[(twice.1, twice.2)]));
        let fields = request("GET", "/");
        let without: Vec<_> = fields.into_iter().filter(|(known, _)| *known != name).collect();
        if name != ":authority" {
            assert_refused(&format!("no {name}"), &without);
        }
        let behind: Vec<_> = without
            .into_iter()
            .chain([("x", "y")])
            .chain(request("GET", "/").into_iter().filter(|(known, _)| *known == name))
            .collect();
        assert_refused(&format!("{name} behind others"), &behind);
    }
    assert_refused("of a response", &get_with(&[], &[(":status", "200")]));
    assert_refused("unknown", &get_with(&[], &[(":x", "y")]));
    assert_refused(
        "of a tunnel",
        &get_with(&[(":method", "CONNECT")], &[(":protocol", "connect-udp")]),
    );
}

#[test]
fn paths_that_are_none_are_refused() {
    for path in [
        "",
        "x",
        "*",
        "/ HTTP/1.1\r\nX: y",
        "/ x",
        "/\t",
        "/\r",
        "/\n",
        "/\0",
        "/x HTTP/1.1\r\nHost: b.example\r\n\r\nGET /smuggled",
        "http://b.example/",
        "@b.example/",
        "/\u{7f}",
    ] {
        assert_refused(&format!("path {path:?}"), &get_with(&[(":path", path)], &[]));
    }
}

#[test]
fn a_path_that_begins_with_its_query_comes_out_as_one_of_the_root() {
    let (outcome, seen) = send("query", &get_with(&[(":path", "?x")], &[]), &[], &[]);
    assert_eq!(outcome, Outcome::Status(200));
    assert_eq!(seen[0].path, "/?x");
}

#[test]
fn methods_that_are_none_are_refused() {
    for method in [
        "",
        "GET /smuggled HTTP/1.1\r\nX:",
        "G T",
        "GET\r\n",
        "G\0T",
        "(",
        "CONNECT",
        "TRACE",
        "G:T",
    ] {
        assert_refused(&format!("method {method:?}"), &get_with(&[(":method", method)], &[]));
    }
}

#[test]
fn authorities_that_are_not_one_host_are_refused() {
    for authority in [
        "",
        "a.example, b.example",
        "a.example/x",
        "x@a.example",
        "a.example:80x",
        "a.example\r\nX: y",
        "a.example b.example",
        "b.example",
        "a.example:",
        "a.example\0",
    ] {
        let name = format!("authority {authority:?}");
        let (outcome, seen) = send(&name, &get_with(&[(":authority", authority)], &[]), &[], &[]);
        // An empty port is none (RFC 3986 section 6.2.3).
        let is_fine = authority == "a.example:" && outcome == Outcome::Status(200);
        assert!(
            is_fine || (outcome != Outcome::Status(200) && seen.is_empty()),
            "{name}: {outcome:?} {seen:?}"
        );
        for request in seen {
            assert!(request.all("host")[0].starts_with(SITE), "{name}: {request:?}");
        }
    }
    // What stands beside it must be the same (RFC 9113 section 8.3.1).
    assert_refused("another host", &get_with(&[], &[("host", "b.example")]));
    assert_refused("two hosts", &get_with(&[], &[("host", SITE), ("host", "b.example")]));
}

#[test]
fn names_and_values_that_http_1_cannot_say_are_refused() {
    for (name, value) in [
        ("X", "y"),
        ("x y", "z"),
        ("x:", "y"),
        ("x\r\ny", "z"),
        ("x\0", "y"),
        ("", "y"),
        ("x\u{e4}", "y"),
        ("x", "y\r\nSmuggled: z"),
        ("x", "y\nz"),
        ("x", "y\rz"),
        ("x", "y\0z"),
        ("connection", "close"),
        ("connection", "x-ssl-client-verify"),
        ("keep-alive", "x"),
        ("proxy-connection", "keep-alive"),
        ("transfer-encoding", "chunked"),
        ("transfer-encoding", "identity"),
        ("upgrade", "h2c"),
        ("te", "gzip"),
        ("content-length", "+3"),
        ("content-length", "3, 3"),
        ("content-length", "0x0"),
        ("content-length", "18446744073709551616"),
        ("content-length", "3"),
    ] {
        assert_refused(&format!("{name:?}: {value:?}"), &get_with(&[], &[(name, value)]));
    }
    let lengths = [("content-length", "0"), ("content-length", "7")];
    assert_refused("two lengths", &get_with(&[], &lengths));
}

#[test]
fn a_body_of_another_length_than_announced_never_becomes_a_whole_request() {
    for (length, body) in [("2", "abc"), ("4", "abc"), ("0", "abc"), ("40", "abc")] {
        let fields = get_with(&[(":method", "POST")], &[("content-length", length)]);
        let (outcome, seen) = send(length, &fields, &[body], &[]);
        assert_ne!(outcome, Outcome::Status(200), "{length}");
        assert!(seen.iter().all(|request| !request.is_whole), "{length}: {seen:?}");
    }
    let fields = get_with(&[(":method", "POST")], &[("content-length", "3")]);
    let (outcome, seen) = send("right", &fields, &["a", "bc"], &[]);
    assert_eq!((outcome, seen.len()), (Outcome::Status(200), 1));
    assert_eq!((seen[0].body.as_slice(), seen[0].is_whole), (b"abc".as_slice(), true));
}

#[test]
fn a_body_that_looks_like_a_request_stays_a_body() {
    let smuggled = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n";
    let (outcome, seen) = send("body", &get_with(&[(":method", "POST")], &[]), &[smuggled], &[]);
    assert_eq!((outcome, seen.len()), (Outcome::Status(200), 1));
    assert_eq!(seen[0].body, smuggled.as_bytes());
    assert_eq!(seen[0].all("transfer-encoding"), ["chunked"]);
}

#[test]
fn trailers_say_no_more_than_headers_may() {
    let post = get_with(&[(":method", "POST")], &[]);
    for (name, value) in [("X", "y"), ("x", "y\r\n\r\nGET /smuggled")] {
        let (outcome, seen) = send(name, &post, &["abc"], &[(name, value)]);
        assert_ne!(outcome, Outcome::Status(200), "{name}");
        assert!(seen.iter().all(|request| !request.is_whole), "{name}: {seen:?}");
    }
    // The library drops what is no field; nothing of it comes out, in whatever place.
    for (name, value) in [(":path", "/smuggled"), (":status", "200"), (":x", "smuggled")] {
        let (_, seen) = send(name, &post, &["abc"], &[(name, value)]);
        for request in seen.iter().filter(|request| request.is_whole) {
            assert_eq!((request.path.as_str(), request.body.as_slice()), ("/", b"abc".as_slice()));
        }
    }
    for name in
        ["x-ssl-client-verify", "x-forwarded-for", "content-length", "host", "transfer-encoding"]
    {
        let (_, seen) = send(name, &post, &["abc"], &[(name, "1")]);
        for request in seen.iter().filter(|request| request.is_whole) {
            assert_eq!(request.body, b"abc", "{name}");
        }
    }
}

#[test]
fn a_scheme_changes_nothing() {
    for scheme in ["http", "HTTPS", "ftp", "x", "https://b.example", "https\r\nX: y", "", "ht tp"] {
        let name = format!("scheme {scheme:?}");
        let (outcome, seen) = send(&name, &get_with(&[(":scheme", scheme)], &[]), &[], &[]);
        assert_eq!(seen.len(), usize::from(outcome == Outcome::Status(200)), "{name}: {outcome:?}");
        for request in seen {
            assert_eq!((request.path.as_str(), request.all("host")), ("/", vec![SITE]), "{name}");
        }
    }
}
