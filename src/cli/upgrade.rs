//! `mtls-gateway upgrade`: have the gateway that runs start its program anew, and let that one take over.

use std::path::PathBuf;

use super::ask::{Request, ask};
use super::print::print;
use super::{Chosen, Exit};

const REQUEST: Request = Request {
    word: "upgrade",
    signal: "SIGUSR2",
    otherwise: "not upgraded: the process that served before goes on serving",
};

/// Asks the gateway at `socket`, or at the one that the configuration names, and waits.
pub(super) fn upgrade(chosen: &Chosen, socket: Option<PathBuf>) -> Exit {
    let reply = match ask(&REQUEST, chosen, socket) {
        Ok(reply) => reply,
        Err(exit) => return exit,
    };
    reply.changes.iter().for_each(|change| print(&format!("{change}\n")));
    print("upgraded\n");
    Exit::Success
}
