//! `[access_log]`: where access lines go and how they look, with the words of other servers understood.

use std::num::NonZeroUsize;

use crate::config::model::{AccessFormat, AccessLog, AccessTarget, LogFormat};
use crate::config::pattern;
use crate::config::raw::{Reader, Table, Wrong};
use crate::config::report::Located;

/// Lines that may wait, at least and at most.
const QUEUE_MIN: usize = 256;
const QUEUE_MAX: usize = 1_000_000;

/// A word of `format`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Text,
    Json,
    Combined,
    Pattern,
}

/// Reads the table; `log` is the format of the log, which holds where none is written here.
pub(super) fn access_log(mut table: Table<'_>, log: LogFormat, reader: &Reader<'_>) -> AccessLog {
    let target = table.parsed_or_off("target", |text| target(text, reader));
    let format = table.parsed("format", format);
    let is_refused = format.is_none() && table.has("format");
    let pattern = table.parsed("pattern", |text| Ok(text.to_owned()));
    let queue_lines_max = table.integer("queue_lines_max", QUEUE_MIN..=QUEUE_MAX);
    let word = format.as_ref().map(|format| format.value);
    match (&format, &pattern) {
        (Some(format), None) if word == Some(Format::Pattern) && !table.has("pattern") => {
            let wrong = Wrong::new(
                "`format` is `\"pattern\"`, and there is no `pattern`",
                "add below this line\npattern = '$peer_address \"$method $path\" $status $total_ms'",
            );
            reader.wrong(&format.span, wrong);
        }
        (_, Some(pattern)) if word != Some(Format::Pattern) && !is_refused => {
            let wrong = Wrong::new(
                "`pattern` is written, and `format` does not ask for it",
                "write `format = \"pattern\"` in `[access_log]`, or remove `pattern`",
            );
            reader.wrong(&pattern.span, wrong);
        }
        _ => {}
    }
    let own = pattern.and_then(|text| match pattern::read(&text.value) {
        Ok(pattern) => Some(AccessFormat::Pattern(pattern)),
        Err(errors) => {
            for error in errors {
                let span = error.place_in(&text.span, reader.text);
                reader.wrong(&span, error.wrong);
            }
            None
        }
    });
    let format = match (word, log) {
        (Some(Format::Combined), _) => AccessFormat::Pattern(pattern::combined()),
        (Some(Format::Pattern), _) => own.unwrap_or(AccessFormat::Text),
        (Some(Format::Json), _) | (None, LogFormat::Json) => AccessFormat::Json,
        (Some(Format::Text), _) | (None, LogFormat::Text) => AccessFormat::Text,
    };
    AccessLog {
        target: target.unwrap_or_else(|| Located::new(AccessTarget::Stderr, 0..0)),
        format,
        queue_lines_max: NonZeroUsize::new(queue_lines_max).unwrap_or(NonZeroUsize::MIN),
    }
}

fn format(text: &str) -> Result<Format, Wrong> {
    match text {
        "text" => Ok(Format::Text),
        "json" => Ok(Format::Json),
        "combined" => Ok(Format::Combined),
        "pattern" => Ok(Format::Pattern),
        _ if text.contains(['$', '%']) => Err(Wrong::new(
            "`format` is a word, and what a line looks like stands in `pattern`",
            "write `format = \"pattern\"`, and this text as `pattern`",
        )),
        _ => {
            let fix =
                "write `\"text\"`, `\"json\"`, `\"combined\"`, or `\"pattern\"` with a `pattern`";
            Err(Wrong::new(format!("`format` knows no `{text}`"), fix))
        }
    }
}

fn target(text: &str, reader: &Reader<'_>) -> Result<AccessTarget, Wrong> {
    match text {
        // By these names a socket, such as systemd's journal, could not be opened.
        "stderr" | "/dev/stderr" => return Ok(AccessTarget::Stderr),
        "stdout" | "/dev/stdout" => return Ok(AccessTarget::Stdout),
        "off" => return Ok(AccessTarget::Off),
        _ => {}
    }
    let word = text.split([':', ' ']).next().unwrap_or_default().to_lowercase();
    let fix = match word.as_str() {
        "" => "write `\"stderr\"`, `\"stdout\"`, `\"off\"` or a file's path",
        "journal" | "journald" | "systemd" => {
            "write `\"stderr\"`: systemd puts it into the journal"
        }
        "syslog" => {
            "write `\"stderr\"`: systemd puts it into the journal, which can pass it on to a syslog"
        }
        "none" | "false" | "no" => "write `\"off\"`",
        "on" | "true" | "yes" | "console" | "stream" => {
            "write `\"stderr\"`, `\"stdout\"` or a file's path"
        }
        _ if text.starts_with('|') => {
            "write a file's path, or that of a named pipe (`mkfifo`) from which the program reads"
        }
        _ if text.contains('\0') => "write a file's path",
        _ if text.ends_with('/') => "write the path of a file in that folder",
        _ => return Ok(AccessTarget::File(reader.folders.file("target", text)?)),
    };
    Err(Wrong::new(format!("`target` names no place for lines: `{}`", text.escape_debug()), fix))
}
