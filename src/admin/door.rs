//! The sockets that operators come to, and the thread behind them. They are opened, moved and closed while the
//! gateway serves; the thread starts with the first of them.

use std::fmt;
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;

use rustix::fs::{Access, access};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::config;

use super::{Gateway, desk};

/// Where operators can look in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An address, in plain HTTP.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "http://{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A place that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {place}: {source}")]
pub struct OpenError {
    place: Place,
    source: io::Error,
}

/// One listening socket; closed when the last of its users lets go.
pub(super) struct Open {
    /// As the configuration has it, perhaps with port 0.
    wanted: Place,
    pub(super) socket: Socket,
}

pub(super) enum Socket {
    Tcp(TcpListener),
    /// With what the file is known by: somebody else may take its place.
    Unix(UnixListener, FileId),
}

/// Device and inode.
type FileId = (u64, u64);

/// All that is open.
type Opened = Arc<Vec<Arc<Open>>>;

/// The door of one gateway, closed at first.
#[derive(Default)]
pub struct Door {
    open: watch::Sender<Opened>,
    thread: Mutex<Option<JoinHandle<()>>>,
    ended: CancellationToken,
}

impl Door {
    /// Listens on what is wanted and no longer on what is not. Whoever is connected stays.
    ///
    /// # Errors
    /// A place that cannot be listened on; then nothing has changed.
    pub fn open(
        &self,
        wanted: &config::Admin,
        gateway: Weak<impl Gateway>,
    ) -> Result<(), OpenError> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let before = Arc::clone(&self.open.borrow());
        let address = wanted.address.iter().map(|address| Place::Tcp(address.value));
        let socket = wanted.socket.iter().map(|path| Place::Unix(path.value.clone()));
        let now: Result<Vec<_>, OpenError> = address
            .chain(socket)
            .map(|place| match before.iter().find(|open| open.wanted == place) {
                Some(open) if open.is_there() => Ok(Arc::clone(open)),
                _ => Open::new(place).map(Arc::new),
            })
            .collect();
        let now = now?;
        if thread.is_none()
            && let Some(first) = now.first()
        {
            let (open, ended) = (self.open.subscribe(), self.ended.clone());
            let started = std::thread::Builder::new().name("admin".to_owned()).spawn(move || {
                match Builder::new_current_thread()
                    .enable_all()
                    .build_local(LocalOptions::default())
                {
                    Ok(runtime) => runtime.block_on(desk::run(gateway, open, ended)),
                    Err(error) => error!(%error, "operators cannot be served"),
                }
            });
            let place = first.wanted.clone();
            *thread = Some(started.map_err(|source| OpenError { place, source })?);
        }
        self.open.send_replace(Arc::new(now));
        Ok(())
    }

    /// Where it is open, with the ports that were found where 0 was wanted.
    pub fn places(&self) -> Vec<Place> {
        self.open.borrow().iter().map(|open| open.place()).collect()
    }

    /// Closes it for good.
    pub fn close(&self) {
        self.ended.cancel();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            error!("the thread for operators panicked");
        }
        self.open.send_replace(Arc::default());
    }
}

impl Open {
    fn new(wanted: Place) -> Result<Self, OpenError> {
        let socket = match &wanted {
            // The standard library lets a restart take the address at once (SO_REUSEADDR).
            Place::Tcp(address) => TcpListener::bind(address).and_then(|socket| {
                socket.set_nonblocking(true)?;
                Ok(Socket::Tcp(socket))
            }),
            Place::Unix(path) => listen_at(path).map(|(socket, id)| Socket::Unix(socket, id)),
        };
        match socket {
            Ok(socket) => Ok(Self { wanted, socket }),
            Err(source) => Err(OpenError { place: wanted, source }),
        }
    }

    fn place(&self) -> Place {
        match &self.socket {
            Socket::Tcp(socket) => {
                socket.local_addr().map_or_else(|_| self.wanted.clone(), Place::Tcp)
            }
            Socket::Unix(..) => self.wanted.clone(),
        }
    }

    /// Whether whoever connects there arrives: the file of a Unix socket may have been removed or
    /// replaced.
    fn is_there(&self) -> bool {
        match (&self.wanted, &self.socket) {
            (Place::Unix(path), Socket::Unix(_, id)) => {
                file_id(path).is_ok_and(|there| there == *id)
            }
            _ => true,
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Place::Unix(path) = &self.wanted
            && self.is_there()
        {
            // Nobody misses it; the next start would replace it.
            _ = fs::remove_file(path);
        }
    }
}

/// Says so where it is not the mode of the folder that is in the way.
fn known(error: io::Error, path: &Path) -> io::Error {
    let folder = path.parent().unwrap_or(Path::new("/"));
    if error.kind() == ErrorKind::PermissionDenied && access(folder, Access::WRITE_OK).is_ok() {
        let why = "the folder lies outside of the sandbox of this process, which was settled at the start";
        return io::Error::new(error.kind(), why);
    }
    error
}

/// Makes a Unix socket beside its place, with its mode, and renames it into it: nobody ever finds one that others
/// may open or that does not answer.
fn listen_at(path: &Path) -> io::Result<(UnixListener, FileId)> {
    if let Ok(there) = fs::symlink_metadata(path) {
        // Only a socket makes way for a socket. File type bits as in `stat(2)`.
        const TYPE: u32 = 0o170_000;
        const SOCKET: u32 = 0o140_000;
        if there.mode() & TYPE != SOCKET {
            return Err(io::Error::new(ErrorKind::AlreadyExists, "there is a file of this name"));
        }
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = PathBuf::from(beside);
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let socket = UnixListener::bind(&beside).map_err(|error| known(error, path))?;
    fs::set_permissions(&beside, Permissions::from_mode(0o660))?;
    socket.set_nonblocking(true)?;
    let id = file_id(&beside)?;
    fs::rename(&beside, path)?;
    Ok((socket, id))
}

fn file_id(path: &Path) -> io::Result<FileId> {
    let file = fs::symlink_metadata(path)?;
    Ok((file.dev(), file.ino()))
}
