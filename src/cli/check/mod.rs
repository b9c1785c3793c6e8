//! `mtls-gateway check`: load everything that a start would load, and tell.

mod json;
mod text;

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::config::Endpoint;
use crate::generation::{Generation, Loaded};
use crate::process;
use crate::upstream;

use super::print::{palette, print};
use super::{Chosen, Exit, start};

/// How long an app may take to accept a connection before it is noted as out of reach.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// A configuration without errors, and what was found out about it.
struct Findings {
    generation: Generation,
    /// For each endpoint, whether it takes connections now, or the sentence that says why not.
    reached: HashMap<Endpoint, Result<(), String>>,
    /// When it was checked, Unix time.
    now: i64,
}

/// Checks a configuration and prints what there is to say, for people or as JSON.
pub(super) fn check(config: &Chosen, as_json: bool) -> Exit {
    process::forbid_dumps();
    let Loaded { generation, report, .. } = start::load(config);
    let findings = generation.map(|generation| Findings {
        reached: probe(&generation),
        generation,
        now: process::unix_now(),
    });
    if as_json {
        print(&json::document(&report, findings.as_ref()));
    } else {
        let palette = palette(&io::stdout());
        print(&start::render(&report, palette));
        if let Some(findings) = &findings {
            let gap = if report.problems().is_empty() { "" } else { "\n" };
            print(&format!("{gap}{}", text::summary(&report, findings, palette)));
        }
    }
    match findings {
        Some(_) => Exit::Success,
        None => Exit::Configuration,
    }
}

/// Knocks at every endpoint, all at once. An app that is down is no error: gateways start first.
fn probe(generation: &Generation) -> HashMap<Endpoint, Result<(), String>> {
    let of_sites = generation.sites.iter().flat_map(|site| site.config.endpoints());
    let untried = |endpoint: &Endpoint| (endpoint.clone(), Err("it was not tried".to_owned()));
    let mut reached: HashMap<_, _> = of_sites.map(untried).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else {
        return reached;
    };
    runtime.block_on(async {
        let mut probes = JoinSet::new();
        for endpoint in reached.keys().cloned() {
            let (tls, proxy) = generation.way_to(&endpoint);
            probes.spawn(async move {
                let result = upstream::probe(&endpoint, tls.as_deref(), proxy, PROBE_TIMEOUT).await;
                (endpoint, result)
            });
        }
        while let Some(probed) = probes.join_next().await {
            reached.extend(probed);
        }
    });
    // A name that is still being looked up is not waited for.
    runtime.shutdown_background();
    reached
}

/// Lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
