//! `/status`: one page that needs nothing but itself. It is whole without a script; with one it renews itself.
//! Its policy (CSP) lets the browser run this one script and use this one style, by their hashes, and nothing else:
//! should a name in a certificate ever get past the escaping, it would still be inert.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::admin::history::{History, SAMPLE_EVERY, Step};
use crate::admin::snapshot::Snapshot;
use crate::identity::timestamp_text;
use crate::observe::Reload;
use crate::observe::metrics::SiteTotals;

use super::escape::Escaped;
use super::plot::{Line, plot};
use super::{refusals, sites, warnings};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// How often the page renews itself without a script, in seconds.
const REFRESH: u32 = 15;

/// What the browser may do with the page.
pub(in crate::admin) fn policy() -> String {
    let hash = |text: &str| STANDARD.encode(digest(&SHA256, text.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

/// The page.
pub(in crate::admin) fn html(look: &Snapshot, history: &History) -> String {
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>mtls-gateway</title>\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <noscript><meta http-equiv=\"refresh\" content=\"{REFRESH}\"></noscript>\
         <style>{STYLE}</style></head><body><main>"
    );
    head(&mut out, look);
    warnings::warnings(&mut out, look);
    warnings::changes(&mut out, look);
    traffic(&mut out, look, &history.steps());
    sites::sites(&mut out, look);
    trust(&mut out, look);
    sites::clients(&mut out, look);
    refusals::refusals(&mut out, look);
    _ = writeln!(
        out,
        "<footer>As of <time>{}</time> · <a href=\"/status.json\">status.json</a> · \
         <a href=\"/metrics\">metrics</a> · <a href=\"/readyz\">readyz</a></footer></main>\
         <script>{SCRIPT}</script></body></html>",
        timestamp_text(look.now)
    );
    out
}

fn head(out: &mut String, look: &Snapshot) {
    let (class, words) = match look.readiness.trouble() {
        None => ("good", "ready".to_owned()),
        Some(trouble) => ("bad", format!("not ready: {trouble}")),
    };
    let listeners = look.readiness.listeners.iter().map(ToString::to_string);
    let listeners = listeners.collect::<Vec<_>>().join(", ");
    let up = span((look.now - look.started).max(0));
    _ = write!(
        out,
        "<header><h1>mtls-gateway</h1><span class=\"pill {class}\"><span class=\"dot\"></span>{}</span>\
         <p class=\"about\">version {} · {} · {} workers · up {up}{}</p></header>",
        Escaped(&words),
        env!("CARGO_PKG_VERSION"),
        Escaped(&listeners),
        look.workers,
        look.process
            .resident_bytes
            .map_or_else(String::new, |resident| format!(" · {} in memory", bytes(resident))),
    );
}

fn traffic(out: &mut String, look: &Snapshot, steps: &[Step]) {
    out.push_str(
        "<section id=\"traffic\"><h2>Traffic, the last 15 minutes</h2><div class=\"tiles\">",
    );
    let values = |value: fn(&Step) -> Option<f64>| steps.iter().map(value).collect::<Vec<_>>();
    let last = steps.last();
    let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), rate);
    let requests = values(|step| Some(step.requests));
    tile(
        out,
        "Requests",
        &format!("{}<small>a second</small>", number(last.map(|step| step.requests))),
        &plot(
            "requests a second over the last 15 minutes",
            &[Line { class: "a", values: requests.clone(), is_filled: true }],
        ),
        &highest(&requests, rate),
    );
    let (median, p95) = (values(|step| step.median), values(|step| step.p95));
    let latest = p95.iter().rev().flatten().next().copied();
    tile(
        out,
        "Latency: <span class=\"key\"></span>median, <span class=\"key b\"></span>95th percentile",
        &latest.map_or_else(|| "–".to_owned(), seconds),
        &plot(
            "duration of exchanges over the last 15 minutes",
            &[
                Line { class: "a", values: median, is_filled: false },
                Line { class: "b", values: p95.clone(), is_filled: false },
            ],
        ),
        &highest(&p95, seconds),
    );
    let refused = values(|step| Some(step.refusals));
    tile(
        out,
        "Refused clients",
        &format!("{}<small>a minute</small>", number(last.map(|step| step.refusals))),
        &plot(
            "refused clients a minute over the last 15 minutes",
            &[Line { class: "r", values: refused.clone(), is_filled: true }],
        ),
        &highest(&refused, rate),
    );
    let all: u64 = look.sites.values().map(SiteTotals::requests_all).sum();
    let refused: u64 = look.refusals.iter().map(|(_, count)| count).sum();
    _ = write!(
        out,
        "</div><dl class=\"facts\"><div><dt>connections open</dt><dd>{}</dd></div><div><dt>accepted</dt><dd>{}</dd></div>\
         <div><dt>requests</dt><dd>{}</dd></div><div><dt>refused</dt><dd>{}</dd></div><div><dt>access lines lost</dt><dd>{}</dd></div></dl></section>",
        look.connections_open,
        count(look.accepted),
        count(all),
        count(refused),
        count(look.lost.all()),
    );
}

/// Titles, numbers and plots are ours, and HTML already.
fn tile(out: &mut String, title: &str, big: &str, plot: &str, highest: &str) {
    let every = SAMPLE_EVERY.as_secs();
    _ = write!(
        out,
        "<div class=\"tile\"><h3>{title}</h3><p class=\"big\">{big}</p>{plot}\
         <p class=\"axis\"><span>15 min ago</span><span>{highest}</span><span>now, each {every} s</span></p></div>"
    );
}

fn highest(values: &[Option<f64>], shown: fn(f64) -> String) -> String {
    let highest = values.iter().flatten().fold(0.0_f64, |highest, value| highest.max(*value));
    format!("highest {}", shown(highest))
}

fn trust(out: &mut String, look: &Snapshot) {
    let reloaded = &look.reloaded;
    _ = write!(
        out,
        "<section id=\"reloads\"><h2>Configuration</h2><div class=\"panel\"><p>Generation <b>{}</b> is in force. \
         Reloads applied: {}, refused: {}.</p>",
        look.number, reloaded.applied, reloaded.refused
    );
    if let Some(failed) = &reloaded.last_refused {
        _ = write!(
            out,
            "<p class=\"trouble\">The last reload, {}, was refused; what was in force before goes on.</p><pre>{}</pre>",
            ago(look.now - failed.at),
            Escaped(failed.report.trim_end())
        );
    }
    if let Some(applied) = &reloaded.last_applied {
        changes(out, look.now, applied);
    }
    out.push_str("</div></section>");
}

fn changes(out: &mut String, now: i64, applied: &Reload) {
    _ = write!(
        out,
        "<p class=\"note\">The last that was applied, {}, changed",
        ago(now - applied.at)
    );
    if applied.changes.is_empty() {
        out.push_str(" nothing.</p>");
    } else {
        out.push_str(":</p><ul class=\"changes\">");
        for change in &applied.changes {
            _ = write!(out, "<li>{}</li>", Escaped(change));
        }
        out.push_str("</ul>");
    }
    if !applied.report.is_empty() {
        _ = write!(
            out,
            "<details id=\"warnings\"><summary>Its warnings</summary><pre>{}</pre></details>",
            Escaped(applied.report.trim_end())
        );
    }
}

/// A length of time in its largest unit.
pub(super) fn span(seconds: i64) -> String {
    let (unit, name) = match seconds {
        ..60 => (1, "s"),
        60..3600 => (60, "min"),
        3600..172_800 => (3600, "h"),
        _ => (86_400, "days"),
    };
    format!("{} {name}", seconds / unit)
}

/// How long something is past.
pub(super) fn ago(seconds: i64) -> String {
    if seconds < 5 { "just now".to_owned() } else { format!("{} ago", span(seconds)) }
}

/// A number with room between its thousands.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            // A narrow space that no line breaks at.
            out.push('\u{202F}');
        }
        out.push(digit);
    }
    out
}

/// A number of bytes.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut size, mut unit) = (bytes as f64, 0);
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && size < 10.0);
    format!("{size:.digits$} {}", UNITS[unit])
}

/// A short length of time.
pub(super) fn seconds(seconds: f64) -> String {
    match seconds {
        _ if seconds <= 0.0 => "0 ms".to_owned(),
        _ if seconds < 0.01 => format!("{:.1} ms", seconds * 1e3),
        _ if seconds < 1.0 => format!("{:.0} ms", seconds * 1e3),
        _ => format!("{seconds:.1} s"),
    }
}

fn rate(number: f64) -> String {
    if number > 0.0 && number < 10.0 { format!("{number:.1}") } else { format!("{number:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(count(1_234_567).replace('\u{202F}', " "), "1 234 567");
        assert_eq!((count(0), count(999)), ("0".into(), "999".into()));
        assert_eq!(
            (bytes(1023), bytes(1536), bytes(20 << 20)),
            ("1023 B".into(), "1.5 KiB".into(), "20 MiB".into())
        );
        assert_eq!(
            (seconds(0.0042), seconds(0.25), seconds(2.0)),
            ("4.2 ms".into(), "250 ms".into(), "2.0 s".into())
        );
        assert_eq!(
            (span(59), span(7200), span(86_400 * 3)),
            ("59 s".into(), "2 h".into(), "3 days".into())
        );
        assert_eq!(
            (ago(1), ago(90), rate(0.25)),
            ("just now".into(), "1 min ago".into(), "0.2".into())
        );
    }

    #[test]
    fn style_and_script_end_where_they_should() {
        assert!(!STYLE.contains('<') && !SCRIPT.contains("</"));
        let policy = policy();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    }
}
