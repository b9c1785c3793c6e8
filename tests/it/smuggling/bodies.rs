//! Bodies whose end two servers could see in different places.

use super::{assert_refused, forwarded};
use crate::support::gateway::Gateway;
use crate::support::upstream::{OK, Upstream};

/// A POST with these header lines and this body.
fn post(lines: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a.example\r\n{lines}\r\n{body}")
}

const CHUNKS: &str = "3\r\nabc\r\n0\r\n\r\n";

#[test]
fn a_length_beside_chunks_is_not_passed_on_and_ends_the_connection() {
    for lines in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 13\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
        "Content-Length: 3\r\nX: y\r\nTransfer-Encoding: Chunked\r\n",
    ] {
        let app = Upstream::answering(OK);
        let gateway = Gateway::before(&app);
        let mut client = gateway.connect();
        client.send(format!("{}{}", post(lines, CHUNKS), "GET /smuggled HTTP/1.1\r\n\r\n"));
        // RFC 9112 section 6.1: the chunks count, the length goes, and nothing more is read.
        let response = client.response();
        assert_eq!(response.status(), 200, "{lines}");
        assert_eq!(response.one("connection"), Some("close"), "{lines}");
        client.end();
        let request = app.only_request();
        assert_eq!(request.all("transfer-encoding"), ["chunked"], "{lines}");
        assert_eq!(request.framing_headers(), 1, "{lines}");
        assert_eq!(request.body, b"abc", "{lines}");
    }
}

#[test]
fn a_transfer_coding_other_than_one_chunked_is_refused() {
    for lines in [
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunkedx\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding: chunked;q=1\r\n",
        "Transfer-Encoding: ,chunked\r\n",
        "Transfer-Encoding: chunked,\r\n",
        "Transfer-Encoding: \x0bchunked\r\n",
        "Transfer-Encoding:\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding: cow\r\n",
    ] {
        assert_refused(lines, post(lines, CHUNKS), &[400]);
    }
    // HTTP/1.0 has no transfer codings (RFC 9112 section 6.1).
    let old = "POST / HTTP/1.0\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_refused("HTTP/1.0", old, &[400]);
}

#[test]
fn a_length_that_is_not_one_number_is_refused() {
    for value in [
        "+3",
        "-3",
        "-0",
        "3.0",
        "0x3",
        "3 4",
        "3;",
        "\u{663}",
        "",
        "3,4",
        "a",
        "18446744073709551616",
        "99999999999999999999999999",
    ] {
        let lines = format!("Content-Length: {value}\r\n");
        assert_refused(&lines, post(&lines, "abc"), &[400, 413]);
    }
    let different = "Content-Length: 3\r\nContent-Length: 4\r\n";
    assert_refused(different, post(different, "abc"), &[400]);
}

#[test]
fn a_length_said_twice_is_said_once_to_the_app_or_refused() {
    for lines in [
        "Content-Length: 3\r\nContent-Length: 3\r\n",
        "Content-Length: 3, 3\r\n",
        "Content-Length: 003\r\n",
    ] {
        let app = Upstream::answering(OK);
        let gateway = Gateway::before(&app);
        let response = gateway.connect().ask(post(lines, "abc"));
        if response.status() == 200 {
            let request = app.only_request();
            assert_eq!(request.all("content-length"), ["3"], "{lines}");
            assert_eq!(request.body, b"abc");
        } else {
            assert_eq!(response.status(), 400, "{lines}");
            assert_eq!(app.connections(), 0);
        }
    }
}

#[test]
fn an_odd_spelling_of_chunked_comes_out_as_the_plain_one() {
    for lines in [
        "Transfer-Encoding: CHUNKED\r\n",
        "transfer-encoding:chunked\r\n",
        "Transfer-Encoding: \t chunked \t\r\n",
    ] {
        let request = forwarded(lines, post(lines, CHUNKS), 1).remove(0);
        assert_eq!(request.one("transfer-encoding"), Some("chunked"));
        assert_eq!(request.body, b"abc");
    }
}

#[test]
fn chunk_extensions_are_not_passed_on() {
    let body = "3;a=b;c=\"d\"\r\nabc\r\n0;x\r\n\r\n";
    let bytes = post("Transfer-Encoding: chunked\r\n", body);
    let request = forwarded("extension", bytes, 1).remove(0);
    assert_eq!(request.body, b"abc");
}

#[test]
fn broken_chunks_never_become_a_whole_request() {
    for body in [
        "g\r\nabc\r\n0\r\n\r\n",
        "-3\r\nabc\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "3 \x01\r\nabc\r\n0\r\n\r\n",
        "\r\nabc\r\n0\r\n\r\n",
        "3\nabc\n0\n\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "3\r\nabc0\r\n\r\n",
        "3\r\nabc\n0\r\n\r\n",
        "3;a\nb\r\nabc\r\n0\r\n\r\n",
        "11111111111111113\r\nabc\r\n0\r\n\r\n",
        "3\r\nabc\r\n0\r\nX : y\r\n\r\n",
        "3\r\nabc\r\n0\r\nno colon\r\n\r\n",
    ] {
        let app = Upstream::answering(OK);
        let gateway = Gateway::before(&app);
        let mut client = gateway.connect();
        let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n";
        let bytes = post("Transfer-Encoding: chunked\r\n", body);
        client.send(format!("{bytes}{smuggled}"));
        // Another half of a message may follow from the client; here it says it is done.
        client.reader.stream.conn.send_close_notify();
        _ = client.try_send("");
        let answer =
            String::from_utf8_lossy(&client.reader.rest().unwrap_or_default()).into_owned();
        assert!(!answer.contains("200 OK"), "{body:?}: {answer}");
        if !answer.is_empty() {
            assert!(answer.starts_with("HTTP/1.1 400 "), "{body:?}: {answer}");
            assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{body:?}: {answer}");
        }
        // What the app got of it has no end that an app could see.
        for received in app.received() {
            let text = String::from_utf8_lossy(&received);
            assert!(!text.contains("smuggled"), "{body:?}: {text}");
            assert!(!text.ends_with("0\r\n\r\n"), "{body:?}: {text}");
        }
    }
}

#[test]
fn a_body_that_breaks_off_never_becomes_a_whole_request() {
    for (lines, body) in [
        ("Content-Length: 10\r\n", "abc"),
        ("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n"),
        ("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n"),
    ] {
        let app = Upstream::answering(OK);
        let gateway = Gateway::before(&app);
        let mut client = gateway.connect();
        client.send(post(lines, body));
        app.wait_for_connections(1);
        client.vanish();
        app.wait_until_closed(1);
        let received = app.received().concat();
        let text = String::from_utf8_lossy(&received);
        assert!(!text.ends_with("0\r\n\r\n"), "{lines}{body}: {text}");
    }
}

#[test]
fn two_requests_in_one_write_are_two_requests() {
    let one = post("Content-Length: 3\r\n", "abc");
    let two = post("Transfer-Encoding: chunked\r\n", CHUNKS);
    let requests = forwarded("pipelined", format!("{one}{two}{one}"), 3);
    for request in requests {
        assert_eq!(request.body, b"abc");
    }
}
