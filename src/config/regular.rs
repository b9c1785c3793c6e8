//! Opening a file without ever waiting for whoever may be at its other end.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

/// Opens a regular file for reading. A named pipe would have everybody wait for its writer, a device never end.
///
/// # Errors
/// What the system says; `IsADirectory` for a folder, and another for what is neither.
pub fn open_regular(path: &Path) -> io::Result<File> {
    // Looked at before, since to open a device may do something; and again, since it may be another file by now.
    judge(fs::metadata(path)?.file_type())?;
    open(path, OFlags::NONBLOCK.union(OFlags::NOCTTY))
}

/// The same of a file that is there itself: a symbolic link, which may lead anywhere, is refused.
///
/// # Errors
/// As above.
pub fn open_unlinked(path: &Path) -> io::Result<File> {
    judge(fs::symlink_metadata(path)?.file_type())?;
    open(path, OFlags::NONBLOCK.union(OFlags::NOCTTY).union(OFlags::NOFOLLOW))
}

fn open(path: &Path, flags: OFlags) -> io::Result<File> {
    let flags = flags.bits();
    let flags = i32::try_from(flags).map_err(io::Error::other)?;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    judge(file.metadata()?.file_type())?;
    Ok(file)
}

fn judge(kind: fs::FileType) -> io::Result<()> {
    match kind {
        _ if kind.is_file() => Ok(()),
        _ if kind.is_dir() => Err(ErrorKind::IsADirectory.into()),
        _ => Err(io::Error::other("it is no regular file")),
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn only_a_regular_file_is_opened_and_nobody_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, file) = (folder.path().join("pipe"), folder.path().join("file"));
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        fs::write(&file, "").unwrap();
        assert!(open_regular(&file).is_ok());
        assert_eq!(open_regular(&pipe).unwrap_err().to_string(), "it is no regular file");
        assert_eq!(open_regular(folder.path()).unwrap_err().kind(), ErrorKind::IsADirectory);
        assert!(open_regular(Path::new("/dev/zero")).is_err());
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(open_regular(&link).is_ok() && open_unlinked(&file).is_ok());
        assert!(open_unlinked(&link).is_err());
    }
}
