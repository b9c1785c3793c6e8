//! Requests that two servers could read differently. The app gets nothing of them, or exactly the one
//! request that was judged, with exactly one account of where its body ends.

mod bodies;
mod differential;
mod heads;
mod over_http_2;
mod strict;

use crate::support::client::Client;
use crate::support::gateway::Gateway;
use crate::support::message::Message;
use crate::support::upstream::{OK, Upstream};

/// Sends bytes on a connection of their own. They must be refused with one of the statuses and a whole JSON
/// answer, after which the connection ends; and the app must not have seen anything.
fn assert_refused(name: &str, bytes: impl AsRef<[u8]>, statuses: &[u16]) {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    client.send(bytes);
    let response = refusal(name, &mut client);
    assert!(statuses.contains(&response.status()), "{name}: {response:?}");
    assert_eq!(app.connections(), 0, "{name}: {:?}", app.received());
    let event = client.event("access");
    assert_eq!(event.field("status"), response.status().to_string(), "{name}");
}

/// Reads an answer of the gateway's own, and the end of the connection behind it.
fn refusal(name: &str, client: &mut Client) -> Message {
    let response = client.reader.message();
    let response = response.unwrap_or_else(|error| panic!("{name}: {error}"));
    let response = response.unwrap_or_else(|| panic!("{name}: no answer"));
    assert_eq!(response.one("connection"), Some("close"), "{name}: {response:?}");
    response.code();
    client.end();
    response
}

/// Sends bytes, closes, and returns the requests that the app saw, each with at most one framing header.
fn forwarded(name: &str, bytes: impl AsRef<[u8]>, answers: usize) -> Vec<Message> {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    client.send(bytes);
    for _ in 0..answers {
        let response = client.response();
        assert_eq!(response.status(), 200, "{name}: {response:?}");
    }
    let requests = app.requests();
    for request in &requests {
        assert!(request.framing_headers() <= 1, "{name}: {request:?}");
        assert_eq!(request.all("host"), ["a.example"], "{name}: {request:?}");
    }
    assert_eq!(requests.len(), answers, "{name}");
    requests
}
