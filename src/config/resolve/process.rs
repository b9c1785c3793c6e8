//! `[runtime]`, `[log]`, `[limits]` and `[warnings]`: what the process as a whole does.

use std::num::NonZeroUsize;

use toml::de::DeValue;

use crate::config::model::{Limits, Log, LogFormat, Runtime, Sandbox, Warnings};
use crate::config::raw::{Table, Wrong};
use crate::config::report::Located;

/// More worker threads than any machine has use for.
const WORKERS_MAX: usize = 1024;

/// Lengths that a warning can be given before an end, and the longest of them in days: a CA lives for decades.
const EXPIRY_DAYS_COUNT: usize = 8;
const EXPIRY_DAYS_MAX: u16 = 3650;

/// Level words, the quietest first.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

pub(super) fn runtime(mut table: Table<'_>) -> Runtime {
    let workers = table.read("workers", |value| match value {
        DeValue::String(text) if text == "auto" => Ok(None),
        DeValue::Integer(number) => usize::from_str_radix(number.as_str(), number.radix())
            .ok()
            .filter(|number| *number <= WORKERS_MAX)
            .and_then(NonZeroUsize::new)
            .map(Some)
            .ok_or_else(wrong_workers),
        _ => Err(wrong_workers()),
    });
    let sandbox = table.parsed_or_off("sandbox", |text| match text {
        "auto" => Ok(Sandbox::Auto),
        "off" => Ok(Sandbox::Off),
        _ => Err(Wrong::new(
            format!("`sandbox` knows no `{text}`"),
            "write `\"auto\"`, which takes what the kernel offers, or `\"off\"`",
        )),
    });
    Runtime {
        workers: workers.and_then(|workers| workers.value),
        drain_timeout: table.duration("drain_timeout"),
        watch: table.bool("watch"),
        sandbox: sandbox.map_or(Sandbox::Auto, |sandbox| sandbox.value),
        core_dumps: table.bool("core_dumps"),
        control_socket: table.socket("control_socket"),
    }
}

pub(super) fn log(mut table: Table<'_>) -> Log {
    let format = table.parsed("format", |text| match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(Wrong::new(
            format!("`format` knows no `{text}`"),
            "write `\"text\"` for people or `\"json\"` for machines",
        )),
    });
    Log {
        format: format.map_or(LogFormat::Text, |format| format.value),
        level: table.parsed("level", level).unwrap_or_else(|| Located::new(String::new(), 0..0)),
        refusals_per_minute: table.integer_or_unlimited("refusals_per_minute", 1..=1_000_000),
    }
}

pub(super) fn limits(mut table: Table<'_>) -> Limits {
    Limits {
        connections_max: table.integer("connections_max", 1..=1_000_000),
        connections_per_address_max: table
            .integer_or_unlimited("connections_per_address_max", 1..=1_000_000),
        handshakes_max: table.integer("handshakes_max", 1..=1_000_000),
        handshake_timeout: table.duration("handshake_timeout"),
        requests_max: table.integer_or_unlimited("requests_max", 1..=1_000_000),
    }
}

pub(super) fn warnings(mut table: Table<'_>) -> Warnings {
    let mut days = table.integers("expiry_days", &(1..=EXPIRY_DAYS_MAX), EXPIRY_DAYS_COUNT);
    days.sort_unstable();
    days.dedup();
    Warnings { expiry_days: days }
}

fn wrong_workers() -> Wrong {
    Wrong::new(
        "`workers` must be a number of threads or `\"auto\"`",
        format!("write `\"auto\"` or a whole number from 1 to {WORKERS_MAX}"),
    )
}

/// A level word, or directives `target=level` divided by commas; what lies between braces is left
/// to the log itself.
fn level(text: &str) -> Result<String, Wrong> {
    let text = text.trim();
    let directives = text.split(',').filter(|_| !text.contains('['));
    for directive in directives {
        let level = directive.rsplit_once('=').map_or(directive, |(_, level)| level).trim();
        if !LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level)) {
            return Err(Wrong::new(
                format!("`level` knows no `{level}`"),
                format!(
                    "write one of `{}`, or a filter such as `info,mtls_gateway=debug`",
                    LEVELS.join("`, `")
                ),
            ));
        }
    }
    Ok(text.to_owned())
}
