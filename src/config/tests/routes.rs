//! `[[site.route]]` and `[site.answers]`.

use super::{SMALLEST, config, with};

#[test]
fn every_way_to_write_a_route_wrongly_is_told_with_its_fix() {
    insta::assert_snapshot!(with(
        r#"encoded_slashes = "off"
[[site.route]]
path = "callback"
path_prefix = "/a/../b"
methods = ["post", "G T"]
action = "444"
[[site.route]]
path = "/api/*"
action = "respond"
upstream = "http://127.0.0.1:9"
status = 99
body = "$path"
[[site.route]]
path = "/x%2fy%"
action = "redirect"
status = 200
location = "elsewhere"
[[site.route]]
action = "redirect"
[[site.route]]
path_rewrite = "/x"
mode = "optional"
upstream = "http://192.0.2.1:80"
request_headers_set = ["X-A", "Connection: x", "a b: c", "X-B: a\u0007"]
allow = [{}]
[[site.route]]
path = "/a"
path_prefix = "/a"
response_headers_remove = ["Transfer-Encoding"]"#
    ), @r#"
    gateway.toml:10:19: `encoded_slashes` knows no `off`
      10 | encoded_slashes = "off"
         |                   ^^^^^
      fix:  write `"refuse"`, or `"keep"` where they are part of names for the app
    gateway.toml:12:8: `callback` is no path
      12 | path = "callback"
         |        ^^^^^^^^^^
      fix:  write `path = "/callback"`
    gateway.toml:13:15: `/a/../b` is not how requests are compared
      13 | path_prefix = "/a/../b"
         |               ^^^^^^^^^
      why:  dot segments, double slashes and needless codes are taken out of them
      fix:  write `path_prefix = "/b"`
    gateway.toml:14:12: `post` is no method
      14 | methods = ["post", "G T"]
         |            ^^^^^^
      fix:  write one in capitals, such as `"POST"`
    gateway.toml:14:20: `G T` is no method
      14 | methods = ["post", "G T"]
         |                    ^^^^^
      fix:  write one in capitals, such as `"POST"`
    gateway.toml:15:10: `action` knows no `444`
      15 | action = "444"
         |          ^^^^^
      fix:  write `"drop"`, which closes without an answer
    gateway.toml:17:8: `/api/*` has `*`, which is compared with nothing
      17 | path = "/api/*"
         |        ^^^^^^^^
      why:  there are no patterns here, and a query is no part of the path
      fix:  write a plain path; `path_prefix` is it and all below
    gateway.toml:19:12: `upstream` says nothing where `action` is `"respond"`
      19 | upstream = "http://127.0.0.1:9"
         |            ^^^^^^^^^^^^^^^^^^^^
      fix:  remove it, or write `"proxy"` for `action`
    gateway.toml:20:10: `status` must be the status of a response
      20 | status = 99
         |          ^^
      seen: an integer, `99`
      fix:  write a whole number from 200 to 599
    gateway.toml:21:8: `$path` is nothing that is filled in here
      21 | body = "$path"
         |        ^^^^^^^
      fix:  write one of `$request_id`, `$status`, or `$$` for a dollar sign
    gateway.toml:23:8: `/x%2fy%` is read in different ways: a `%` in its path is not followed by two hexadecimal digits
      23 | path = "/x%2fy%"
         |        ^^^^^^^^^
      fix:  write it in a way that all read alike
    gateway.toml:25:10: 200 sends nobody elsewhere
      25 | status = 200
         |          ^^^
      fix:  write 301, 302, 303, 307 or 308
    gateway.toml:26:12: `elsewhere` is no place to send a client to
      26 | location = "elsewhere"
         |            ^^^^^^^^^^^
      fix:  write a whole URL, such as `"https://www.example.com$path"`, or a path
    gateway.toml:27:1: this redirect lacks `location`
      27 | [[site.route]]
         | ^^^^^^^^^^^^^^
      fix:  add below this line
            location = "https://www.example.com$path"
    gateway.toml:30:16: `path_rewrite` has nothing to put its path in place of
      30 | path_rewrite = "/x"
         |                ^^^^
      fix:  write the `path` or `path_prefix` that it replaces; `path_prefix = "/"` puts it before all
    gateway.toml:31:8: this route would let in clients that its site, whose `mode` is `"require"`, refuses
      31 | mode = "optional"
         |        ^^^^^^^^^^
      why:  clients are judged when they connect, before a path is known
      fix:  set the wider `mode` in `[site.client]`, and the stricter one in the routes that need it
    gateway.toml:32:12: upstream `http://192.0.2.1:80` would carry verified identities in clear text off this machine
      32 | upstream = "http://192.0.2.1:80"
         |            ^^^^^^^^^^^^^^^^^^^^^
      seen: an address that is not one of this machine's
      fix:  use `https://`, a loopback or `unix:` address, or set `allow_plaintext_upstream = true` in this `[[site]]` to accept that
    gateway.toml:33:24: `X-A` is no line of a header
      33 | request_headers_set = ["X-A", "Connection: x", "a b: c", "X-B: a\u0007"]
         |                        ^^^^^
      fix:  write a name, a colon and a value, such as `"X-Route: callback"`
    gateway.toml:33:31: `Connection` is not for routes to change
      33 | request_headers_set = ["X-A", "Connection: x", "a b: c", "X-B: a\u0007"]
         |                               ^^^^^^^^^^^^^^^
      seen: a string, `"Connection: x"`
      fix:  leave it to the gateway, which writes it anew for each hop
    gateway.toml:33:48: `a b` is no name of a header
      33 | request_headers_set = ["X-A", "Connection: x", "a b: c", "X-B: a\u0007"]
         |                                                ^^^^^^^^
      seen: a string, `"a b: c"`
      fix:  write one such as `"X-Route"`
    gateway.toml:33:58: the value of `x-b` has characters that no header may have
      33 | request_headers_set = ["X-A", "Connection: x", "a b: c", "X-B: a\u0007"]
         |                                                          ^^^^^^^^^^^^^^
      seen: a string, `"X-B: a\u0007"`
      fix:  write printable characters on one line
    gateway.toml:34:10: this rule asks for nothing, so that it would admit every client
      34 | allow = [{}]
         |          ^^
      fix:  write what it asks for, such as `{ san_dns = "client.example.com" }`; without any rule, the route admits whom the site admits
    gateway.toml:35:1: warning: no request ever takes this route
      35 | [[site.route]]
         | ^^^^^^^^^^^^^^
      seen: the route at gateway.toml:29:1 takes all of them before
      fix:  put this one before that one: the first that fits is taken
    gateway.toml:36:8: this route has a `path` and a `path_prefix`
      36 | path = "/a"
         |        ^^^^
      fix:  keep one: `path` is that path alone, `path_prefix` is it and all below
    gateway.toml:38:28: `Transfer-Encoding` is not for routes to change
      38 | response_headers_remove = ["Transfer-Encoding"]
         |                            ^^^^^^^^^^^^^^^^^^^
      fix:  leave it to the gateway, which writes it anew for each hop
    "#);
}

#[test]
fn a_route_that_is_never_taken_is_warned_of() {
    let text = format!(
        "{SMALLEST}[[site.route]]\npath = \"/a\"\n[[site.route]]\naction = \"drop\"\n[[site.route]]\npath = \"/b\"\n"
    );
    let (_, report) = super::parse_text(&text);
    insta::assert_snapshot!(report, @r#"
    gateway.toml:14:1: warning: no request ever takes this route
      14 | [[site.route]]
         | ^^^^^^^^^^^^^^
      seen: the route at gateway.toml:12:1 takes all of them before
      fix:  put this one before that one: the first that fits is taken
    "#);
}

#[test]
fn answers_say_which_request_they_are_for() {
    insta::assert_snapshot!(with("[site.answers]\nbody = \"no\"\ncontent_type = \"json\"\nstatus = 100"), @r#"
    gateway.toml:11:8: `body` does not say which request it answers
      11 | body = "no"
         |        ^^^^
      why:  it is what leads from an answer to the line of the log that explains it
      fix:  write `$request_id` into it
    gateway.toml:12:16: `json` is no content type
      12 | content_type = "json"
         |                ^^^^^^
      fix:  write one such as `"application/json"`
    gateway.toml:13:10: `status` must be the status of a response
      13 | status = 100
         |          ^^^
      seen: an integer, `100`
      fix:  write a whole number from 200 to 599, or `"own"`
    "#);
}

#[test]
fn a_route_has_what_its_site_has_unless_it_says_otherwise() {
    let text = format!(
        "{SMALLEST}[site.limits]\nbody_bytes_max = \"1MiB\"\n[site.timeouts]\nexchange_timeout = \"9s\"\n\
         [[site.route]]\npath = \"/a\"\n[[site.route]]\npath = \"/b\"\nbody_bytes_max = \"unlimited\"\n\
         exchange_timeout = \"none\"\nbody_idle_timeout = \"1s\"\n"
    );
    let config = config(&text);
    let [a, b, own] = &config.sites[0].routes[..] else { panic!("{config:?}") };
    for route in [a, own] {
        assert_eq!(route.value.body_bytes_max, Some(1 << 20));
        assert_eq!(route.value.timeouts, config.sites[0].timeouts);
    }
    assert_eq!(b.value.body_bytes_max, None);
    assert_eq!(b.value.timeouts.exchange_timeout, None);
    assert_eq!(b.value.timeouts.body_idle_timeout.as_secs(), 1);
    assert_eq!(b.value.timeouts.response_header_timeout.as_secs(), 60);
}

#[test]
fn a_path_under_a_wrong_name_says_nothing_of_the_routes_after_it() {
    let report = with("[[site.route]]\nprefix = \"/api\"\n[[site.route]]\npath = \"/callback\"");
    assert!(report.contains("call it `path_prefix`"), "{report}");
    assert!(!report.contains("no request ever takes this route"), "{report}");
}
