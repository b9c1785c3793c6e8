//! Where lines go: opening it, and writing to it without ever waiting longer than is asked for.
//!
//! A file is opened for adding, so that several processes can write whole lines to it. Whatever can keep a writer
//! waiting (a pipe, a terminal, the journal's socket) is asked first whether it has room, and then given no more than
//! the system takes at once. Standard error is the log's, which is handed whole lines.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Access, Mode, OFlags, access};

use crate::config::{AccessLog, AccessTarget, Report};
use crate::observe::log_lines::{Handed, LogLines};
use crate::observe::room::has_room;

use super::batch::Batch;

/// Bytes that are written at once, to files and to all else: of the latter, a pipe takes as many in one piece (POSIX's
/// PIPE_BUF is 4096 on Linux), also between other writers.
const FILE_BYTES: usize = 64 * 1024;
const STREAM_BYTES: usize = 4096;

/// For the gateway's user, and its group to read.
const FILE_MODE: Mode = Mode::from_raw_mode(0o640);

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

/// A target that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("the access log `{}` cannot be opened: {source}; {}", path.display(), remedy(source, path))]
pub struct OpenError {
    pub(super) path: PathBuf,
    #[source]
    pub(super) source: io::Error,
}

impl Outlet {
    /// Opens a target; a file that is not there is made.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(target: &AccessTarget) -> Result<Self, OpenError> {
        let opened = match target {
            AccessTarget::Off => Ok(Place::Nowhere),
            AccessTarget::Stderr => {
                LogLines::to_standard_error().map(|lines| Place::Log(lines, None))
            }
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
    pub(super) fn reopened(&self) -> Result<Option<Self>, OpenError> {
        match &self.target {
            AccessTarget::File(_) => Self::open(&self.target).map(Some),
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
    fn to(file: rustix::fd::OwnedFd) -> io::Result<Self> {
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

fn open_file(path: &Path) -> io::Result<rustix::fd::OwnedFd> {
    // None of these may keep us waiting, or become our terminal.
    let flags = OFlags::APPEND | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let kind = fs::metadata(path).map(|metadata| metadata.file_type());
    if kind.as_ref().is_ok_and(FileTypeExt::is_fifo) {
        // With both ends in hand it opens and keeps what is written also while nobody reads it.
        return Ok(rustix::fs::open(path, flags | OFlags::RDWR, Mode::empty())?);
    }
    if kind.is_ok_and(|kind| kind.is_block_device()) {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is a block device"));
    }
    let flags = flags | OFlags::WRONLY | OFlags::CREATE;
    match rustix::fs::open(path, flags | OFlags::EXCL, FILE_MODE) {
        Ok(file) => {
            // A service's umask is narrower, for its keys' sake.
            rustix::fs::fchmod(&file, FILE_MODE)?;
            Ok(file)
        }
        Err(rustix::io::Errno::EXIST) => Ok(rustix::fs::open(path, flags, FILE_MODE)?),
        Err(error) => Err(error.into()),
    }
}

/// Says in the report what a start would stumble over, and leaves no trace: nothing is made, and no pipe is opened.
pub fn check(log: &AccessLog, read: &[PathBuf], report: &mut Report) {
    let AccessTarget::File(path) = &log.target.value else {
        return;
    };
    let found = match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {
            fs::OpenOptions::new().append(true).open(path).map(drop)
        }
        Ok(metadata) if metadata.is_dir() => Err(ErrorKind::IsADirectory.into()),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => folder(path),
        Err(error) => Err(error),
    };
    if let Err(error) = found {
        let what = format!("the access log `{}` cannot be written", path.display());
        report.error(&log.target.span, what).seen(error.to_string()).fix(remedy(&error, path));
        return;
    }
    if let Some(other) = read.iter().find(|other| is_same(path, other)) {
        let what = format!("the access log would be written to `{}`", path.display());
        report
            .error(&log.target.span, what)
            .seen(format!("`{}` is read by the gateway", other.display()))
            .fix("name a file of its own, in a folder that no other key names");
    }
}

/// Whether a file could be made there.
fn folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    if !fs::metadata(folder)?.is_dir() {
        return Err(ErrorKind::NotADirectory.into());
    }
    Ok(access(folder, Access::WRITE_OK | Access::EXEC_OK)?)
}

/// Whether a log at `path` is that file, or lies in that folder, whatever links lead there.
fn is_same(path: &Path, other: &Path) -> bool {
    let Ok(other) = other.canonicalize() else {
        return false;
    };
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    let own = path.canonicalize().ok();
    let own = own.or_else(|| Some(folder.as_ref()?.join(path.file_name()?)));
    own.as_ref() == Some(&other) || folder == Some(other)
}

/// What may be written was settled at the start.
const OUTSIDE: &str = "restart the gateway: it lies outside of the sandbox of this process (`sandbox` in `[runtime]`)";

/// What to do where a log cannot be opened.
fn remedy(error: &io::Error, path: &Path) -> &'static str {
    match error.kind() {
        // Who may write by the mode of the folder, and may not open, is kept from it by something else.
        ErrorKind::PermissionDenied if folder(path).is_ok() && !path.exists() => OUTSIDE,
        ErrorKind::PermissionDenied if access(path, Access::WRITE_OK).is_ok() => OUTSIDE,
        ErrorKind::NotFound => "make its folder, which the gateway's user must be able to write to",
        ErrorKind::PermissionDenied => {
            "let the gateway's user write to it and to its folder (`chown`); the service has `/var/log/mtls-gateway` for that"
        }
        ErrorKind::ReadOnlyFilesystem => {
            "use `/var/log/mtls-gateway`, which the service may write to, or add `ReadWritePaths=` to its unit"
        }
        ErrorKind::IsADirectory => "name a file in that folder",
        ErrorKind::NotADirectory => "name a file in a folder; what stands before its name is none",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "make room on that disk",
        _ => "mend what the system complains of, or name another file",
    }
}
