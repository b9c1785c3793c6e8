//! Upgrading while serving: another process of this program, perhaps of another version, takes the listening
//! sockets; this one then finishes what it has begun, and ends.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, TryLockError};
use std::thread;
use std::time::Duration;

use tracing::{error, info};

use crate::serve::{Control, Stop};

use super::handover::{Program, Successor};
use super::service::Service;

/// How long the new process may take to load everything and to say that it is ready.
const READY_TIMEOUT: Duration = Duration::from_secs(30);

/// Asks for the hand-over.
#[derive(Clone)]
pub struct Upgrades {
    inner: Arc<Inner>,
}

struct Inner {
    control: Control,
    stop: Stop,
    service: Service,
    program: Program,
    /// Held while one runs. Once it has succeeded, the channel whose end tells the new process that we have ended.
    taken_over: Mutex<Option<OwnedFd>>,
}

impl Upgrades {
    /// Of a gateway that was started as `program`.
    pub fn new(control: Control, stop: Stop, service: Service, program: Program) -> Self {
        let taken_over = Mutex::new(None);
        Self { inner: Arc::new(Inner { control, stop, service, program, taken_over }) }
    }

    /// Hands over without having anybody wait for it; the log says what comes of it.
    pub(super) fn ask(&self) {
        let upgrades = self.clone();
        let started =
            thread::Builder::new().name("upgrade".to_owned()).spawn(move || drop(upgrades.wait()));
        if let Err(error) = started {
            error!(target: "upgrade", %error, "not upgraded: the system refuses a thread");
        }
    }

    /// Hands over; or says why not, and nothing has changed.
    pub(super) fn wait(&self) -> Result<HandedOver, String> {
        let handed_over = self.hand_over();
        if let Err(why) = &handed_over {
            error!(target: "upgrade", "not upgraded, this process goes on: {why}");
        }
        handed_over
    }

    fn hand_over(&self) -> Result<HandedOver, String> {
        let Inner { control, stop, service, program, taken_over } = &*self.inner;
        let mut taken_over = match taken_over.try_lock() {
            Ok(taken_over) => taken_over,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err("an upgrade runs already".to_owned()),
        };
        if taken_over.is_some() || stop.drain.is_cancelled() {
            return Err("this process is about to end".to_owned());
        }
        let sockets = control.sockets().map_err(|error| error.to_string())?;
        let path = program.path().display();
        info!(target: "upgrade", program = %path, sockets = sockets.len(), "starting the process that takes over");
        let successor = Successor::start(program, &sockets, READY_TIMEOUT)
            .map_err(|error| error.to_string())?;
        // A signal may have come meanwhile: then the new one is not told to serve, and ends.
        if stop.drain.is_cancelled() {
            return Err("this process was told to end".to_owned());
        }
        let process = successor.process();
        // systemd first, so that it believes the new process what that says next.
        service.hand_over(process);
        let channel = successor.serve().map_err(|error| {
            service.take_back();
            format!("the new process has ended: {error}")
        })?;
        *taken_over = Some(channel);
        // Operators ask the new one from now on, which waits for the place.
        control.close_door();
        info!(target: "upgrade", process, "another process serves now; this one finishes what it has begun");
        Ok(HandedOver { process, stop: stop.clone() })
    }
}

/// Another process serves. This one begins to end when this is dropped: whoever asked can be answered before.
pub(super) struct HandedOver {
    pub(super) process: u32,
    stop: Stop,
}

impl Drop for HandedOver {
    fn drop(&mut self) {
        self.stop.handed_over.cancel();
    }
}
