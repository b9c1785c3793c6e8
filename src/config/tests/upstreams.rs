//! `[[upstream]]`, and `upstream` where it names one.

use super::{SMALLEST, config, instead, report};

#[test]
fn every_way_to_write_an_upstream_wrongly_is_told_with_its_fix() {
    let text = format!(
        "{}{}",
        SMALLEST.replace("\"http://127.0.0.1:8080\"", "\"ap\""),
        r#"[[upstream]]
name = "1st app"
endpoints = []
balance = "hash(cookie)"
retry = "always"
[[upstream]]
name = "app"
endpoints = ["http://127.0.0.1:1/x", "http://127.0.0.1:2 weight=0", "127.0.0.1:3"]
balance = "least_conn"
[[upstream]]
name = "app"
endpoints = ["unix:/run/a.sock backup", "unix:/run/a.sock backup"]
[[upstream]]
"#
    );
    insta::assert_snapshot!(report(&text), @r#"
    gateway.toml:9:12: `ap` is no address of an app
      9 | upstream = "ap"
        |            ^^^^
      fix:  write `"http://ap"`; or the name of an `[[upstream]]`: `"app"`
    gateway.toml:11:8: `1st app` is no name of an upstream
      11 | name = "1st app"
         |        ^^^^^^^^^
      fix:  write letters, digits, `-` and `_`, a letter first, such as `"app"`
    gateway.toml:12:13: `endpoints` is an empty list
      12 | endpoints = []
         |             ^^
      fix:  write `endpoints = ["http://127.0.0.1:8080", "http://127.0.0.1:8081 weight=2", "unix:/run/app.sock backup"]`
    gateway.toml:13:11: `balance` knows no `hash(cookie)`
      13 | balance = "hash(cookie)"
         |           ^^^^^^^^^^^^^^
      fix:  write `"hash(identity)"`, `"hash(client_address)"` or `"hash(header:X-Key)"`
    gateway.toml:14:9: `retry` knows no `always`
      14 | retry = "always"
         |         ^^^^^^^^
      fix:  write `"unsent"`, or `"idempotent"` to send once more what may be done twice
    gateway.toml:15:1: warning: nothing goes to the upstream `app`
      15 | [[upstream]]
         | ^^^^^^^^^^^^
      fix:  write `upstream = "app"` in a site or a route, or remove it
    gateway.toml:17:14: the endpoint `http://127.0.0.1:1` has a path
      17 | endpoints = ["http://127.0.0.1:1/x", "http://127.0.0.1:2 weight=0", "127.0.0.1:3"]
         |              ^^^^^^^^^^^^^^^^^^^^^^
      seen: a string, `"http://127.0.0.1:1/x"`
      why:  one request goes to any of the endpoints
      fix:  write `"http://127.0.0.1:1"`, and `path_rewrite` in a route
    gateway.toml:17:38: `weight=0` is nothing that an endpoint can be
      17 | endpoints = ["http://127.0.0.1:1/x", "http://127.0.0.1:2 weight=0", "127.0.0.1:3"]
         |                                      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      seen: a string, `"http://127.0.0.1:2 weight=0"`
      fix:  write `weight=N`, from 1 to 1000, or `backup`
    gateway.toml:17:69: `127.0.0.1:3` is no address of an app
      17 | endpoints = ["http://127.0.0.1:1/x", "http://127.0.0.1:2 weight=0", "127.0.0.1:3"]
         |                                                                     ^^^^^^^^^^^^^
      fix:  write `"http://127.0.0.1:3"`
    gateway.toml:18:11: `balance` knows no `least_conn`
      18 | balance = "least_conn"
         |           ^^^^^^^^^^^^
      fix:  write `"least_connections"`
    gateway.toml:20:8: there is another `[[upstream]]` of the name `app`
      20 | name = "app"
         |        ^^^^^
      fix:  give each a name of its own
    gateway.toml:21:14: all endpoints are backups, of nothing
      21 | endpoints = ["unix:/run/a.sock backup", "unix:/run/a.sock backup"]
         |              ^^^^^^^^^^^^^^^^^^^^^^^^^
      fix:  leave `backup` away from at least one
    gateway.toml:21:41: `unix:/run/a.sock` is listed twice
      21 | endpoints = ["unix:/run/a.sock backup", "unix:/run/a.sock backup"]
         |                                         ^^^^^^^^^^^^^^^^^^^^^^^^^
      fix:  remove one of the two, or write `weight=2`
    gateway.toml:22:1: this `[[upstream]]` lacks `name`, `endpoints`
      22 | [[upstream]]
         | ^^^^^^^^^^^^
      fix:  add below this line
            name = "app"
            endpoints = ["http://127.0.0.1:8080", "http://127.0.0.1:8081 weight=2", "unix:/run/app.sock backup"]
    "#);
}

#[test]
fn an_upstream_that_nobody_uses_is_warned_of_and_one_that_leaves_the_machine_is_refused() {
    let text = format!(
        "{}{}",
        SMALLEST.replace("\"http://127.0.0.1:8080\"", "\"app\""),
        r#"[[upstream]]
name = "app"
endpoints = ["http://127.0.0.1:1", "http://192.0.2.1:1"]
[[upstream]]
name = "other"
endpoints = ["http://127.0.0.1:1"]
"#
    );
    insta::assert_snapshot!(report(&text), @r#"
    gateway.toml:9:12: upstream `http://192.0.2.1:1` would carry verified identities in clear text off this machine
      9 | upstream = "app"
        |            ^^^^^
      seen: an address that is not one of this machine's
      fix:  use `https://`, a loopback or `unix:` address, or set `allow_plaintext_upstream = true` in this `[[site]]` to accept that
    gateway.toml:13:1: warning: nothing goes to the upstream `other`
      13 | [[upstream]]
         | ^^^^^^^^^^^^
      fix:  write `upstream = "other"` in a site or a route, or remove it
    "#);
}

#[test]
fn a_budget_cuts_the_other_lengths() {
    let text =
        format!("{SMALLEST}[site.timeouts]\ncallback_budget = \"2s\"\nhold_timeout = \"5s\"\n");
    let timeouts = &config(&text).sites[0].timeouts;
    assert_eq!(timeouts.hold_timeout.map(|length| length.as_secs()), Some(2));
    assert_eq!(timeouts.exchange_timeout.map(|length| length.as_secs()), Some(2));
}

#[test]
fn a_name_that_no_upstream_has_may_be_meant_as_one() {
    let report = instead("upstream = \"app\"");
    assert!(
        report.ends_with(
            "fix:  write `\"http://app\"`; or make it the `name` of an `[[upstream]]`\n"
        ),
        "{report}"
    );
}

#[test]
fn tls_to_an_app_is_read_or_told_what_is_wrong_with_it() {
    let with = |tls: &str, endpoint: &str| {
        format!(
            "{}[[upstream]]\nname = \"app\"\nendpoints = [\"{endpoint}\"]\nproxy_protocol = \"v2\"\n\
             [upstream.tls]\n{tls}",
            SMALLEST.replace("\"http://127.0.0.1:8080\"", "\"app\"")
        )
    };
    let tls = "ca = [\"a.crt\", \"b.crt\"]\nserver_name = \"App.internal\"\ncertificate = \"own.crt\"\n\
               private_key = \"own.key\"";
    let config = config(&with(tls, "https://192.0.2.1"));
    let upstream = &config.sites[0].upstream.value;
    assert_eq!(upstream.proxy_protocol, Some(crate::config::ProxyProtocol::V2));
    let tls = upstream.tls.as_ref().unwrap();
    assert_eq!(tls.files().count(), 4);
    assert_eq!(tls.server_name.as_ref().unwrap().to_string(), "app.internal");

    let text = with(
        "ca = []\nserver_name = \"*.internal\"\ncertificate = \"own.crt\"\nverify = false",
        "https://192.0.2.1\", \"h2c://127.0.0.1:1",
    );
    insta::assert_snapshot!(report(&text), @r#"
    gateway.toml:12:35: `h2c://` endpoints and others stand in one upstream
      12 | endpoints = ["https://192.0.2.1", "h2c://127.0.0.1:1"]
         |                                   ^^^^^^^^^^^^^^^^^^^
      why:  one request goes to any of the endpoints, in one version of HTTP
      fix:  make two upstreams of them, or let all speak the same
    gateway.toml:15:6: `ca` is an empty list
      15 | ca = []
         |      ^^
      fix:  write `ca = "public"`
    gateway.toml:16:15: `*.internal` is no name to ask for
      16 | server_name = "*.internal"
         |               ^^^^^^^^^^^^
      fix:  write one of the names that the app's certificate bears, without a wildcard
    gateway.toml:17:15: `certificate` stands without `private_key`
      17 | certificate = "own.crt"
         |               ^^^^^^^^^
      fix:  add `private_key`, or remove `certificate` if the app asks for no certificate
    gateway.toml:18:1: unknown key `verify` in `[upstream.tls]`
      18 | verify = false
         | ^^^^^^
      fix:  remove it: an app is always verified; name the CA that issued its certificate in `ca`, and in `server_name` the name that it bears
    "#);
}
