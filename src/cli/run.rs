//! `mtls-gateway run`: serve.

use std::io;
use std::thread;
use std::time::Duration;

use tracing::{error, info, warn};

use crate::admin::OpenError;
use crate::app::{App, Bound, StartError};
use crate::config::{Palette, Runtime};
use crate::generation::{Generation, Loaded};
use crate::observe::{LogLines, access, logging};
use crate::process::{
    self, Duties, Needs, Predecessor, Program, Reloads, Sandbox, Service, Signals, Upgrades,
};
use crate::serve::{Control, Inherited, Stop};

use super::print::{palette, print_error};
use super::{Chosen, Exit, start};

/// How often, and how many times, the place for operators is tried that another process still has.
const KNOCK_INTERVAL: Duration = Duration::from_millis(100);
const KNOCKS_MAX: usize = 50;

/// Serves a configuration until a signal, or until another process has taken over.
pub(super) fn run(config: &Chosen) -> Exit {
    // First of all: whoever asks for something while keys are opened must not end the process by it.
    let signals = match Signals::catch() {
        Ok(signals) => signals,
        Err(error) => {
            print_error(&format!("signals cannot be caught: {error}\n"));
            return Exit::Runtime;
        }
    };
    // Before the first key is read.
    process::forbid_dumps();
    let log = match LogLines::to_standard_error() {
        Ok(log) => log,
        Err(error) => {
            print_error(&format!("no thread can be started: {error}\n"));
            return Exit::Runtime;
        }
    };
    let exit = run_logged(config, &log, signals);
    log.flush();
    exit
}

fn run_logged(config: &Chosen, log: &LogLines, signals: Signals) -> Exit {
    let (inherited, problems) = process::sockets_of_systemd();
    let (predecessor, inherited) = match Predecessor::of_this_process() {
        Ok(Some((predecessor, handed))) => (Some(predecessor), handed),
        Ok(None) => (None, inherited),
        Err(error) => {
            print_error(&format!("the process that hands over cannot be understood: {error}\n"));
            return Exit::Runtime;
        }
    };
    let ready = match prepare(config, log, inherited, &problems, predecessor.as_ref()) {
        Ok(ready) => ready,
        Err(Refused { exit, why }) => {
            if let Some(predecessor) = predecessor {
                predecessor.refuse(&why);
            }
            return exit;
        }
    };
    let exit = serve(ready, signals, predecessor.is_some());
    if let Some((predecessor, patience)) = predecessor.zip(exit.1) {
        // systemd would end it when this process ends, and with it the requests that it still has.
        predecessor.await_end(patience);
    }
    exit.0
}

/// Why nothing is served.
struct Refused {
    exit: Exit,
    why: String,
}

impl Refused {
    /// Because something went wrong; the log hears of it here.
    fn by(error: impl std::fmt::Display) -> Self {
        error!("{error}");
        Self { exit: Exit::Runtime, why: error.to_string() }
    }
}

/// Everything is loaded and good, and the listeners are open.
struct Ready {
    bound: Bound,
    stop: Stop,
    runtime: Runtime,
    service: Service,
    reloads: Reloads,
    program: Program,
}

/// Loads everything, opens the listeners, and waits for whoever served before to let go.
fn prepare(
    config: &Chosen,
    log: &LogLines,
    inherited: Vec<Inherited>,
    problems: &[String],
    predecessor: Option<&Predecessor>,
) -> Result<Ready, Refused> {
    let Loaded { generation, report, files, keys } = start::load(config);
    let Some(generation) = generation else {
        print_error(&start::render(&report, palette(&io::stderr())));
        let why = start::render(&report, Palette::PLAIN);
        return Err(Refused { exit: Exit::Configuration, why });
    };
    let logging = logging::start(&generation.config.log, log).map_err(|error| {
        // The configured level has been read before, so that only the environment is left.
        let why = format!(
            "the environment's RUST_LOG is no filter that can be read\n  seen: {error}\n  \
             fix:  set it to a level such as `info`, or unset it\n"
        );
        print_error(&why);
        Refused { exit: Exit::Configuration, why }
    })?;
    process::log_problems(&report);
    for problem in problems {
        warn!("what systemd hands over cannot be used: {problem}");
    }
    log_modes(&generation);
    log_credentials(&generation);
    log_inherited(&inherited);
    process::log_open_files(generation.config.limits.connections_max);
    let runtime = generation.config.runtime.clone();
    process::allow_dumps(runtime.core_dumps);
    let program = Program::of_this_process().map_err(Refused::by)?;
    // While there is no other thread, to which it would not apply.
    let needs = Needs::of(&generation.config, &files.paths(), program.path());
    let sandbox = Sandbox::settle(runtime.sandbox, &needs, predecessor.is_some());
    let program = program.within(sandbox);
    let stop = Stop::default();
    let service = Service::new(std::env::var_os("NOTIFY_SOCKET"), &inherited);
    let access_log = generation.config.access_log.clone();
    let bound =
        App::bind_with(generation, inherited, log.clone(), stop.clone()).map_err(|error| {
            match error {
                StartError::AccessLog(access::StartError::Open(error)) => {
                    let mut report = report.anew();
                    error.report(&access_log, &mut report);
                    process::log_problems(&report);
                    let why = start::render(&report, Palette::PLAIN);
                    Refused { exit: Exit::Configuration, why }
                }
                error => Refused::by(error),
            }
        })?;
    let control = bound.control();
    process::log_unwanted(&control);
    if let Some(predecessor) = predecessor {
        predecessor.take_over().map_err(|error| {
            Refused::by(format!("the process that served before goes on serving: {error}"))
        })?;
    }
    let loaded = (files, keys);
    let reloads =
        process::start_reloads(control, config.path.clone(), loaded, logging, service.clone())
            .map_err(Refused::by)?;
    Ok(Ready { bound, stop, runtime, service, reloads, program })
}

/// Serves; beside the exit code, how long whoever served before may go on, if anybody minds when we end.
fn serve(ready: Ready, signals: Signals, is_handed_over: bool) -> (Exit, Option<Duration>) {
    let control = ready.bound.control();
    if let Err(error) = open_door(&control, is_handed_over) {
        error!("`[admin]`: {error}");
        return (Exit::Runtime, None);
    }
    // Last, when nothing can fail any more that others have done without us so far.
    if let Err(error) = attend(&control, &ready, signals, is_handed_over) {
        error!(%error, "signals cannot be caught");
        return (Exit::Runtime, None);
    }
    let Ready { bound, service, .. } = ready;
    for place in control.door() {
        info!(%place, "listening for operators");
    }
    for address in bound.addresses() {
        info!(%address, "listening");
    }
    let (sites, workers) = (control.generation().sites.len(), bound.workers());
    info!(sites, workers, version = env!("CARGO_PKG_VERSION"), "serving");
    service.ready(&control);
    let exit = match bound.run() {
        Ok(()) => {
            info!("stopped");
            Exit::Success
        }
        Err(error) => {
            error!(%error, "cannot serve");
            Exit::Runtime
        }
    };
    let patience = control.generation().config.runtime.drain_timeout;
    (exit, service.is_heard().then_some(patience))
}

/// Opens the listener for operators. Where another process hands over, that closes its own in a moment.
fn open_door(control: &Control, is_handed_over: bool) -> Result<(), OpenError> {
    let opened = control.open_door();
    if opened.is_ok() || !is_handed_over {
        return opened;
    }
    let control = control.clone();
    let knocking = thread::Builder::new().name("door".to_owned()).spawn(move || {
        for _ in 0..KNOCKS_MAX {
            wait_for_predecessor();
            if control.open_door().is_ok() {
                return;
            }
        }
        if let Err(error) = control.open_door() {
            warn!("`[admin]`: {error}; reload when it is free");
        }
    });
    if let Err(error) = knocking {
        warn!(%error, "`[admin]` is not listened for");
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "nobody tells when an address becomes free")]
fn wait_for_predecessor() {
    thread::sleep(KNOCK_INTERVAL);
}

/// Listens to signals and to the control socket, and has systemd hear that the workers turn.
fn attend(
    control: &Control,
    ready: &Ready,
    signals: Signals,
    is_handed_over: bool,
) -> io::Result<()> {
    let Ready { stop, runtime, service, reloads, program, .. } = ready;
    let access_log = control.access_log().clone();
    let upgrades = Upgrades::new(control.clone(), stop.clone(), service.clone(), program.clone());
    if let Some(patience) = process::watchdog_patience().filter(|_| service.is_heard()) {
        process::start_watchdog(control, service.clone(), patience)?;
    }
    let control = control.clone();
    signals.watch(Duties {
        stop: stop.clone(),
        access_log: Some(access_log.clone()),
        drain_timeout: move || control.generation().config.runtime.drain_timeout,
        reloads: Some(reloads.clone()),
        upgrades: Some(upgrades.clone()),
        service: service.clone(),
    })?;
    let named = runtime.control_socket.clone().map(|path| path.value);
    if let Some(path) = named.or_else(process::own_path)
        && let Err(error) =
            process::listen(&path, is_handed_over, reloads.clone(), upgrades, access_log)
    {
        let path = path.display();
        warn!(%error, "cannot listen at `{path}`: `mtls-gateway reload` will not work, SIGHUP does");
    }
    Ok(())
}

/// Says which sockets were open before.
fn log_inherited(inherited: &[Inherited]) {
    for one in inherited {
        if let Some(address) = one.address() {
            info!(%address, name = one.name, "a listening socket was handed over");
        }
    }
}

/// Says which files are as they are until the next start, whoever replaces them.
fn log_credentials(generation: &Generation) {
    for site in &generation.sites {
        for file in site.config.credentials() {
            let (site, file) = (site.name(), file.value.display());
            info!(site, %file, "a credential: a new one takes a restart, not a reload");
        }
    }
}

/// Says of each site that serves unverified clients that it does: the log is where an auditor asks.
fn log_modes(generation: &Generation) {
    for site in &generation.sites {
        let client = &site.config.client;
        if let Some(who) = client.mode.unverified() {
            let site = site.config.server_names[0].value.to_string();
            info!(site, mode = client.mode.as_str(), "unverified clients reach the app: {who}");
        }
    }
}
