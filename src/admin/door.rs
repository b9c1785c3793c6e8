//! The sockets that operators come to, and the thread behind them. They are opened, moved and closed while the
//! gateway serves; the thread starts with the first of them.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;

use rustix::net::{Shutdown, shutdown};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::config;
use crate::local_socket::{self, FileId};

use super::{Gateway, desk};

/// For the gateway's user and its group.
const SOCKET_MODE: u32 = 0o660;

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
    /// Its address was given back.
    has_stopped: AtomicBool,
}

pub(super) enum Socket {
    Tcp(TcpListener),
    /// With what the file is known by: somebody else may take its place.
    Unix(UnixListener, FileId),
}

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
        let now = self.all_of(wanted)?;
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

    /// Whatever is wanted, open: what was open before stays.
    fn all_of(&self, wanted: &config::Admin) -> Result<Vec<Arc<Open>>, OpenError> {
        let before = Arc::clone(&self.open.borrow());
        let address = wanted.address.iter().map(|address| Place::Tcp(address.value));
        let socket = wanted.socket.iter().map(|path| Place::Unix(path.value.clone()));
        // An address may have to wait until another is closed: it comes last, when all else is open.
        socket
            .chain(address)
            .map(|place| match before.iter().find(|open| open.wanted == place) {
                Some(open) if open.is_there() => Ok(Arc::clone(open)),
                _ => self.open_beside(&before, place).map(Arc::new),
            })
            .collect()
    }

    /// Opens a place that may be in the way of one that was open before, as all addresses are of one of them and the
    /// other way round: then that one is closed first. If that does not help, it is opened again.
    fn open_beside(&self, before: &Opened, place: Place) -> Result<Open, OpenError> {
        let error = match Open::new(place.clone()) {
            Err(error) if error.source.kind() == ErrorKind::AddrInUse => error,
            other => return other,
        };
        let mut open = before.iter().filter(|open| !open.has_stopped());
        let Some(old) = open.find(|open| open.is_in_the_way_of(&place)) else {
            return Err(error);
        };
        let there = old.place();
        if !old.stop_listening() {
            return Err(error);
        }
        Open::new(place).inspect_err(|_| match Open::at(old.wanted.clone(), &there) {
            Ok(again) => {
                let again = Arc::new(again);
                let others = before.iter().filter(|open| !Arc::ptr_eq(open, old)).map(Arc::clone);
                self.open.send_replace(Arc::new(others.chain([again]).collect()));
            }
            Err(lost) => error!("operators lose what listened before: {lost}"),
        })
    }

    /// Where it is open, with the ports that were found where 0 was wanted.
    pub fn places(&self) -> Vec<Place> {
        let open = self.open.borrow();
        open.iter().filter(|open| !open.has_stopped()).map(|open| open.place()).collect()
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
        let place = wanted.clone();
        Self::at(wanted, &place)
    }

    /// The same with the port that was found before where 0 is wanted.
    fn at(wanted: Place, place: &Place) -> Result<Self, OpenError> {
        let socket = match place {
            // The standard library lets a restart take the address at once (SO_REUSEADDR).
            Place::Tcp(address) => TcpListener::bind(address).and_then(|socket| {
                socket.set_nonblocking(true)?;
                Ok(Socket::Tcp(socket))
            }),
            Place::Unix(path) => {
                local_socket::listen(path, SOCKET_MODE).and_then(|(socket, id)| {
                    socket.set_nonblocking(true)?;
                    Ok(Socket::Unix(socket, id))
                })
            }
        };
        match socket {
            Ok(socket) => Ok(Self { wanted, socket, has_stopped: AtomicBool::new(false) }),
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

    /// Whether both cannot be open at once: the same port, and one of them on all addresses.
    fn is_in_the_way_of(&self, place: &Place) -> bool {
        let (Place::Tcp(own), Place::Tcp(other)) = (self.place(), place) else {
            return false;
        };
        own.port() == other.port() && (own.ip().is_unspecified() || other.ip().is_unspecified())
    }

    /// Gives the address back at once, whoever still has a copy of the socket. Whether that worked.
    fn stop_listening(&self) -> bool {
        match &self.socket {
            Socket::Tcp(socket) => {
                // Before it has: whoever accepts is to know why nobody comes.
                self.has_stopped.store(true, Ordering::Release);
                let has_stopped = shutdown(socket, Shutdown::Both).is_ok();
                self.has_stopped.store(has_stopped, Ordering::Release);
                has_stopped
            }
            Socket::Unix(..) => false,
        }
    }

    /// Whether its address was given back, so that nobody comes any more.
    pub(super) fn has_stopped(&self) -> bool {
        self.has_stopped.load(Ordering::Acquire)
    }

    /// Whether whoever connects there arrives: the address may have been given back, and the file of a Unix socket
    /// removed or replaced.
    fn is_there(&self) -> bool {
        match (&self.wanted, &self.socket) {
            (Place::Unix(path), Socket::Unix(_, id)) => {
                FileId::at(path).is_ok_and(|there| there == *id)
            }
            _ => !self.has_stopped(),
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

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use crate::config::Located;

    use super::*;

    #[test]
    fn a_door_that_was_lost_can_be_had_back() {
        let wanted = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let wanted = config::Admin { address: Some(Located::new(wanted, 0..0)), socket: None };
        let address = wanted.address.as_ref().unwrap().value;
        let door = Door::default();
        door.open.send_replace(Arc::new(door.all_of(&wanted).unwrap()));
        assert_eq!(door.places(), [Place::Tcp(address)]);
        // As when another place was to be had for it, and was not, and somebody was quicker meanwhile.
        assert!(door.open.borrow()[0].stop_listening());
        assert!(door.places().is_empty());
        TcpStream::connect(address).unwrap_err();

        door.open.send_replace(Arc::new(door.all_of(&wanted).unwrap()));
        assert_eq!(door.places(), [Place::Tcp(address)]);
        TcpStream::connect(address).unwrap();
    }
}
