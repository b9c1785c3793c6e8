//! The words a service says to systemd, and the files it gives it to keep: one datagram each, sd_notify(3). Where
//! nobody listens, they are said to nobody.

use std::ffi::OsString;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tracing::debug;

/// Longer than systemd ever takes to read one; whoever it is that listens, no reload waits for it for ever.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Where to say it.
#[derive(Debug)]
pub(super) struct Notifier {
    address: Option<SocketAddr>,
}

impl Notifier {
    /// To whoever `NOTIFY_SOCKET` names: a path, or after an `@` a name without a file.
    pub(super) fn new(socket: Option<OsString>) -> Self {
        let address = socket.filter(|socket| !socket.is_empty()).and_then(|socket| {
            let address = match socket.as_bytes().strip_prefix(b"@") {
                Some(name) => SocketAddr::from_abstract_name(name),
                None => SocketAddr::from_pathname(&socket),
            };
            address.inspect_err(|error| debug!(%error, ?socket, "no such notification socket")).ok()
        });
        Self { address }
    }

    /// Whether somebody listens.
    pub(super) fn is_heard(&self) -> bool {
        self.address.is_some()
    }

    /// Says some words, `KEY=value` a line. What cannot be said is not worth failing for.
    pub(super) fn say(&self, words: &str) {
        self.send(words, &[]);
    }

    /// Gives a file to be kept.
    pub(super) fn give(&self, words: &str, file: BorrowedFd<'_>) {
        self.send(words, &[file]);
    }

    fn send(&self, words: &str, files: &[BorrowedFd<'_>]) {
        let Some(address) = &self.address else {
            return;
        };
        // Connected anew each time: systemd may have started anew since.
        let sent = UnixDatagram::unbound().and_then(|socket| {
            socket.set_write_timeout(Some(TIMEOUT))?;
            socket.connect_addr(address)?;
            send(&socket, words.as_bytes(), files)
        });
        if let Err(error) = sent {
            debug!(%error, words, "systemd did not hear");
        }
    }
}

/// Sends one message, with files that come out at the other end as open as here.
pub(super) fn send(socket: impl AsFd, bytes: &[u8], files: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !files.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(files)) {
        return Err(io::Error::other("too many files for one message"));
    }
    sendmsg(socket, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}
