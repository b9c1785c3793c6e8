//! What systemd hands to a process that it starts: the sockets of a socket unit, and those that it kept for us
//! (sd_listen_fds(3)); and how many files may be open.

use listenfd::ListenFd;
use rustix::process::{Resource, getrlimit};
use socket2::SockRef;
use tracing::{info, warn};

use crate::serve::{Control, Inherited};

/// The listening sockets of `LISTEN_FDS`, and what is wrong with those that are none. To be called once, first of
/// all: numbers of files mean nothing later.
pub fn sockets_of_systemd() -> (Vec<Inherited>, Vec<String>) {
    // The names outlive what listenfd reads and removes.
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut handed = ListenFd::from_env();
    let (mut sockets, mut problems) = (Vec::new(), Vec::new());
    let names = names.split(':').chain(std::iter::repeat("unknown"));
    for (number, name) in (0..handed.len()).zip(names) {
        let name = if name.is_empty() { "unknown" } else { name }.to_owned();
        match handed.take_tcp_listener(number) {
            Ok(Some(socket)) if SockRef::from(&socket).is_listener().unwrap_or(false) => {
                sockets.push(Inherited { name, socket });
            }
            Ok(_) => problems.push(format!("`{name}` does not listen")),
            Err(error) => problems.push(format!("`{name}` is no TCP socket: {error}")),
        }
    }
    (sockets, problems)
}

/// Says which sockets were handed to us in vain: whoever connects there waits for nobody.
pub fn log_unwanted(control: &Control) {
    for (name, address) in control.unwanted() {
        warn!(
            name,
            %address,
            "a socket was handed over that no `[[listener]]` has: clients of {address} wait for nobody; write \
             `address = \"{address}\"`, or take it out of the socket unit"
        );
    }
}

/// Says how many files may be open, and whether that is enough for the connections that there may be.
pub fn log_open_files(connections_max: usize) {
    // Without a limit there is nothing to run into.
    let Some(open_files_max) = getrlimit(Resource::Nofile).current else {
        return;
    };
    info!(open_files_max, connections_max, "open files");
    // Two for each exchange: the client's and the app's.
    let wanted = connections_max.saturating_mul(2);
    if u64::try_from(wanted).is_ok_and(|wanted| open_files_max < wanted) {
        warn!(
            "{open_files_max} files may be open, and {connections_max} connections may need {wanted}: raise \
             `LimitNOFILE=` in the unit, or lower `connections_max`"
        );
    }
}
