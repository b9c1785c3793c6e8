//! From a record to a line. Whatever a client sends, a line is one line, and its fields end where the format ends
//! them: each text is escaped in the way of its format.

use std::borrow::Cow;
use std::io::Write as _;
use std::time::{Duration, SystemTime};

use http::Version;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::config::{AccessField, AccessFormat, AccessPattern, AccessPiece, Quoted};
use crate::identity::clip;

use super::record::Record;
use crate::observe::refusal::Balancer;

/// The longest name of a client; certificates have room for far longer ones.
const IDENTITY_MAX: usize = 512;

const TIMESTAMP: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// As nginx and Apache write it, and always in UTC.
const TIME_LOCAL: &[BorrowedFormatItem<'_>] =
    format_description!("[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000");

/// What a field is.
enum Value<'a> {
    /// Text of the client's or of others.
    Text(Cow<'a, [u8]>),
    /// Text of our own making, without a blank or a quote.
    Word(Cow<'a, str>),
    Number(u64),
    Millis(Duration),
    Missing,
}

/// Adds the line of a record, with its end.
pub(super) fn write(out: &mut Vec<u8>, record: &Record, format: &AccessFormat) {
    match format {
        AccessFormat::Json => json(out, record),
        AccessFormat::Text => text(out, record),
        AccessFormat::Pattern(pattern) => of_pattern(out, record, pattern),
    }
    out.push(b'\n');
}

fn json(out: &mut Vec<u8>, record: &Record) {
    // Field by field, as the rest of the log has them.
    for (number, field) in AccessField::DOCUMENTED.iter().enumerate() {
        let start = out.len();
        put(out, format_args!("{}\"{}\":", if number == 0 { '{' } else { ',' }, field.as_str()));
        match value(record, *field) {
            Value::Text(text) => quote(out, &String::from_utf8_lossy(&text)),
            Value::Word(word) => quote(out, &word),
            Value::Number(number) => put(out, format_args!("{number}")),
            Value::Millis(length) => put(out, format_args!("{:?}", millis(length))),
            Value::Missing => out.truncate(start),
        }
        if *field == AccessField::Timestamp {
            out.extend(b",\"level\":\"INFO\"");
        }
    }
    out.extend(b",\"target\":\"access\"}");
}

fn text(out: &mut Vec<u8>, record: &Record) {
    for field in AccessField::DOCUMENTED {
        let value = value(record, *field);
        if *field == AccessField::Timestamp {
            if let Value::Word(word) = value {
                put(out, format_args!("{word}  INFO access:"));
            }
            continue;
        }
        let name = field.as_str();
        match value {
            Value::Text(text) => {
                put(out, format_args!(" {name}={:?}", String::from_utf8_lossy(&text)));
            }
            Value::Word(word) => put(out, format_args!(" {name}={word}")),
            Value::Number(number) => put(out, format_args!(" {name}={number}")),
            Value::Millis(length) => put(out, format_args!(" {name}={:?}", millis(length))),
            Value::Missing => {}
        }
    }
}

fn of_pattern(out: &mut Vec<u8>, record: &Record, pattern: &AccessPattern) {
    for piece in &pattern.pieces {
        let (field, quoted) = match piece {
            AccessPiece::Literal(text) => {
                out.extend(text.as_bytes());
                continue;
            }
            AccessPiece::Field(field, quoted) => (*field, *quoted),
        };
        match value(record, field) {
            Value::Text(text) if !text.is_empty() => escape(out, &text, quoted),
            Value::Word(word) if !word.is_empty() => out.extend(word.as_bytes()),
            // Three digits, also where there was no answer: others' tools look for them.
            Value::Number(status) if field == AccessField::Status => {
                put(out, format_args!("{status:03}"));
            }
            Value::Number(number) => put(out, format_args!("{number}")),
            Value::Millis(length) => put(out, format_args!("{:?}", millis(length))),
            Value::Text(_) | Value::Word(_) | Value::Missing => out.push(b'-'),
        }
    }
}

fn value(record: &Record, field: AccessField) -> Value<'_> {
    let word = |word: &'static str| Value::Word(Cow::Borrowed(word));
    let said = |text: String| Value::Word(Cow::Owned(text));
    let chosen = |text: &'_ str| Value::Text(Cow::Owned(text.as_bytes().to_vec()));
    match field {
        AccessField::Timestamp => said(moment(record.at, TIMESTAMP)),
        AccessField::TimeLocal => said(moment(record.at, TIME_LOCAL)),
        AccessField::RequestId => said(record.id.to_string()),
        AccessField::Method => match &record.method {
            // A token: it has no quote and no blank.
            Some(method) => Value::Word(Cow::Borrowed(method.as_str())),
            None => word(""),
        },
        AccessField::Host => borrowed(&record.host),
        AccessField::Path => borrowed(&record.path),
        AccessField::Version => word(record.version.map_or("", version)),
        AccessField::Status => Value::Number(record.status.into()),
        AccessField::Outcome => borrowed(record.outcome),
        AccessField::Code => borrowed(record.code),
        AccessField::TotalMs => Value::Millis(record.total),
        AccessField::FirstByteMs => record.first_byte.map_or(Value::Missing, Value::Millis),
        AccessField::RequestBytes => Value::Number(record.request_bytes),
        AccessField::ResponseBytes => Value::Number(record.response_bytes),
        AccessField::Peer => said(record.peer.to_string()),
        AccessField::PeerAddress => said(record.peer.ip().to_string()),
        AccessField::Balancer => of_balancer(record, |balancer| &balancer.address),
        AccessField::UniqueId => of_balancer(record, |balancer| &balancer.unique_id),
        AccessField::Identity => match record.verdict.identity().map(|identity| identity.name()) {
            Some(name) if name.len() > IDENTITY_MAX => chosen(&clip(name.to_owned(), IDENTITY_MAX)),
            name => borrowed(name.unwrap_or_default()),
        },
        AccessField::Verify => said(record.verdict.to_string()),
        AccessField::Site => borrowed(&record.site),
        AccessField::Upstream => borrowed(record.upstream.as_deref().unwrap_or_default()),
        AccessField::Cause => borrowed(&record.cause),
        AccessField::Referer => of_header(record.referer.as_deref()),
        AccessField::UserAgent => of_header(record.user_agent.as_deref()),
    }
}

fn borrowed(text: &str) -> Value<'_> {
    Value::Text(Cow::Borrowed(text.as_bytes()))
}

fn of_balancer(record: &Record, text: impl Fn(&Balancer) -> &str) -> Value<'_> {
    borrowed(record.balancer.as_deref().map_or("", text))
}

fn of_header(value: Option<&[u8]>) -> Value<'_> {
    value.map_or(Value::Missing, |value| Value::Text(Cow::Borrowed(value)))
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_11 => "HTTP/1.1",
        Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/3.0",
    }
}

fn moment(at: SystemTime, format: &[BorrowedFormatItem<'_>]) -> String {
    // Every date that a clock can show has this form.
    OffsetDateTime::from(at).format(format).unwrap_or_default()
}

/// To the microsecond; more digits would only be noise.
fn millis(length: Duration) -> f64 {
    (length.as_secs_f64() * 1e6).round() / 1e3
}

/// As a string of JSON, without what others than JSON take for the end of a line, or a terminal for a command: U+0085,
/// U+2028 and their like, which JSON lets stand.
fn quote(out: &mut Vec<u8>, text: &str) {
    let is_harmful = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let start = out.len();
    // Writing to memory cannot fail.
    _ = serde_json::to_writer(&mut *out, text);
    if text.contains(is_harmful) {
        let quoted = out.split_off(start);
        for c in String::from_utf8_lossy(&quoted).chars() {
            if is_harmful(c) {
                put(out, format_args!("\\u{:04x}", u32::from(c)));
            } else {
                put(out, format_args!("{c}"));
            }
        }
    }
}

/// As nginx does: `\xHH` for what is not printable ASCII, for quotes and for backslashes; and for blanks, where a
/// blank would end the field.
fn escape(out: &mut Vec<u8>, text: &[u8], quoted: Quoted) {
    for byte in text {
        match byte {
            b'"' | b'\\' | 0..=0x1F | 0x7F.. => put(out, format_args!("\\x{byte:02X}")),
            b' ' if quoted == Quoted::No => out.extend(b"\\x20"),
            _ => out.push(*byte),
        }
    }
}

/// Writing to memory cannot fail.
fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn no_text_ends_a_line_of_json_for_whoever_reads_it() {
        for (text, quoted) in [
            ("a\u{2028}b\u{2029}", "\"a\\u2028b\\u2029\""),
            ("\u{85}\u{9b}2J\u{7f}", "\"\\u0085\\u009b2J\\u007f\""),
            ("Zoë \"\\\n", "\"Zoë \\\"\\\\\\n\""),
        ] {
            let mut out = Vec::new();
            quote(&mut out, text);
            assert_eq!(str::from_utf8(&out).unwrap(), quoted);
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
