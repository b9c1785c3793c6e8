//! The gateway's log, listened to: every refusal, and every access line through a pipe, as they happen.

use std::fmt;
use std::io::{self, BufRead as _, BufReader, PipeReader, PipeWriter, pipe};
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

use crate::config::{AccessField, AccessFormat, AccessLog, AccessTarget, Located};

/// Lines that wait to be read; further ones are lost.
const LINES_MAX: usize = 64;

/// How long after a call its line may come.
const LINE_TIMEOUT: Duration = Duration::from_secs(1);

/// One line of the log.
pub(super) struct Line {
    /// `access` or `refusal`.
    pub(super) target: &'static str,
    /// The sentence; access lines have none.
    pub(super) message: String,
    fields: Vec<(&'static str, String)>,
}

impl Line {
    /// A field's value; empty if the line has no such field.
    pub(super) fn field(&self, name: &str) -> &str {
        let mut fields = self.fields.iter();
        fields.find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }
}

/// The end of the log that is read from.
pub(super) struct Lines {
    lines: Receiver<Line>,
    /// Where access lines are to be written.
    pipe: PipeWriter,
}

impl Lines {
    /// Makes this the log of the process.
    pub(super) fn listen() -> Result<Self, ListenError> {
        let (sender, lines) = channel(LINES_MAX);
        let (reader, pipe) = pipe()?;
        let ear = Ear(sender.clone());
        thread::Builder::new()
            .name("access-lines".to_owned())
            .spawn(move || read(reader, &sender))?;
        registry().with(ear).try_init()?;
        Ok(Self { lines, pipe })
    }

    /// Has a gateway's access lines come here.
    pub(super) fn hear(&self, log: &mut AccessLog) {
        let path = format!("/dev/fd/{}", self.pipe.as_raw_fd());
        log.target = Located::new(AccessTarget::File(path.into()), 0..0);
        log.format = AccessFormat::Json;
    }

    /// The next line.
    pub(super) async fn next(&mut self) -> Option<Line> {
        self.lines.recv().await
    }

    /// The line about the connection from `peer`; `None` if none comes.
    pub(super) async fn about(&mut self, peer: SocketAddr) -> Option<Line> {
        let peer = peer.to_string();
        let search = async {
            loop {
                let line = self.next().await?;
                if line.field("peer") == peer {
                    return Some(line);
                }
            }
        };
        timeout(LINE_TIMEOUT, search).await.ok().flatten()
    }
}

/// Why nothing can be heard.
#[derive(Debug, thiserror::Error)]
pub(super) enum ListenError {
    #[error(transparent)]
    Taken(#[from] TryInitError),
    #[error(transparent)]
    System(#[from] io::Error),
}

/// Reads access lines to the end.
fn read(pipe: PipeReader, lines: &Sender<Line>) {
    for line in BufReader::new(pipe).lines().map_while(Result::ok) {
        let Ok(event) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        let shown = |value: &Value| match value {
            Value::String(text) => text.clone(),
            // Milliseconds: one decimal is enough for people.
            Value::Number(number) if number.is_f64() => {
                number.as_f64().map_or_else(String::new, |number| format!("{number:.1}"))
            }
            other => other.to_string(),
        };
        let fields = AccessField::DOCUMENTED.iter().map(|field| field.as_str());
        let fields = fields.filter_map(|name| Some((name, shown(event.get(name)?)))).collect();
        // Full: somebody calls faster than the demo prints, and sees the rest.
        let _ = lines.try_send(Line { target: "access", message: String::new(), fields });
    }
}

/// The layer that listens.
struct Ear(Sender<Line>);

impl<S: Subscriber> Layer<S> for Ear {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        const TARGET: &str = "refusal";
        if event.metadata().target() != TARGET {
            return;
        }
        let mut line = Line { target: TARGET, message: String::new(), fields: Vec::new() };
        event.record(&mut line);
        let _ = self.0.try_send(line);
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            name => self.fields.push((name, value.to_owned())),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
