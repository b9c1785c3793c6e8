//! Opening a file, pipe or device for lines, and saying beforehand what a start would stumble over.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, Mode, OFlags, access};

use crate::config::{AccessLog, AccessTarget, Report};

/// For the gateway's user, and its group to read.
const FILE_MODE: Mode = Mode::from_raw_mode(0o640);

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
    pub(super) fn new(target: &AccessTarget, seen: io::Error) -> Self {
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

/// Opens it for adding; a file that is not there is made.
pub(super) fn open_file(path: &Path) -> io::Result<rustix::fd::OwnedFd> {
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
        let error = open_file(&at("socket")).unwrap_err();
        let error = OpenError::new(&AccessTarget::File(at("socket")), error).to_string();
        let said = "it is a socket; write `stderr`: systemd puts it into the journal";
        assert!(error.ends_with(said), "{error}");
    }
}
