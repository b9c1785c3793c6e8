//! Asking a pipe, a terminal or a socket whether it has room, without writing to it.

use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Whether a write would not wait: there is room, or an error to be told. Waits for that as long as it may: with
/// `None` until it is so.
pub(super) fn has_room(file: impl AsFd, patience: Option<Duration>) -> bool {
    let timeout = patience.and_then(|patience| Timespec::try_from(patience).ok());
    let mut fds = [PollFd::new(&file, PollFlags::OUT)];
    poll(&mut fds, timeout.as_ref()).is_ok_and(|count| count > 0)
}
