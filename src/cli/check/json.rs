//! The same for programs: one JSON document, whose keys are always there.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::config::{self, Endpoint, Located, Problem, Report, Rule, TlsVersion};
use crate::generation::Site;
use crate::identity::{Claims, Field, timestamp_text};
use crate::observe::days_left;
use crate::tls::revocation::ListFacts;

use super::{Findings, hex};

/// The document, on lines of its own.
pub(super) fn document(report: &Report, findings: Option<&Findings>) -> String {
    let file = report.path().display().to_string();
    let problems = report.problems();
    let problems: Vec<_> = problems.iter().map(|p| problem(&file, p)).collect();
    let (mut listeners, mut sites, mut workers) = (Vec::new(), Vec::new(), None);
    let mut admin = config::Admin::default();
    let mut expiry_days = Vec::new();
    let (mut lines_target, mut lines_format) = (None, None);
    if let Some(findings) = findings {
        let generation = &findings.generation;
        let configured = &generation.config.listeners;
        listeners.extend(configured.iter().map(|one| listener(one)));
        let all = generation.sites.iter();
        sites.extend(all.map(|one| site(one, &findings.reached, findings.now)));
        workers = Some(generation.workers());
        admin = generation.config.admin.clone();
        let access_log = &generation.config.access_log;
        lines_target = Some(access_log.target.value.to_string());
        lines_format = Some(access_log.format.as_str());
        expiry_days.clone_from(&generation.config.warnings.expiry_days);
    }
    let document = json!({
        "ok": findings.is_some(),
        "file": file,
        "problems": problems,
        "listeners": listeners,
        "workers": workers,
        "admin": {
            "address": admin.address.map(|address| address.value.to_string()),
            "socket": admin.socket.map(|socket| socket.value.display().to_string()),
        },
        "access_log": { "target": lines_target, "format": lines_format },
        "expiry_days": expiry_days,
        "sites": sites,
    });
    format!("{document:#}\n")
}

fn listener(listener: &config::Listener) -> Value {
    let networks = listener.proxy_protocol_from.iter().map(ToString::to_string);
    json!({
        "address": listener.address.value.to_string(),
        "kind": listener.kind.as_str(),
        "proxy_protocol_from": networks.collect::<Vec<_>>(),
    })
}

fn problem(file: &str, problem: &Problem) -> Value {
    let place = problem.place.as_ref();
    json!({
        "severity": problem.severity.as_str(),
        "file": file,
        "line": place.map(|place| place.line),
        "column": place.map(|place| place.column),
        "what": problem.what,
        "seen": problem.seen,
        "why": problem.why,
        "fix": problem.fix,
    })
}

fn site(site: &Site, reached: &HashMap<Endpoint, Result<(), String>>, now: i64) -> Value {
    let names = site.config.server_names.iter();
    let names: Vec<_> = names.map(|name| name.value.to_string()).collect();
    let anchors = site.facts.anchors.iter();
    let pins = site.config.client.pinned_spki_sha256.iter().map(|pin| hex(&pin.value));
    let legacy = site.config.client.accept_legacy.iter();
    let upstream = &site.config.upstream.value;
    let formats = site.config.identity_headers.formats.iter();
    let routes = site.config.written_routes().iter();
    let mut own = upstream.endpoints.iter();
    let is_reachable = own.any(|member| matches!(reached.get(&member.endpoint), Some(Ok(()))));
    let endpoints = site.config.endpoints().into_iter().map(|endpoint| {
        let trouble = reached.get(endpoint).and_then(|reached| reached.as_ref().err());
        json!({ "endpoint": endpoint.to_string(), "reachable": trouble.is_none(), "why": trouble })
    });
    json!({
        "server_names": names,
        "default": site.number == 0,
        "certificate": site.facts.server.first().map(|own| certificate(own, now)),
        "credentials": site.config.credentials().map(|file| file.value.display().to_string()).collect::<Vec<_>>(),
        "publicly_trusted": site.facts.publicly_trusted,
        "client_ca": anchors.map(|ca| certificate(ca, now)).collect::<Vec<_>>(),
        "pinned_spki_sha256": pins.collect::<Vec<_>>(),
        "accept_legacy": legacy.map(|word| word.as_str()).collect::<Vec<_>>(),
        "tls_version_min": version(site.config.tls.version_min),
        "tls_version_max": version(site.config.tls_version_max()),
        "mode": site.config.client.mode.as_str(),
        "refused": site.config.client.refused.as_str(),
        "crl": site.facts.lists.iter().map(list).collect::<Vec<_>>(),
        "allow": site.config.client.allow.iter().map(rule).collect::<Vec<_>>(),
        "deny": site.config.client.deny.iter().map(rule).collect::<Vec<_>>(),
        "routes": routes.map(|route| route.value.to_string()).collect::<Vec<_>>(),
        "identity_headers": formats.map(|format| format.as_str()).collect::<Vec<_>>(),
        "upstream": {
            "address": upstream.shown(),
            "reachable": is_reachable,
            "endpoints": endpoints.collect::<Vec<_>>(),
        },
    })
}

fn version(version: TlsVersion) -> &'static str {
    match version {
        TlsVersion::V1_2 => "1.2",
        TlsVersion::V1_3 => "1.3",
    }
}

fn certificate(claims: &Claims, now: i64) -> Value {
    json!({
        "subject": claims.subject,
        "issuer": claims.issuer,
        "sha256": claims.fingerprint(),
        "not_before": claims.not_before_text(),
        "not_after": claims.not_after_text(),
        "days_left": days_left(claims.not_after, now),
    })
}

fn list(list: &ListFacts) -> Value {
    json!({
        "issuer": list.issuer,
        "file": list.file.display().to_string(),
        "entries": list.entries,
        "next_update": list.next_update.map(timestamp_text),
        "memory": list.memory,
    })
}

/// Every key of a rule, with the list of what will do or nothing.
fn rule(rule: &Located<Rule>) -> Value {
    let conditions = &rule.value.conditions;
    let patterns = |field: Field| {
        let condition = conditions.iter().find(|condition| condition.field == field)?;
        let patterns = condition.any_of.iter().map(ToString::to_string);
        Some(patterns.collect::<Vec<_>>())
    };
    let keys = Field::ALL.map(|field| (field.key().to_owned(), json!(patterns(field))));
    Value::Object(keys.into_iter().collect())
}
