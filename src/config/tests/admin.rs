//! `[admin]`: what it may listen on, and what it is told otherwise.

use super::{SMALLEST, config, report};

#[test]
fn without_the_table_there_is_none() {
    let admin = config(SMALLEST).admin;
    assert!(admin.address.is_none() && admin.socket.is_none());
}

#[test]
fn loopback_and_sockets_need_no_more_words() {
    for address in ["127.0.0.1:9443", "127.9.9.9:1", "[::1]:9443", "[::ffff:127.0.0.1]:9443"] {
        let text = format!("{SMALLEST}\n[admin]\naddress = \"{address}\"\nsocket = \"a.sock\"\n");
        let admin = config(&text).admin;
        assert_eq!(admin.address.unwrap().value, address.parse().unwrap());
        assert!(admin.socket.unwrap().value.ends_with("a.sock"));
    }
}

#[test]
fn an_address_that_others_reach_has_to_be_allowed() {
    let text = format!("{SMALLEST}\n[admin]\naddress = \"0.0.0.0:9443\"\n");
    insta::assert_snapshot!(report(&text), @r#"
    gateway.toml:12:11: `[admin]` on `0.0.0.0:9443` would be open to other machines
      12 | address = "0.0.0.0:9443"
         |           ^^^^^^^^^^^^^^
      seen: all addresses
      why:  it tells of certificates, clients and traffic, in plain HTTP and without a password
      fix:  write `"127.0.0.1:9443"`, use `socket`, or set `allow_remote = true` in `[admin]` to accept that
    "#);
    for address in ["192.0.2.1:9443", "[::]:9443", "[2001:db8::1]:9443"] {
        let text = format!("{SMALLEST}\n[admin]\naddress = \"{address}\"\n");
        assert!(report(&text).contains("would be open to other machines"), "{address}");
        let allowed = format!("{text}allow_remote = true\n");
        assert_eq!(config(&allowed).admin.address.unwrap().value, address.parse().unwrap());
    }
}

#[test]
fn a_table_that_names_no_place_is_a_mistake() {
    insta::assert_snapshot!(report(&format!("{SMALLEST}\n[admin]\n")), @r#"
    gateway.toml:11:1: `[admin]` names neither `address` nor `socket`
      11 | [admin]
         | ^^^^^^^
      fix:  add below this line
            address = "127.0.0.1:9443"
    "#);
}

#[test]
fn the_clients_listener_is_not_the_operators() {
    let text = format!("{SMALLEST}\n[admin]\naddress = \"127.0.0.1:443\"\n");
    insta::assert_snapshot!(report(&text), @r#"
    gateway.toml:12:11: `127.0.0.1:443` and `0.0.0.0:443` overlap, so that both cannot be listened on
      12 | address = "127.0.0.1:443"
         |           ^^^^^^^^^^^^^^^
      seen: the first stands at gateway.toml:2:11
      fix:  remove one of the two
    "#);
}

#[test]
fn a_socket_is_a_path_and_a_place_of_its_own() {
    let text = format!("{SMALLEST}\n[admin]\nsocket = \"unix:/run/a.sock\"\n");
    insta::assert_snapshot!(report(&text), @r#"
    gateway.toml:12:10: `socket` is a path, without `unix:`
      12 | socket = "unix:/run/a.sock"
         |          ^^^^^^^^^^^^^^^^^^
      seen: a string, `"unix:/run/a.sock"`
      fix:  write "/run/a.sock"
    "#);
    let text = format!(
        "{SMALLEST}\n[admin]\nsocket = \"/run/a.sock\"\n[runtime]\ncontrol_socket = \"/run/a.sock\"\n"
    );
    insta::assert_snapshot!(report(&text), @r#"
    gateway.toml:12:10: `socket` in `[admin]` and `control_socket` in `[runtime]` name the same place
      12 | socket = "/run/a.sock"
         |          ^^^^^^^^^^^^^
      seen: the other stands at gateway.toml:14:18
      fix:  name a place of its own for each
    "#);
}

#[test]
fn who_may_reach_an_address_that_is_not_there_is_nothing_to_say() {
    let text = format!("{SMALLEST}\n[admin]\nsocket = \"a.sock\"\nallow_remote = true\n");
    insta::assert_snapshot!(report(&text), @r#"
    gateway.toml:13:16: warning: `allow_remote` has no effect without an `address`
      13 | allow_remote = true
         |                ^^^^
      fix:  remove it: whom the `socket` lets in is said by its mode and its folder
    "#);
    let text = format!("{SMALLEST}\n[admin]\nsocket = \"a.sock\"\nallow_remote = false\n");
    assert_eq!(report(&text), "");
}
