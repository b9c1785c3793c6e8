//! `mtls-gateway demo`: the whole story with nothing configured. It makes certificates, starts an app and
//! the real gateway in front of it, calls it as a platform would and as others would, and shows what the
//! client, the app and the log saw of each call.

mod app;
mod client;
mod events;
mod page;
mod setup;
mod story;

use std::io;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::app::{Bound, StartError};
use crate::config::Palette;
use crate::generation::Loaded;
use crate::process::{Duties, Service, Signals};
use crate::serve::Stop;

use super::print::{palette, print, print_error};
use super::{Chosen, Exit, start};

use app::App;
use events::Lines;
use setup::{Setup, SetupError};
use story::Stage;

/// How long the gateway may take to finish what runs when the demo ends.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// What keeps a demo from being given.
#[derive(Debug, thiserror::Error)]
enum DemoError {
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("the gateway does not take the demo's configuration:\n{0}")]
    Configuration(String),
    #[error("the gateway's log cannot be listened to: {0}")]
    Log(#[from] events::ListenError),
    #[error("the system refuses what the demo needs: {0}")]
    System(#[from] io::Error),
}

/// Gives the demo; the gateway listens on `port`, or on any free one for 0. Stays for calls from outside
/// until a signal comes, unless it is to be given just `once`.
pub(super) fn demo(port: u16, once: bool) -> Exit {
    match give(port, once) {
        Ok(exit) => exit,
        Err(error) => {
            print_error(&format!("{error}\n"));
            Exit::Runtime
        }
    }
}

fn give(port: u16, once: bool) -> Result<Exit, DemoError> {
    let palette = palette(&io::stdout());
    let lines = Lines::listen()?;
    // Before the first file, so that no signal leaves one behind.
    let stop = Stop::default();
    let drain_timeout = || DRAIN_TIMEOUT;
    Signals::catch()?.watch(Duties {
        stop: stop.clone(),
        drain_timeout,
        reloads: None,
        access_log: None,
        upgrades: None,
        service: Service::none(),
    })?;
    let setup = Setup::new()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let app = runtime.block_on(App::start())?;
    let (path, config) = setup.write_config(port, app.address)?;
    let Loaded { generation, report, .. } = start::load(&Chosen { path, is_named: true });
    let Some(mut generation) = generation else {
        return Err(DemoError::Configuration(report.to_string()));
    };
    lines.hear(&mut generation.config.access_log);
    let bound = crate::app::App::bind(generation, stop.clone())?;
    let first = bound.addresses().first().copied();
    let gateway = first.ok_or_else(|| io::Error::other("the gateway listens nowhere"))?;
    let serving = serve(bound)?;
    print(&page::opening(&setup, app.address, gateway, &config, palette));
    let stage = Stage { setup: &setup, gateway, app, lines };
    let exit = runtime.block_on(async {
        tokio::select! {
            exit = tell(stage, once, palette) => exit,
            // Ctrl-C: the story ends where it is.
            () = stop.drain.cancelled() => Exit::Success,
        }
    });
    stop.drain.cancel();
    serving.join().unwrap_or_else(|_| Err(io::Error::other("the gateway's thread panicked")))?;
    Ok(exit)
}

/// Runs the gateway on a thread of its own.
fn serve(bound: Bound) -> io::Result<JoinHandle<io::Result<()>>> {
    thread::Builder::new().name("gateway".to_owned()).spawn(move || bound.run())
}

/// Plays all steps, then shows the log for as long as nobody stops it.
async fn tell(mut stage: Stage<'_>, once: bool, palette: Palette) -> Exit {
    let steps = story::steps(stage.setup);
    let mut failed = Vec::new();
    for step in &steps {
        let observed = stage.play(step).await;
        let faults = step.faults(&observed);
        print(&page::step(step, &observed, &faults, palette));
        if !faults.is_empty() {
            failed.push(step.title);
        }
    }
    print(&page::verdict(&failed, steps.len(), palette));
    if !failed.is_empty() {
        return Exit::Runtime;
    }
    if !once {
        print(&page::invitation(stage.setup, stage.gateway, palette));
        while let Some(line) = stage.lines.next().await {
            print(&page::live(&line, palette));
        }
    }
    Exit::Success
}
