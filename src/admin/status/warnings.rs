//! What somebody should look at, at the top of the page: a reload that failed, what is about to run out, and clients
//! that came with another certificate than before. Where there is nothing, nothing is shown.

use std::fmt::Write as _;

use crate::admin::snapshot::Snapshot;
use crate::identity::timestamp_text;
use crate::observe::IdentityChange;
use crate::policy::Stage;

use super::escape::{Escaped, Prose};
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

/// What somebody has to do: a reload that was refused, and what is about to run out.
pub(super) fn warnings(out: &mut String, look: &Snapshot) {
    let failed = look.reloaded.last_refused.as_ref();
    if look.warnings.is_empty() && failed.is_none() {
        return;
    }
    out.push_str("<section id=\"warnings\"><h2>To do</h2><div class=\"list\">");
    if let Some(failed) = failed {
        let advice = "mend what <a href=\"#reloads\">the report</a> says, and reload";
        let what = "The last reload was refused; what was in force before goes on.";
        alert(out, "bad", ["Configuration", what, &ago(look.now - failed.at)], "", advice);
    }
    for warning in look.warnings.iter().take(SHOWN_MAX) {
        let class = class(Some(warning.stage), warning.ends, look.now);
        let mut place = warning.sites.join(", ");
        if let Some(file) = &warning.file {
            place.push_str(" · ");
            place.push_str(file);
        }
        let left = left(warning.ends, look.now);
        let advice = Prose(warning.advice).to_string();
        alert(out, class, [warning.title, &warning.name, &left], &place, &advice);
    }
    out.push_str("</div>");
    more(out, look.warnings.len());
    out.push_str("</section>");
}

/// One line of it; the advice is HTML already.
fn alert(out: &mut String, class: &str, [title, what, when]: [&str; 3], place: &str, advice: &str) {
    _ = write!(
        out,
        "<div class=\"alert\"><span class=\"tag {class}\">{title}</span><b class=\"when {class}\">{when}</b>\
         <p class=\"what\">{}</p>",
        Escaped(what)
    );
    if !place.is_empty() {
        _ = write!(out, "<p class=\"meta\">{}</p>", Escaped(place));
    }
    _ = write!(out, "<p class=\"advice\">{}.</p></div>", capital(advice));
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

/// A text with a capital letter at its front.
fn capital(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}", first.unwrap_or_default(), characters.as_str())
}
