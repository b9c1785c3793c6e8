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

/// A target that cannot be opened: what, what the system says, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("the access log `{}` cannot be opened: {seen}; {}{fix}", path.display(), said(*why))]
pub struct OpenError {
    path: PathBuf,
    #[source]
    seen: io::Error,
    why: Option<&'static str>,
    fix: &'static str,
}

/// A reason, in front of what to do.
fn said(why: Option<&str>) -> String {
    why.map(|why| format!("{why}; ")).unwrap_or_default()
}

impl OpenError {
    fn new(target: &AccessTarget, seen: io::Error) -> Self {
        let path = match target {
            AccessTarget::File(path) => path.clone(),
            AccessTarget::Stdout => "/dev/stdout".into(),
            AccessTarget::Stderr | AccessTarget::Off => "/dev/stderr".into(),
        };
        let (why, fix) = remedy(&seen, &path);
        Self { path, seen, why, fix }
    }

    /// Says it in a report, of the key that names the target.
    pub fn report(&self, log: &AccessLog, report: &mut Report) {
        let what = format!("the access log `{}` cannot be opened", self.path.display());
        let entry = report.error(&log.target.span, what).seen(self.seen.to_string());
        let entry = match self.why {
            Some(why) => entry.why(why),
            None => entry,
        };
        entry.fix(self.fix);
    }
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

/// What stands where lines are to go, as far as opening it goes.
enum Kind {
    /// A file, or a device such as a terminal.
    There,
    Fifo,
    /// Nothing yet: a file can be made here, where links lead.
    Free(PathBuf),
}

impl Kind {
    /// Of what stands at a path.
    ///
    /// # Errors
    /// What the system says, or that lines cannot go to such a thing.
    fn of(path: &Path) -> io::Result<Self> {
        let unfit = |what| Err(io::Error::new(ErrorKind::InvalidInput, what));
        match fs::metadata(path).map(|metadata| metadata.file_type()) {
            Ok(kind) if kind.is_dir() => Err(ErrorKind::IsADirectory.into()),
            Ok(kind) if kind.is_socket() => unfit("it is a socket"),
            Ok(kind) if kind.is_block_device() => unfit("it is a block device"),
            Ok(kind) if kind.is_fifo() => Ok(Self::Fifo),
            Ok(_) => Ok(Self::There),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::Free(end_of(path))),
            Err(error) => Err(error),
        }
    }

    /// Whether the mode of it, or of its folder, lets the gateway's user open it.
    fn can_be_opened(&self, path: &Path) -> io::Result<()> {
        match self {
            // With both ends in hand it opens and keeps what is written also while nobody reads it.
            Self::Fifo => Ok(access(path, Access::READ_OK | Access::WRITE_OK)?),
            Self::There => Ok(access(path, Access::WRITE_OK)?),
            Self::Free(end) => {
                let folder = folder_of(end);
                if !fs::metadata(folder)?.is_dir() {
                    return Err(ErrorKind::NotADirectory.into());
                }
                Ok(access(folder, Access::WRITE_OK | Access::EXEC_OK)?)
            }
        }
    }
}

/// Where symbolic links lead at last, also to a place where nothing is.
fn end_of(path: &Path) -> PathBuf {
    let mut end = path.to_owned();
    // As many as the kernel follows (`path_resolution(7)`); in a circle it would have said so.
    for _ in 0..40 {
        let Ok(target) = fs::read_link(&end) else {
            break;
        };
        end = folder_of(&end).join(target);
    }
    end
}

fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

fn open_file(path: &Path) -> io::Result<rustix::fd::OwnedFd> {
    // None of these may keep us waiting, or become our terminal.
    let flags = OFlags::APPEND | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    if matches!(Kind::of(path)?, Kind::Fifo) {
        return Ok(rustix::fs::open(path, flags | OFlags::RDWR, Mode::empty())?);
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

/// Says in the report what a start would stumble over, and leaves no trace: nothing is made, and nothing is opened.
pub fn check(log: &AccessLog, read: &[PathBuf], report: &mut Report) {
    let AccessTarget::File(path) = &log.target.value else {
        return;
    };
    if let Err(error) = can_open(path) {
        OpenError::new(&log.target.value, error).report(log, report);
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

fn can_open(path: &Path) -> io::Result<()> {
    Kind::of(path)?.can_be_opened(path)
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

/// Why, as far as the system does not say so itself, and what to do where a log cannot be opened.
fn remedy(error: &io::Error, path: &Path) -> (Option<&'static str>, &'static str) {
    let fix = match error.kind() {
        // Who may by the modes, and may not open, is kept from it by something else.
        ErrorKind::PermissionDenied if can_open(path).is_ok() => {
            let why =
                "it lies outside of the sandbox of this process, which was settled at the start";
            return (Some(why), "restart the gateway, or name a file in `/var/log`");
        }
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
        _ if fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket()) => {
            "write `stderr`: systemd puts it into the journal"
        }
        _ => "mend what the system complains of, or name another file",
    };
    (None, fix)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn what_can_be_opened_is_what_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let _socket = UnixListener::bind(at("socket")).unwrap();
        symlink(at("none/access.log"), at("astray")).unwrap();
        symlink("elsewhere.log", at("link")).unwrap();
        symlink("circle", at("circle")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), Mode::from_raw_mode(0o600)).unwrap();
        for (name, takes) in [
            ("access.log", true),
            ("link", true),
            ("fifo", true),
            ("socket", false),
            ("astray", false),
            ("circle", false),
            ("none/access.log", false),
            (".", false),
        ] {
            assert_eq!(can_open(&at(name)).is_ok(), takes, "{name}");
            assert_eq!(open_file(&at(name)).is_ok(), takes, "{name}");
        }
        assert!(at("elsewhere.log").exists());
        let error = Outlet::open(&AccessTarget::File(at("socket"))).unwrap_err().to_string();
        let said = "it is a socket; write `stderr`: systemd puts it into the journal";
        assert!(error.ends_with(said), "{error}");
    }
}
