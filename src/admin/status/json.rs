//! `/status.json`: what the page shows, for programs. Fields may be added; none changes its meaning.

use serde_json::{Value, json};

use crate::admin::snapshot::Snapshot;
use crate::admin::warnings::Warning;
use crate::generation::{Site, Term};
use crate::identity::timestamp_text;
use crate::observe::metrics::SiteTotals;
use crate::observe::{Face, IdentityChange, RefusalEvent, Reload};

use super::refusals::SHOWN_MAX;

/// The whole of it.
pub(in crate::admin) fn json(look: &Snapshot) -> Value {
    let sites = look.generation.sites.iter().map(|site| of_site(look, site));
    let refusals = look.refusals.iter().map(|(reason, count)| (reason.to_string(), json!(count)));
    let last = look.last_refusals.iter().take(SHOWN_MAX).map(|event| refusal(event));
    let clients = look.clients.iter().map(|client| {
        json!({
            "site": *client.site,
            "name": client.name,
            "sha256": client.fingerprint,
            "not_after": timestamp_text(client.not_after),
            "seconds_left": client.not_after - look.now,
            "seen": timestamp_text(client.seen),
        })
    });
    let reloaded = &look.reloaded;
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "at": timestamp_text(look.now),
        "readiness": look.readiness.json(),
        "started": timestamp_text(look.started),
        "generation": look.number,
        "workers": look.workers,
        "connections": { "open": look.connections_open, "accepted": look.accepted },
        "warnings": look.warnings.iter().map(|one| warning(look, one)).collect::<Vec<_>>(),
        "identity_changes": look.changes.iter().map(|one| change(one)).collect::<Vec<_>>(),
        "sites": sites.collect::<Vec<_>>(),
        "clients": clients.collect::<Vec<_>>(),
        "refusals": {
            "counts": refusals.collect::<serde_json::Map<_, _>>(),
            "suppressed": look.untold,
            "last": last.collect::<Vec<_>>(),
        },
        "access_lines_dropped": {
            "queue_full": look.lost.queue_full,
            "write_failed": look.lost.write_failed,
        },
        "reloads": {
            "applied": reloaded.applied,
            "refused": reloaded.refused,
            "last_applied": reloaded.last_applied.as_ref().map(reload),
            "last_refused": reloaded.last_refused.as_ref().map(reload),
        },
    })
}

fn warning(look: &Snapshot, one: &Warning) -> Value {
    json!({
        "kind": one.kind,
        "sites": one.sites,
        "name": one.name,
        "issuer": one.issuer,
        "file": one.file,
        "sha256": one.fingerprint,
        "ends": timestamp_text(one.ends),
        "seconds_left": one.ends - look.now,
        "sentence": one.sentence,
        "advice": one.advice,
    })
}

fn change(one: &IdentityChange) -> Value {
    json!({
        "at": timestamp_text(one.at),
        "site": one.site,
        "name": one.name,
        "changed": one.changes().iter().map(|change| change.as_str()).collect::<Vec<_>>(),
        "sentence": one.sentence(),
        "before": face(one.before()),
        "after": face(one.after()),
        "peer": one.peer,
        "suppressed": one.suppressed,
    })
}

fn face(face: &Face) -> Value {
    json!({
        "issuer": face.issuer,
        "san": face.san,
        "spki_sha256": face.key,
        "sha256": face.fingerprint,
        "not_after": timestamp_text(face.not_after),
    })
}

fn of_site(look: &Snapshot, site: &Site) -> Value {
    let (name, client) = (site.name(), &site.config.client);
    let names = site.config.server_names.iter().map(|name| name.value.to_string());
    let totals = look.sites.get(name);
    let ready = look.readiness.sites.iter().find(|one| one.name == name);
    let endpoints = ready.into_iter().flat_map(|ready| &ready.endpoints).map(|one| {
        let counted = look.endpoints.get(one.endpoint.as_str());
        json!({
            "endpoint": one.endpoint,
            "reachable": one.trouble.is_none(),
            "trouble": one.trouble,
            "left_out": one.is_out,
            "failures": counted.map_or(0, |counted| counted.failures),
            "retries": counted.map_or(0, |counted| counted.retries),
            "late_responses": counted.map_or(0, |counted| counted.late),
        })
    });
    let rules = |rules: &[crate::config::Located<crate::config::Rule>]| {
        rules.iter().map(|rule| rule.value.to_string()).collect::<Vec<_>>()
    };
    json!({
        "site": name,
        "server_names": names.collect::<Vec<_>>(),
        "mode": client.mode.as_str(),
        "allow": rules(&client.allow),
        "deny": rules(&client.deny),
        "terms": site.facts.terms.iter().map(|one| term(look, one)).collect::<Vec<_>>(),
        "requests": totals.map_or(0, SiteTotals::requests_all),
        "server_errors": totals.map_or(0, |totals| totals.requests_of(5)),
        "request_body_bytes": totals.map_or(0, |totals| totals.request_bytes),
        "response_body_bytes": totals.map_or(0, |totals| totals.response_bytes),
        "endpoints": endpoints.collect::<Vec<_>>(),
    })
}

fn term(look: &Snapshot, term: &Term) -> Value {
    json!({
        "kind": term.kind.as_str(),
        "name": term.name,
        "id": term.id(),
        "ends": term.ends.map(timestamp_text),
        "seconds_left": term.ends.map(|ends| ends - look.now),
    })
}

fn reload(reload: &Reload) -> Value {
    let at = timestamp_text(reload.at);
    json!({ "at": at, "changes": reload.changes, "report": reload.report })
}

fn refusal(event: &RefusalEvent) -> Value {
    let (facts, refusal) = (&event.facts, &event.refusal);
    json!({
        "at": timestamp_text(event.at),
        "reason": refusal.reason.as_str(),
        "sentence": refusal.sentence,
        "advice": refusal.advice,
        "peer": facts.peer,
        "local": facts.local,
        "sni": facts.server_name,
        "versions": facts.offered.versions,
        "alpn": facts.offered.alpn,
        "groups": facts.offered.groups,
        "signature_schemes": facts.offered.signature_schemes,
        "nearest": refusal.nearest,
        "chain": refusal.chain,
        "live": event.live,
        "suppressed": event.suppressed,
    })
}
