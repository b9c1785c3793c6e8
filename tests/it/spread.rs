//! Connections that stay are shared out evenly among the workers.

use std::collections::BTreeMap;

use crate::support::gateway::Setup;
use crate::support::upstream::Upstream;

/// How many of so many connections each worker has. Workers keep connections to the app of their own, so
/// the app's connection that serves a request, one at a time, tells the worker.
fn spread(connections: usize) -> Vec<usize> {
    let app = Upstream::scripted(|talk| {
        let name = talk.number.to_string();
        while let Ok(Some(_)) = talk.request() {
            let length = name.len();
            talk.say(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{name}"));
        }
    });
    let gateway = Setup::new(&app)
        .site_tables("[site.timeouts]\nupstream_idle_timeout = \"1m\"")
        .workers(2)
        .start();
    let mut clients: Vec<_> = (0..connections).map(|_| gateway.connect()).collect();
    let mut workers = BTreeMap::new();
    for client in &mut clients {
        *workers.entry(client.get("/").body).or_insert(0) += 1;
    }
    workers.into_values().collect()
}

#[test]
fn two_connections_go_to_two_workers() {
    assert_eq!(spread(2), [1, 1]);
}

#[test]
fn eight_connections_go_evenly_to_two_workers() {
    assert_eq!(spread(8), [4, 4]);
}

#[test]
fn many_connections_go_evenly_to_two_workers() {
    assert_eq!(spread(64), [32, 32]);
}
