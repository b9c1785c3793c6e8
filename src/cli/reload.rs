//! `mtls-gateway reload`: have the gateway that runs load everything anew, and tell what came of it.

use std::path::PathBuf;

use super::ask::{Request, ask};
use super::print::{print, print_error};
use super::{Chosen, Exit};

const REQUEST: Request = Request {
    word: "reload",
    signal: "SIGHUP",
    otherwise: "not reloaded: what was in force before stays in force",
};

/// Asks the gateway at `socket`, or at the one that the configuration names, and waits.
pub(super) fn reload(chosen: &Chosen, socket: Option<PathBuf>) -> Exit {
    let reply = match ask(&REQUEST, chosen, socket) {
        Ok(reply) => reply,
        Err(exit) => return exit,
    };
    print_error(&reply.report);
    for change in &reply.changes {
        print(&format!("{change}\n"));
    }
    print(if reply.changes.is_empty() { "reloaded; nothing is different\n" } else { "reloaded\n" });
    Exit::Success
}
