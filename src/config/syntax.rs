//! Text to a spanned TOML tree, and what is wrong where the text is no TOML.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, Error};

use super::foreign;
use super::report::Report;
use super::withheld;

/// A tree, and how far it can be trusted.
#[derive(Debug)]
pub(super) struct Syntax<'a> {
    /// The tree; `None` where the mistakes leave no saying what belongs to what.
    pub(super) tree: Option<Spanned<DeTable<'a>>>,
    /// What has been complained of, so that the values there are not judged again.
    pub(super) broken: Vec<Range<usize>>,
    /// Whether everything in the text is in the tree.
    pub(super) whole: bool,
}

/// Parses `text` and reports every mistake in its syntax.
pub(super) fn parse<'a>(text: &'a str, report: &mut Report) -> Syntax<'a> {
    let (tree, errors) = DeTable::parse_recoverable(text);
    let mut errors: Vec<_> = errors
        .iter()
        .map(|error| (error.span().unwrap_or(text.len()..text.len()), error))
        .collect();
    errors.sort_by_key(|(span, _)| span.start);
    if errors
        .iter()
        .any(|(span, _)| withheld::begins_private_key(line_at(text, line_start(text, span.start))))
    {
        report
            .error_nowhere("this is a private key, not a configuration")
            .fix("name the configuration with `--config FILE`, and the key in it as `private_key`");
        return Syntax { tree: None, broken: Vec::new(), whole: false };
    }
    let mut broken = Vec::new();
    let mut harm = Harm::Nothing;
    let mut last_line = None;
    let mut is_foreign = false;
    for (span, error) in errors {
        let line = line_start(text, span.start);
        // The parser often stumbles twice over one mistake; the first time says more.
        if last_line.replace(line) == Some(line) {
            continue;
        }
        let mistake = judge(text, line, &span, error, report);
        harm = harm.max(mistake.harm);
        // The end of a block whose lines were answered already says nothing new.
        if !(is_foreign && is_end_of_block(line_at(text, line))) {
            is_foreign = mistake.is_foreign;
            report.error(&span, mistake.what).fix(mistake.fix);
        }
        broken.push(span);
        if harm == Harm::Rest {
            break;
        }
    }
    Syntax { tree: (harm <= Harm::Table).then_some(tree), broken, whole: harm <= Harm::Value }
}

/// How much a mistake spoils.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Harm {
    Nothing,
    /// One value.
    Value,
    /// One table, which is not in the tree.
    Table,
    /// One line, which may be the header of what follows: the tree says too little.
    Line,
    /// Everything that follows: further mistakes may be none.
    Rest,
}

struct Mistake {
    what: String,
    fix: String,
    harm: Harm,
    /// Whether it is a line of another server's configuration.
    is_foreign: bool,
}

impl Mistake {
    fn new(harm: Harm, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { what: what.into(), fix: fix.into(), harm, is_foreign: false }
    }
}

/// Translates the library's `what, expected a, b` into what to write instead.
fn judge(
    text: &str,
    line_start: usize,
    span: &Range<usize>,
    error: &Error,
    report: &Report,
) -> Mistake {
    let message = error.message();
    let (what, expected) = message.split_once(", expected ").unwrap_or((message, ""));
    let line = line_at(text, line_start);
    let written = match report.withholds(span) {
        true => withheld::MARK,
        false => text.get(span.clone()).unwrap_or_default(),
    };
    match (what, expected) {
        ("duplicate key", _) if line.starts_with("[[") => Mistake::new(
            Harm::Table,
            format!("{} stands below a table that takes its name", header(line)),
            format!(
                "write {} first, in double brackets every time, and the tables inside it below",
                header(line)
            ),
        ),
        ("duplicate key", _) if line.starts_with('[') => Mistake::new(
            Harm::Table,
            format!("the table {} is written twice", header(line)),
            "keep one, with the keys of both",
        ),
        ("duplicate key", _) => Mistake::new(
            Harm::Value,
            format!("the key `{written}` is written twice in one table"),
            "keep one of the two lines",
        ),
        ("string values must be quoted", _) => Mistake::new(
            Harm::Value,
            "a text without quotes",
            format!("put it in double quotes: `\"{written}\"`"),
        ),
        ("invalid basic string" | "invalid literal string", "`\"`" | "`'`") => {
            Mistake::new(Harm::Line, "quotes that are not closed", format!("write {expected} here"))
        }
        ("missing escaped value", _) | (_, "unicode hexadecimal value") => Mistake::new(
            Harm::Value,
            "a backslash in double quotes, where it begins a special character",
            "write `\\\\` for a backslash, or put the text in single quotes",
        ),
        ("missing comma between array elements" | "unclosed array", _) => Mistake::new(
            Harm::Rest,
            "a list that is not closed, or lacks a comma",
            "write `,` or `]` before this",
        ),
        _ if what.contains("table") || what.contains("multi-line") || what.contains("array") => {
            Mistake::new(Harm::Rest, format!("not TOML: {what}"), instead(expected))
        }
        _ if is_end_of_block(line) => Mistake::new(
            Harm::Line,
            format!("not TOML: `{line}` ends nothing here"),
            "remove it: a table ends where the next one begins",
        ),
        _ => line_of_another_language(line).unwrap_or_else(|| {
            Mistake::new(Harm::Line, format!("not TOML: {what}"), instead(expected))
        }),
    }
}

/// A line such as nginx's `listen 443 ssl;` or Apache's `SSLVerifyClient require`.
fn line_of_another_language(line: &str) -> Option<Mistake> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name = line.trim_start_matches('<').split(|c| !is_part(c)).next()?;
    let word = foreign::word(name)?;
    let what = format!("not TOML: a line of another server's configuration, `{name}`");
    Some(Mistake { is_foreign: true, ..Mistake::new(Harm::Line, what, word.fix) })
}

/// Whether a line only ends a block of nginx or Apache: `}`, `</VirtualHost>`.
fn is_end_of_block(line: &str) -> bool {
    line == "}" || line.starts_with("</")
}

fn instead(expected: &str) -> String {
    match expected {
        "" => "write tables as `[name]` and keys as `name = value`, one a line".to_owned(),
        "`=`" => "write keys as `name = value`".to_owned(),
        expected => format!("write {} here", expected.replace(", ", " or ")),
    }
}

/// Where the line starts that holds the byte `at`.
fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1)
}

/// The line that starts at the byte `start`, without the space around it.
fn line_at(text: &str, start: usize) -> &str {
    let rest = text.get(start..).unwrap_or_default();
    rest.lines().next().unwrap_or_default().trim()
}

/// The header on a line, without what follows it, in backticks.
fn header(line: &str) -> String {
    let end = line.rfind(']').map_or(line.len(), |at| at + 1);
    format!("`{}`", line.get(..end).unwrap_or(line))
}
