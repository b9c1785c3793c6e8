//! Signals: SIGTERM and SIGINT drain, within a deadline, and the second one cuts; SIGHUP reloads, SIGUSR1 opens the
//! access log anew, SIGUSR2 upgrades.

use std::io;
use std::thread;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::observe::AccessLog;
use crate::serve::Stop;

use super::asking::Reloads;
use super::service::Service;
use super::upgrade::Upgrades;

/// What signals set going.
pub struct Duties<D> {
    /// Told to drain, and to cut.
    pub stop: Stop,
    /// How long a drain may take, asked when it begins.
    pub drain_timeout: D,
    /// Told to reload; without it SIGHUP is let pass.
    pub reloads: Option<Reloads>,
    /// Told to open its file anew; without it SIGUSR1 is let pass.
    pub access_log: Option<AccessLog>,
    /// Told to hand over to a new process; without it SIGUSR2 is let pass.
    pub upgrades: Option<Upgrades>,
    /// Told that the end has begun.
    pub service: Service,
}

impl<D> Duties<D> {
    fn reopen(&self) {
        self.access_log.iter().for_each(AccessLog::ask_to_reopen);
    }
}

/// Signals that are caught, and wait for somebody to do what they mean.
pub struct Signals {
    runtime: Runtime,
    hang_up: Signal,
    user_1: Signal,
    user_2: Signal,
}

impl Signals {
    /// Catches those that ask for something, which would end the process otherwise: whoever asks while everything is
    /// being loaded gets it done later. SIGTERM and SIGINT still end it. Starts no thread.
    ///
    /// # Errors
    /// A runtime or signal registration that the system refuses.
    pub fn catch() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let entered = runtime.enter();
        let hang_up = signal(SignalKind::hangup())?;
        let user_1 = signal(SignalKind::user_defined1())?;
        let user_2 = signal(SignalKind::user_defined2())?;
        drop(entered);
        Ok(Self { runtime, hang_up, user_1, user_2 })
    }

    /// Starts a thread that turns signals into what they mean, those that came since they are caught first. When this
    /// returns, SIGTERM and SIGINT are caught too.
    ///
    /// # Errors
    /// A thread or signal registration that the system refuses.
    pub fn watch<D: Fn() -> Duration + Send + 'static>(self, duties: Duties<D>) -> io::Result<()> {
        let Self { runtime, hang_up, user_1, user_2 } = self;
        let entered = runtime.enter();
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        drop(entered);
        let incoming = Incoming { terminate, interrupt, hang_up, user_1, user_2 };
        let thread = thread::Builder::new().name("signals".to_owned());
        thread.spawn(move || runtime.block_on(listen(&duties, incoming)))?;
        Ok(())
    }
}

async fn listen<D: Fn() -> Duration>(duties: &Duties<D>, mut signals: Incoming) {
    let name = loop {
        let meaning = tokio::select! {
            meaning = signals.next() => meaning,
            () = duties.stop.handed_over.cancelled() => break "handed over",
        };
        match meaning {
            Meaning::End(name) => break name,
            Meaning::Reload => duties.reloads.iter().for_each(Reloads::ask),
            Meaning::Reopen => duties.reopen(),
            Meaning::Upgrade => duties.upgrades.iter().for_each(Upgrades::ask),
        }
    };
    let drain_timeout = (duties.drain_timeout)();
    info!("{name}: draining for at most {drain_timeout:?}; a second signal ends at once");
    duties.service.stopping();
    duties.stop.drain.cancel();
    let second = async {
        // After a hand-over the first one is meant for the other process too: Ctrl-C goes to both.
        let mut ignored = u32::from(duties.stop.handed_over.is_cancelled());
        loop {
            match signals.next().await {
                Meaning::End(_) if ignored == 0 => return,
                Meaning::End(_) => ignored -= 1,
                // What is finished still has its lines.
                Meaning::Reopen => duties.reopen(),
                // There is nothing to reload for any more.
                Meaning::Reload | Meaning::Upgrade => {}
            }
        }
    };
    tokio::select! {
        () = second => warn!("second signal: ending at once"),
        () = sleep(drain_timeout) => warn!("the drain took {drain_timeout:?}: ending at once"),
    }
    duties.stop.cut.cancel();
}

struct Incoming {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    user_1: Signal,
    user_2: Signal,
}

enum Meaning {
    End(&'static str),
    Reload,
    Reopen,
    Upgrade,
}

impl Incoming {
    async fn next(&mut self) -> Meaning {
        tokio::select! {
            _ = self.terminate.recv() => Meaning::End("SIGTERM"),
            _ = self.interrupt.recv() => Meaning::End("SIGINT"),
            _ = self.hang_up.recv() => Meaning::Reload,
            _ = self.user_1.recv() => Meaning::Reopen,
            _ = self.user_2.recv() => Meaning::Upgrade,
        }
    }
}
