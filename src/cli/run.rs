//! `mtls-gateway run`: serve.

use std::io;

use tracing::{error, info, warn};

use crate::app::App;
use crate::config::Runtime;
use crate::generation::{Generation, Loaded};
use crate::observe::logging;
use crate::process::{self, Duties, Reloads};
use crate::serve::{Control, Stop};

use super::print::{palette, print_error};
use super::{Chosen, Exit, start};

/// Serves a configuration until a signal.
pub(super) fn run(config: &Chosen) -> Exit {
    let Loaded { generation, report, files } = start::load(config);
    let Some(generation) = generation else {
        print_error(&start::render(&report, palette(&io::stderr())));
        return Exit::Configuration;
    };
    let log = match logging::start(&generation.config.log) {
        Ok(log) => log,
        Err(error) => {
            // The configured level has been read before, so that only the environment is left.
            print_error(&format!(
                "the environment's RUST_LOG is no filter that can be read\n  seen: {error}\n  \
                 fix:  set it to a level such as `info`, or unset it\n"
            ));
            return Exit::Configuration;
        }
    };
    process::log_problems(&report);
    log_modes(&generation);
    let sites = generation.sites.len();
    let runtime = generation.config.runtime.clone();
    let stop = Stop::default();
    let bound = match App::bind(generation, stop.clone()) {
        Ok(bound) => bound,
        Err(error) => {
            error!("{error}");
            return Exit::Runtime;
        }
    };
    let control = bound.control();
    let attended = process::start_reloads(control.clone(), config.path.clone(), files, log)
        .and_then(|reloads| attend(control.clone(), stop, &runtime, reloads));
    if let Err(error) = attended {
        error!(%error, "signals cannot be caught");
        return Exit::Runtime;
    }
    if let Err(error) = control.open_door() {
        error!("`[admin]`: {error}");
        return Exit::Runtime;
    }
    for place in control.door() {
        info!(%place, "listening for operators");
    }
    for address in bound.addresses() {
        info!(%address, "listening");
    }
    info!(sites, workers = bound.workers(), version = env!("CARGO_PKG_VERSION"), "serving");
    match bound.run() {
        Ok(()) => {
            info!("stopped");
            Exit::Success
        }
        Err(error) => {
            error!(%error, "cannot serve");
            Exit::Runtime
        }
    }
}

/// Listens to signals and to the control socket.
fn attend(control: Control, stop: Stop, runtime: &Runtime, reloads: Reloads) -> io::Result<()> {
    let path = runtime.control_socket.clone().or_else(process::own_path);
    if let Some(path) = path
        && let Err(error) = process::listen(&path, reloads.clone())
    {
        let path = path.display();
        warn!(%error, "cannot listen at `{path}`: `mtls-gateway reload` will not work, SIGHUP does");
    }
    let drain_timeout = move || control.generation().config.runtime.drain_timeout;
    process::watch(Duties { stop, drain_timeout, reloads: Some(reloads) })
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
