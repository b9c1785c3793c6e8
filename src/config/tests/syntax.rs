//! Text that is no TOML.

use super::{instead, report, with};

#[test]
fn a_text_without_quotes_is_shown_with_them() {
    insta::assert_snapshot!(instead("certificate = www.example.com.crt"), @r#"
    gateway.toml:6:15: a text without quotes
      6 | certificate = www.example.com.crt
        |               ^^^^^^^^^^^^^^^^^^^
      fix:  put it in double quotes: `"www.example.com.crt"`
    "#);
}

#[test]
fn a_quote_that_is_not_closed_is_pointed_at() {
    insta::assert_snapshot!(instead(r#"certificate = "www.example.com.crt"#), @r#"
    gateway.toml:6:35: quotes that are not closed
      6 | certificate = "www.example.com.crt
        |                                   ^
      fix:  write `"` here
    "#);
}

#[test]
fn a_key_without_a_value_is_answered_with_the_form_of_a_key() {
    insta::assert_snapshot!(instead("certificate"), @r#"
    gateway.toml:6:12: not TOML: key with no value
      6 | certificate
        |            ^
      fix:  write keys as `name = value`
    "#);
}

#[test]
fn a_list_that_is_not_closed_is_pointed_at() {
    insta::assert_snapshot!(instead(r#"server_names = ["www.example.com""#), @r#"
    gateway.toml:6:1: a list that is not closed, or lacks a comma
      6 | certificate = "www.example.com.crt"
        | ^
      fix:  write `,` or `]` before this
    "#);
}

#[test]
fn a_key_written_twice_is_refused() {
    insta::assert_snapshot!(with(r#"upstream = "http://127.0.0.1:9090""#), @r#"
    gateway.toml:10:1: the key `upstream` is written twice in one table
      10 | upstream = "http://127.0.0.1:9090"
         | ^^^^^^^^
      fix:  keep one of the two lines
    "#);
}

#[test]
fn a_table_written_twice_is_refused() {
    insta::assert_snapshot!(with("[site.tls]\n[site.tls]"), @r#"
    gateway.toml:11:7: the table `[site.tls]` is written twice
      11 | [site.tls]
         |       ^^^
      fix:  keep one, with the keys of both
    "#);
}

#[test]
fn the_part_of_a_site_before_the_site_is_sent_below_it() {
    insta::assert_snapshot!(report(r#"[site.tls]
version_min = "1.3"

[[site]]
server_names = ["www.example.com"]

[[listener]]
address = "0.0.0.0:443""#), @r#"
    gateway.toml:4:3: `[[site]]` stands below a table that takes its name
      4 | [[site]]
        |   ^^^^
      fix:  write `[[site]]` first, in double brackets every time, and the tables inside it below
    "#);
}

#[test]
fn the_lines_of_apache_are_answered_one_by_one() {
    insta::assert_snapshot!(report("<VirtualHost *:443>\n  SSLEngine on\n  SSLVerifyClient require\n</VirtualHost>"), @r#"
    gateway.toml:1:1: not TOML: a line of another server's configuration, `VirtualHost`
      1 | <VirtualHost *:443>
        | ^
      fix:  write `[[site]]`; its addresses go into `[[listener]]`
    gateway.toml:2:13: not TOML: a line of another server's configuration, `SSLEngine`
      2 |   SSLEngine on
        |             ^
      fix:  remove it: every listener speaks TLS, unless its `kind` is `"http"`
    gateway.toml:3:19: not TOML: a line of another server's configuration, `SSLVerifyClient`
      3 |   SSLVerifyClient require
        |                   ^
      fix:  remove it if it says `on` or `require`, which holds without a word; else write `mode = "optional"`, or `mode = "request"` for `optional_no_ca`, in `[site.client]`
    "#);
}

#[test]
fn the_lines_of_nginx_are_answered_one_by_one() {
    insta::assert_snapshot!(report("server {\n  listen 443 ssl;\n  ssl_verify_client on;\n}"), @r#"
    gateway.toml:1:8: not TOML: a line of another server's configuration, `server`
      1 | server {
        |        ^
      fix:  write `[[site]]`; its addresses go into `[[listener]]`
    gateway.toml:2:10: not TOML: a line of another server's configuration, `listen`
      2 |   listen 443 ssl;
        |          ^
      fix:  write a table `[[listener]]` with `address = "0.0.0.0:443"`
    gateway.toml:3:21: not TOML: a line of another server's configuration, `ssl_verify_client`
      3 |   ssl_verify_client on;
        |                     ^
      fix:  remove it if it says `on` or `require`, which holds without a word; else write `mode = "optional"`, or `mode = "request"` for `optional_no_ca`, in `[site.client]`
    "#);
}

#[test]
fn the_end_of_a_block_without_its_begin_is_to_be_removed() {
    insta::assert_snapshot!(with("}"), @"
    gateway.toml:10:1: not TOML: `}` ends nothing here
      10 | }
         | ^
      fix:  remove it: a table ends where the next one begins
    ");
}

#[test]
fn a_backslash_in_double_quotes_is_answered_with_single_ones() {
    insta::assert_snapshot!(instead(r#"certificate = "C:\Users\www.crt""#), @r##"
    gateway.toml:6:20: a backslash in double quotes, where it begins a special character
      6 | certificate = "C:\Users\www.crt"
        |                    ^
      fix:  write `\\` for a backslash, or put the text in single quotes
    "##);
    insta::assert_snapshot!(instead(r#"certificate = "tls\www.crt""#), @r##"
    gateway.toml:6:20: a backslash in double quotes, where it begins a special character
      6 | certificate = "tls\www.crt"
        |                    ^
      fix:  write `\\` for a backslash, or put the text in single quotes
    "##);
}
