//! `mtls-gateway reopen-logs`: have the gateway that runs open the file of its access log anew.

use std::path::PathBuf;

use crate::process;

use super::print::{print, print_error};
use super::reload::{REMEDY, socket_path};
use super::{Chosen, Exit};

/// Asks the gateway at `socket`, or at the one that the configuration names, and waits.
pub(super) fn reopen_logs(chosen: &Chosen, socket: Option<PathBuf>) -> Exit {
    let path = socket.unwrap_or_else(|| socket_path(chosen));
    match process::ask(&path, "reopen-logs") {
        Ok(reply) if reply.is_done => {
            reply.changes.iter().for_each(|what| print(&format!("{what}\n")));
            Exit::Success
        }
        Ok(reply) => {
            print_error(&format!(
                "{}\nnot opened anew: lines go on to where they went before\n",
                reply.report.trim_end()
            ));
            Exit::Runtime
        }
        Err(error) => {
            print_error(&format!("{error}\n  fix:  {REMEDY} SIGUSR1\n"));
            Exit::Runtime
        }
    }
}
