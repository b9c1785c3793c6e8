//! The watchdog: systemd hears from us only while every worker turns, and kills a gateway that it does not hear
//! from. A worker that hangs would otherwise hold its clients for ever, and nobody would notice.

use std::io;
use std::thread;
use std::time::Duration;

use tracing::{error, info};

use crate::serve::Control;

use super::service::Service;

/// How often a worker counts between two looks at it: often enough that one look never falls between.
const BEATS: u32 = 4;

/// How often is looked within systemd's patience. One look that finds a slow worker is forgiven.
const LOOKS: u32 = 4;

/// However impatient somebody is, looking is not all that is done.
const LOOK_EVERY_MIN: Duration = Duration::from_millis(10);

/// How long systemd waits for a sign of life of this process, if it does: `WATCHDOG_USEC`, and `WATCHDOG_PID`,
/// which is not there after a hand-over.
pub fn watchdog_patience() -> Option<Duration> {
    let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    if let Some(process) = number("WATCHDOG_PID")
        && process != u64::from(std::process::id())
    {
        return None;
    }
    number("WATCHDOG_USEC").filter(|patience| *patience > 0).map(Duration::from_micros)
}

/// Starts the thread that looks whether the workers turn and says so; before the workers start.
///
/// # Errors
/// A thread that the system refuses.
pub fn start_watchdog(control: &Control, service: Service, patience: Duration) -> io::Result<()> {
    let every = (patience / LOOKS).max(LOOK_EVERY_MIN);
    let mut pulse = control.pulse(every / BEATS);
    info!("systemd hears every {every:?} that all workers turn, and waits for {patience:?}");
    thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
        loop {
            rest(every);
            let stuck = pulse.stuck();
            if stuck.is_empty() {
                service.alive();
            } else {
                error!(workers = ?stuck, "workers have not turned for {every:?}; systemd hears nothing");
            }
        }
    })?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "to look again after a while is all there is to do")]
fn rest(every: Duration) {
    thread::sleep(every);
}
