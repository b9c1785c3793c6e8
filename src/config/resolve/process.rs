//! `[runtime]`, `[log]` and `[limits]`: what the process as a whole does.

use std::num::NonZeroUsize;

use toml::de::DeValue;

use crate::config::model::{Limits, Log, LogFormat, Runtime};
use crate::config::raw::{Table, Wrong};
use crate::config::report::Located;

/// More worker threads than any machine has use for.
const WORKERS_MAX: usize = 1024;

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
    Runtime {
        workers: workers.and_then(|workers| workers.value),
        drain_timeout: table.duration("drain_timeout"),
        watch: table.bool("watch"),
        control_socket: table.path("control_socket").map(|path| path.value),
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
        handshake_timeout: table.duration("handshake_timeout"),
    }
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
