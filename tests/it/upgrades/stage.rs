//! Apps that change the protocol, and clients that ask for it.

use std::time::Duration;

use crate::support::client::Client;
use crate::support::gateway::Gateway;
use crate::support::message::{Message, SITE};
use crate::support::upstream::{OK, Talk, Upstream};

/// The key of the example in RFC 6455, and what accepts it.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// What may be on its way at most, in the kernel's socket buffers for the most part.
pub const IN_FLIGHT_MAX: usize = 40 * 1024 * 1024;

/// How long a side that takes nothing is observed.
pub const WHILE: Duration = Duration::from_millis(400);

/// What a client of WebSocket says first.
pub fn handshake(path: &str) -> String {
    asking(path, "Upgrade: websocket\r\n")
}

/// The same with other lines in place of `Upgrade`.
pub fn asking(path: &str, lines: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {SITE}\r\nConnection: keep-alive, Upgrade\r\n{lines}\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}

/// A 101 with other headers than those that everybody wants.
pub fn switch(lines: &str) -> String {
    format!("HTTP/1.1 101 Switching Protocols\r\n{lines}\r\n")
}

/// An app that accepts every WebSocket, and answers what is none.
pub fn app(script: impl Fn(&mut Talk) + Send + Sync + 'static) -> Upstream {
    Upstream::scripted(move |talk| {
        while let Ok(Some(request)) = talk.request() {
            if request.one("upgrade").is_none() {
                talk.say(OK);
                continue;
            }
            accept(talk, &request);
            return script(talk);
        }
    })
}

/// Accepts as RFC 6455 says.
pub fn accept(talk: &mut Talk, request: &Message) {
    let accept = accept_of(request.one("sec-websocket-key").unwrap());
    talk.say(switch(&format!(
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n"
    )));
}

fn accept_of(key: &str) -> String {
    use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
    use base64::Engine as _;
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    base64::engine::general_purpose::STANDARD.encode(hash)
}

/// An app that says everything back.
pub fn echo() -> Upstream {
    app(|talk| {
        while let Ok(bytes) = talk.some() {
            if bytes.is_empty() {
                break;
            }
            talk.say(bytes);
        }
    })
}

/// Opens a tunnel on a connection of a gateway.
pub fn open(gateway: &Gateway) -> Client {
    let mut client = gateway.connect();
    client.send(handshake("/"));
    let answer = client.head();
    assert_eq!(answer.status(), 101, "{answer:?}");
    client
}

/// Says something into a tunnel, and reads it back.
#[track_caller]
pub fn is_echoed(client: &mut Client, text: &[u8]) {
    client.send(text);
    let back = client.reader.exactly(text.len()).unwrap();
    assert!(back == text, "{} bytes came back changed", text.len());
}
