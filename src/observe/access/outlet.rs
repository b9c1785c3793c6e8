//! Where lines go: writing to it without ever waiting longer than is asked for.
//!
//! A file is added to, so that several processes can write whole lines to it. Whatever can keep a writer
//! waiting (a pipe, a terminal, the journal's socket) is asked first whether it has room, and then given no more than
//! the system takes at once. Standard error is the log's, which is handed whole lines.

use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use crate::config::AccessTarget;
use crate::observe::log_lines::{Handed, LogLines};
use crate::observe::room::has_room;

use super::batch::Batch;
use super::opening::{OpenError, open_file};

/// Bytes that are written at once, to files and to all else: of the latter, a pipe takes as many in one piece (POSIX's
/// PIPE_BUF is 4096 on Linux), also between other writers.
const FILE_BYTES: usize = 64 * 1024;
const STREAM_BYTES: usize = 4096;

/// Where lines go, open.
#[derive(Debug)]
pub struct Outlet {
    target: AccessTarget,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// No lines are to be written.
    Nowhere,
    /// The log writes them between its own: one piece after the other, the length of the one that it has.
    Log(LogLines, Option<(usize, Handed)>),
    File(Written),
}

/// A file, or a stream, which may have no room just now.
#[derive(Debug)]
struct Written {
    file: File,
    is_stream: bool,
    /// Whether a part of a line stands at its end.
    is_torn: bool,
}

impl Outlet {
    /// Opens a target; a file that is not there is made, and standard error is reached by way of the log.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn open(target: &AccessTarget, log: &LogLines) -> Result<Self, OpenError> {
        let opened = match target {
            AccessTarget::Off => Ok(Place::Nowhere),
            AccessTarget::Stderr => Ok(Place::Log(log.clone(), None)),
            // Not Rust's own handle, which has a buffer and a lock.
            AccessTarget::Stdout => {
                io::stdout().as_fd().try_clone_to_owned().and_then(Written::to).map(Place::File)
            }
            AccessTarget::File(path) => open_file(path).and_then(Written::to).map(Place::File),
        };
        let opened = opened.map(|place| Self { target: target.clone(), place });
        opened.map_err(|source| OpenError::new(target, source))
    }

    /// The same target, opened anew; `None` where there is nothing to open.
    pub(super) fn reopened(&self, log: &LogLines) -> Result<Option<Self>, OpenError> {
        match &self.target {
            AccessTarget::File(_) => Self::open(&self.target, log).map(Some),
            AccessTarget::Stderr | AccessTarget::Stdout | AccessTarget::Off => Ok(None),
        }
    }

    /// What people call it.
    pub(super) fn name(&self) -> String {
        match &self.target {
            AccessTarget::Stderr => "the standard error stream".to_owned(),
            AccessTarget::Stdout => "the standard output stream".to_owned(),
            AccessTarget::File(path) => format!("`{}`", path.display()),
            AccessTarget::Off => "nowhere".to_owned(),
        }
    }

    /// How many bytes of lines are worth gathering.
    pub(super) fn bytes_max(&self) -> usize {
        match &self.place {
            Place::File(written) if !written.is_stream => FILE_BYTES,
            Place::Nowhere | Place::Log(..) | Place::File(_) => STREAM_BYTES,
        }
    }

    /// Writes some of a batch. False if there is no room just now.
    pub(super) fn write(&mut self, batch: &mut Batch) -> io::Result<bool> {
        match &mut self.place {
            Place::Nowhere => {
                // Lines of requests that began before a reload switched them off.
                batch.abandon();
                Ok(true)
            }
            Place::File(written) => written.write(batch),
            Place::Log(log, handed) => {
                let Some((length, has)) = handed else {
                    let (bytes, lines) = batch.next_whole(STREAM_BYTES);
                    *handed = Some((bytes.len(), log.hand(bytes.to_vec(), lines)));
                    return Ok(true);
                };
                let Some(result) = has.take() else {
                    return Ok(false);
                };
                let length = *length;
                *handed = None;
                result?;
                batch.advance(length);
                Ok(true)
            }
        }
    }

    /// Waits so long for room at most.
    pub(super) fn await_room(&mut self, patience: Duration) {
        match &mut self.place {
            Place::Nowhere | Place::Log(_, None) => {}
            Place::Log(_, Some((_, handed))) => handed.wait(patience),
            Place::File(written) => {
                has_room(&written.file, Some(patience));
            }
        }
    }

    /// Leaves a batch as it is: what it can still take without waiting is written. A line that is begun stays so; how
    /// many are lost by that.
    pub(super) fn part(mut self, batch: &mut Batch) -> u64 {
        while !batch.is_done() && matches!(self.write(batch), Ok(true)) {}
        if let Place::Log(log, handed) = self.place {
            // The log has them, also those that it has not been handed yet; nobody waits for it.
            batch.advance(handed.map_or(0, |(length, _)| length));
            let (bytes, lines) = batch.next_whole(usize::MAX);
            if lines > 0 {
                log.hand(bytes.to_vec(), lines);
            }
            batch.abandon();
            return 0;
        }
        batch.skip_torn()
    }
}

impl Written {
    fn to(file: OwnedFd) -> io::Result<Self> {
        let file = File::from(file);
        let is_stream = !file.metadata()?.is_file();
        Ok(Self { file, is_stream, is_torn: false })
    }

    fn write(&mut self, batch: &mut Batch) -> io::Result<bool> {
        // Another writer may be quicker and take the room; then this waits as long as that one's reader does, and
        // whoever wants something of this thread gives up. Streams of our own opening do not even then.
        if self.is_stream && !has_room(&self.file, Some(Duration::ZERO)) {
            return Ok(false);
        }
        let bytes_max = if self.is_stream { STREAM_BYTES } else { FILE_BYTES };
        let bytes: &[u8] = if self.is_torn { b"\n" } else { batch.next(bytes_max) };
        match self.file.write(bytes) {
            Ok(0) => Err(ErrorKind::WriteZero.into()),
            Ok(_) if self.is_torn => {
                self.is_torn = false;
                Ok(true)
            }
            Ok(count) => {
                batch.advance(count);
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(true),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => {
                self.is_torn |= batch.is_torn();
                Err(error)
            }
        }
    }
}
