//! `upgrades` of sites and routes.

use super::{SMALLEST, config, with};

#[test]
fn websocket_passes_unless_the_file_says_otherwise() {
    let text = format!(
        "{SMALLEST}[[site.route]]\npath = \"/a\"\n[[site.route]]\npath = \"/b\"\nupgrades = []\n"
    );
    let shown = |text: &str| -> Vec<String> {
        let routes = &config(text).sites[0].routes;
        let names = routes.iter().map(|route| {
            let names: Vec<_> = route.value.upgrades.iter().map(ToString::to_string).collect();
            names.join(" ")
        });
        names.collect()
    };
    assert_eq!(shown(&text), ["websocket", "", "websocket"]);
    let named = SMALLEST.to_owned() + "upgrades = [\"WebSocket\", \"foo/2\"]\n";
    assert_eq!(shown(&named), ["WebSocket foo/2"]);
    let none = text.replacen("[[site.route]]", "upgrades = []\n[[site.route]]", 1);
    assert_eq!(shown(&none), ["", "", ""]);
}

#[test]
fn what_would_carry_requests_past_the_gateway_cannot_be_named() {
    insta::assert_snapshot!(with(
        r#"upgrades = ["h2c", "HTTP/2.0", "tls/1.0", "ws", "any", "web socket", "foo/", "x", "X"]
[[site.route]]
path = "/a"
upgrades = "websocket"
[[site.route]]
action = "drop"
upgrades = []"#
    ), @r#"
    gateway.toml:10:13: `upgrades` cannot name `h2c`
      10 | upgrades = ["h2c", "HTTP/2.0", "tls/1.0", "ws", "any", "web socket", "foo/", "x", "X"]
         |             ^^^^^
      why:  behind such an upgrade come further requests, which would reach the app unseen: past the rules, and with any identity header that the client likes
      fix:  remove it; clients get HTTP/2 by TLS's own means (ALPN), without an upgrade
    gateway.toml:10:20: `upgrades` cannot name `HTTP/2.0`
      10 | upgrades = ["h2c", "HTTP/2.0", "tls/1.0", "ws", "any", "web socket", "foo/", "x", "X"]
         |                    ^^^^^^^^^^
      why:  behind such an upgrade come further requests, which would reach the app unseen: past the rules, and with any identity header that the client likes
      fix:  remove it; clients get HTTP/2 by TLS's own means (ALPN), without an upgrade
    gateway.toml:10:32: `upgrades` cannot name `tls/1.0`
      10 | upgrades = ["h2c", "HTTP/2.0", "tls/1.0", "ws", "any", "web socket", "foo/", "x", "X"]
         |                                ^^^^^^^^^
      why:  behind such an upgrade come further requests, which would reach the app unseen: past the rules, and with any identity header that the client likes
      fix:  remove it; clients get HTTP/2 by TLS's own means (ALPN), without an upgrade
    gateway.toml:10:43: `upgrades` knows no `ws`
      10 | upgrades = ["h2c", "HTTP/2.0", "tls/1.0", "ws", "any", "web socket", "foo/", "x", "X"]
         |                                           ^^^^
      fix:  write `"websocket"`
    gateway.toml:10:49: `upgrades` knows no `any`
      10 | upgrades = ["h2c", "HTTP/2.0", "tls/1.0", "ws", "any", "web socket", "foo/", "x", "X"]
         |                                                 ^^^^^
      why:  what nobody has named is not let through
      fix:  name each protocol that the app speaks, such as `"websocket"`
    gateway.toml:10:56: `web socket` is no name of a protocol
      10 | upgrades = ["h2c", "HTTP/2.0", "tls/1.0", "ws", "any", "web socket", "foo/", "x", "X"]
         |                                                        ^^^^^^^^^^^^
      fix:  write one such as `"websocket"`, with `/` and a version where it has one
    gateway.toml:10:70: `foo/` is no name of a protocol
      10 | upgrades = ["h2c", "HTTP/2.0", "tls/1.0", "ws", "any", "web socket", "foo/", "x", "X"]
         |                                                                      ^^^^^^
      fix:  write one such as `"websocket"`, with `/` and a version where it has one
    gateway.toml:10:83: `X` is listed twice
      10 | upgrades = ["h2c", "HTTP/2.0", "tls/1.0", "ws", "any", "web socket", "foo/", "x", "X"]
         |                                                                                   ^^^
      fix:  remove one of the two
    gateway.toml:13:12: `upgrades` must be a list
      13 | upgrades = "websocket"
         |            ^^^^^^^^^^^
      seen: a string, `"websocket"`
      fix:  write `upgrades = ["websocket"]`
    gateway.toml:16:12: `upgrades` says nothing where `action` is `"drop"`
      16 | upgrades = []
         |            ^^
      fix:  remove it, or write `"proxy"` for `action`
    "#);
}
