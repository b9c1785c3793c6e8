//! Texts with places that are filled in for each request: `$name`, and `$$` for a dollar sign.

use crate::config::model::{Piece, Template};
use crate::config::raw::Wrong;

/// Every place that there is.
const PLACES: [(&str, Piece); 7] = [
    ("request_id", Piece::RequestId),
    ("status", Piece::Status),
    ("code", Piece::Code),
    ("message", Piece::Message),
    ("reason", Piece::Reason),
    ("host", Piece::Host),
    ("path", Piece::Path),
];

/// Reads a text in which the places of `known` may stand.
pub(super) fn template(text: &str, known: &[&str]) -> Result<Template, Wrong> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        literal.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            literal.push('$');
            rest = after;
            continue;
        }
        let length = after.bytes().take_while(|byte| byte.is_ascii_lowercase() || *byte == b'_');
        let (name, after) = after.split_at(length.count());
        let place = PLACES.iter().find(|(place, _)| *place == name && known.contains(place));
        let Some((_, place)) = place else {
            return Err(unknown(name, known));
        };
        if !literal.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut literal)));
        }
        pieces.push(place.clone());
        rest = after;
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        pieces.push(Piece::Text(literal));
    }
    Ok(Template { pieces })
}

fn unknown(name: &str, known: &[&str]) -> Wrong {
    let known: Vec<_> = known.iter().map(|name| format!("`${name}`")).collect();
    let fix = format!("write one of {}, or `$$` for a dollar sign", known.join(", "));
    Wrong::new(format!("`${name}` is nothing that is filled in here"), fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_dollar_signs_are_found() {
        let read = template("a$$b $request_id.$status$", &["request_id", "status"]);
        assert!(read.unwrap_err().what.contains("`$`"));
        let read = template("a$$b $request_id.$status", &["request_id", "status"]).unwrap();
        let text = |text: &str| Piece::Text(text.to_owned());
        assert_eq!(read.pieces, [text("a$b "), Piece::RequestId, text("."), Piece::Status]);
    }

    #[test]
    fn a_place_that_is_not_filled_in_here_is_an_error() {
        let wrong = template("$path", &["host"]).unwrap_err();
        assert_eq!(wrong.fix, "write one of `$host`, or `$$` for a dollar sign");
    }
}
