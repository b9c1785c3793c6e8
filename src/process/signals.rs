//! SIGTERM and SIGINT: drain, within a deadline; the second one cuts.

use std::io;
use std::sync::mpsc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::serve::Stop;

/// Starts a thread that turns signals into `stop`. When this returns, signals are caught.
///
/// # Errors
/// A thread, runtime or signal registration that the system refuses.
pub fn watch(stop: Stop, drain_timeout: Duration) -> io::Result<()> {
    let (ready, registered) = mpsc::sync_channel(1);
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let result = listen(&stop, drain_timeout, &ready);
        if let Err(error) = result {
            // Nobody waits any more once the registration has been answered.
            let _ = ready.send(Err(error));
        }
    })?;
    registered.recv().unwrap_or_else(|_| Err(io::Error::other("the signal thread ended")))
}

fn listen(
    stop: &Stop,
    drain_timeout: Duration,
    ready: &mpsc::SyncSender<io::Result<()>>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let _ = ready.send(Ok(()));
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        info!("{name}: draining for at most {drain_timeout:?}; a second signal ends at once");
        stop.drain.cancel();
        tokio::select! {
            _ = terminate.recv() => warn!("second signal: ending at once"),
            _ = interrupt.recv() => warn!("second signal: ending at once"),
            () = sleep(drain_timeout) => warn!("the drain took {drain_timeout:?}: ending at once"),
        }
        stop.cut.cancel();
        Ok(())
    })
}
