//! What is wrong with a configuration, said to the person who will mend it.
//!
//! A [`Report`] collects every [`Problem`] of one load. Each says where (file, line, column and the
//! line itself with a caret), what is wrong, what was seen, why it matters and how to fix it.
//! Errors stop a start; warnings do not.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::withheld;

/// The text of a configuration file, kept as it was written so that problems can quote it.
#[derive(Debug, Default)]
pub struct Source {
    /// The file's path as the operator gave it.
    pub path: PathBuf,
    /// The file's text, byte for byte.
    pub text: String,
}

/// A value and the bytes of the configuration that set it. Two are equal if their values are, wherever they
/// stand.
#[derive(Clone, Debug)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Byte range in [`Source::text`]; empty for a default that nobody wrote.
    pub span: Range<usize>,
}

impl<T: PartialEq> PartialEq for Located<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Located<T> {}

impl<T> Located<T> {
    /// A value that stands at `span`.
    pub fn new(value: T, span: Range<usize>) -> Self {
        Self { value, span }
    }

    /// The same place with another value.
    pub fn with<U>(&self, value: U) -> Located<U> {
        Located::new(value, self.span.clone())
    }
}

/// How bad a [`Problem`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The gateway does not start.
    Error,
    /// The gateway starts; somebody should look.
    Warning,
}

impl Severity {
    /// The word used in messages and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing that is wrong, and what to do about it.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Whether it stops a start.
    pub severity: Severity,
    /// Line and column (both from 1) in the configuration file, where one is to blame.
    pub place: Option<Place>,
    /// What is wrong, in the operator's words: lower case, no full stop.
    pub what: String,
    /// What was found instead.
    pub seen: Option<String>,
    /// Why it matters.
    pub why: Option<String>,
    /// What to do.
    pub fix: Option<String>,
    /// Whether time alone has brought it: a gateway that runs tells of it when its time comes.
    pub is_of_time: bool,
}

/// A position in the configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The line as written; what may be a secret, and all after it, is left out.
    pub text: String,
    /// How many characters the caret underlines, at least 1.
    pub width: usize,
}

/// All problems of one load, in the order of the file.
#[derive(Debug, Default)]
pub struct Report {
    source: Arc<Source>,
    /// What of its text is not shown.
    withheld: Vec<Range<usize>>,
    problems: Vec<Problem>,
}

impl Report {
    /// An empty report about `source`.
    pub fn new(source: Arc<Source>) -> Self {
        let withheld = withheld::ranges(&source.text);
        Self { source, withheld, problems: Vec::new() }
    }

    /// Another one on the same file, with nothing in it yet.
    pub fn anew(&self) -> Self {
        Self::new(Arc::clone(&self.source))
    }

    /// Adds an error at `span`; the returned entry takes `seen`, `why` and `fix`.
    pub fn error(&mut self, span: &Range<usize>, what: impl Into<String>) -> Entry<'_> {
        let place = self.place(span);
        self.push(Severity::Error, place, what.into())
    }

    /// Adds a warning at `span`.
    pub fn warning(&mut self, span: &Range<usize>, what: impl Into<String>) -> Entry<'_> {
        let place = self.place(span);
        self.push(Severity::Warning, place, what.into())
    }

    /// Adds an error that no place in the file is to blame for, such as a missing file.
    pub fn error_nowhere(&mut self, what: impl Into<String>) -> Entry<'_> {
        self.push(Severity::Error, None, what.into())
    }

    /// Adds a warning that no place in the file is to blame for.
    pub fn warning_nowhere(&mut self, what: impl Into<String>) -> Entry<'_> {
        self.push(Severity::Warning, None, what.into())
    }

    /// The problem that was added last, for completing by whoever knows more of it.
    pub fn last(&mut self) -> Option<Entry<'_>> {
        let problem = self.problems.last_mut()?;
        Some(Entry { problem })
    }

    /// Whether anything here stops a start.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|p| p.severity == Severity::Error)
    }

    /// The problems: errors and warnings in the order of the file, those without a place first.
    pub fn problems(&self) -> Vec<&Problem> {
        let mut all: Vec<_> = self.problems.iter().collect();
        all.sort_by_key(|p| p.place.as_ref().map(|place| (place.line, place.column)));
        all
    }

    /// The path of the configuration that this report is about.
    pub fn path(&self) -> &Path {
        &self.source.path
    }

    /// Whether what stands there may be a secret, and no message may quote it.
    pub(super) fn withholds(&self, span: &Range<usize>) -> bool {
        self.withheld.iter().any(|range| range.start < span.end && span.start < range.end)
    }

    /// `file:line:column` of a span, for messages that mention a second place.
    pub fn position(&self, span: &Range<usize>) -> String {
        match self.place(span) {
            Some(place) => format!("{}:{}:{}", self.path().display(), place.line, place.column),
            None => self.path().display().to_string(),
        }
    }

    fn push(&mut self, severity: Severity, place: Option<Place>, what: String) -> Entry<'_> {
        let problem =
            Problem { severity, place, what, seen: None, why: None, fix: None, is_of_time: false };
        self.problems.push(problem);
        let last = self.problems.len() - 1;
        Entry { problem: &mut self.problems[last] }
    }

    fn place(&self, span: &Range<usize>) -> Option<Place> {
        let text = &self.source.text;
        if text.is_empty() {
            return None;
        }
        let start = floor_boundary(text, span.start);
        let end = floor_boundary(text, span.end.max(start));
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let mut line = text[line_start..line_end].trim_end_matches('\r').to_owned();
        let mut width_end = end.min(line_end).max(start);
        let touches = |range: &&Range<usize>| range.start < line_end && line_start < range.end;
        if let Some(withheld) = self.withheld.iter().find(touches) {
            let from = withheld.start.max(line_start);
            line.truncate(from - line_start);
            line.push_str(withheld::MARK);
            width_end = width_end.min(from).max(start);
        }
        Some(Place {
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            text: line,
            width: text[start..width_end].chars().count().max(1),
        })
    }
}

/// The problem just added, for completing.
pub struct Entry<'a> {
    problem: &'a mut Problem,
}

impl Entry<'_> {
    /// What was found instead.
    pub fn seen(self, seen: impl Into<String>) -> Self {
        self.problem.seen = Some(seen.into());
        self
    }

    /// Why it matters.
    pub fn why(self, why: impl Into<String>) -> Self {
        self.problem.why = Some(why.into());
        self
    }

    /// Time alone has brought it.
    pub fn of_time(self) -> Self {
        self.problem.is_of_time = true;
        self
    }

    /// What to do.
    pub fn fix(self, fix: impl Into<String>) -> Self {
        self.problem.fix = Some(fix.into());
        self
    }
}

/// The nearest character boundary at or before `at`, so that a slice never panics.
fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
