//! The thread that writes. It alone waits for disks and readers; nothing that it meets there ends it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError};
use std::time::{Duration, Instant};

use tracing::{error, info};

use crate::config::AccessFormat;
use crate::observe::log_lines::LogLines;

use super::batch::Batch;
use super::line;
use super::losses::Losses;
use super::outlet::Outlet;
use super::record::Record;
use super::{CLOSE_TIMEOUT, Counts, Message, Order, Relaxed};

/// How long lines gather before they are written. Whoever sends one meanwhile wakes nobody, which would cost more than
/// the sending.
const GATHER: Duration = Duration::from_millis(5);

/// How often a writer that has no room looks whether it is told anything.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// How long it sleeps at most; nothing needs it to wake up.
const SLEEP_MAX: Duration = Duration::from_secs(3600);

/// The thread's own.
pub(super) struct Writer {
    lines: Receiver<Message>,
    orders: Receiver<Order>,
    counts: Arc<Counts>,
    outlet: Outlet,
    log: LogLines,
    format: AccessFormat,
    batch: Batch,
    losses: Losses,
    /// The end has come: until when to write, and whom to tell.
    closing: Option<(Instant, Option<SyncSender<()>>)>,
}

impl Writer {
    pub(super) fn new(
        lines: Receiver<Message>,
        orders: Receiver<Order>,
        counts: Arc<Counts>,
        outlet: Outlet,
        log: LogLines,
        format: AccessFormat,
    ) -> Self {
        let losses = Losses::new(Arc::clone(&counts));
        let batch = Batch::default();
        Self { lines, orders, counts, outlet, log, format, batch, losses, closing: None }
    }

    /// Writes until told to end, or until nobody can send any more.
    pub(super) fn run(mut self) {
        while self.closing.is_none() {
            match self.lines.recv_timeout(self.losses.patience().unwrap_or(SLEEP_MAX)) {
                Ok(Message::Line(record)) => {
                    self.add(&record);
                    // An order ends the waiting.
                    match self.orders.recv_timeout(GATHER) {
                        Ok(order) => self.obey(order),
                        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
                    }
                }
                // Nobody is left who could send: there will be no orders either.
                Ok(Message::Look)
                | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            self.obey_all();
            self.drain();
            self.losses.tell(&self.outlet.name());
        }
        // What came while the last of it waited to be written.
        self.drain();
        self.losses.tell_now(&self.outlet.name());
        if let Some((_, Some(done))) = self.closing {
            // Whoever asked may have given up.
            _ = done.send(());
        }
    }

    /// Writes all that waits.
    fn drain(&mut self) {
        while let Ok(message) = self.lines.try_recv() {
            match message {
                Message::Line(record) => self.add(&record),
                // It may have come after the last look.
                Message::Look => self.obey_all(),
            }
            if self.batch.len() >= self.outlet.bytes_max() {
                self.write();
            }
        }
        self.write();
    }

    fn add(&mut self, record: &Record) {
        self.counts.waiting.fetch_sub(1, Relaxed);
        self.batch.add(|out| line::write(out, record, &self.format));
    }

    /// Writes the batch, or gives it up: when that fails, or when it takes too long at the end.
    fn write(&mut self) {
        while !self.batch.is_done() {
            if self.is_late() {
                let lines = self.batch.abandon();
                self.losses.failed(lines, None);
                return;
            }
            match self.outlet.write(&mut self.batch) {
                Ok(true) => {}
                Ok(false) => {
                    self.losses.tell(&self.outlet.name());
                    self.outlet.await_room(LOOK_INTERVAL);
                    self.obey_all();
                }
                Err(error) => {
                    let lines = self.batch.abandon();
                    self.losses.failed(lines, Some(error));
                }
            }
        }
    }

    fn is_late(&self) -> bool {
        self.closing.as_ref().is_some_and(|(until, _)| *until <= Instant::now())
    }

    fn obey_all(&mut self) {
        loop {
            match self.orders.try_recv() {
                Ok(order) => self.obey(order),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    self.closing.get_or_insert_with(|| (Instant::now() + CLOSE_TIMEOUT, None));
                    return;
                }
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Replace(outlet, format) => {
                if let Some(outlet) = outlet {
                    self.turn_to(outlet);
                }
                self.format = format;
            }
            Order::Reopen(reply) => {
                let reopened = self.reopen();
                if let Some(reply) = reply {
                    // Whoever asked may have given up.
                    _ = reply.send(reopened);
                }
            }
            Order::Close(until, done) => self.closing = Some((until, Some(done))),
        }
    }

    fn reopen(&mut self) -> Result<String, String> {
        let name = self.outlet.name();
        match self.outlet.reopened(&self.log) {
            Ok(Some(outlet)) => {
                self.turn_to(outlet);
                info!("the access log is opened anew: {name}");
                Ok(format!("{name} is opened anew"))
            }
            Ok(None) => Ok(format!("access lines go to {name}: there is no file to open anew")),
            Err(error) => {
                error!("{error}; lines go on to the file that was open before");
                Err(error.to_string())
            }
        }
    }

    /// Lines go there from now on. One that was begun elsewhere is not ended here.
    fn turn_to(&mut self, outlet: Outlet) {
        // What is in hand belongs to where lines went until now, if that takes it.
        let before = std::mem::replace(&mut self.outlet, outlet);
        let torn = before.part(&mut self.batch);
        self.losses.failed(torn, None);
    }
}
