//! Unix sockets for the people of this machine, `[admin] socket` and `control_socket`: what makes way for one, and how
//! it is put into its place.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use crate::config::{Config, Located, Report};

/// What a file is known by: somebody else may take its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// Of what stands there now, links not followed.
    ///
    /// # Errors
    /// Nothing does, or the system does not say.
    pub fn at(path: &Path) -> io::Result<Self> {
        let file = fs::symlink_metadata(path)?;
        Ok(Self { device: file.dev(), inode: file.ino() })
    }
}

/// Listens at `path`, in place of a socket that is there, with the permissions `mode`. Made beside its place and
/// renamed into it: nobody ever finds one that others may open or that does not answer.
///
/// # Errors
/// A file that is no socket, or a folder that is not there or may not be written to.
pub fn listen(path: &Path, mode: u32) -> io::Result<(UnixListener, FileId)> {
    if is_no_socket(path) {
        let why = "there is a file of this name, which is no socket";
        return Err(io::Error::new(ErrorKind::AlreadyExists, why));
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = PathBuf::from(beside);
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let socket = UnixListener::bind(&beside).map_err(|error| known(error, path))?;
    fs::set_permissions(&beside, Permissions::from_mode(mode))?;
    let id = FileId::at(&beside)?;
    fs::rename(&beside, path)?;
    Ok((socket, id))
}

/// Whether somebody listens there. Nobody is waited for.
pub fn is_listened_at(path: &Path) -> bool {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None);
    let connected = socket.and_then(|socket| connect(&socket, &SocketAddrUnix::new(path)?));
    // Somebody with a full queue is somebody.
    matches!(connected, Ok(()) | Err(Errno::AGAIN))
}

/// Reports what keeps the sockets of a configuration from their places.
pub fn check(config: &Config, report: &mut Report) {
    let control = config.runtime.control_socket.iter().map(|path| ("control_socket", path));
    let admin = config.admin.socket.iter().map(|path| ("socket", path));
    for (name, path) in control.chain(admin) {
        check_place(name, path, report);
    }
}

fn check_place(name: &str, path: &Located<PathBuf>, report: &mut Report) {
    let (path, span) = (&path.value, &path.span);
    let folder = folder(path);
    if is_no_socket(path) {
        let kind = if path.is_dir() { "folder" } else { "file" };
        let what = format!("`{name}` names `{}`, which is a {kind} and no socket", path.display());
        report.error(span, what).fix("name a place of its own");
    } else if fs::metadata(folder).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        let what = format!("`{name}` is in `{}`, which is not there", folder.display());
        if folder.starts_with("/run") || folder.starts_with("/var/run") {
            report
                .warning(span, what)
                .why("what is below /run is gone after a boot, and made anew when a service starts")
                .fix("have the unit make it (`RuntimeDirectory=`), or make it before each start");
        } else {
            let fix = "make its folder, which the gateway's user must be able to write to";
            report.error(span, what).fix(fix);
        }
    }
}

/// Whether something stands there that a socket must not replace.
fn is_no_socket(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|there| !there.file_type().is_socket())
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) => Path::new("."),
        None => Path::new("/"),
    }
}

/// Says so where it is not the mode of the folder that is in the way.
fn known(error: io::Error, path: &Path) -> io::Error {
    if error.kind() == ErrorKind::PermissionDenied && access(folder(path), Access::WRITE_OK).is_ok()
    {
        let why = "the folder lies outside of the sandbox of this process, which was settled at the start";
        return io::Error::new(error.kind(), why);
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_socket_makes_way_for_a_socket() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        fs::write(&path, "a key").unwrap();
        assert_eq!(listen(&path, 0o600).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "a key");
        fs::remove_file(&path).unwrap();

        let (first, id) = listen(&path, 0o600).unwrap();
        assert_eq!(FileId::at(&path).unwrap(), id);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(is_listened_at(&path));
        drop(first);
        assert!(!is_listened_at(&path));
        let (_second, again) = listen(&path, 0o660).unwrap();
        assert_ne!(again, id);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    }

    #[test]
    fn nobody_listens_where_nothing_is_or_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        assert!(!is_listened_at(&path));
        fs::write(&path, "").unwrap();
        assert!(!is_listened_at(&path));
    }
}
