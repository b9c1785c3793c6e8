//! `mtls-gateway upgrade`: have the gateway that runs start its program anew, and let that one take over.

use std::path::PathBuf;

use crate::process;

use super::print::{print, print_error};
use super::reload::{REMEDY, socket_path};
use super::{Chosen, Exit};

/// Asks the gateway at `socket`, or at the one that the configuration names, and waits.
pub(super) fn upgrade(chosen: &Chosen, socket: Option<PathBuf>) -> Exit {
    let path = socket.unwrap_or_else(|| socket_path(chosen));
    match process::ask(&path, "upgrade") {
        Ok(reply) if reply.is_done => {
            reply.changes.iter().for_each(|change| print(&format!("{change}\n")));
            print("upgraded\n");
            Exit::Success
        }
        Ok(reply) => {
            print_error(&format!(
                "{}\nnot upgraded: the process that served before goes on serving\n",
                reply.report.trim_end()
            ));
            Exit::Runtime
        }
        Err(error) => {
            print_error(&format!("{error}\n  fix:  {REMEDY} SIGUSR2\n"));
            Exit::Runtime
        }
    }
}
