//! One file with many mistakes, which one load must list all; and texts that nobody would write.

use proptest::prelude::*;

use super::{SMALLEST, config, parse_text, report};
use crate::config::keys::{self, TABLES};
use crate::config::{AccessFormat, AccessTarget};

const MANY: &str = r#"server_names = ["lost.example"]

[[listener]]
address = "443"

[[site]]
server_names = ["www.example.com", "www.example.com"]
certificate = 7
private_key = server.key
ssl_client_certificate = "ca.crt"
upstream = "http://192.0.2.7:8080"

[site.timeout]
idle_timeout = 90

[site.limits]
header_bytes_max = "2MiB"
certificate = "www.example.com.crt"

[[site]]
upstream = "https://127.0.0.1"

[log]
level = "loud"
"#;

#[test]
fn one_load_lists_every_problem() {
    insta::assert_snapshot!(report(MANY), @r#"
    gateway.toml:1:1: `server_names` belongs in `[[site]]`, not in the top table
      1 | server_names = ["lost.example"]
        | ^^^^^^^^^^^^
      fix:  move it below a line `[[site]]`
    gateway.toml:4:11: `443` is no address to listen on
      4 | address = "443"
        |           ^^^^^
      fix:  write `"0.0.0.0:443"` for all IPv4 addresses, `"[::]:443"` for all IPv6 addresses, or a listener for each
    gateway.toml:7:36: `www.example.com` is listed twice in this site
      7 | server_names = ["www.example.com", "www.example.com"]
        |                                    ^^^^^^^^^^^^^^^^^
      seen: the first stands at gateway.toml:7:17
      fix:  remove one of the two
    gateway.toml:8:15: `certificate` must be a string
      8 | certificate = 7
        |               ^
      seen: an integer, `7`
      fix:  put it in quotes: `"7"`
    gateway.toml:9:15: a text without quotes
      9 | private_key = server.key
        |               ^^^^^^^^^^
      fix:  put it in double quotes: `"server.key"`
    gateway.toml:10:1: unknown key `ssl_client_certificate` in `[[site]]`
      10 | ssl_client_certificate = "ca.crt"
         | ^^^^^^^^^^^^^^^^^^^^^^
      fix:  call it `client_ca`, in `[[site]]`: one file or a list of files
    gateway.toml:11:12: upstream `http://192.0.2.7:8080` would carry verified identities in clear text off this machine
      11 | upstream = "http://192.0.2.7:8080"
         |            ^^^^^^^^^^^^^^^^^^^^^^^
      seen: an address that is not one of this machine's
      fix:  use `https://`, a loopback or `unix:` address, or set `allow_plaintext_upstream = true` in this `[[site]]` to accept that
    gateway.toml:13:7: unknown table `timeout` in `[[site]]`
      13 | [site.timeout]
         |       ^^^^^^^
      fix:  did you mean `[site.timeouts]`?
    gateway.toml:17:20: `header_bytes_max` must lie between 8KiB and 1MiB
      17 | header_bytes_max = "2MiB"
         |                    ^^^^^^
      seen: a string, `"2MiB"`
      fix:  write a size from `"8KiB"` to `"1MiB"`
    gateway.toml:18:1: `certificate` belongs in `[[site]]`, not in `[site.limits]`
      18 | certificate = "www.example.com.crt"
         | ^^^^^^^^^^^
      why:  the line `[site.limits]` ends the table above it
      fix:  move it up, between `[[site]]` and `[site.limits]`
    gateway.toml:20:1: this `[[site]]` lacks `private_key`
      20 | [[site]]
         | ^^^^^^^^
      fix:  add below this line
            private_key = "www.example.com.key"
    gateway.toml:24:9: `level` knows no `loud`
      24 | level = "loud"
         |         ^^^^^^
      fix:  write one of `off`, `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,mtls_gateway=debug`
    "#);
}

/// A value of a kind that no key takes is complained of at every key: none is skipped over.
#[test]
fn every_known_key_is_read() {
    for key in keys::KEYS {
        let mut text = String::new();
        for table in TABLES
            .iter()
            .filter(|table| key.table.starts_with(table.path) && !table.path.is_empty())
        {
            text.push_str(&format!("{}\n", table.header()));
        }
        text.push_str(&format!("{} = 1979-05-27\n", key.name));
        let (_, report) = parse_text(&text);
        let told = report.problems().iter().any(|problem| {
            let line = problem.place.as_ref().map_or(0, |place| place.line);
            line == text.lines().count()
                && problem.seen.as_deref().is_some_and(|seen| seen.starts_with("a date, "))
        });
        assert!(told, "{text}\n{report}");
    }
}

/// The defaults are text in one table; each must be a value that its key takes.
#[test]
fn every_default_is_a_value() {
    let config = config(SMALLEST);
    assert_eq!(config.limits.connections_max, 10_000);
    assert_eq!(config.log.level.value, "info");
    assert_eq!(config.access_log.target.value, AccessTarget::Stderr);
    assert_eq!(config.access_log.format, AccessFormat::Text);
    assert_eq!(config.access_log.queue_lines_max.get(), 8192);
    assert_eq!(config.log.refusals_per_minute, Some(10));
    assert!(config.runtime.workers.is_none());
    let site = &config.sites[0];
    assert_eq!(site.limits.header_bytes_max, 32 << 10);
    assert_eq!(site.limits.body_bytes_max, None);
    assert_eq!(site.timeouts.exchange_timeout, None);
    assert_eq!(site.timeouts.upstream_idle_timeout.as_secs(), 1);
    assert!(site.client.allow.is_empty());
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,60}", like in "([\\[\\]{}=,.\"'#\n ]|site|listener|client|allow|tls|log|1|true){0,40}") {
        for text in [text, like] {
            let (config, report) = parse_text(&text);
            prop_assert_eq!(config.is_none(), report.has_errors());
            _ = report.to_string();
        }
    }

    #[test]
    fn no_part_of_a_right_file_panics(start in 0..SMALLEST.len(), end in 0..SMALLEST.len()) {
        let text: String = SMALLEST.chars().skip(start).take(end).collect();
        _ = parse_text(&text).1.to_string();
    }
}
