//! Values of the wrong kind, unit or size.

use super::{SMALLEST, config, instead, with};

#[test]
fn times_need_a_unit() {
    insta::assert_snapshot!(with(r#"[site.timeouts]
header_timeout = 10
idle_timeout = "1d"
body_idle_timeout = "soon"
upstream_connect_timeout = "0s"
response_header_timeout = "48h"
exchange_timeout = "never"
upstream_idle_timeout = true"#), @r#"
    gateway.toml:11:18: `header_timeout` must be a length of time
      11 | header_timeout = 10
         |                  ^^
      seen: an integer, `10`
      fix:  write `"10s"`
    gateway.toml:12:16: `idle_timeout` must be a length of time
      12 | idle_timeout = "1d"
         |                ^^^^
      seen: a string, `"1d"`
      fix:  write `"24h"`
    gateway.toml:13:21: `body_idle_timeout` must be a length of time
      13 | body_idle_timeout = "soon"
         |                     ^^^^^^
      seen: a string, `"soon"`
      fix:  write a whole number and its unit, such as `"500ms"`, `"10s"`, `"5m"` or `"1h"`
    gateway.toml:14:28: `upstream_connect_timeout` must be a length of time
      14 | upstream_connect_timeout = "0s"
         |                            ^^^^
      seen: a string, `"0s"`
      fix:  write a time of at least `"1ms"`
    gateway.toml:15:27: `response_header_timeout` must be a length of time
      15 | response_header_timeout = "48h"
         |                           ^^^^^
      seen: a string, `"48h"`
      fix:  write a time of at most `"24h"`
    gateway.toml:16:20: `exchange_timeout` must be a length of time
      16 | exchange_timeout = "never"
         |                    ^^^^^^^
      seen: a string, `"never"`
      fix:  write a whole number and its unit, such as `"500ms"`, `"10s"`, `"5m"` or `"1h"`, or `"none"`
    gateway.toml:17:25: `upstream_idle_timeout` must be a length of time
      17 | upstream_idle_timeout = true
         |                         ^^^^
      seen: a boolean, `true`
      fix:  write a whole number and its unit, such as `"500ms"`, `"10s"`, `"5m"` or `"1h"`
    "#);
}

#[test]
fn sizes_lie_within_bounds() {
    insta::assert_snapshot!(with(r#"[site.limits]
header_bytes_max = "4KiB"
header_count_max = 0
body_bytes_max = "10m"
streams_max = "many"
upstream_idle_max = "64""#), @r#"
    gateway.toml:11:20: `header_bytes_max` must lie between 8KiB and 1MiB
      11 | header_bytes_max = "4KiB"
         |                    ^^^^^^
      seen: a string, `"4KiB"`
      fix:  write a size from `"8KiB"` to `"1MiB"`
    gateway.toml:12:20: `header_count_max` must lie between 1 and 1000
      12 | header_count_max = 0
         |                    ^
      seen: an integer, `0`
      fix:  write a whole number from 1 to 1000
    gateway.toml:13:18: `body_bytes_max` must be a number of bytes
      13 | body_bytes_max = "10m"
         |                  ^^^^^
      seen: a string, `"10m"`
      fix:  write `"10MiB"`, or `"unlimited"`
    gateway.toml:14:15: `streams_max` must be a whole number
      14 | streams_max = "many"
         |               ^^^^^^
      seen: a string, `"many"`
      fix:  write a whole number from 1 to 10000
    gateway.toml:15:21: `upstream_idle_max` must be a whole number
      15 | upstream_idle_max = "64"
         |                     ^^^^
      seen: a string, `"64"`
      fix:  write `64`, without quotes
    "#);
}

#[test]
fn numbers_of_the_process_lie_within_bounds() {
    insta::assert_snapshot!(with("[limits]\nconnections_max = -1\nhandshake_timeout = 2.5\n\n[runtime]\nworkers = 0\ndrain_timeout = 1979-05-27"), @r#"
    gateway.toml:11:19: `connections_max` must lie between 1 and 1000000
      11 | connections_max = -1
         |                   ^^
      seen: an integer, `-1`
      fix:  write a whole number from 1 to 1000000
    gateway.toml:12:21: `handshake_timeout` must be a length of time
      12 | handshake_timeout = 2.5
         |                     ^^^
      seen: a float, `2.5`
      fix:  write a whole number and its unit, such as `"500ms"`, `"10s"`, `"5m"` or `"1h"`
    gateway.toml:15:11: `workers` must be a number of threads or `"auto"`
      15 | workers = 0
         |           ^
      seen: an integer, `0`
      fix:  write `"auto"` or a whole number from 1 to 1024
    gateway.toml:16:17: `drain_timeout` must be a length of time
      16 | drain_timeout = 1979-05-27
         |                 ^^^^^^^^^^
      seen: a date, `1979-05-27`
      fix:  write a whole number and its unit, such as `"500ms"`, `"10s"`, `"5m"` or `"1h"`
    "#);
}

#[test]
fn days_before_an_end_are_a_short_list_of_numbers() {
    let days = |list: &str| {
        let text = format!("{SMALLEST}\n[warnings]\nexpiry_days = {list}\n");
        config(&text).warnings.expiry_days
    };
    assert_eq!(config(SMALLEST).warnings.expiry_days, [1, 7, 14, 30]);
    assert_eq!(days("[60, 7, 60, 3650]"), [7, 60, 3650]);
    assert_eq!(days("[]"), [] as [u16; 0]);
    insta::assert_snapshot!(with("[warnings]\nexpiry_days = 30"), @r#"
    gateway.toml:11:15: `expiry_days` must be a list of whole numbers
      11 | expiry_days = 30
         |               ^^
      seen: an integer, `30`
      fix:  write for example `expiry_days = [30, 14, 7, 1]`
    "#);
    insta::assert_snapshot!(with("[warnings]\nexpiry_days = [0, 4000, \"7d\", \"7\"]"), @r#"
    gateway.toml:11:16: `expiry_days` must lie between 1 and 3650
      11 | expiry_days = [0, 4000, "7d", "7"]
         |                ^
      seen: an integer, `0`
      fix:  write a whole number from 1 to 3650
    gateway.toml:11:19: `expiry_days` must lie between 1 and 3650
      11 | expiry_days = [0, 4000, "7d", "7"]
         |                   ^^^^
      seen: an integer, `4000`
      fix:  write a whole number from 1 to 3650
    gateway.toml:11:25: `expiry_days` must be a whole number
      11 | expiry_days = [0, 4000, "7d", "7"]
         |                         ^^^^
      seen: a string, `"7d"`
      fix:  write a whole number from 1 to 3650
    gateway.toml:11:31: `expiry_days` must be a whole number
      11 | expiry_days = [0, 4000, "7d", "7"]
         |                               ^^^
      seen: a string, `"7"`
      fix:  write `7`, without quotes
    "#);
    insta::assert_snapshot!(with("[warnings]\nexpiry_days = [1, 2, 3, 4, 5, 6, 7, 8, 9]"), @r#"
    gateway.toml:11:15: `expiry_days` has more than 8 items
      11 | expiry_days = [1, 2, 3, 4, 5, 6, 7, 8, 9]
         |               ^^^^^^^^^^^^^^^^^^^^^^^^^^^
      seen: 9 of them
      fix:  write for example `expiry_days = [30, 14, 7, 1]`
    "#);
}

#[test]
fn words_that_the_log_does_not_know_are_refused() {
    insta::assert_snapshot!(with(r#"[log]
format = "xml"
level = "verbose"
[runtime]
watch = "on""#), @r#"
    gateway.toml:11:10: `format` knows no `xml`
      11 | format = "xml"
         |          ^^^^^
      fix:  write `"text"` for people or `"json"` for machines
    gateway.toml:12:9: `level` knows no `verbose`
      12 | level = "verbose"
         |         ^^^^^^^^^
      fix:  write one of `off`, `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,mtls_gateway=debug`
    gateway.toml:14:9: `watch` must be `true` or `false`
      14 | watch = "on"
         |         ^^^^
      seen: a string, `"on"`
      fix:  write `watch = true`, without quotes
    "#);
}

#[test]
fn a_filter_with_an_unknown_level_is_refused() {
    insta::assert_snapshot!(with(r#"[log]
level = "info,hyper=loud""#), @r#"
    gateway.toml:11:9: `level` knows no `loud`
      11 | level = "info,hyper=loud"
         |         ^^^^^^^^^^^^^^^^^
      seen: a string, `"info,hyper=loud"`
      fix:  write one of `off`, `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,mtls_gateway=debug`
    "#);
}

#[test]
fn one_name_for_a_list_of_names_is_answered_with_a_list() {
    insta::assert_snapshot!(instead(r#"server_names = "www.example.com""#), @r#"
    gateway.toml:5:16: `server_names` must be a list
      5 | server_names = "www.example.com"
        |                ^^^^^^^^^^^^^^^^^
      seen: a string, `"www.example.com"`
      fix:  write `server_names = ["www.example.com"]`
    "#);
}

#[test]
fn an_empty_list_is_refused() {
    insta::assert_snapshot!(instead("client_ca = []"), @r#"
    gateway.toml:8:13: `client_ca` is an empty list
      8 | client_ca = []
        |             ^^
      fix:  write `client_ca = "ca/TencentQQAuthCA.crt"`
    "#);
}

#[test]
fn a_number_in_a_list_of_paths_is_refused() {
    insta::assert_snapshot!(instead(r#"client_ca = ["ca/a.crt", 7]"#), @r#"
    gateway.toml:8:26: `client_ca` must be a string
      8 | client_ca = ["ca/a.crt", 7]
        |                          ^
      seen: an integer, `7`
      fix:  put it in quotes: `"7"`
    "#);
}

#[test]
fn a_path_that_is_empty_is_refused() {
    insta::assert_snapshot!(instead(r#"private_key = """#), @r#"
    gateway.toml:7:15: `private_key` names no file
      7 | private_key = ""
        |               ^^
      seen: an empty string
      fix:  write a file's path, absolute or starting at the folder of this file
    "#);
}

#[test]
fn a_number_for_a_text_is_refused() {
    insta::assert_snapshot!(instead("upstream = 8080"), @r#"
    gateway.toml:9:12: `8080` is no address of an app
      9 | upstream = 8080
        |            ^^^^
      seen: an integer, `8080`
      fix:  write `"http://127.0.0.1:8080"`
    "#);
}

#[test]
fn tls_versions_that_cannot_be_spoken_are_refused() {
    insta::assert_snapshot!(with(r#"[site.tls]
version_min = "1.0""#), @r#"
    gateway.toml:11:15: `1.0` cannot be spoken here
      11 | version_min = "1.0"
         |               ^^^^^
      why:  it is withdrawn as insecure (RFC 8996), and the TLS library that is used has no code for it
      fix:  write `"1.2"`, and let a client that knows nothing newer be updated
    "#);
}

#[test]
fn tls_versions_as_others_write_them_are_answered_with_ours() {
    insta::assert_snapshot!(with(r#"[site.tls]
version_min = "TLSv1.3""#), @r#"
    gateway.toml:11:15: `version_min` knows no `TLSv1.3`
      11 | version_min = "TLSv1.3"
         |               ^^^^^^^^^
      fix:  write `"1.3"`
    "#);
}

#[test]
fn tls_versions_without_quotes_are_answered_with_them() {
    insta::assert_snapshot!(with("[site.tls]\nversion_min = 1.2"), @r#"
    gateway.toml:11:15: `version_min` must be a string
      11 | version_min = 1.2
         |               ^^^
      seen: a float, `1.2`
      fix:  put it in quotes: `"1.2"`
    "#);
}

#[test]
fn tls_versions_that_nobody_knows_are_refused() {
    insta::assert_snapshot!(with(r#"[site.tls]
version_min = "1.4""#), @r#"
    gateway.toml:11:15: `version_min` knows no `1.4`
      11 | version_min = "1.4"
         |               ^^^^^
      fix:  write `"1.2"` or `"1.3"`, the oldest TLS version to speak
    "#);
}

#[test]
fn how_a_certificate_is_judged() {
    insta::assert_snapshot!(with(r#"[site.client]
extended_key_usage = "optional"
chain_depth_max = 7
ca_hints = "some""#), @r#"
    gateway.toml:11:22: `extended_key_usage` knows no `optional`
      11 | extended_key_usage = "optional"
         |                      ^^^^^^^^^^
      fix:  write `"if_present"`, `"require"` or `"ignore"`
    gateway.toml:12:19: `chain_depth_max` must lie between 0 and 6
      12 | chain_depth_max = 7
         |                   ^
      seen: an integer, `7`
      fix:  write a whole number from 0 to 6
    gateway.toml:13:12: `ca_hints` knows no `some`
      13 | ca_hints = "some"
         |            ^^^^^^
      fix:  write `"all"`, `"none"`, or a list of files: `["ca/hints.crt"]`
    "#);
    insta::assert_snapshot!(with("[site.client]\nca_hints = []"), @r#"
    gateway.toml:11:12: `ca_hints` is an empty list
      11 | ca_hints = []
         |            ^^
      fix:  write `ca_hints = "all"`
    "#);
    insta::assert_snapshot!(with("[site.client]\nca_hints = true"), @r#"
    gateway.toml:11:12: `ca_hints` must be a string
      11 | ca_hints = true
         |            ^^^^
      seen: a boolean, `true`
      fix:  write `"all"`, `"none"`, or a list of files: `["ca/hints.crt"]`
    "#);
}

#[test]
fn how_revocation_lists_are_used() {
    insta::assert_snapshot!(with(r#"[site.client]
crl = ""
crl_check = "all"
crl_missing = "warn"
crl_expired = false"#), @r#"
    gateway.toml:11:7: `crl` names no file
      11 | crl = ""
         |       ^^
      seen: an empty string
      fix:  write a file's path, absolute or starting at the folder of this file
    gateway.toml:12:13: `crl_check` knows no `all`
      12 | crl_check = "all"
         |             ^^^^^
      fix:  write `"leaf"` for the client's own certificate, or `"chain"` for the intermediates too
    gateway.toml:13:15: `crl_missing` knows no `warn`
      13 | crl_missing = "warn"
         |               ^^^^^^
      fix:  write `"deny"`, `"allow"`, or a list of files with the CAs to allow it for: `["ca/no-list.crt"]`
    gateway.toml:14:15: `crl_expired` must be a string
      14 | crl_expired = false
         |               ^^^^^
      seen: a boolean, `false`
      fix:  write `"deny"` or `"allow"`
    "#);
}

#[test]
fn modes_of_other_servers_are_answered_with_ours() {
    let said = |word: &str| with(&format!("[site.client]\nmode = \"{word}\""));
    for word in ["require", "optional", "request"] {
        assert_eq!(said(word), "");
    }
    insta::assert_snapshot!(["on", "off", "optional_no_ca", "verify"].map(said).concat(), @r#"
    gateway.toml:11:8: `mode` knows no `on`
      11 | mode = "on"
         |        ^^^^
      fix:  write `"require"`, which is what holds when nothing is written
    gateway.toml:11:8: `mode` knows no `off`
      11 | mode = "off"
         |        ^^^^^
      fix:  write `"optional"` to let clients in that have no certificate; this gateway always asks for one, and a site where none is asked for belongs behind another server
    gateway.toml:11:8: `mode` knows no `optional_no_ca`
      11 | mode = "optional_no_ca"
         |        ^^^^^^^^^^^^^^^^
      fix:  write `"request"`, which does the same
    gateway.toml:11:8: `mode` knows no `verify`
      11 | mode = "verify"
         |        ^^^^^^^^
      fix:  write `"require"`, `"optional"` or `"request"`
    "#);
}

#[test]
fn a_limit_that_may_be_lifted_says_so() {
    insta::assert_snapshot!(with("[log]\nrefusals_per_minute = 0"), @r#"
    gateway.toml:11:23: `refusals_per_minute` must lie between 1 and 1000000
      11 | refusals_per_minute = 0
         |                       ^
      seen: an integer, `0`
      fix:  write a whole number from 1 to 1000000, or `"unlimited"`
    "#);
}
