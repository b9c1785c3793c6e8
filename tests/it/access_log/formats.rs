//! What a line says in each format, and that nobody writes one but the gateway.

use std::collections::BTreeSet;

use mtls_gateway::config::AccessField;
use serde_json::Value;

use super::{lines, writing};
use crate::support::message::SITE;
use crate::support::upstream::{OK, Upstream};

/// What a client sends who would like to write lines and fields of his own. What HTTP forbids he cannot send: a line
/// break in a header ends it.
const FORGER: &str = "GET /a\"b?c=%0d%0a127.0.0.1%20-%20- HTTP/1.1\r\nHost: SITE\r\n\
                      User-Agent: x\" \\\" 200 \t\u{e9}[admin]\r\nReferer: \"-\" ~ \"\r\n\r\n";

fn forger() -> Vec<u8> {
    // Each character is one byte, also the one that is no ASCII.
    FORGER.replace("SITE", SITE).chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

#[test]
fn json_has_each_field_of_the_page_and_what_happened_in_it() {
    let app = Upstream::answering(OK);
    let (gateway, path) = writing(&app, "access.log", "format = \"json\"");
    let mut client = gateway.connect();
    let request =
        format!("POST /callback?a=b HTTP/1.1\r\nHost: {SITE}\r\nContent-Length: 5\r\n\r\n12345");
    let response = client.ask(request);
    assert_eq!(response.status(), 200);
    let line: Value = serde_json::from_str(&lines(&path, 1)[0]).unwrap();
    let fields: BTreeSet<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
    let known = AccessField::DOCUMENTED.iter().map(|field| field.as_str());
    assert_eq!(fields, known.chain(["level", "target"]).collect());
    for (name, value) in [
        ("level", "INFO"),
        ("target", "access"),
        ("method", "POST"),
        ("host", SITE),
        ("path", "/callback?a=b"),
        ("version", "HTTP/1.1"),
        ("outcome", "complete"),
        ("code", ""),
        ("identity", "caller"),
        ("verify", "SUCCESS"),
        ("site", SITE),
        ("upstream", &app.url),
        ("cause", ""),
    ] {
        assert_eq!(line[name], value, "{name}");
    }
    assert_eq!(line["peer"], client.local.to_string());
    assert_eq!((&line["status"], &line["request_bytes"]), (&200.into(), &5.into()));
    assert_eq!(line["response_bytes"], response.body.len());
    assert!(line["total_ms"].as_f64() >= line["first_byte_ms"].as_f64(), "{line}");
    assert!(line["first_byte_ms"].as_f64() > Some(0.0), "{line}");
    assert_eq!(line["request_id"].as_str().unwrap().len(), 32);
    let timestamp = line["timestamp"].as_str().unwrap();
    assert!(timestamp.len() == "2026-11-22T08:15:30.123456Z".len() && timestamp.ends_with('Z'));
}

#[test]
fn a_request_that_cannot_be_read_has_a_line_too() {
    let app = Upstream::answering(OK);
    let (gateway, path) = writing(&app, "access.log", "format = \"json\"");
    let mut client = gateway.connect();
    assert_eq!(client.ask("GET / HTTP/1.1\r\nbad header\r\n\r\n").status(), 400);
    let line: Value = serde_json::from_str(&lines(&path, 1)[0]).unwrap();
    assert_eq!((&line["status"], &line["outcome"]), (&400.into(), &"answered".into()));
    assert_eq!((&line["method"], &line["version"]), (&"".into(), &"".into()));
    assert_eq!((&line["identity"], &line["site"]), (&"caller".into(), &SITE.into()));
    assert_eq!(line["cause"], "the request could not be read");
    assert_eq!(line["peer"], client.local.to_string());
}

#[test]
fn combined_is_what_nginx_and_apache_write() {
    let app = Upstream::answering(OK);
    let (gateway, path) = writing(&app, "access.log", "format = \"combined\"");
    let mut client = gateway.connect();
    let request = format!(
        "GET /x?y HTTP/1.1\r\nHost: {SITE}\r\nReferer: https://a.example/\r\nUser-Agent: curl/8.1 (x)\r\n\r\n"
    );
    let bytes = client.ask(request).body.len();
    client.get("/bare");
    let lines = lines(&path, 2);
    let (who, rest) = lines[0].split_once(" [").unwrap();
    let (time, rest) = rest.split_once("] ").unwrap();
    assert_eq!(who, "127.0.0.1 - caller");
    // 22/Nov/2026:08:15:30 +0000
    assert_eq!(time.len(), 26);
    assert!(time.ends_with(" +0000") && time.split('/').nth(1).unwrap().len() == 3, "{time}");
    assert_eq!(
        rest,
        format!("\"GET /x?y HTTP/1.1\" 200 {bytes} \"https://a.example/\" \"curl/8.1 (x)\"")
    );
    assert!(lines[1].ends_with("\"GET /bare HTTP/1.1\" 200 2 \"-\" \"-\""), "{}", lines[1]);
}

#[test]
fn a_pattern_has_the_names_of_json_and_some_more() {
    let app = Upstream::answering(OK);
    let all = AccessField::ALL.iter().map(|field| format!("{0}=\"${0}\"", field.as_str()));
    let pattern = all.collect::<Vec<_>>().join(" ");
    let table = format!("format = \"pattern\"\npattern = '{pattern} $$'");
    let (gateway, path) = writing(&app, "access.log", &table);
    let mut client = gateway.connect();
    client.get("/p");
    let line = &lines(&path, 1)[0];
    for field in AccessField::ALL {
        assert!(line.contains(&format!("{}=\"", field.as_str())), "{line}");
    }
    for part in ["path=\"/p\"", "status=\"200\"", "referer=\"-\"", "peer_address=\"127.0.0.1\""] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(line.ends_with(" $"), "{line}");
}

#[test]
fn nobody_forges_a_line_or_a_field_of_one() {
    let app = Upstream::answering(OK);
    for (format, expected) in [
        ("format = \"json\"", r#""path":"/a\"b?c=%0d%0a127.0.0.1%20-%20-","version""#),
        ("format = \"text\"", r#"path="/a\"b?c=%0d%0a127.0.0.1%20-%20-" version"#),
        (
            "format = \"combined\"",
            r#""GET /a\x22b?c=%0d%0a127.0.0.1%20-%20- HTTP/1.1" 200 2 "\x22-\x22 ~ \x22" "x\x22 \x5C\x22 200 \x09\xE9[admin]""#,
        ),
        // Outside of quotes a blank would end the field.
        (
            "format = \"pattern\"\npattern = '$user_agent $path $status'",
            r"x\x22\x20\x5C\x22\x20200\x20\x09\xE9[admin] /a\x22b?c=%0d%0a127.0.0.1%20-%20- 200",
        ),
    ] {
        let (gateway, path) = writing(&app, "access.log", format);
        let mut client = gateway.connect();
        assert_eq!(client.ask(forger()).status(), 200);
        client.get("/last");
        let lines = lines(&path, 2);
        assert_eq!(lines.len(), 2, "{lines:#?}");
        assert!(lines[0].contains(expected), "{}", lines[0]);
        assert!(lines[0].bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{}", lines[0]);
    }
}

#[test]
fn a_line_is_as_long_as_it_may_be_and_no_longer() {
    let app = Upstream::answering(OK);
    let (gateway, path) = writing(&app, "access.log", "format = \"combined\"");
    let mut client = gateway.connect();
    let long = "\"".repeat(8000);
    let request = format!(
        "GET /{long} HTTP/1.1\r\nHost: {SITE}\r\nUser-Agent: {long}\r\nReferer: {long}\r\n\r\n"
    );
    assert_eq!(client.ask(request).status(), 200);
    let line = &lines(&path, 1)[0];
    // Each quote is four bytes here.
    assert!((20_000..30_000).contains(&line.len()), "{}", line.len());
    assert!(line.contains("...") && line.contains(" HTTP/1.1\" 200 "), "{line}");
}
