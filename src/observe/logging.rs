//! Setting up tracing-subscriber: text for people or JSON for machines, to standard error. Level and format
//! can change while the gateway serves.

use std::io;

use tracing::Subscriber;
use tracing_subscriber::filter::{EnvFilter, ParseError};
use tracing_subscriber::layer::Layered;
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::{Layer, fmt, reload};

use crate::config::{Log, LogFormat};

use super::log_lines::LogLines;
use super::terminal;

/// The log as it runs, for changing it.
#[derive(Clone)]
pub struct Handle {
    /// `None` where the environment's filter wins over every configuration.
    filter: Option<reload::Handle<EnvFilter, Registry>>,
    lines: reload::Handle<Lines<Filtered>, Filtered>,
    place: LogLines,
}

/// What passed the filter.
type Filtered = Layered<reload::Layer<EnvFilter, Registry>, Registry>;

/// What writes the lines.
type Lines<S> = Box<dyn Layer<S> + Send + Sync>;

impl Handle {
    /// Logs from now on as `log` says. Its filter must have passed [`check`].
    pub fn replace(&self, log: &Log) {
        if let (Some(handle), Ok(filter)) = (&self.filter, filter(&log.level.value)) {
            // Fails only where nothing is logged any more.
            let _ = handle.reload(filter);
        }
        let _ = self.lines.reload(lines(log, &self.place));
    }
}

/// Whether [`start`] could read the configured level.
///
/// # Errors
/// What the filter's reader complains of.
pub fn check(log: &Log) -> Result<(), ParseError> {
    filter(&log.level.value).map(drop)
}

/// Starts logging to standard error, by way of `place`. `RUST_LOG` wins over the configured level. A second call in one
/// process changes nothing, and gives no handle.
///
/// # Errors
/// A filter that cannot be read.
pub fn start(log: &Log, place: &LogLines) -> Result<Option<Handle>, ParseError> {
    let (filter, is_configured) = match std::env::var(EnvFilter::DEFAULT_ENV) {
        Ok(text) if !text.is_empty() => (filter(&text)?, false),
        _ => (filter(&log.level.value)?, true),
    };
    let (filter, filter_handle) = reload::Layer::new(filter);
    let (lines, lines_handle) = reload::Layer::new(lines(log, place));
    // An error means that a subscriber is in place already, as in tests that start two gateways.
    let started = tracing_subscriber::registry().with(filter).with(lines).try_init();
    let filter = is_configured.then_some(filter_handle);
    let place = place.clone();
    Ok(started.ok().map(|()| Handle { filter, lines: lines_handle, place }))
}

/// A filter, in which the TLS library has no say of its own: it warns of each odd ClientHello, at any length, and
/// the gateway tells of that itself. Who wants to hear it names it: `info,rustls=warn`.
fn filter(text: &str) -> Result<EnvFilter, ParseError> {
    if text.trim().eq_ignore_ascii_case("off") {
        return EnvFilter::try_new(text);
    }
    EnvFilter::try_new(format!("rustls=error,{text}"))
}

fn lines<S: Subscriber + for<'a> LookupSpan<'a>>(log: &Log, place: &LogLines) -> Lines<S> {
    let layer = fmt::layer().with_writer(place.clone());
    match log.format {
        LogFormat::Text => layer.with_ansi(terminal::is_coloured(&io::stderr())).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    }
}

#[cfg(test)]
mod tests {
    use super::filter;

    #[test]
    fn the_tls_library_is_heard_only_where_it_is_named() {
        let shown = |text| filter(text).unwrap().to_string();
        assert!(shown("info").contains("rustls=error"));
        assert!(shown("info,rustls=warn").contains("rustls=warn"));
        assert!(!shown("info,rustls=warn").contains("rustls=error"));
        assert_eq!(shown("off"), "off");
    }
}
