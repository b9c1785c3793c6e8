//! What somebody should look at, at the top of the page: what is about to run out, and clients that came with another
//! certificate than before. Where there is nothing, nothing is shown.

use std::fmt::Write as _;

use crate::admin::snapshot::Snapshot;
use crate::admin::warnings::Warning;
use crate::identity::timestamp_text;
use crate::observe::IdentityChange;
use crate::policy::Stage;

use super::escape::Escaped;
use super::page::{ago, span};

/// How many of each are shown; `/status.json` has all.
const SHOWN_MAX: usize = 12;

/// The class of something by how near its end is, both in Unix time.
pub(super) fn class(stage: Option<Stage>, ends: i64, now: i64) -> &'static str {
    match stage {
        _ if ends < now => "bad",
        Some(stage) if stage.is_urgent() => "bad",
        Some(_) => "warn",
        None => "good",
    }
}

/// How much is left, in words.
pub(super) fn left(ends: i64, now: i64) -> String {
    let left = ends.saturating_sub(now);
    if left < 0 {
        format!("ended {}", ago(left.saturating_neg()))
    } else {
        format!("{} left", span(left))
    }
}

/// What is about to run out.
pub(super) fn warnings(out: &mut String, look: &Snapshot) {
    if look.warnings.is_empty() {
        return;
    }
    out.push_str("<section id=\"warnings\"><h2>Runs out soon</h2><div class=\"list alerts\">");
    for warning in look.warnings.iter().take(SHOWN_MAX) {
        alert(out, look.now, warning);
    }
    out.push_str("</div>");
    more(out, look.warnings.len());
    out.push_str("</section>");
}

fn alert(out: &mut String, now: i64, warning: &Warning) {
    let class = class(Some(warning.stage), warning.ends, now);
    let place = match &warning.file {
        Some(file) => format!("{} · {file}", warning.sites.join(", ")),
        None => warning.sites.join(", "),
    };
    _ = write!(
        out,
        "<div class=\"alert\"><p><span class=\"tag {class}\">{}</span><b class=\"{class}\" title=\"{}\">{}</b></p>\
         <p class=\"what\">{}</p><p class=\"meta\">{}</p><p class=\"advice\">{}</p></div>",
        warning.title,
        timestamp_text(warning.ends),
        left(warning.ends, now),
        Escaped(&warning.name),
        Escaped(&place),
        Escaped(&sentence(warning.advice)),
    );
}

/// Clients that came with another certificate.
pub(super) fn changes(out: &mut String, look: &Snapshot) {
    if look.changes.is_empty() {
        return;
    }
    out.push_str(
        "<section id=\"drift\"><h2>Clients with another certificate than before</h2><div class=\"list\">",
    );
    for change in look.changes.iter().take(SHOWN_MAX) {
        of_client(out, look.now, change);
    }
    out.push_str("</div>");
    more(out, look.changes.len());
    out.push_str("</section>");
}

fn of_client(out: &mut String, now: i64, change: &IdentityChange) {
    let (class, tag) = if change.is_renewal() { ("good", "renewed") } else { ("warn", "changed") };
    let (before, after, at) = (change.before(), change.after(), change.at);
    _ = write!(
        out,
        "<details id=\"d{at}-{}\"><summary><span class=\"tag {class}\">{tag}</span>\
         <span class=\"what\"><b>{}</b> {}.</span>\
         <span class=\"meta\">{} · <time datetime=\"{}\">{}</time></span></summary><dl>",
        Escaped(after.fingerprint.get(..16).unwrap_or_default()),
        Escaped(&change.name),
        Escaped(&change.sentence()),
        Escaped(&change.site),
        timestamp_text(at),
        ago(now - at),
    );
    let came = change.peer.to_string();
    let suppressed = match change.suppressed {
        0 => String::new(),
        more => format!("{more} changes of it before this one were not told"),
    };
    for (name, before, after) in [
        ("Issuer", before.issuer.as_str(), after.issuer.as_str()),
        ("Names", &before.san, &after.san),
        ("Key", &before.key, &after.key),
        ("Certificate", &before.fingerprint, &after.fingerprint),
        ("Until", &timestamp_text(before.not_after), &timestamp_text(after.not_after)),
        ("Came from", &came, &came),
        ("Like it", &suppressed, &suppressed),
    ] {
        match (before, after) {
            ("", "") => {}
            _ if before == after => {
                _ = write!(out, "<dt>{name}</dt><dd>{}</dd>", Escaped(after));
            }
            _ => {
                let shown = |text: &str| if text.is_empty() { "none" } else { text }.to_owned();
                _ = write!(
                    out,
                    "<dt>{name}</dt><dd><del>{}</del><ins>{}</ins></dd>",
                    Escaped(&shown(before)),
                    Escaped(&shown(after)),
                );
            }
        }
    }
    out.push_str("</dl></details>");
}

fn more(out: &mut String, all: usize) {
    if all > SHOWN_MAX {
        let more = all - SHOWN_MAX;
        _ = write!(out, "<p class=\"note\">and {more} more, in <code>/status.json</code></p>");
    }
}

/// A text as a sentence of its own.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), characters.as_str())
}
