//! `mtls-gateway reopen-logs`: have the gateway that runs open the file of its access log anew.

use std::path::PathBuf;

use super::ask::{Request, ask};
use super::print::print;
use super::{Chosen, Exit};

const REQUEST: Request = Request {
    word: "reopen-logs",
    signal: "SIGUSR1",
    otherwise: "not opened anew: lines go on to where they went before",
};

/// Asks the gateway at `socket`, or at the one that the configuration names, and waits.
pub(super) fn reopen_logs(chosen: &Chosen, socket: Option<PathBuf>) -> Exit {
    let reply = match ask(&REQUEST, chosen, socket) {
        Ok(reply) => reply,
        Err(exit) => return exit,
    };
    reply.changes.iter().for_each(|what| print(&format!("{what}\n")));
    Exit::Success
}
