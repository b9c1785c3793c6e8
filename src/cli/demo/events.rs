//! The gateway's log, listened to: every access line and every refusal, as they happen.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

/// Lines that wait to be read; further ones are lost.
const LINES_MAX: usize = 64;

/// How long after a call its line may come.
const LINE_TIMEOUT: Duration = Duration::from_secs(1);

/// What is listened to.
const TARGETS: [&str; 2] = ["access", "refusal"];

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
pub(super) struct Lines(Receiver<Line>);

impl Lines {
    /// Makes this the log of the process.
    pub(super) fn listen() -> Result<Self, TryInitError> {
        let (sender, receiver) = channel(LINES_MAX);
        registry().with(Ear(sender)).try_init()?;
        Ok(Self(receiver))
    }

    /// The next line.
    pub(super) async fn next(&mut self) -> Option<Line> {
        self.0.recv().await
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

/// The layer that listens.
struct Ear(Sender<Line>);

impl<S: Subscriber> Layer<S> for Ear {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let target = event.metadata().target();
        let Some(target) = TARGETS.into_iter().find(|known| *known == target) else {
            return;
        };
        let mut line = Line { target, message: String::new(), fields: Vec::new() };
        event.record(&mut line);
        // Full: somebody calls faster than the demo prints, and sees the rest.
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

    /// Milliseconds, mostly: one decimal is enough for people.
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.record_str(field, &format!("{value:.1}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
