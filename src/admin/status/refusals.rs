//! The clients that were refused last, each with all that explains it.

use std::fmt::Write as _;

use crate::admin::snapshot::Snapshot;
use crate::identity::timestamp_text;
use crate::observe::RefusalEvent;

use super::escape::{Escaped, Prose};
use super::page::{ago, count};

/// How many are shown.
pub(super) const SHOWN_MAX: usize = 50;

/// The section of the page.
pub(super) fn refusals(out: &mut String, look: &Snapshot) {
    let all: u64 = look.refusals.iter().map(|(_, count)| count).sum();
    out.push_str("<section id=\"refusals\"><h2>Refused clients</h2>");
    if all == 0 {
        out.push_str("<p class=\"empty\">Nobody has been refused since the start.</p></section>");
        return;
    }
    out.push_str("<ul class=\"chips\">");
    let mut counts: Vec<_> = look.refusals.iter().filter(|(_, count)| *count > 0).collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    for (reason, number) in counts {
        _ = write!(out, "<li>{reason} <b>{}</b></li>", count(*number));
    }
    out.push_str("</ul>");
    if look.untold > 0 {
        let untold = count(look.untold);
        _ = write!(
            out,
            "<p class=\"note\">{untold} of them had no line of their own in the log.</p>"
        );
    }
    out.push_str("<div class=\"list\">");
    for event in look.last_refusals.iter().take(SHOWN_MAX) {
        refusal(out, look, event);
    }
    out.push_str("</div></section>");
}

fn refusal(out: &mut String, look: &Snapshot, event: &RefusalEvent) {
    let (facts, refusal) = (&event.facts, &event.refusal);
    let (peer, at) = (facts.peer, event.at);
    _ = write!(
        out,
        "<details id=\"r{at}-{}-{}\"><summary><span class=\"tag\">{}</span>\
         <span class=\"what\">The client {}.</span>\
         <span class=\"meta\">{} · <time datetime=\"{}\">{}</time></span></summary><dl>",
        peer.port(),
        refusal.reason,
        refusal.reason,
        Prose(&refusal.sentence),
        Escaped(&peer.ip().to_string()),
        timestamp_text(at),
        ago(look.now - at),
    );
    let suppressed = match event.suppressed {
        0 => String::new(),
        more => format!("{more} more since the last one that was told"),
    };
    let chain = refusal.chain.join("\n");
    let came = format!("{peer}, to {}", facts.local);
    for (name, value) in [
        ("What to change", refusal.advice.as_str()),
        ("Nearest CA", refusal.nearest.as_deref().unwrap_or_default()),
        ("Presented", &chain),
        ("Server name", facts.server_name.as_deref().unwrap_or_default()),
        ("Came from", &came),
        ("When", &timestamp_text(at)),
        ("TLS versions", &facts.offered.versions.join(", ")),
        ("ALPN", &facts.offered.alpn.join(", ")),
        ("Groups", &facts.offered.groups.join(", ")),
        ("Signatures", &facts.offered.signature_schemes.join(", ")),
        ("Like it", &suppressed),
    ] {
        if !value.is_empty() {
            _ = write!(out, "<dt>{name}</dt><dd>{}</dd>", Prose(value));
        }
    }
    if event.live {
        out.push_str("<dt>Before</dt><dd>It had been let in, and lost its standing.</dd>");
    }
    out.push_str("</dl></details>");
}
