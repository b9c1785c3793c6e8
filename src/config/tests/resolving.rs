//! Values that are well written and still cannot work.

use std::path::Path;

use super::{SMALLEST, config, instead, report, with};
use crate::config::{Client, Endpoint, Source, parse};

#[test]
fn the_defaults_of_tests_are_those_of_a_file() {
    assert_eq!(config(SMALLEST).sites[0].client, Client::of_defaults());
}

#[test]
fn a_listener_without_a_host_is_answered_with_the_addresses_for_all() {
    insta::assert_snapshot!(instead(r#"address = ":443""#), @r#"
    gateway.toml:2:11: `:443` is no address to listen on
      2 | address = ":443"
        |           ^^^^^^
      fix:  write `"0.0.0.0:443"` for all IPv4 addresses, `"[::]:443"` for all IPv6 addresses, or a listener for each
    "#);
}

#[test]
fn a_listener_with_a_name_is_refused() {
    insta::assert_snapshot!(instead(r#"address = "www.example.com:443""#), @r#"
    gateway.toml:2:11: `www.example.com:443` is no address to listen on
      2 | address = "www.example.com:443"
        |           ^^^^^^^^^^^^^^^^^^^^^
      why:  names are not looked up for listening; the names of a site go into `server_names`
      fix:  write an IP address of this machine, or `"0.0.0.0:443"` for all of them
    "#);
}

#[test]
fn a_listener_that_is_only_a_port_is_refused() {
    insta::assert_snapshot!(instead("address = 443"), @r#"
    gateway.toml:2:11: `443` is no address to listen on
      2 | address = 443
        |           ^^^
      seen: an integer, `443`
      fix:  write `"0.0.0.0:443"` for all IPv4 addresses, `"[::]:443"` for all IPv6 addresses, or a listener for each
    "#);
}

#[test]
fn listeners_that_overlap_are_refused() {
    insta::assert_snapshot!(with(r#"[[listener]]
address = "127.0.0.1:443"
[[listener]]
address = "0.0.0.0:443"
[[listener]]
address = "[::]:443""#), @r#"
    gateway.toml:11:11: `127.0.0.1:443` and `0.0.0.0:443` overlap, so that both cannot be listened on
      11 | address = "127.0.0.1:443"
         |           ^^^^^^^^^^^^^^^
      seen: the first stands at gateway.toml:2:11
      fix:  remove one of the two
    gateway.toml:13:11: `0.0.0.0:443` is listened on twice
      13 | address = "0.0.0.0:443"
         |           ^^^^^^^^^^^^^
      seen: the first stands at gateway.toml:2:11
      fix:  remove one of the two
    "#);
}

#[test]
fn names_that_are_none_are_refused() {
    insta::assert_snapshot!(instead(r#"server_names = ["https://www.example.com/", "www.example.com:443", "bücher.example", "*", "a_b.example"]"#), @r#"
    gateway.toml:5:17: `https://www.example.com/` is no name of a server
      5 | server_names = ["https://www.example.com/", "www.example.com:443", "bücher.example", "*", "a_b.example"]
        |                 ^^^^^^^^^^^^^^^^^^^^^^^^^^
      fix:  write the name alone: `"www.example.com"`
    gateway.toml:5:45: `www.example.com:443` is no name of a server
      5 | server_names = ["https://www.example.com/", "www.example.com:443", "bücher.example", "*", "a_b.example"]
        |                                             ^^^^^^^^^^^^^^^^^^^^^
      why:  ports belong to `address` in `[[listener]]`, and every site answers on all of them
      fix:  write `"www.example.com"`
    gateway.toml:5:68: `bücher.example` is no name of a server
      5 | server_names = ["https://www.example.com/", "www.example.com:443", "bücher.example", "*", "a_b.example"]
        |                                                                    ^^^^^^^^^^^^^^^^
      why:  clients send names with other letters in that form
      fix:  write the name in its ASCII form, which starts a label with `xn--`
    gateway.toml:5:86: `*` is no name of a server
      5 | server_names = ["https://www.example.com/", "www.example.com:443", "bücher.example", "*", "a_b.example"]
        |                                                                                      ^^^
      why:  a wildcard stands for one whole label, the first
      fix:  write `*.` before a name, such as `"*.example.com"`, or list the names
    "#);
}

#[test]
fn names_listed_twice_are_refused() {
    insta::assert_snapshot!(report(r#"[[listener]]
address = "0.0.0.0:443"

[[site]]
server_names = ["a.example", "A.example"]
certificate = "a.crt"
private_key = "a.key"
client_ca = "ca.crt"
upstream = "unix:a.sock"

[[site]]
server_names = ["b.example", "a.example"]
certificate = "a.crt"
private_key = "a.key"
client_ca = "ca.crt"
upstream = "unix:a.sock""#), @r#"
    gateway.toml:5:30: `a.example` is listed twice in this site
      5 | server_names = ["a.example", "A.example"]
        |                              ^^^^^^^^^^^
      seen: the first stands at gateway.toml:5:17
      fix:  remove one of the two
    gateway.toml:12:30: `a.example` already belongs to another site
      12 | server_names = ["b.example", "a.example"]
         |                              ^^^^^^^^^^^
      seen: the first stands at gateway.toml:5:17
      why:  a request must lead to one site, whose certificates and rules then hold
      fix:  leave each name to one site
    "#);
}

#[test]
fn an_upstream_with_tls_is_verified_by_public_cas_and_may_be_anywhere() {
    let config = config(&SMALLEST.replace("http://127.0.0.1:8080", "https://App.example.com/base"));
    let upstream = &config.sites[0].upstream.value;
    assert_eq!(upstream.shown(), "https://app.example.com:443/base");
    assert_eq!(upstream.tls, Some(crate::config::UpstreamTls::default()));
}

#[test]
fn an_upstream_without_a_scheme_is_answered_with_one() {
    insta::assert_snapshot!(instead(r#"upstream = "127.0.0.1:8080""#), @r#"
    gateway.toml:9:12: `127.0.0.1:8080` is no address of an app
      9 | upstream = "127.0.0.1:8080"
        |            ^^^^^^^^^^^^^^^^
      fix:  write `"http://127.0.0.1:8080"`
    "#);
}

#[test]
fn an_upstream_with_a_query_is_refused() {
    insta::assert_snapshot!(instead(r#"upstream = "http://127.0.0.1:8080/hook?key=1""#), @r#"
    gateway.toml:9:12: upstream `http://127.0.0.1:8080/hook?key=1` has a query
      9 | upstream = "http://127.0.0.1:8080/hook?key=1"
        |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      why:  each request brings its own; only a path can be put before it
      fix:  write `"http://127.0.0.1:8080/hook"`
    "#);
}

#[test]
fn an_upstream_on_another_machine_is_refused() {
    insta::assert_snapshot!(instead(r#"upstream = "http://192.0.2.7:8080""#), @r#"
    gateway.toml:9:12: upstream `http://192.0.2.7:8080` would carry verified identities in clear text off this machine
      9 | upstream = "http://192.0.2.7:8080"
        |            ^^^^^^^^^^^^^^^^^^^^^^^
      seen: an address that is not one of this machine's
      fix:  use `https://`, a loopback or `unix:` address, or set `allow_plaintext_upstream = true` in this `[[site]]` to accept that
    "#);
}

#[test]
fn an_upstream_by_name_is_refused() {
    insta::assert_snapshot!(instead(r#"upstream = "http://app.internal:8080""#), @r#"
    gateway.toml:9:12: upstream `http://app.internal:8080` would carry verified identities in clear text off this machine
      9 | upstream = "http://app.internal:8080"
        |            ^^^^^^^^^^^^^^^^^^^^^^^^^^
      seen: `app.internal`, a name that may lead to any machine; of names, only `localhost` counts as this one
      fix:  use `https://`, a loopback or `unix:` address, or set `allow_plaintext_upstream = true` in this `[[site]]` to accept that
    "#);
}

#[test]
fn relative_paths_start_at_the_folder_of_the_file() {
    let source = Source {
        path: "/etc/gateway/gateway.toml".into(),
        text: SMALLEST.replace("http://127.0.0.1:8080", "unix:app.sock"),
    };
    let (config, report) = parse(source);
    assert_eq!(report.to_string(), "");
    let site = &config.unwrap().sites[0];
    assert_eq!(site.certificate.value, Path::new("/etc/gateway/www.example.com.crt"));
    assert_eq!(site.client_ca[0].value, Path::new("/etc/gateway/ca/TencentQQAuthCA.crt"));
    assert_eq!(site.upstream.value.endpoints[0].endpoint, Endpoint::unix("/etc/gateway/app.sock"));
}

#[test]
fn an_upstream_elsewhere_can_be_accepted() {
    let text = SMALLEST.replace("127.0.0.1", "app.internal") + "allow_plaintext_upstream = true\n";
    assert_eq!(
        config(&text).sites[0].upstream.value.endpoints[0].endpoint.to_string(),
        "http://app.internal:8080"
    );
}

#[test]
fn values_know_where_they_were_written() {
    let config = config(SMALLEST);
    let span = config.sites[0].private_key.span.clone();
    assert_eq!(&config.source.text[span], "\"www.example.com.key\"");
}
