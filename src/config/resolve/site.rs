//! `[[site]]`: names, files, app, clients and limits, and no name twice.

use std::collections::HashMap;
use std::num::{NonZeroU32, NonZeroU64};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::address::is_local;
use super::answers::answers;
use super::client::client;
use super::identity_headers::identity_headers;
use super::legacy;
use super::route::{OfSite, routes};
use super::server_name::server_name;
use super::trust;
use super::upgrades::upgrades;
use super::upstream::Named;
use crate::config::model::{
    Endpoint, ServerName, Site, SiteLimits, Timeouts, Tls, TlsVersion, Upstream,
};
use crate::config::raw::{Reader, Table, Wrong};
use crate::config::report::Located;

/// All sites, as far as they could be made.
pub(super) struct Sites {
    /// Those with the names of their files, which can be judged even where something else is wrong.
    pub(super) judgeable: Vec<Site>,
    /// Whether these are all sites, and nothing in them is made up.
    pub(super) are_complete: bool,
}

/// Reads all sites.
pub(super) fn sites(tables: Vec<Table<'_>>, upstreams: &Named<'_>, reader: &Reader<'_>) -> Sites {
    let mut taken = HashMap::new();
    let mut sites = Sites { judgeable: Vec::with_capacity(tables.len()), are_complete: true };
    for (number, table) in tables.into_iter().enumerate() {
        let (site, is_complete) = site(table, number, &mut taken, upstreams, reader);
        sites.are_complete &= is_complete && site.is_some();
        sites.judgeable.extend(site);
    }
    sites
}

/// Where each name was first written, and in which site.
type Taken = HashMap<ServerName, (usize, Range<usize>)>;

fn site(
    mut table: Table<'_>,
    number: usize,
    taken: &mut Taken,
    upstreams: &Named<'_>,
    reader: &Reader<'_>,
) -> (Option<Site>, bool) {
    let server_names = table.list("server_names", server_name);
    for name in server_names.iter().flatten() {
        unique(name, number, taken, reader);
    }
    let certificate = table.path("certificate");
    let private_key = table.path("private_key");
    let private_key_passphrase_file = table.path("private_key_passphrase_file");
    let client_table = table.table("client");
    let client_ca =
        trust::client_ca(&mut table, client_table.span("pinned_spki_sha256").as_ref(), reader);
    let upstream = upstreams.upstream(&mut table);
    let allow_plaintext = table.bool("allow_plaintext_upstream");
    if let Some(upstream) = upstream.as_ref().filter(|_| !allow_plaintext) {
        stays_here(upstream, reader);
    }
    let client = client(client_table, reader);
    let identity_headers = identity_headers(table.table("identity_headers"), reader);
    let tls_table = table.table("tls");
    let version_span = tls_table.span("version_min");
    let tls = tls(tls_table);
    legacy::version(&client, tls.version_min, version_span, reader);
    let timeouts = timeouts(table.table("timeouts"));
    let limits = limits(table.table("limits"));
    let answers = answers(table.table("answers"), reader);
    let encoded_slashes = table.parsed("encoded_slashes", refuse_or_keep);
    let is_named = server_names.is_some() && upstream.is_some();
    // Stands in so that the site's files can be judged; an incomplete site is never served.
    let upstream = upstream.unwrap_or_else(|| Located::new(nowhere(), 0..0));
    let of_site = OfSite {
        upstream: &upstream,
        limits: &limits,
        timeouts: &timeouts,
        mode: client.mode,
        upgrades: &upgrades(&mut table, reader),
    };
    let judge = |upstream: &Located<Arc<Upstream>>| {
        if !allow_plaintext {
            stays_here(upstream, reader);
        }
    };
    let routes = routes(table.tables("route"), &of_site, upstreams, judge, reader);
    table.finish();
    let is_complete = is_named && routes.is_some();
    let site = || {
        Some(Site {
            server_names: server_names.unwrap_or_default(),
            certificate: certificate?,
            private_key: private_key?,
            private_key_passphrase_file,
            client_ca: client_ca?,
            upstream,
            encoded_slashes: encoded_slashes.is_some_and(|word| word.value),
            routes: routes.unwrap_or_default(),
            answers,
            client,
            identity_headers,
            tls,
            timeouts,
            limits,
        })
    };
    (site(), is_complete)
}

fn nowhere() -> Arc<Upstream> {
    Arc::new(Upstream::plain(Endpoint::Unix(PathBuf::new())))
}

fn unique(name: &Located<ServerName>, site: usize, taken: &mut Taken, reader: &Reader<'_>) {
    let Some((first_site, first)) = taken.get(&name.value) else {
        taken.insert(name.value.clone(), (site, name.span.clone()));
        return;
    };
    let position = reader.report.borrow().position(first);
    let shown = &name.value;
    let wrong = if *first_site == site {
        Wrong::new(format!("`{shown}` is listed twice in this site"), "remove one of the two")
    } else {
        Wrong::new(
            format!("`{shown}` already belongs to another site"),
            "leave each name to one site",
        )
        .why("a request must lead to one site, whose certificates and rules then hold")
    };
    reader.wrong(&name.span, wrong.seen(format!("the first stands at {position}")));
}

/// Refuses to send verified identities where others can read or replace them, unless told to.
fn stays_here(upstream: &Located<Arc<Upstream>>, reader: &Reader<'_>) {
    let endpoints = upstream.value.endpoints.iter().map(|member| &member.endpoint);
    for endpoint in endpoints.filter(|endpoint| !is_local(endpoint)) {
        let seen = match endpoint {
            Endpoint::Tcp { host, .. } if host.parse::<std::net::IpAddr>().is_err() => {
                format!(
                    "`{host}`, a name that may lead to any machine; of names, only `localhost` counts as this one"
                )
            }
            _ => "an address that is not one of this machine's".to_owned(),
        };
        let wrong = Wrong::new(
            format!(
                "upstream `{endpoint}` would carry verified identities in clear text off this machine"
            ),
            "use a loopback or `unix:` address, or set `allow_plaintext_upstream = true` in this `[[site]]` to accept that",
        );
        reader.wrong(&upstream.span, wrong.seen(seen));
    }
}

fn tls(mut table: Table<'_>) -> Tls {
    let version_min = table.parsed("version_min", tls_version);
    let resumption = table.parsed_or_off("resumption", on_or_off);
    Tls {
        version_min: version_min.map_or(TlsVersion::V1_2, |version| version.value),
        resumption: resumption.is_none_or(|resumption| resumption.value),
        session_lifetime: table.duration("session_lifetime"),
    }
}

fn refuse_or_keep(text: &str) -> Result<bool, Wrong> {
    match text {
        "refuse" => Ok(false),
        "keep" => Ok(true),
        _ => Err(Wrong::new(
            format!("`encoded_slashes` knows no `{text}`"),
            "write `\"refuse\"`, or `\"keep\"` where they are part of names for the app",
        )),
    }
}

fn on_or_off(text: &str) -> Result<bool, Wrong> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(Wrong::new(
            format!("`{text}` is neither on nor off"),
            "write `\"on\"` or `\"off\"`",
        )),
    }
}

fn tls_version(text: &str) -> Result<TlsVersion, Wrong> {
    let lower = text.trim().to_ascii_lowercase();
    let number = lower.trim_start_matches("tls").trim_start_matches(['v', ' ', '-']);
    match (text, number) {
        ("1.2", _) => Ok(TlsVersion::V1_2),
        ("1.3", _) => Ok(TlsVersion::V1_3),
        (_, "1.2" | "1.3") => Err(Wrong::new(
            format!("`version_min` knows no `{text}`"),
            format!("write `\"{number}\"`"),
        )),
        (_, "1" | "1.0" | "1.1" | "sslv2" | "sslv3" | "ssl3") => Err(Wrong::new(
            format!("`{text}` cannot be spoken here"),
            "write `\"1.2\"`, and let a client that knows nothing newer be updated",
        )
        .why("it is withdrawn as insecure (RFC 8996), and the TLS library that is used has no code for it")),
        _ => Err(Wrong::new(
            format!("`version_min` knows no `{text}`"),
            "write `\"1.2\"` or `\"1.3\"`, the oldest TLS version to speak",
        )),
    }
}

fn timeouts(mut table: Table<'_>) -> Timeouts {
    within_budget(Timeouts {
        header_timeout: table.duration("header_timeout"),
        idle_timeout: table.duration("idle_timeout"),
        body_idle_timeout: table.duration("body_idle_timeout"),
        body_rate_grace: table.duration("body_rate_grace"),
        upstream_connect_timeout: table.duration("upstream_connect_timeout"),
        response_header_timeout: table.duration("response_header_timeout"),
        exchange_timeout: table.duration_or_none("exchange_timeout"),
        tunnel_idle_timeout: table.duration("tunnel_idle_timeout"),
        untrusted_exchange_timeout: table.duration("untrusted_exchange_timeout"),
        upstream_idle_timeout: table.duration("upstream_idle_timeout"),
        hold_timeout: table.duration_or_none("hold_timeout"),
        callback_budget: table.duration_or_none("callback_budget"),
    })
}

/// A caller that has a budget gets its answer within it, and a request waits for the app as long as it lasts.
pub(super) fn within_budget(timeouts: Timeouts) -> Timeouts {
    let Some(budget) = timeouts.callback_budget else {
        return timeouts;
    };
    let cut = |length: Option<Duration>| Some(length.unwrap_or(budget).min(budget));
    Timeouts {
        exchange_timeout: cut(timeouts.exchange_timeout),
        hold_timeout: cut(timeouts.hold_timeout),
        ..timeouts
    }
}

fn rate(table: &mut Table<'_>, name: &'static str) -> Option<NonZeroU32> {
    table.integer_or_unlimited(name, 1..=1_000_000_u32).and_then(NonZeroU32::new)
}

/// Bytes a second, or `"off"`.
pub(super) fn body_rate_min(table: &mut Table<'_>) -> Option<NonZeroU64> {
    table.size_or_off("body_rate_min").and_then(NonZeroU64::new)
}

fn limits(mut table: Table<'_>) -> SiteLimits {
    let header_bytes = table.size("header_bytes_max", 8 << 10..=1 << 20);
    SiteLimits {
        header_bytes_max: usize::try_from(header_bytes).unwrap_or(usize::MAX),
        header_count_max: table.integer("header_count_max", 1..=1000),
        body_bytes_max: table.size_or_unlimited("body_bytes_max"),
        body_rate_min: body_rate_min(&mut table),
        control_frames_per_second: table.integer("control_frames_per_second", 100..=1_000_000),
        uri_bytes_max: usize::try_from(table.size("uri_bytes_max", 256..=1 << 20))
            .unwrap_or(usize::MAX),
        requests_per_connection_max: table
            .integer_or_unlimited("requests_per_connection_max", 1..=u64::MAX),
        requests_per_minute: rate(&mut table, "requests_per_minute"),
        requests_per_minute_per_client: rate(&mut table, "requests_per_minute_per_client"),
        streams_max: table.integer("streams_max", 1..=10_000),
        sessions_max: table.integer("sessions_max", 1..=1_000_000),
        upstream_idle_max: table.integer("upstream_idle_max", 0..=10_000),
        held_requests_max: table.integer("held_requests_max", 0..=1_000_000),
    }
}
