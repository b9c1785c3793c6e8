//! The whole gateway as two calls: [`bind`](App::bind) builds everything and listens, [`Bound::run`]
//! serves until told to stop. The command line and the tests both use just these.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::generation::Generation;
use crate::observe::access;
use crate::observe::{AccessLog, LogLines};
use crate::serve::{self, BindError, Control, Inherited, Stop};

/// A gateway that has not been started.
#[derive(Debug)]
pub struct App;

/// A gateway whose sockets listen; clients that connect wait until it runs.
pub struct Bound {
    control: Control,
}

/// Why a gateway cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A listener.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The access log.
    #[error(transparent)]
    AccessLog(#[from] access::StartError),
}

impl App {
    /// Opens the access log and all listeners of a configuration, to serve on them until `stop`.
    ///
    /// # Errors
    /// The access log, or the first address that cannot be listened on.
    pub fn bind(generation: Generation, stop: Stop) -> Result<Bound, StartError> {
        let log = LogLines::to_standard_error().map_err(access::StartError::Thread)?;
        Self::bind_with(generation, Vec::new(), log, stop)
    }

    /// The same, with the way of the log to standard error, and listening sockets that are open already. Those that no
    /// listener wants stay open unused.
    ///
    /// # Errors
    /// The access log, or the first address that cannot be listened on.
    pub fn bind_with(
        generation: Generation,
        inherited: Vec<Inherited>,
        log: LogLines,
        stop: Stop,
    ) -> Result<Bound, StartError> {
        let workers = generation.workers();
        let access_log = AccessLog::start(&generation.config.access_log, log)?;
        let control = Control::bind(Arc::new(generation), workers, access_log, inherited, stop)?;
        Ok(Bound { control })
    }
}

impl Bound {
    /// The addresses that are listened on, in the order of the configuration.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.control.addresses()
    }

    /// How many workers will serve.
    pub fn workers(&self) -> usize {
        self.control.workers()
    }

    /// Serves on this thread and on those of the further workers until it is told to drain and all
    /// connections have ended, or to cut.
    ///
    /// # Errors
    /// A thread or runtime that cannot be started.
    pub fn run(self) -> std::io::Result<()> {
        serve::run(&self.control)
    }

    /// What can be done to the gateway while it runs.
    pub fn control(&self) -> Control {
        self.control.clone()
    }
}
