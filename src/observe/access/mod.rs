//! The access log: a line for each exchange, written by a thread of its own, so that no request waits for a disk, a
//! pipe or whoever reads it.
//!
//! A worker puts a [`Record`] into a queue that it can neither wait for nor make grow without end; the thread makes a
//! line of it and writes whole lines. What finds no room, or cannot be written, is dropped and counted.

mod batch;
mod line;
mod losses;
mod opening;
mod outlet;
mod record;
mod writer;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tracing::warn;

use crate::config::{self, AccessFormat, AccessTarget};

pub use opening::{OpenError, check};
pub use outlet::Outlet;
pub use record::{Record, kept};

use super::log_lines::LogLines;

use writer::Writer;

/// How long whoever asks for something waits until the thread has done it. It is late only where it hangs in a write.
const ORDER_TIMEOUT: Duration = Duration::from_secs(5);

/// How long what waits at the end may take to be written.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// How much longer the thread may take to say that it has given up.
const CLOSE_GRACE: Duration = Duration::from_millis(500);

/// The way to the thread that writes. Copies lead to the same one, which ends when the last is gone.
#[derive(Clone, Debug)]
pub struct AccessLog {
    lines: Sender<Message>,
    orders: Sender<Order>,
    counts: Arc<Counts>,
    log: LogLines,
}

/// Why there is no access log.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Where its lines go.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The thread that writes it.
    #[error("no thread can be started: {0}")]
    Thread(#[from] io::Error),
}

/// What workers and the thread count.
#[derive(Debug, Default)]
struct Counts {
    /// Records in the queue, and how many may be.
    waiting: AtomicUsize,
    waiting_max: AtomicUsize,
    queue_full: AtomicU64,
    write_failed: AtomicU64,
}

impl Counts {
    fn lost(&self) -> Lost {
        Lost {
            queue_full: self.queue_full.load(Relaxed),
            write_failed: self.write_failed.load(Relaxed),
        }
    }
}

/// Lines that were dropped since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// For want of room in the queue.
    pub queue_full: u64,
    /// Because they could not be written.
    pub write_failed: u64,
}

impl Lost {
    /// All together.
    pub fn all(self) -> u64 {
        self.queue_full + self.write_failed
    }

    fn since(self, before: Self) -> Self {
        Self {
            queue_full: self.queue_full - before.queue_full,
            write_failed: self.write_failed - before.write_failed,
        }
    }
}

/// What goes through the queue.
#[derive(Debug)]
enum Message {
    /// To be written.
    Line(Box<Record>),
    /// There is an order.
    Look,
}

/// What the thread is told; it looks for orders also while it waits to write.
#[derive(Debug)]
enum Order {
    /// Write there and so from now on.
    Replace(Option<Outlet>, AccessFormat),
    /// Open the file anew; somebody may want to hear what came of it.
    Reopen(Option<SyncSender<Result<String, String>>>),
    /// Write what waits, until then at most, and end.
    Close(Instant, SyncSender<()>),
}

impl AccessLog {
    /// Opens where the lines go and starts the thread that writes them; what goes to standard error, through `log`.
    ///
    /// # Errors
    /// A target that cannot be opened, or a thread that the system refuses.
    pub fn start(config: &config::AccessLog, log: LogLines) -> Result<Self, StartError> {
        let outlet = Outlet::open(&config.target.value, &log)?;
        let ((lines, waiting), (orders, given)) = (channel(), channel());
        let counts = Arc::new(Counts::default());
        counts.waiting_max.store(config.queue_lines_max.get(), Relaxed);
        let writer = Writer::new(
            waiting,
            given,
            Arc::clone(&counts),
            outlet,
            log.clone(),
            config.format.clone(),
        );
        thread::Builder::new().name("access-log".to_owned()).spawn(|| writer.run())?;
        Ok(Self { lines, orders, counts, log })
    }

    /// Opens another target, for [`Self::replace`].
    ///
    /// # Errors
    /// What the system says.
    pub fn open(&self, target: &AccessTarget) -> Result<Outlet, OpenError> {
        Outlet::open(target, &self.log)
    }

    /// Has a line written, some time. Never waits: with as many waiting as may, this one is dropped and counted.
    pub fn send(&self, record: Box<Record>) {
        let Counts { waiting, waiting_max, queue_full, write_failed } = &*self.counts;
        // The channel has no bound of its own, so that the one of the configuration can change.
        if waiting.fetch_add(1, Relaxed) >= waiting_max.load(Relaxed) {
            waiting.fetch_sub(1, Relaxed);
            queue_full.fetch_add(1, Relaxed);
        } else if self.lines.send(Message::Line(record)).is_err() {
            // The thread has ended.
            write_failed.fetch_add(1, Relaxed);
        }
    }

    /// Writes as another configuration says from now on, to what was opened for it if it is another place.
    pub fn replace(&self, config: &config::AccessLog, outlet: Option<Outlet>) {
        self.counts.waiting_max.store(config.queue_lines_max.get(), Relaxed);
        self.order(Order::Replace(outlet, config.format.clone()));
    }

    /// Opens the file anew without waiting for it; the log says what comes of it.
    pub fn ask_to_reopen(&self) {
        self.order(Order::Reopen(None));
    }

    /// Opens the file anew, after it was renamed for example: what there is to say of it.
    ///
    /// # Errors
    /// Why the lines go on to where they went before.
    pub fn reopen(&self) -> Result<String, String> {
        let (reply, answer) = sync_channel(1);
        self.order(Order::Reopen(Some(reply)));
        answer.recv_timeout(ORDER_TIMEOUT).unwrap_or_else(|error| {
            Err(match error {
                RecvTimeoutError::Timeout => {
                    "the access log hangs in a write, and reopens when that ends".to_owned()
                }
                RecvTimeoutError::Disconnected => "the access log has ended".to_owned(),
            })
        })
    }

    /// Writes what waits and ends; what cannot be written in a while is lost.
    pub fn close(&self) {
        let (done, ended) = sync_channel(1);
        self.order(Order::Close(Instant::now() + CLOSE_TIMEOUT, done));
        if ended.recv_timeout(CLOSE_TIMEOUT + CLOSE_GRACE) == Err(RecvTimeoutError::Timeout) {
            let lost = self.counts.waiting.load(Relaxed);
            warn!(lost, "the access log hangs in a write, and its last lines are lost");
        }
    }

    /// The lines that were dropped since the start.
    pub fn lost(&self) -> Lost {
        self.counts.lost()
    }

    /// A thread that has ended obeys nothing more, and nobody minds.
    fn order(&self, order: Order) {
        _ = self.orders.send(order);
        _ = self.lines.send(Message::Look);
    }
}
