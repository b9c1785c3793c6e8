//! Lines of the log on their way to standard error. Whoever logs never waits: a journal that is stuck, a pipe that nobody
//! reads or a disk that is full costs lines and not calls. One thread writes; what waits for it is bounded, and what
//! did not fit, or could not be written, is counted and told as soon as there is room again. (tracing-appender also has a
//! thread that writes; it bounds lines and not bytes, and of a disk that is full it says nothing.)

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing::warn;
use tracing_subscriber::fmt::MakeWriter;

/// What waits to be written, at most: some ten thousand lines.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// How often it is told that lines were lost.
const TELL_INTERVAL: Duration = Duration::from_secs(1);

/// How long the end of the program waits for its last lines to be written.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// Takes lines without waiting, and has them written in their order.
#[derive(Clone)]
pub struct LogLines {
    queue: Arc<Queue>,
}

struct Queue {
    waiting: Mutex<Waiting>,
    /// Somebody has put in a line, or the last one is written.
    moved: Condvar,
}

#[derive(Default)]
struct Waiting {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    is_writing: bool,
    lost: u64,
}

impl LogLines {
    /// Starts the thread that writes to standard error.
    ///
    /// # Errors
    /// A thread that the system refuses.
    pub fn to_standard_error() -> io::Result<Self> {
        // A line comes whole, so that no buffer is needed beyond the queue.
        Self::to(io::stderr())
    }

    fn to(place: impl Write + Send + 'static) -> io::Result<Self> {
        let queue = Arc::new(Queue { waiting: Mutex::default(), moved: Condvar::new() });
        let writing = Arc::clone(&queue);
        thread::Builder::new().name("log".to_owned()).spawn(move || writing.write(place))?;
        Ok(Self { queue })
    }

    /// Waits until all is written, for a moment at most: whoever ends has said it then.
    pub fn flush(&self) {
        let is_busy = |waiting: &mut Waiting| waiting.is_writing || !waiting.lines.is_empty();
        // Poisoned or late, there is nothing more to be done for them.
        drop(self.queue.moved.wait_timeout_while(self.queue.lock(), FLUSH_TIMEOUT, is_busy));
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, line: &[u8]) {
        let mut waiting = self.lock();
        if waiting.bytes + line.len() > BYTES_MAX {
            waiting.lost += 1;
            return;
        }
        waiting.bytes += line.len();
        waiting.lines.push_back(line.to_vec());
        drop(waiting);
        self.moved.notify_all();
    }

    /// The next line; `None` when none comes for a while, and there is something to tell.
    fn next(&self) -> Option<Vec<u8>> {
        let mut waiting = self.lock();
        waiting.is_writing = false;
        if waiting.lines.is_empty() {
            self.moved.notify_all();
        }
        let is_empty = |waiting: &mut Waiting| waiting.lines.is_empty();
        if waiting.lost > 0 {
            let waited = self.moved.wait_timeout_while(waiting, TELL_INTERVAL, is_empty);
            waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
        } else {
            let waited = self.moved.wait_while(waiting, is_empty);
            waiting = waited.unwrap_or_else(PoisonError::into_inner);
        }
        let line = waiting.lines.pop_front()?;
        waiting.bytes -= line.len();
        waiting.is_writing = true;
        Some(line)
    }

    fn write(&self, mut place: impl Write) {
        let mut told: Option<Instant> = None;
        let mut takes = true;
        loop {
            let line = self.next();
            let is_lost = line.is_some_and(|line| {
                takes = place.write_all(&line).is_ok();
                !takes
            });
            let mut waiting = self.lock();
            waiting.lost += u64::from(is_lost);
            let is_due = told.is_none_or(|at| at.elapsed() >= TELL_INTERVAL);
            if takes && is_due && waiting.lost > 0 {
                let lost = std::mem::take(&mut waiting.lost);
                drop(waiting);
                told = Some(Instant::now());
                warn!(lost, "lines of the log were lost: standard error did not take them");
            }
        }
    }
}

impl<'a> MakeWriter<'a> for LogLines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(&self.queue)
    }
}

/// Takes one line, which the log writes at once.
pub struct Line<'a>(&'a Queue);

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Takes a line only when it is let.
    struct Gated(Receiver<io::Result<()>>, Sender<Vec<u8>>);

    impl Write for Gated {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.recv().unwrap_or(Ok(()))?;
            _ = self.1.send(line.to_vec());
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn gated() -> (LogLines, Sender<io::Result<()>>, Receiver<Vec<u8>>) {
        let ((gate, gated), (written, lines)) = (channel(), channel());
        (LogLines::to(Gated(gated, written)).unwrap(), gate, lines)
    }

    #[test]
    fn lines_are_written_whole_and_in_their_order() {
        let (log, gate, lines) = gated();
        drop(gate);
        let numbered: Vec<_> = (0..100).map(|n| format!("{n}\n").into_bytes()).collect();
        numbered.iter().for_each(|line| log.make_writer().write_all(line).unwrap());
        log.flush();
        assert_eq!(lines.try_iter().collect::<Vec<_>>(), numbered);
    }

    #[test]
    fn a_place_that_takes_nothing_makes_nobody_wait_and_keeps_a_bounded_heap() {
        let (log, gate, _lines) = gated();
        let line = vec![b'x'; 1024];
        for _ in 0..2 * BYTES_MAX / line.len() {
            log.make_writer().write_all(&line).unwrap();
        }
        assert!(log.queue.lock().bytes <= BYTES_MAX);
        // One may be in the writer's hand.
        let fitting = u64::try_from(BYTES_MAX / line.len()).unwrap();
        let lost = log.queue.lock().lost;
        assert!((fitting - 1..=fitting).contains(&lost), "{lost}");
        // It waits a moment for lines that cannot be written, not for ever.
        log.flush();
        drop(gate);
    }

    #[test]
    fn a_line_that_cannot_be_written_is_counted_and_told() {
        let (log, gate, lines) = gated();
        gate.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
        log.make_writer().write_all(b"lost\n").unwrap();
        log.flush();
        assert_eq!(log.queue.lock().lost, 1);
        gate.send(Ok(())).unwrap();
        log.make_writer().write_all(b"kept\n").unwrap();
        log.flush();
        assert_eq!(lines.try_iter().collect::<Vec<_>>(), [b"kept\n".to_vec()]);
        assert_eq!(log.queue.lock().lost, 0);
    }
}
