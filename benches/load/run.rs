//! A load: lanes that each do one operation after the other, all on the calling thread.
//!
//! All lanes warm up, then all wait, and the processor time of the measured process is taken before they go on and
//! after the last has ended, each time when there is nothing for it to do. So it is that of an exact number of
//! operations, however long the load itself takes for them.

use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::Barrier;
use tokio::task::LocalSet;

use super::client::{group, is_resumed};
use super::http1::exchange;
use super::http2;
use super::{Ask, Client, Outcome, Process, Stream};

/// How long a load may take: one that waits for an answer that never comes would wait forever.
const ENOUGH: Duration = Duration::from_secs(180);

/// What an operation is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// A new connection, its handshake, one request, and its end. Who resumes takes up the last session.
    Handshakes { resumes: bool },
    /// A request on a connection that is kept.
    Http1,
    /// A request on one of so many streams of a connection that is kept.
    Http2 { streams: usize },
}

#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) kind: Kind,
    /// How many there are at any time.
    pub(crate) connections: usize,
    /// Operations of each connection, or stream, that are not measured.
    pub(crate) warm_up: usize,
    pub(crate) ask: Ask,
}

/// One of those that do operations.
struct Lane {
    kind: Means,
    ask: Ask,
    head: Vec<u8>,
    body: Bytes,
    buffer: Vec<u8>,
}

enum Means {
    Handshakes(Client),
    Http1(Client, Option<Box<Stream>>),
    Http2(http2::Sender),
}

/// Between warm-up and measurement: who has warmed up waits at the one, and goes on at the other.
struct Gate {
    warm: Barrier,
    go: Barrier,
}

/// Runs this on the calling thread, with what it spawns by `spawn_local`.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, future)
}

/// What comes of a future that is done in time.
pub(crate) async fn within<T>(
    time: Duration,
    future: impl Future<Output = T>,
) -> Result<T, String> {
    tokio::time::timeout(time, future).await.map_err(|_| format!("not done within {time:?}"))
}

impl Load {
    /// Does so many operations, and tells what `process` spent on them.
    pub(crate) fn run(&self, client: &Client, operations: usize, process: &Process) -> Outcome {
        let measured = within(ENOUGH, self.measure(client, operations, process));
        block_on(measured).unwrap_or_else(|error| {
            let mut outcome = Outcome::default();
            outcome.error(error);
            outcome
        })
    }

    async fn measure(&self, client: &Client, operations: usize, process: &Process) -> Outcome {
        let mut outcome = Outcome::default();
        let lanes = match self.lanes(client).await {
            Ok(lanes) => lanes,
            Err(error) => {
                outcome.error(error);
                return outcome;
            }
        };
        let count = lanes.len();
        let gate = Gate { warm: Barrier::new(count + 1), go: Barrier::new(count + 1) };
        let gate = Rc::new(gate);
        let started: Vec<_> = (0..)
            .zip(lanes)
            .map(|(number, lane): (usize, Lane)| {
                let share = operations / count + usize::from(number < operations % count);
                tokio::task::spawn_local(lane.run(self.warm_up, share, Rc::clone(&gate)))
            })
            .collect();
        gate.warm.wait().await;
        let before = resting(process).await;
        let began = Instant::now();
        gate.go.wait().await;
        let mut kept = Vec::new();
        for lane in started {
            let (lane, part) = lane.await.unwrap();
            outcome.add(part);
            // To close them is no part of an operation.
            kept.push(lane);
        }
        outcome.elapsed = began.elapsed();
        outcome.processor_time = resting(process).await.saturating_sub(before);
        outcome.latencies.sort_unstable();
        outcome
    }

    async fn lanes(&self, client: &Client) -> Result<Vec<Lane>, String> {
        let is_last = matches!(self.kind, Kind::Handshakes { .. });
        let body = Bytes::from(vec![b'x'; self.ask.upload]);
        let is_small = self.ask.length.max(self.ask.answer_padding) <= 4096;
        let lane = |kind| Lane {
            kind,
            ask: self.ask.clone(),
            head: self.ask.head(is_last),
            body: body.clone(),
            buffer: vec![0; if is_small { 16 * 1024 } else { 256 * 1024 }],
        };
        let mut lanes = Vec::new();
        for _ in 0..self.connections {
            match self.kind {
                // A ticket is for one connection: with a store for all, some would find none.
                Kind::Handshakes { resumes: true } => {
                    lanes.push(lane(Means::Handshakes(client.with_own_sessions())));
                }
                Kind::Handshakes { resumes: false } => {
                    lanes.push(lane(Means::Handshakes(client.clone())));
                }
                Kind::Http1 => lanes.push(lane(Means::Http1(client.clone(), None))),
                Kind::Http2 { streams } => {
                    let sender = http2::connect(client).await?;
                    lanes.extend((0..streams).map(|_| lane(Means::Http2(sender.clone()))));
                }
            }
        }
        Ok(lanes)
    }
}

/// What a process has spent, once what it did last is over.
pub(crate) async fn resting(process: &Process) -> Duration {
    tokio::time::sleep(Duration::from_millis(10)).await;
    process.processor_time()
}

impl Lane {
    async fn run(mut self, warm_up: usize, share: usize, gate: Rc<Gate>) -> (Self, Outcome) {
        let mut outcome = Outcome::default();
        for _ in 0..warm_up {
            if let Err(error) = self.once(&mut Outcome::default()).await {
                outcome.error(format!("warm-up: {error}"));
            }
        }
        gate.warm.wait().await;
        gate.go.wait().await;
        for _ in 0..share {
            let began = Instant::now();
            match self.once(&mut outcome).await {
                Ok(()) => {
                    outcome.operations += 1;
                    outcome.latencies.push(began.elapsed());
                }
                Err(error) => outcome.error(error),
            }
        }
        (self, outcome)
    }

    async fn once(&mut self, outcome: &mut Outcome) -> Result<(), String> {
        let Self { kind, ask, head, body, buffer } = self;
        match kind {
            Means::Handshakes(client) => {
                let mut stream = client.connect().await?;
                exchange(&mut stream, head, body, ask.length, buffer).await?;
                outcome.resumed += usize::from(is_resumed(&stream));
                if let Some(group) = group(&stream) {
                    outcome.groups.insert(format!("{group:?}"));
                }
                // The server may have closed before.
                _ = stream.shutdown().await;
            }
            Means::Http1(client, kept) => {
                let mut stream = match kept.take() {
                    Some(stream) => stream,
                    None => Box::new(client.connect().await?),
                };
                let answer = exchange(&mut *stream, head, body, ask.length, buffer).await?;
                *kept = (!answer.closes).then_some(stream);
            }
            Means::Http2(sender) => http2::exchange(sender, ask, body).await?,
        }
        Ok(())
    }
}
