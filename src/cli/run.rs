//! `mtls-gateway run`: serve.

use std::io;

use tracing::{error, info, warn};

use crate::app::App;
use crate::config::{Report, Severity};
use crate::generation::Generation;
use crate::observe::logging;
use crate::process;
use crate::serve::Stop;

use super::print::{palette, print_error};
use super::{Chosen, Exit, start};

/// Serves a configuration until a signal.
pub(super) fn run(config: &Chosen) -> Exit {
    let (generation, report) = start::load(config);
    let Some(generation) = generation else {
        print_error(&start::render(&report, palette(&io::stderr())));
        return Exit::Configuration;
    };
    if let Err(error) = logging::start(&generation.config.log) {
        // The configured level has been read before, so that only the environment is left.
        print_error(&format!(
            "the environment's RUST_LOG is no filter that can be read\n  seen: {error}\n  \
             fix:  set it to a level such as `info`, or unset it\n"
        ));
        return Exit::Configuration;
    }
    log_warnings(&report);
    log_modes(&generation);
    let sites = generation.sites.len();
    let drain_timeout = generation.config.runtime.drain_timeout;
    let stop = Stop::default();
    let bound = match App::bind(generation, stop.clone()) {
        Ok(bound) => bound,
        Err(error) => {
            error!("{error}");
            return Exit::Runtime;
        }
    };
    if let Err(error) = process::watch(stop, drain_timeout) {
        error!(%error, "signals cannot be caught");
        return Exit::Runtime;
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

/// A gateway that starts says what somebody should look at where its operator looks: in the log.
fn log_warnings(report: &Report) {
    let file = report.path().display().to_string();
    for problem in report.problems() {
        if problem.severity == Severity::Warning {
            let line = problem.place.as_ref().map(|place| place.line);
            let (seen, why) = (problem.seen.as_deref(), problem.why.as_deref());
            let fix = problem.fix.as_deref();
            warn!(file, line, seen, why, fix, "{}", problem.what);
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
