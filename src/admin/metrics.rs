//! The metrics: every family once, and what is in it. `docs/reference/metrics.md` has the same table; a test holds
//! the two together.

use crate::generation::Kind;
use crate::observe::CHANGES;
use crate::observe::metrics::{CLASSES, GROUPS, Lengths, METHODS, SiteTotals, VERSIONS};

use super::snapshot::Snapshot;
use super::text::Text;
use super::warnings::kinds;

/// One family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// Its name, with unit and `_total` as Prometheus has them.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it tells, in a sentence.
    pub help: &'static str,
}

/// Makes constants of families, and the list of them all in this order.
macro_rules! families {
    ($($id:ident = $kind:literal $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(const $id: Family = Family {
            name: $name,
            kind: $kind,
            labels: &[$($label),*],
            help: $help,
        };)*
        /// Every family, in the order of the page.
        pub const FAMILIES: &[Family] = &[$($id),*];
    };
}

families! {
    BUILD = "gauge" "mtls_gateway_build_info" ["version"] "Always 1; the label has the version.";
    OPEN = "gauge" "mtls_gateway_connections_open" [] "Client connections that are open.";
    ACCEPTED = "counter" "mtls_gateway_connections_accepted_total" [] "Client connections that were accepted.";
    PLAIN = "counter" "mtls_gateway_plain_http_requests_total" ["code"] "Requests in plain HTTP, by what they got: redirect, acme-challenge, or the code of an answer.";
    HANDSHAKES = "counter" "mtls_gateway_handshakes_total" ["site", "version", "group", "resumed"] "TLS handshakes that ended with a client let in.";
    HANDSHAKE = "histogram" "mtls_gateway_handshake_duration_seconds" ["site"] "From accepting a connection to its client let in.";
    REFUSALS = "counter" "mtls_gateway_refusals_total" ["reason"] "Clients that were refused, told in the log or not.";
    UNTOLD = "counter" "mtls_gateway_refusals_suppressed_total" [] "Refusals that got no line of their own in the log.";
    FLOODS = "counter" "mtls_gateway_http2_floods_total" ["reason"] "HTTP/2 connections that were ended for a flood of frames.";
    REQUESTS = "counter" "mtls_gateway_requests_total" ["site", "method", "status"] "Requests whose exchange is over, by class of status.";
    REQUEST_BYTES = "counter" "mtls_gateway_request_body_bytes_total" ["site"] "Bytes of request bodies, of exchanges that are over.";
    RESPONSE_BYTES = "counter" "mtls_gateway_response_body_bytes_total" ["site"] "Bytes of response bodies, of exchanges that are over.";
    FIRST_BYTE = "histogram" "mtls_gateway_first_byte_duration_seconds" ["site"] "From the head of a request to the head of its response.";
    EXCHANGE = "histogram" "mtls_gateway_exchange_duration_seconds" ["site"] "From the head of a request to the end of its response.";
    CONNECT = "histogram" "mtls_gateway_upstream_connect_duration_seconds" ["endpoint"] "Connecting to the app, where that succeeded.";
    FAILURES = "counter" "mtls_gateway_upstream_failures_total" ["endpoint"] "Requests to which the app gave no usable response.";
    RETRIES = "counter" "mtls_gateway_upstream_retries_total" ["endpoint"] "Requests sent once more: after a reused connection had closed, or by `retry`.";
    LATE = "counter" "mtls_gateway_upstream_late_responses_total" ["endpoint"] "Responses that came when the caller had had its answer already, by `callback_budget`.";
    REACHABLE = "gauge" "mtls_gateway_upstream_reachable" ["site", "endpoint"] "Whether the app takes a connection now, 1 or 0.";
    LEFT_OUT = "gauge" "mtls_gateway_upstream_left_out" ["site", "endpoint"] "Whether an endpoint failed too often and is left out for a while, 1 or 0.";
    LOST = "counter" "mtls_gateway_access_log_lines_dropped_total" ["why"] "Access lines that were not written: queue_full or write_failed.";
    RELOADS = "counter" "mtls_gateway_reloads_total" ["outcome"] "Reloads, applied or refused.";
    RELOADED = "gauge" "mtls_gateway_reload_last_successful" [] "Whether the last reload was applied, 1 or 0; 1 before the first.";
    RELOADED_AT = "gauge" "mtls_gateway_reload_last_success_timestamp_seconds" [] "When a reload was applied last, Unix time; 0 before the first.";
    GENERATION = "gauge" "mtls_gateway_generation" [] "The number of the generation in force; the start is 1.";
    CERTIFICATES = "gauge" "mtls_gateway_certificate_not_after_timestamp_seconds" ["kind", "site", "subject", "fingerprint"] "When a certificate of the configuration runs out, Unix time; its kind is server, intermediate, client_ca, upstream or upstream_ca.";
    CLIENTS = "gauge" "mtls_gateway_client_certificate_not_after_timestamp_seconds" ["site", "name", "fingerprint"] "When the certificate of a client runs out, Unix time; the 100 clients that were verified last.";
    LISTS = "gauge" "mtls_gateway_crl_next_update_timestamp_seconds" ["site", "issuer", "file"] "When a revocation list runs out, Unix time.";
    EXPIRING = "gauge" "mtls_gateway_expiry_warnings" ["kind"] "Certificates and lists that are warned of now because they run out; their kind is server, intermediate, client_ca, crl, upstream, upstream_ca or client.";
    CHANGES_SEEN = "counter" "mtls_gateway_client_identity_changes_total" ["site", "what"] "Clients that came with a certificate of another issuer, key or san than before.";
    CPU = "counter" "process_cpu_seconds_total" [] "User and system CPU time of the process.";
    RESIDENT = "gauge" "process_resident_memory_bytes" [] "Memory of the process that is in RAM.";
    VIRTUAL = "gauge" "process_virtual_memory_bytes" [] "Address space of the process.";
    FDS = "gauge" "process_open_fds" [] "File descriptors that are open.";
    FDS_MAX = "gauge" "process_max_fds" [] "File descriptors that may be open.";
    THREADS = "gauge" "process_threads" [] "Threads of the process.";
    STARTED = "gauge" "process_start_time_seconds" [] "When the process started, Unix time.";
}

/// The page.
pub(super) fn text(look: &Snapshot) -> String {
    let mut text = Text::default();
    one(&mut text, &BUILD, &[env!("CARGO_PKG_VERSION")], 1);
    one(&mut text, &OPEN, &[], look.connections_open);
    one(&mut text, &ACCEPTED, &[], look.accepted);
    text.begin(&PLAIN);
    for (code, count) in look.plain {
        text.sample(&PLAIN, &[code], count);
    }
    handshakes(&mut text, look);
    histograms(&mut text, &HANDSHAKE, look, |site| &site.handshake);
    text.begin(&REFUSALS);
    for (reason, count) in look.refusals {
        text.sample(&REFUSALS, &[reason.as_str()], count);
    }
    one(&mut text, &UNTOLD, &[], look.untold);
    text.begin(&FLOODS);
    for (flood, count) in look.floods {
        text.sample(&FLOODS, &[flood.as_str()], count);
    }
    requests(&mut text, look);
    for (family, bytes) in [
        (&REQUEST_BYTES, (|site| site.request_bytes) as fn(&SiteTotals) -> u64),
        (&RESPONSE_BYTES, |site| site.response_bytes),
    ] {
        text.begin(family);
        for (name, site) in &look.sites {
            text.sample(family, &[name], bytes(site));
        }
    }
    histograms(&mut text, &FIRST_BYTE, look, |site| &site.first_byte);
    histograms(&mut text, &EXCHANGE, look, |site| &site.exchange);
    upstreams(&mut text, look);
    text.begin(&LOST);
    text.sample(&LOST, &["queue_full"], look.lost.queue_full);
    text.sample(&LOST, &["write_failed"], look.lost.write_failed);
    reloads(&mut text, look);
    terms(&mut text, look);
    process(&mut text, look);
    text.finish()
}

fn one(text: &mut Text, family: &Family, values: &[&str], value: impl std::fmt::Display) {
    text.begin(family);
    text.sample(family, values, value);
}

fn histograms(
    text: &mut Text,
    family: &Family,
    look: &Snapshot,
    lengths: impl Fn(&SiteTotals) -> &Lengths,
) {
    text.begin(family);
    for (name, site) in &look.sites {
        text.histogram(family, &[name], lengths(site));
    }
}

/// Only what has occurred: most versions and groups never meet.
fn handshakes(text: &mut Text, look: &Snapshot) {
    text.begin(&HANDSHAKES);
    for (name, site) in &look.sites {
        for (version, groups) in VERSIONS.iter().zip(&site.handshakes) {
            for (group, counts) in GROUPS.iter().zip(groups) {
                for (resumed, count) in ["false", "true"].iter().zip(counts) {
                    if *count > 0 {
                        text.sample(&HANDSHAKES, &[name, version, group, resumed], count);
                    }
                }
            }
        }
    }
}

fn requests(text: &mut Text, look: &Snapshot) {
    text.begin(&REQUESTS);
    for (name, site) in &look.sites {
        for (method, classes) in METHODS.iter().zip(&site.requests) {
            for (class, count) in CLASSES.iter().zip(classes) {
                if *count > 0 {
                    text.sample(&REQUESTS, &[name, method, class], count);
                }
            }
        }
    }
}

fn upstreams(text: &mut Text, look: &Snapshot) {
    text.begin(&CONNECT);
    for (name, endpoint) in &look.endpoints {
        text.histogram(&CONNECT, &[name], &endpoint.connected);
    }
    text.begin(&FAILURES);
    for (name, endpoint) in &look.endpoints {
        text.sample(&FAILURES, &[name], endpoint.failures);
    }
    text.begin(&RETRIES);
    for (name, endpoint) in &look.endpoints {
        text.sample(&RETRIES, &[name], endpoint.retries);
    }
    text.begin(&LATE);
    for (name, endpoint) in &look.endpoints {
        text.sample(&LATE, &[name], endpoint.late);
    }
    let of_sites = || {
        let sites = look.readiness.sites.iter();
        sites.flat_map(|site| site.endpoints.iter().map(move |endpoint| (site, endpoint)))
    };
    text.begin(&REACHABLE);
    for (site, one) in of_sites() {
        text.sample(&REACHABLE, &[&site.name, &one.endpoint], u8::from(one.trouble.is_none()));
    }
    text.begin(&LEFT_OUT);
    for (site, one) in of_sites() {
        text.sample(&LEFT_OUT, &[&site.name, &one.endpoint], u8::from(one.is_out));
    }
}

fn reloads(text: &mut Text, look: &Snapshot) {
    let reloaded = &look.reloaded;
    text.begin(&RELOADS);
    text.sample(&RELOADS, &["applied"], reloaded.applied);
    text.sample(&RELOADS, &["refused"], reloaded.refused);
    one(text, &RELOADED, &[], u8::from(reloaded.last_refused.is_none()));
    let at = reloaded.last_applied.as_ref().map_or(0, |reload| reload.at);
    one(text, &RELOADED_AT, &[], at);
    one(text, &GENERATION, &[], look.number);
}

fn terms(text: &mut Text, look: &Snapshot) {
    let sites = || {
        let sites = look.generation.sites.iter();
        sites.flat_map(|site| site.facts.terms.iter().map(|term| (site.name(), term)))
    };
    text.begin(&CERTIFICATES);
    for (site, term) in sites().filter(|(_, term)| term.kind != Kind::Crl) {
        if let Some(ends) = term.ends {
            let labels = [term.kind.as_str(), site, &term.name, &term.id()];
            text.sample(&CERTIFICATES, &labels, ends);
        }
    }
    text.begin(&CLIENTS);
    for client in &look.clients {
        let labels = [&*client.site, &client.name, &client.fingerprint];
        text.sample(&CLIENTS, &labels, client.not_after);
    }
    text.begin(&LISTS);
    // Of several lists of one issuer in one file, the one that runs out first.
    let lists = sites().filter(|(_, term)| term.kind == Kind::Crl);
    let mut lists: Vec<_> =
        lists.filter_map(|(site, term)| Some((term.ends?, site, term))).collect();
    lists.sort_by_key(|(ends, ..)| *ends);
    for (ends, site, term) in lists {
        text.sample(&LISTS, &[site, &term.name, &term.id()], ends);
    }
    text.begin(&EXPIRING);
    for kind in kinds() {
        let count = look.warnings.iter().filter(|warning| warning.kind == kind).count();
        text.sample(&EXPIRING, &[kind], count);
    }
    text.begin(&CHANGES_SEEN);
    for (name, site) in &look.sites {
        for (change, count) in CHANGES.iter().zip(site.changes) {
            text.sample(&CHANGES_SEEN, &[name, change.as_str()], count);
        }
    }
}

fn process(text: &mut Text, look: &Snapshot) {
    let process = &look.process;
    for (family, value) in [
        (&CPU, process.cpu_seconds),
        (&RESIDENT, process.resident_bytes.map(|bytes| bytes as f64)),
        (&VIRTUAL, process.virtual_bytes.map(|bytes| bytes as f64)),
        (&FDS, process.open_fds.map(|count| count as f64)),
        (&FDS_MAX, process.max_fds.map(|count| count as f64)),
        (&THREADS, process.threads.map(|count| count as f64)),
        (&STARTED, Some(look.started as f64)),
    ] {
        if let Some(value) = value {
            one(text, family, &[], value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_prometheus_wants_them() {
        for Family { name, kind, labels, help } in FAMILIES {
            let is_letter = |byte: u8| byte == b'_' || byte.is_ascii_lowercase();
            let is_fine = |name: &str| {
                name.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit())
                    && name.bytes().next().is_some_and(is_letter)
            };
            assert!(is_fine(name) && labels.iter().all(|label| is_fine(label)), "{name}");
            assert_eq!(name.ends_with("_total"), *kind == "counter", "{name}");
            assert_eq!(name.ends_with("_duration_seconds"), *kind == "histogram", "{name}");
            assert!(help.ends_with('.') && !help.contains(['\n', '\\']), "{name}");
            assert_eq!(FAMILIES.iter().filter(|other| other.name == *name).count(), 1, "{name}");
        }
    }
}
