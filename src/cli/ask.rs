//! What `reload`, `upgrade` and `reopen-logs` share: asking the gateway that runs, and what to do where none answers.

use std::path::PathBuf;

use crate::config::{self, ControlSocket};
use crate::process::{self, Reply};

use super::print::print_error;
use super::{Chosen, Exit};

/// Something that a gateway can be asked for.
pub(super) struct Request {
    /// As the control socket understands it.
    pub(super) word: &'static str,
    /// The signal that does the same.
    pub(super) signal: &'static str,
    /// What is so when it was not done.
    pub(super) otherwise: &'static str,
}

/// Asks the gateway at `socket`, or at the one that the configuration names, and waits. The reply of one that has done
/// it; of anything else, all has been said.
pub(super) fn ask(
    request: &Request,
    chosen: &Chosen,
    socket: Option<PathBuf>,
) -> Result<Reply, Exit> {
    let socket = match socket {
        Some(socket) => socket,
        None => named_by(chosen)?,
    };
    match process::ask(&socket, request.word) {
        Ok(reply) if reply.is_done => Ok(reply),
        Ok(reply) => {
            print_error(&format!("{}\n\n{}\n", reply.report.trim_end(), request.otherwise));
            Err(Exit::Runtime)
        }
        Err(error) => {
            print_error(&format!(
                "{error}\n  fix:  name its `control_socket` with `--socket FILE`, run this as the gateway's user or \
                 root, or send the gateway {}\n",
                request.signal
            ));
            Err(Exit::Runtime)
        }
    }
}

/// The configuration is often what was just broken: one mistake in it does not hide where the gateway is.
fn named_by(chosen: &Chosen) -> Result<PathBuf, Exit> {
    match config::control_socket(&chosen.path) {
        ControlSocket::Named(socket) => Ok(socket),
        ControlSocket::Unnamed => Ok(process::usual_path()),
        ControlSocket::Unreadable => {
            print_error(&format!(
                "`{}` has mistakes (`mtls-gateway check`), so its `control_socket` is not known\n  \
                 fix:  name it with `--socket FILE`\n",
                chosen.path.display()
            ));
            Err(Exit::Runtime)
        }
    }
}
