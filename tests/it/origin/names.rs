//! `dns_refresh`: a name is looked up anew from time to time, however busy its connections are.

use std::time::Instant;

use crate::support::PATIENCE;
use crate::support::gateway::{Gateway, Setup};
use crate::support::h2_app::H2App;
use crate::support::upstream::{OK, Upstream};

fn gateway(url: &str, dns_refresh: &str) -> Gateway {
    let upstream = format!(
        "[[upstream]]\nname = \"app\"\nendpoints = [\"{url}\"]\ndns_refresh = \"{dns_refresh}\""
    );
    let tables = "[site.timeouts]\nupstream_idle_timeout = \"1h\"";
    Setup::with_url("app").site_tables(tables).process_tables(&upstream).start()
}

/// Asks again and again until the app has had so many connections.
fn ask_until(gateway: &Gateway, connections: impl Fn() -> usize, count: usize) {
    let (begun, mut client) = (Instant::now(), gateway.connect());
    while connections() < count {
        assert!(begun.elapsed() < PATIENCE, "the name was not looked up anew");
        assert_eq!(client.get("/").status(), 200);
    }
}

#[test]
fn busy_connections_to_a_name_make_way_for_new_ones() {
    let app = Upstream::answering(OK);
    ask_until(
        &gateway(&app.url.replace("127.0.0.1", "localhost"), "10ms"),
        || app.connections(),
        3,
    );
    let app = H2App::answering("hello");
    ask_until(
        &gateway(&app.url.replace("127.0.0.1", "localhost"), "10ms"),
        || app.connections(),
        3,
    );
}

#[test]
fn an_address_is_no_name() {
    let app = Upstream::answering(OK);
    let gateway = gateway(&app.url, "1ms");
    let mut client = gateway.connect();
    for _ in 0..100 {
        assert_eq!(client.get("/").status(), 200);
    }
    assert_eq!(app.connections(), 1);
}
