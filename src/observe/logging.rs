//! Setting up tracing-subscriber: text for people or JSON for machines, to standard error.

use std::io;

use tracing_subscriber::filter::{EnvFilter, ParseError};
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

use crate::config::{Log, LogFormat};

use super::terminal;

/// Whether [`start`] could read the configured level.
///
/// # Errors
/// What the filter's reader complains of.
pub fn check(log: &Log) -> Result<(), ParseError> {
    EnvFilter::try_new(&log.level.value).map(drop)
}

/// Starts logging to standard error. `RUST_LOG` wins over the configured level. A second call in one
/// process changes nothing.
///
/// # Errors
/// A filter that cannot be read.
pub fn start(log: &Log) -> Result<(), ParseError> {
    let filter = match std::env::var(EnvFilter::DEFAULT_ENV) {
        Ok(filter) if !filter.is_empty() => EnvFilter::try_new(filter)?,
        _ => EnvFilter::try_new(&log.level.value)?,
    };
    let layer = fmt::layer().with_writer(io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    // An error means that a subscriber is in place already, as in tests that start two gateways.
    let _ = match log.format {
        LogFormat::Text => {
            let layer = layer.with_ansi(terminal::is_coloured(&io::stderr()));
            registry.with(layer).try_init()
        }
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init(),
    };
    Ok(())
}
