//! `[site.answers]`, and the texts of the file that are filled in for each request.

use std::borrow::Cow;

use http::{HeaderValue, StatusCode};

/// `[site.answers]`: how answers of the gateway's own look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// The body; `None` is the gateway's own JSON.
    pub body: Option<Template>,
    /// What the body is.
    pub content_type: HeaderValue,
    /// The status of all of them; `None` is each one's own.
    pub status: Option<StatusCode>,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            body: None,
            content_type: HeaderValue::from_static("application/json"),
            status: None,
        }
    }
}

/// A text with places that are filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    /// In order.
    pub pieces: Vec<Piece>,
}

/// A part of a [`Template`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// As it is written.
    Text(String),
    /// `$request_id`
    RequestId,
    /// `$status`: the answer's status, as the table of answers has it.
    Status,
    /// `$code`: the stable code.
    Code,
    /// `$message`: the sentence.
    Message,
    /// `$reason`: why a client is not trusted any more; empty in other answers.
    Reason,
    /// `$host`: the host that was asked for.
    Host,
    /// `$path`: path and query.
    Path,
}

impl Template {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The text, with what `fill` has for each place.
    pub fn render<'a>(&'a self, fill: impl Fn(&Piece) -> Cow<'a, str>) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(literal) => text.push_str(literal),
                place => text.push_str(&fill(place)),
            }
        }
        text
    }
}
