//! `[admin]`: where operators look in. Plain HTTP without a password, so it stays on this machine unless the
//! operator says in so many words that it may not.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::config::model::{Admin, Listener, Runtime};
use crate::config::raw::{Reader, Table, Wrong};
use crate::config::report::Located;

use super::listener::{address, clash, taken};

/// Reads the table, if there is one.
pub(super) fn admin(top: &Table<'_>, listeners: &[Arc<Listener>], reader: &Reader<'_>) -> Admin {
    let mut table = top.table("admin");
    let is_written = top.has("admin");
    let is_named = |key| table.has(key) || reader.is_meant("admin", key);
    let names_none = !is_named("address") && !is_named("socket");
    let is_named_address = is_named("address");
    let address = table.parsed("address", address);
    let socket = table.socket("socket");
    let allow_remote = table.bool("allow_remote");
    if is_written && names_none {
        let wrong = Wrong::new(
            "`[admin]` names neither `address` nor `socket`",
            "add below this line\naddress = \"127.0.0.1:9443\"",
        );
        reader.wrong(&table.header, wrong);
    }
    if allow_remote
        && !is_named_address
        && let Some(span) = table.span("allow_remote")
    {
        let mut report = reader.report.borrow_mut();
        let entry = report.warning(&span, "`allow_remote` has no effect without an `address`");
        entry.fix("remove it: whom the `socket` lets in is said by its mode and its folder");
    }
    if let Some(address) = &address {
        if !allow_remote {
            stays_here(address, reader);
        }
        let other = listeners.iter().find(|one| clash(one.address.value, address.value));
        if let Some(other) = other {
            reader.wrong(&address.span, taken(reader, &other.address, address.value));
        }
    }
    table.finish();
    Admin { address, socket }
}

/// One socket cannot answer both operators and the command line.
pub(super) fn apart(admin: &Admin, runtime: &Runtime, reader: &Reader<'_>) {
    if let (Some(socket), Some(control)) = (&admin.socket, &runtime.control_socket)
        && socket == control
    {
        let wrong = Wrong::new(
            "`socket` in `[admin]` and `control_socket` in `[runtime]` name the same place",
            "name a place of its own for each",
        );
        let other = reader.report.borrow().position(&control.span);
        reader.wrong(&socket.span, wrong.seen(format!("the other stands at {other}")));
    }
}

fn stays_here(address: &Located<SocketAddr>, reader: &Reader<'_>) {
    let ip = address.value.ip().to_canonical();
    if ip.is_loopback() {
        return;
    }
    let port = address.value.port();
    let what = format!("`[admin]` on `{}` would be open to other machines", address.value);
    let wrong = Wrong::new(
        what,
        format!(
            "write `\"127.0.0.1:{port}\"`, use `socket`, or set `allow_remote = true` in `[admin]` to accept that"
        ),
    );
    let why = "it tells of certificates, clients and traffic, in plain HTTP and without a password";
    let seen =
        if ip.is_unspecified() { "all addresses" } else { "an address that is not loopback" };
    reader.wrong(&address.span, wrong.seen(seen).why(why));
}
