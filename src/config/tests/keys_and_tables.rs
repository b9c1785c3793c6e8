//! Names that nobody knows, stand in the wrong place, or are missing.

use super::{SMALLEST, report, with};

#[test]
fn an_empty_file_lacks_a_listener_and_a_site() {
    insta::assert_snapshot!(report(""), @r#"
    gateway.toml: there is no `[[listener]]`
      why:  the gateway would listen nowhere
      fix:  add one, for example
            [[listener]]
            address = "0.0.0.0:443"
    gateway.toml: there is no `[[site]]`
      why:  the gateway would answer to nobody
      fix:  add one, for example
            [[site]]
            server_names = ["www.example.com"]
            certificate = "www.example.com.crt"
            private_key = "www.example.com.key"
            client_ca = "ca/TencentQQAuthCA.crt"
            upstream = "http://127.0.0.1:8080"
    "#);
}

#[test]
fn a_site_lacks_its_required_keys() {
    insta::assert_snapshot!(report(r#"[[listener]]

[[site]]
server_names = ["a.example"]
client_ca = "ca.crt"
upstream = "http://127.0.0.1:80""#), @r#"
    gateway.toml:1:1: this `[[listener]]` lacks `address`
      1 | [[listener]]
        | ^^^^^^^^^^^^
      fix:  add below this line
            address = "0.0.0.0:443"
    gateway.toml:3:1: this `[[site]]` lacks `certificate`, `private_key`
      3 | [[site]]
        | ^^^^^^^^
      fix:  add below this line
            certificate = "www.example.com.crt"
            private_key = "www.example.com.key"
    "#);
}

#[test]
fn a_misspelt_key_is_not_missing_too() {
    insta::assert_snapshot!(report(r#"[[listener]]
adress = "0.0.0.0:443"

[[site]]
server-names = ["a.example"]
certificat = "a.crt"
private_key = "a.key"
client_ca = "ca.crt"
upstreams = "http://127.0.0.1:80""#), @r#"
    gateway.toml:2:1: unknown key `adress` in `[[listener]]`
      2 | adress = "0.0.0.0:443"
        | ^^^^^^
      fix:  did you mean `address`?
    gateway.toml:5:1: unknown key `server-names` in `[[site]]`
      5 | server-names = ["a.example"]
        | ^^^^^^^^^^^^
      fix:  did you mean `server_names`?
    gateway.toml:6:1: unknown key `certificat` in `[[site]]`
      6 | certificat = "a.crt"
        | ^^^^^^^^^^
      fix:  did you mean `certificate`?
    gateway.toml:9:1: unknown key `upstreams` in `[[site]]`
      9 | upstreams = "http://127.0.0.1:80"
        | ^^^^^^^^^
      fix:  did you mean `upstream`?
    "#);
}

#[test]
fn a_misspelt_table_is_answered_with_the_right_one() {
    insta::assert_snapshot!(report(r#"[[listners]]
address = "0.0.0.0:443"

[[sites]]
upstream = "http://127.0.0.1:80""#), @r#"
    gateway.toml:1:3: unknown table `listners` in the top table
      1 | [[listners]]
        |   ^^^^^^^^
      fix:  did you mean `[[listener]]`?
    gateway.toml:4:3: unknown table `sites` in the top table
      4 | [[sites]]
        |   ^^^^^
      fix:  did you mean `[[site]]`?
    "#);
}

#[test]
fn a_name_like_no_other_is_answered_with_all_that_are_known() {
    insta::assert_snapshot!(with(r#"banana = 1
[oranges]
address = "127.0.0.1:9000""#), @r#"
    gateway.toml:10:1: unknown key `banana` in `[[site]]`
      10 | banana = 1
         | ^^^^^^
      fix:  remove it; known here: `server_names`, `certificate`, `private_key`, `private_key_passphrase_file`, `client_ca`, `upstream`, `allow_plaintext_upstream`, `acme_tls_certificates`, `encoded_slashes`, `upgrades`, `[site.client]`, `[[site.route]]`, `[site.answers]`, `[site.identity_headers]`, `[site.tls]`, `[site.timeouts]`, `[site.limits]`
    gateway.toml:11:2: unknown table `oranges` in the top table
      11 | [oranges]
         |  ^^^^^^^
      fix:  remove it; known here: `[[listener]]`, `[[site]]`, `[[upstream]]`, `[access_log]`, `[admin]`, `[limits]`, `[log]`, `[runtime]`, `[warnings]`
    "#);
}

#[test]
fn a_key_before_its_table_is_sent_below_it() {
    insta::assert_snapshot!(report(r#"upstream = "http://127.0.0.1:8080"

[[listener]]
address = "0.0.0.0:443"

[[site]]
server_names = ["a.example"]
certificate = "a.crt"
private_key = "a.key"
client_ca = "ca.crt""#), @r#"
    gateway.toml:1:1: `upstream` belongs in `[[site]]`, not in the top table
      1 | upstream = "http://127.0.0.1:8080"
        | ^^^^^^^^
      fix:  move it below a line `[[site]]`
    "#);
}

#[test]
fn a_key_after_a_smaller_table_is_sent_up() {
    insta::assert_snapshot!(with(r#"[site.tls]
version_min = "1.3"
allow_plaintext_upstream = true"#), @r#"
    gateway.toml:12:1: `allow_plaintext_upstream` belongs in `[[site]]`, not in `[site.tls]`
      12 | allow_plaintext_upstream = true
         | ^^^^^^^^^^^^^^^^^^^^^^^^
      why:  the line `[site.tls]` ends the table above it
      fix:  move it up, between `[[site]]` and `[site.tls]`
    "#);
}

#[test]
fn a_limit_of_a_site_in_the_limits_of_the_process_is_sent_to_the_site() {
    insta::assert_snapshot!(with(r#"[limits]
header_bytes_max = "16KiB""#), @r#"
    gateway.toml:11:1: `header_bytes_max` belongs in `[site.limits]`, not in `[limits]`
      11 | header_bytes_max = "16KiB"
         | ^^^^^^^^^^^^^^^^
      fix:  move it below a line `[site.limits]`
    "#);
}

#[test]
fn a_table_of_a_site_is_answered_with_its_whole_name() {
    insta::assert_snapshot!(with(r#"[timeouts]
idle_timeout = "10s""#), @r#"
    gateway.toml:10:2: `timeouts` in the top table is a table of its own
      10 | [timeouts]
         |  ^^^^^^^^
      fix:  write it as `[site.timeouts]`
    "#);
}

#[test]
fn single_brackets_for_a_table_of_many_are_answered_with_double_ones() {
    insta::assert_snapshot!(report(r#"[listener]
address = "0.0.0.0:443"

[site]
server_names = ["a.example"]
certificate = "a.crt"
private_key = "a.key"
client_ca = "ca.crt"
upstream = "http://127.0.0.1:80"

[site.tls]
version_min = "1.3""#), @r#"
    gateway.toml:1:1: `[listener]` must be written `[[listener]]`
      1 | [listener]
        | ^^^^^^^^^^
      why:  there can be several of them
      fix:  double the brackets: `[[listener]]`; tables inside it, such as `[listener.…]`, keep single ones
    gateway.toml:4:1: `[site]` must be written `[[site]]`
      4 | [site]
        | ^^^^^^
      why:  there can be several of them
      fix:  double the brackets: `[[site]]`; tables inside it, such as `[site.…]`, keep single ones
    "#);
}

#[test]
fn double_brackets_for_a_table_of_one_are_answered_with_single_ones() {
    insta::assert_snapshot!(with(r#"[[log]]
level = "info""#), @r#"
    gateway.toml:10:1: `[[log]]` must be written `[log]`
      10 | [[log]]
         | ^^^^^^^
      fix:  write single brackets, and the table once
    "#);
}

#[test]
fn a_value_where_a_table_belongs_is_answered_with_its_header() {
    insta::assert_snapshot!(report(r#"log = "debug"
site = "www.example.com"
listener = []"#), @r#"
    gateway.toml:1:7: `log` must be a table
      1 | log = "debug"
        |       ^^^^^^^
      seen: a string, `"debug"`
      fix:  write
            [log]
            format = "text"
    gateway.toml:2:8: `site` must be a table
      2 | site = "www.example.com"
        |        ^^^^^^^^^^^^^^^^^
      seen: a string, `"www.example.com"`
      fix:  write
            [[site]]
            server_names = ["www.example.com"]
            certificate = "www.example.com.crt"
            private_key = "www.example.com.key"
            client_ca = "ca/TencentQQAuthCA.crt"
            upstream = "http://127.0.0.1:8080"
    gateway.toml:3:12: `listener` is an empty list
      3 | listener = []
        |            ^^
      fix:  remove it, or write
            [[listener]]
            address = "0.0.0.0:443"
    "#);
}

#[test]
fn the_words_of_nginx_are_answered_with_ours() {
    insta::assert_snapshot!(with(r#"server_name = "a.example"
ssl_certificate = "a.crt"
ssl_client_certificate = "ca.crt"
ssl_verify_client = "on"
proxy_pass = "http://127.0.0.1:80"
listen = 443
ssl_protocols = "TLSv1.2"
ssl_ciphers = "HIGH"
ssl_prefer_server_ciphers = "on"
ssl_session_timeout = "5m""#), @r#"
    gateway.toml:10:1: unknown key `server_name` in `[[site]]`
      10 | server_name = "a.example"
         | ^^^^^^^^^^^
      fix:  call it `server_names`, in `[[site]]`: a list such as `["www.example.com"]`
    gateway.toml:11:1: unknown key `ssl_certificate` in `[[site]]`
      11 | ssl_certificate = "a.crt"
         | ^^^^^^^^^^^^^^^
      fix:  call it `certificate`, in `[[site]]`
    gateway.toml:12:1: unknown key `ssl_client_certificate` in `[[site]]`
      12 | ssl_client_certificate = "ca.crt"
         | ^^^^^^^^^^^^^^^^^^^^^^
      fix:  call it `client_ca`, in `[[site]]`: one file or a list of files
    gateway.toml:13:1: unknown key `ssl_verify_client` in `[[site]]`
      13 | ssl_verify_client = "on"
         | ^^^^^^^^^^^^^^^^^
      fix:  remove it if it says `on` or `require`, which holds without a word; else write `mode = "optional"`, or `mode = "request"` for `optional_no_ca`, in `[site.client]`
    gateway.toml:14:1: unknown key `proxy_pass` in `[[site]]`
      14 | proxy_pass = "http://127.0.0.1:80"
         | ^^^^^^^^^^
      fix:  call it `upstream`, in `[[site]]`
    gateway.toml:15:1: unknown key `listen` in `[[site]]`
      15 | listen = 443
         | ^^^^^^
      fix:  write a table `[[listener]]` with `address = "0.0.0.0:443"`
    gateway.toml:16:1: unknown key `ssl_protocols` in `[[site]]`
      16 | ssl_protocols = "TLSv1.2"
         | ^^^^^^^^^^^^^
      fix:  write `version_min = "1.2"` or `"1.3"` in `[site.tls]`: the oldest version to speak
    gateway.toml:17:1: unknown key `ssl_ciphers` in `[[site]]`
      17 | ssl_ciphers = "HIGH"
         | ^^^^^^^^^^^
      fix:  remove it: the cipher suites are rustls's fixed list, all modern, in the server's order
    gateway.toml:18:1: unknown key `ssl_prefer_server_ciphers` in `[[site]]`
      18 | ssl_prefer_server_ciphers = "on"
         | ^^^^^^^^^^^^^^^^^^^^^^^^^
      fix:  remove it: the cipher suites are rustls's fixed list, all modern, in the server's order
    gateway.toml:19:1: unknown key `ssl_session_timeout` in `[[site]]`
      19 | ssl_session_timeout = "5m"
         | ^^^^^^^^^^^^^^^^^^^
      fix:  write `session_lifetime` in `[site.tls]`, such as `"5m"`
    "#);
}

#[test]
fn the_words_of_apache_are_answered_with_ours() {
    insta::assert_snapshot!(with(r#"SSLCertificateFile = "a.crt"
SSLCACertificateFile = "ca.crt"
SSLVerifyClient = "require""#), @r#"
    gateway.toml:10:1: unknown key `SSLCertificateFile` in `[[site]]`
      10 | SSLCertificateFile = "a.crt"
         | ^^^^^^^^^^^^^^^^^^
      fix:  call it `certificate`, in `[[site]]`
    gateway.toml:11:1: unknown key `SSLCACertificateFile` in `[[site]]`
      11 | SSLCACertificateFile = "ca.crt"
         | ^^^^^^^^^^^^^^^^^^^^
      fix:  call it `client_ca`, in `[[site]]`: one file or a list of files
    gateway.toml:12:1: unknown key `SSLVerifyClient` in `[[site]]`
      12 | SSLVerifyClient = "require"
         | ^^^^^^^^^^^^^^^
      fix:  remove it if it says `on` or `require`, which holds without a word; else write `mode = "optional"`, or `mode = "request"` for `optional_no_ca`, in `[site.client]`
    "#);
}

#[test]
fn a_foreign_word_is_answered_by_the_table_that_it_stands_in() {
    for (table, line, fix) in [
        ("admin", "listen = \"127.0.0.1:9443\"", "call it `address`"),
        ("admin", "port = 9443", "write `address = \"127.0.0.1:9443\"`"),
        ("access_log", "path = \"/var/log/a.log\"", "call it `target`"),
        ("access_log", "file = \"/var/log/a.log\"", "call it `target`"),
        ("access_log", "target = false", "write `\"off\"`"),
        ("runtime", "sandbox = false", "write `\"off\"`"),
        ("runtime", "landlock = \"off\"", "call it `sandbox`"),
        ("[site.route]", "prefix = \"/api\"", "call it `path_prefix`"),
        ("site.tls", "resumption = false", "write `\"off\"`"),
    ] {
        let report = report(&format!("{SMALLEST}\n[{table}]\n{line}\n"));
        assert!(report.ends_with(&format!("\n  fix:  {fix}\n")), "{report}");
        assert_eq!(report.matches("fix:").count(), 1, "{report}");
    }
}

#[test]
fn what_users_of_other_servers_would_write_is_answered_with_what_does_it_here() {
    let app = "[[upstream]]\nname = \"app\"\nendpoints = [\"https://10.0.0.7\"]\n";
    for (table, line, fix) in [
        ("[[listener]]\naddress = \"0.0.0.0:80\"", "redirect = true", "`kind = \"http\"`"),
        ("[[listener]]\naddress = \"0.0.0.0:80\"", "ssl = false", "unless its `kind` is"),
        ("[[listener]]\naddress = \"0.0.0.0:80\"", "acme = true", "`acme_challenges`"),
        (
            "[[listener]]\naddress = \"0.0.0.0:80\"",
            "proxy_protocol = true",
            "`proxy_protocol_from`",
        ),
        ("[[listener]]\naddress = \"0.0.0.0:80\"", "http2 = true", "HTTP/2 and HTTP/1.1"),
        ("[site.client]", "refused = true", "`\"alert\"`"),
        ("[site.client]", "verify = \"optional\"", "call it `mode`"),
        ("[site.limits]", "limit_req = 10", "`requests_per_minute`"),
        (app, "ca = \"ca.crt\"", "`[upstream.tls]`"),
        (app, "certificate = \"own.crt\"", "`[upstream.tls]`"),
        (app, "insecure = true", "always verified"),
        (app, "protocol = \"h2c\"", "`h2c://`"),
        (app, "proxy_protocol = true", "`\"v2\"`"),
        (app, "retry = true", "`\"unsent\"`"),
        (app, "max_fails = 3", "`failures_max`"),
        (&format!("{app}[upstream.tls]"), "ca = \"system\"", "`\"public\"`"),
        (&format!("{app}[upstream.tls]"), "insecure = true", "always verified"),
    ] {
        let report = report(&format!("{SMALLEST}\n{table}\n{line}\n"));
        let told =
            report.split(&format!(" | {line}\n")).nth(1).and_then(|rest| rest.split("fix:").nth(1));
        assert!(
            told.is_some_and(|told| told.lines().next().unwrap_or("").contains(fix)),
            "{report}"
        );
    }
}
