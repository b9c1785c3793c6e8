//! From keys as written to the [`Config`], checking what one key alone cannot tell.
//!
//! One file a topic; each returns what it could make and leaves its problems in the report.

mod access_log;
mod address;
mod admin;
mod answers;
mod client;
mod header_rules;
mod identity_headers;
mod legacy;
mod listener;
mod process;
mod route;
mod server_name;
mod site;
mod template;
mod trust;
mod upgrades;
mod upstream;
mod upstream_tls;

use std::sync::Arc;

use toml::de::DeTable;

use super::keys;
use super::model::{Config, Site};
use super::raw::{Reader, Table};
use super::report::Source;

/// Reads the whole file. The error holds what sites could be made if something that must be there is not.
pub(super) fn config(
    reader: &Reader<'_>,
    source: &Arc<Source>,
    tree: &DeTable<'_>,
) -> Result<Config, Vec<Site>> {
    let top = reader.top(tree);
    let runtime = process::runtime(top.table("runtime"));
    let log = process::log(top.table("log"));
    let access_log = access_log::access_log(top.table("access_log"), log.format, reader);
    let limits = process::limits(top.table("limits"));
    let warnings = process::warnings(top.table("warnings"));
    let listeners = listener::listeners(top.tables("listener"), reader);
    let upstreams = upstream::Named::read(top.tables("upstream"), reader);
    let sites = site::sites(top.tables("site"), &upstreams, reader);
    let are_complete = sites.are_complete && upstreams.are_complete();
    upstreams.finish();
    at_least_one(reader, &top, "listener", "the gateway would listen nowhere");
    at_least_one(reader, &top, "site", "the gateway would answer to nobody");
    let admin = admin::admin(&top, listeners.as_deref().unwrap_or_default(), reader);
    admin::apart(&admin, &runtime, reader);
    let Some(listeners) = listeners.filter(|_| are_complete) else {
        return Err(sites.judgeable);
    };
    let source = Arc::clone(source);
    Ok(Config {
        source,
        runtime,
        log,
        access_log,
        admin,
        limits,
        warnings,
        listeners,
        sites: sites.judgeable,
    })
}

fn at_least_one(reader: &Reader<'_>, top: &Table<'_>, name: &str, why: &str) {
    if top.has(name) || reader.is_meant(name, "") || !reader.whole {
        return;
    }
    let example = keys::table(name).map(keys::smallest).unwrap_or_default();
    let mut report = reader.report.borrow_mut();
    report
        .error_nowhere(format!("there is no `[[{name}]]`"))
        .why(why)
        .fix(format!("add one, for example\n{example}"));
}
