//! The sites: what each serves, how long its certificates live, whom it believes, and how its app does.

use std::fmt::Write as _;

use crate::admin::snapshot::Snapshot;
use crate::config::{Located, Rule};
use crate::generation::{Site, Term};
use crate::identity::timestamp_text;
use crate::policy::Stage;

use super::escape::Escaped;
use super::page::{ago, bytes, count, seconds};
use super::plot::life_bar;
use super::warnings::{class, left};

/// Certificates and rules that are shown of one site; `/status.json` has all.
const SHOWN_MAX: usize = 24;

/// The section of the page.
pub(super) fn sites(out: &mut String, look: &Snapshot) {
    out.push_str("<section id=\"sites\"><h2>Sites</h2><div class=\"cards\">");
    for site in &look.generation.sites {
        of_site(out, look, site);
    }
    out.push_str("</div></section>");
}

fn of_site(out: &mut String, look: &Snapshot, site: &Site) {
    let (name, client) = (site.name(), &site.config.client);
    _ = write!(out, "<article><h3>{}</h3>", Escaped(name));
    let others = site.config.server_names.iter().skip(1).map(|name| name.value.to_string());
    let others = others.collect::<Vec<_>>().join(", ");
    if !others.is_empty() {
        _ = write!(out, "<p class=\"note\">also {}</p>", Escaped(&others));
    }
    app(out, look, site, name);
    if let Some(totals) = look.sites.get(name) {
        let p95 = totals.exchange.quantile(0.95).map_or_else(|| "–".to_owned(), seconds);
        out.push_str("<dl class=\"facts\">");
        for (name, value) in [
            ("requests", count(totals.requests_all())),
            ("4xx", count(totals.requests_of(4))),
            ("5xx", count(totals.requests_of(5))),
            ("p95", p95),
            ("in", bytes(totals.request_bytes)),
            ("out", bytes(totals.response_bytes)),
        ] {
            _ = write!(out, "<div><dt>{name}</dt><dd>{value}</dd></div>");
        }
        out.push_str("</dl>");
    }
    let terms = &site.facts.terms;
    for term in terms.iter().take(SHOWN_MAX) {
        life(out, look, term);
    }
    more(out, terms.len());
    _ = write!(
        out,
        "<p class=\"note\">Client certificates: <code>{}</code></p>",
        client.mode.as_str()
    );
    rules(out, "allow", &client.allow);
    rules(out, "deny", &client.deny);
    out.push_str("</article>");
}

fn app(out: &mut String, look: &Snapshot, site: &Site, name: &str) {
    let ready = look.readiness.sites.iter().find(|one| one.name == name);
    for one in ready.into_iter().flat_map(|ready| &ready.endpoints) {
        let (class, word) = match (&one.trouble, one.is_out) {
            (Some(_), _) => ("bad", "down"),
            (None, true) => ("bad", "left out"),
            (None, false) => ("good", "up"),
        };
        _ = write!(
            out,
            "<p class=\"app\"><span class=\"dot {class}\"></span><span class=\"sr\">{word}: </span><code>{}{}</code>",
            Escaped(&one.endpoint),
            Escaped(&site.config.upstream.value.base)
        );
        if let Some(counted) = look.endpoints.get(one.endpoint.as_str()) {
            let (failures, retries) = (count(counted.failures), count(counted.retries));
            _ = write!(out, "<span class=\"meta\">{failures} failures · {retries} retries</span>");
        }
        out.push_str("</p>");
        if let Some(trouble) = &one.trouble {
            _ = write!(out, "<p class=\"trouble\">{}</p>", Escaped(trouble));
        } else if one.is_out {
            out.push_str("<p class=\"trouble\">failed too often, and is left out for a while</p>");
        }
    }
}

fn life(out: &mut String, look: &Snapshot, term: &Term) {
    let now = look.now;
    let (class, words, share) = match term.ends {
        None => ("good", "does not run out".to_owned(), 1.0),
        Some(ends) => {
            let days = &look.generation.config.warnings.expiry_days;
            let stage = Stage::of(days, term.begins, ends, now);
            let whole = ends.saturating_sub(term.begins).max(1);
            let share = ends.saturating_sub(now) as f64 / whole as f64;
            (class(stage, ends, now), left(ends, now), share)
        }
    };
    let until = term.ends.map_or_else(String::new, timestamp_text);
    _ = write!(
        out,
        "<div class=\"term\"><p><span class=\"kind\">{}</span><b class=\"{class}\" title=\"{until}\">{words}</b></p>\
         <p class=\"name\" title=\"{}\">{}</p>{}</div>",
        term.kind.title(),
        Escaped(&term.id()),
        Escaped(&term.name),
        life_bar(share, class),
    );
}

fn rules(out: &mut String, word: &str, rules: &[Located<Rule>]) {
    if rules.is_empty() {
        return;
    }
    _ = write!(out, "<ul class=\"rules\">");
    for rule in rules.iter().take(SHOWN_MAX) {
        let rule = rule.value.to_string();
        _ = write!(out, "<li><span class=\"kind\">{word}</span> {}</li>", Escaped(&rule));
    }
    out.push_str("</ul>");
    more(out, rules.len());
}

fn more(out: &mut String, all: usize) {
    if all > SHOWN_MAX {
        let more = all - SHOWN_MAX;
        _ = write!(out, "<p class=\"note\">and {more} more, in <code>/status.json</code></p>");
    }
}

/// The clients that were verified last, and how long their certificates live.
pub(super) fn clients(out: &mut String, look: &Snapshot) {
    out.push_str("<section id=\"clients\"><h2>Clients seen lately</h2>");
    if look.clients.is_empty() {
        out.push_str(
            "<p class=\"empty\">No client has been verified since the start.</p></section>",
        );
        return;
    }
    out.push_str(
        "<table><thead><tr><th>Client</th><th>Site</th><th>Certificate</th><th>Seen</th></tr></thead><tbody>",
    );
    let days = &look.generation.config.warnings.expiry_days;
    for client in &look.clients {
        let stage = Stage::of(days, client.not_before, client.not_after, look.now);
        let class = class(stage, client.not_after, look.now);
        _ = write!(
            out,
            "<tr><td title=\"{}\">{}</td><td>{}</td><td class=\"{class}\" title=\"{}\">{}</td><td>{}</td></tr>",
            client.fingerprint,
            Escaped(&client.name),
            Escaped(&client.site),
            timestamp_text(client.not_after),
            left(client.not_after, look.now),
            ago(look.now - client.seen),
        );
    }
    out.push_str("</tbody></table></section>");
}
