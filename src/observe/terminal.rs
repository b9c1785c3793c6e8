//! Who watches a stream: a person at a terminal who wants colours, or a file, a pipe, the journal.

use std::io::IsTerminal;

/// Whether to write to a stream in colour: only to a terminal, and not for whoever set `NO_COLOR`
/// (no-color.org) or has a terminal that cannot show it.
pub fn is_coloured(stream: &impl IsTerminal) -> bool {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let is_dumb = set("TERM").is_some_and(|term| term == "dumb");
    stream.is_terminal() && set("NO_COLOR").is_none() && !is_dumb
}
