//! `[site.answers]`: the gateway's own answers in the words of a platform.

use http::{HeaderValue, StatusCode};
use toml::de::DeValue;

use super::template::template;
use crate::config::model::{Answers, Piece};
use crate::config::raw::{Reader, Table, Wrong};

const PLACES: [&str; 5] = ["request_id", "status", "code", "message", "reason"];

/// Reads the table.
pub(super) fn answers(mut table: Table<'_>, reader: &Reader<'_>) -> Answers {
    let body = table.parsed("body", |text| template(text, &PLACES));
    if let Some(body) = body.as_ref().filter(|body| !body.value.pieces.contains(&Piece::RequestId))
    {
        let wrong = Wrong::new(
            "`body` does not say which request it answers",
            "write `$request_id` into it",
        );
        reader.wrong(
            &body.span,
            wrong.why("it is what leads from an answer to the line of the log that explains it"),
        );
    }
    let content_type = table.parsed("content_type", content_type);
    let status = table.read("status", status);
    Answers {
        body: body.map(|body| body.value),
        content_type: content_type
            .map_or_else(|| Answers::default().content_type, |read| read.value),
        status: status.and_then(|read| read.value),
    }
}

/// The value of a `Content-Type` line.
pub(super) fn content_type(text: &str) -> Result<HeaderValue, Wrong> {
    let is_type =
        text.split_once('/').is_some_and(|(kind, rest)| !kind.is_empty() && !rest.is_empty());
    HeaderValue::from_str(text).ok().filter(|_| is_type).ok_or_else(|| {
        Wrong::new(
            format!("`{text}` is no content type"),
            "write one such as `\"application/json\"`",
        )
    })
}

fn status(value: &DeValue<'_>) -> Result<Option<StatusCode>, Wrong> {
    match value.as_str() {
        Some("own") => Ok(None),
        _ => final_status("status", value).map(Some).map_err(|mut wrong| {
            wrong.fix.push_str(", or `\"own\"`");
            wrong
        }),
    }
}

/// A status that ends an exchange.
pub(super) fn final_status(name: &str, value: &DeValue<'_>) -> Result<StatusCode, Wrong> {
    let number = value.as_integer().and_then(|number| number.as_str().parse::<u16>().ok());
    let status = number.filter(|number| (200..600).contains(number));
    status.and_then(|number| StatusCode::from_u16(number).ok()).ok_or_else(|| {
        Wrong::new(
            format!("`{name}` must be the status of a response"),
            "write a whole number from 200 to 599",
        )
    })
}
