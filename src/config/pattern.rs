//! `pattern` in `[access_log]`: text with `$names` in it, as nginx has them. A name that nobody knows is a
//! mistake, not an empty field.

use std::ops::Range;

use super::model::{AccessField, AccessFormat, AccessPattern, AccessPiece, Quoted};
use super::raw::Wrong;
use super::unknown::nearest;

/// The longest pattern; it is there to be read.
const BYTES_MAX: usize = 4096;

/// What nginx and Apache call `combined`.
const COMBINED: &str = "$peer_address - $identity [$time_local] \"$method $path $version\" $status $response_bytes \
                        \"$referer\" \"$user_agent\"";

/// nginx's variables, and what to write for them.
const FOREIGN: &[(&str, &str)] = &[
    ("body_bytes_sent", "$response_bytes"),
    ("bytes_sent", "$response_bytes"),
    ("content_length", "$request_bytes"),
    ("http_host", "$host"),
    ("http_referer", "$referer"),
    ("http_user_agent", "$user_agent"),
    ("msec", "$timestamp"),
    ("proxy_protocol_addr", "$peer_address"),
    ("realip_remote_addr", "$balancer"),
    ("remote_addr", "$peer_address"),
    ("remote_port", "$peer"),
    ("remote_user", "$identity"),
    ("request", "$method $path $version"),
    ("request_length", "$request_bytes"),
    ("request_method", "$method"),
    ("request_time", "$total_ms"),
    ("request_uri", "$path"),
    ("server_name", "$site"),
    ("server_protocol", "$version"),
    ("ssl_client_s_dn", "$identity"),
    ("ssl_client_verify", "$verify"),
    ("time_iso8601", "$timestamp"),
    ("upstream_addr", "$upstream"),
    ("upstream_response_time", "$first_byte_ms"),
    ("uri", "$path"),
];

/// What is wrong with a pattern.
#[derive(Debug)]
pub(super) struct PatternError {
    pub(super) wrong: Wrong,
    /// The text to blame, where it is not the whole.
    culprit: Option<String>,
}

impl PatternError {
    fn whole(what: &str, fix: &str) -> Self {
        Self { wrong: Wrong::new(what, fix), culprit: None }
    }

    /// Where to point in a file of which the pattern stands at `span`.
    pub(super) fn place_in(&self, span: &Range<usize>, file: &str) -> Range<usize> {
        let written = file.get(span.clone()).unwrap_or_default();
        // As it is written; what was escaped there is looked for in vain, and the whole is to blame.
        let found = self.culprit.as_ref().and_then(|culprit| {
            // Not where it is but the beginning of a longer name.
            let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let mut places = written.match_indices(culprit.as_str());
            let (at, _) = places.find(|(at, _)| {
                let after = written.get(at + culprit.len()..).unwrap_or_default();
                culprit.ends_with('}') || !after.starts_with(is_part)
            })?;
            Some(span.start + at..span.start + at + culprit.len())
        });
        found.unwrap_or_else(|| span.clone())
    }
}

/// The `combined` format.
pub(super) fn combined() -> AccessPattern {
    // A test holds it to be readable.
    read(COMBINED).unwrap_or_else(|_| AccessPattern { pieces: Vec::new() })
}

impl AccessFormat {
    /// The word for it in `format`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Pattern(pattern) if *pattern == combined() => "combined",
            Self::Pattern(_) => "pattern",
        }
    }
}

/// Reads a pattern: `$name` or `${name}` is a field, `$$` a dollar. All that is wrong is told, each name once.
pub(super) fn read(text: &str) -> Result<AccessPattern, Vec<PatternError>> {
    if text.len() > BYTES_MAX {
        return Err(vec![PatternError::whole(
            "`pattern` is longer than 4096 bytes",
            "write a shorter one",
        )]);
    }
    if text.contains(|c: char| c.is_control() && c != '\t') {
        return Err(vec![PatternError::whole(
            "`pattern` holds a control character",
            "write one line; its end comes by itself",
        )]);
    }
    let mut wrong: Vec<PatternError> = Vec::new();
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut quoted = Quoted::No;
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, dollar) = rest.split_at(at);
        quoted = toggled(quoted, before);
        literal.push_str(before);
        if let Some(after) = dollar.strip_prefix("$$") {
            literal.push('$');
            rest = after;
            continue;
        }
        let (name, after) = name(dollar);
        rest = after;
        match AccessField::named(name) {
            Some(field) => {
                if !literal.is_empty() {
                    pieces.push(AccessPiece::Literal(std::mem::take(&mut literal)));
                }
                pieces.push(AccessPiece::Field(field, quoted));
            }
            None => {
                let error = if name.is_empty() { nameless() } else { unknown(name, dollar) };
                if wrong.iter().all(|other| other.culprit != error.culprit) {
                    wrong.push(error);
                }
            }
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    literal.push_str(rest);
    if pieces.is_empty() {
        let fix = "name fields by a `$` (Apache's `%` means nothing here), such as \
                   `$peer_address \"$method $path\" $status`";
        return Err(vec![PatternError::whole("`pattern` names no field", fix)]);
    }
    if !literal.is_empty() {
        pieces.push(AccessPiece::Literal(literal));
    }
    Ok(AccessPattern { pieces })
}

/// Each double quote opens or closes.
fn toggled(quoted: Quoted, text: &str) -> Quoted {
    let is_odd = !text.matches('"').count().is_multiple_of(2);
    match (quoted, is_odd) {
        (Quoted::Yes, true) | (Quoted::No, false) => Quoted::No,
        (Quoted::Yes, false) | (Quoted::No, true) => Quoted::Yes,
    }
}

/// The name behind a dollar, empty if there is none, and what follows it.
fn name(dollar: &str) -> (&str, &str) {
    let behind = dollar.strip_prefix('$').unwrap_or(dollar);
    match behind.strip_prefix('{') {
        Some(inner) => inner.split_once('}').unwrap_or(("", inner)),
        None => {
            let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
            behind.split_at(behind.find(|c| !is_part(c)).unwrap_or(behind.len()))
        }
    }
}

fn nameless() -> PatternError {
    PatternError::whole(
        "a `$` without a name in `pattern`",
        "write `$$` for a dollar, or a name such as `$status`",
    )
}

fn unknown(name: &str, dollar: &str) -> PatternError {
    let foreign = FOREIGN.iter().find(|(known, _)| *known == name);
    let all = AccessField::ALL.iter().map(|field| field.as_str());
    let fix = match (foreign, nearest(name, all.clone())) {
        (Some((_, ours)), _) => format!("write `{ours}`"),
        (None, Some(ours)) => format!("did you mean `${ours}`?"),
        (None, None) => {
            let all: Vec<_> = all.map(|name| format!("`${name}`")).collect();
            format!("write one of {}", all.join(", "))
        }
    };
    let written =
        if dollar.starts_with("${") { format!("${{{name}}}") } else { format!("${name}") };
    let wrong =
        Wrong::new(format!("`pattern` knows no `${name}`"), fix).seen(format!("`{written}`"));
    PatternError { wrong, culprit: Some(written) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_end_where_no_letter_follows_and_braces_end_them_anywhere() {
        let pieces = read("$status,${code}x $$5 \"$path\" $host").unwrap().pieces;
        let literal = |text: &str| AccessPiece::Literal(text.to_owned());
        assert_eq!(
            pieces,
            [
                AccessPiece::Field(AccessField::Status, Quoted::No),
                literal(","),
                AccessPiece::Field(AccessField::Code, Quoted::No),
                literal("x $5 \""),
                AccessPiece::Field(AccessField::Path, Quoted::Yes),
                literal("\" "),
                AccessPiece::Field(AccessField::Host, Quoted::No),
            ]
        );
    }

    #[test]
    fn all_that_is_wrong_is_told_and_each_name_once() {
        let of = |text: &str| -> Vec<_> {
            read(text).unwrap_err().into_iter().map(|error| error.culprit).collect()
        };
        let said =
            |names: &[&str]| names.iter().map(|name| Some((*name).to_owned())).collect::<Vec<_>>();
        assert_eq!(
            of("$remote_addr $status ${request} $x $x"),
            said(&["$remote_addr", "${request}", "$x"])
        );
        assert_eq!(of("$ $status ${"), [None]);
    }

    #[test]
    fn combined_can_be_read() {
        assert_eq!(combined().pieces.len(), 20);
        assert_eq!(AccessFormat::Pattern(combined()).as_str(), "combined");
        assert_eq!(AccessFormat::Pattern(read("$status").unwrap()).as_str(), "pattern");
    }

    #[test]
    fn what_nginx_calls_otherwise_has_a_name_here() {
        for (_, ours) in FOREIGN {
            read(ours).unwrap();
        }
    }

    proptest! {
        #[test]
        fn no_pattern_panics(text in "\\PC{0,40}", like in "(\\$|\\{|\\}|\"| |status|path){0,20}") {
            for text in [text, like] {
                if let Err(errors) = read(&text) {
                    prop_assert!(!errors.is_empty());
                    prop_assert!(errors.iter().all(|error| !error.wrong.fix.is_empty()));
                }
            }
        }
    }
}
