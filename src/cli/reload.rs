//! `mtls-gateway reload`: have the gateway that runs load everything anew, and tell what came of it.

use std::path::PathBuf;

use crate::config;
use crate::process;

use super::print::{print, print_error};
use super::{Chosen, Exit};

/// What to do when no gateway answers; the signal follows that does the same.
pub(super) const REMEDY: &str = "name its `control_socket` with `--socket FILE`, run this as the gateway's user or \
                                 root, or send the gateway";

/// Asks the gateway at `socket`, or at the one that the configuration names, and waits.
pub(super) fn reload(chosen: &Chosen, socket: Option<PathBuf>) -> Exit {
    let path = socket.unwrap_or_else(|| socket_path(chosen));
    match process::ask(&path, "reload") {
        Ok(reply) if reply.is_done => {
            print_error(&reply.report);
            for change in &reply.changes {
                print(&format!("{change}\n"));
            }
            print(if reply.changes.is_empty() {
                "reloaded; nothing is different\n"
            } else {
                "reloaded\n"
            });
            Exit::Success
        }
        Ok(reply) => {
            print_error(&format!(
                "{}\nnot reloaded: what was in force before stays in force\n",
                reply.report
            ));
            Exit::Runtime
        }
        Err(error) => {
            print_error(&format!("{error}\n  fix:  {REMEDY} SIGHUP\n"));
            Exit::Runtime
        }
    }
}

/// The configuration is often what was just broken; then the usual place has to do.
pub(super) fn socket_path(chosen: &Chosen) -> PathBuf {
    let configured = config::load_regular(&chosen.path).ok();
    configured
        .and_then(|(config, _)| config.runtime.control_socket)
        .unwrap_or_else(process::usual_path)
}
