//! What gateways log and write of exchanges, collected for the whole test binary; a test finds its own by the address
//! of its client.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io::{BufRead as _, BufReader, PipeReader};
use std::net::SocketAddr;
use std::sync::{Condvar, Mutex, Once};
use std::thread;
use std::time::Instant;

use mtls_gateway::config::AccessField;
use tracing::Level;
use tracing::field::{Field, Visit};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::prelude::*;

use super::PATIENCE;

/// One event of the log.
#[derive(Clone, Debug)]
pub struct Event {
    target: &'static str,
    pub level: Level,
    fields: BTreeMap<&'static str, String>,
}

impl Event {
    /// A field's value; empty if it has none.
    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

static EVENTS: Mutex<Vec<Event>> = Mutex::new(Vec::new());
static NEWS: Condvar = Condvar::new();

struct Collector;

impl<S: tracing::Subscriber> Layer<S> for Collector {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields(BTreeMap::new());
        event.record(&mut fields);
        let (target, level) = (event.metadata().target(), *event.metadata().level());
        EVENTS.lock().unwrap().push(Event { target, level, fields: fields.0 });
        NEWS.notify_all();
    }
}

struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

/// Starts collecting; once is enough.
pub fn collect() {
    static START: Once = Once::new();
    START.call_once(|| {
        let targets = ["refusal", "unverified", "expiry", "drift"];
        let of_ours = filter_fn(move |metadata| targets.contains(&metadata.target()));
        let collector = Collector.with_filter(of_ours);
        tracing_subscriber::registry().with(collector).init();
    });
}

/// Collects the access lines that a gateway writes to a pipe, to its end.
pub fn read(pipe: PipeReader) {
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines() {
            let line: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
            let fields = AccessField::DOCUMENTED.iter().map(|field| field.as_str());
            let shown = |value: &serde_json::Value| {
                value.as_str().map_or_else(|| value.to_string(), str::to_owned)
            };
            let fields = fields.filter_map(|name| Some((name, shown(line.get(name)?)))).collect();
            EVENTS.lock().unwrap().push(Event { target: "access", level: Level::INFO, fields });
            NEWS.notify_all();
        }
    });
}

/// How many events there are; what a client that is about to connect causes comes after these.
pub fn mark() -> usize {
    EVENTS.lock().unwrap().len()
}

/// The events of a client that need not exist any more.
pub struct Later {
    peer: SocketAddr,
    mark: usize,
}

impl Later {
    pub fn new(peer: SocketAddr, mark: usize) -> Self {
        Self { peer, mark }
    }

    pub fn wait(&self, target: &str) -> Event {
        wait_for(target, self.peer, self.mark)
    }
}

/// Waits for an event about a client that connected after `mark`.
pub fn wait_for(target: &str, peer: SocketAddr, mark: usize) -> Event {
    wait_for_all(target, peer, mark, 1).remove(0)
}

/// Waits until there are `count` such events.
pub fn wait_for_all(target: &str, peer: SocketAddr, mark: usize, count: usize) -> Vec<Event> {
    wait_for_prefix(target, ("peer", &peer.to_string()), mark, count)
}

/// The same for events that are told apart by how a field begins.
pub fn wait_for_prefix(
    target: &str,
    (name, value): (&str, &str),
    mark: usize,
    count: usize,
) -> Vec<Event> {
    let start = Instant::now();
    let mut events = EVENTS.lock().unwrap();
    loop {
        let found: Vec<_> = events[mark..]
            .iter()
            .filter(|event| event.target == target && event.field(name).starts_with(value))
            .cloned()
            .collect();
        if found.len() >= count {
            return found;
        }
        if start.elapsed() > PATIENCE {
            // Or the failure of this test would be all others' too.
            drop(events);
            let came = found.len();
            panic!("{came} of {count} `{target}` events about {value} came");
        }
        (events, _) = NEWS.wait_timeout(events, PATIENCE).unwrap();
    }
}
