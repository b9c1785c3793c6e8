//! The one way to standard error, for the lines of the log and, where they go there too, for access lines: nobody's
//! line stands within another's. Whoever logs never waits: a journal that is stuck, a pipe that nobody reads or a disk
//! that is full costs lines and not calls. One thread writes; what waits for it is bounded, and what did not fit, or
//! could not be written, is counted and told as soon as there is room again. (tracing-appender also has a thread that
//! writes; it bounds lines and not bytes, and of a disk that is full it says nothing.)

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd as _;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing::warn;
use tracing_subscriber::fmt::MakeWriter;

use super::room::has_room;

/// What waits to be written, at most: some ten thousand lines.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// How often it is told that lines were lost.
const TELL_INTERVAL: Duration = Duration::from_secs(1);

/// How long the end of the program waits for its last lines to be written.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// Takes lines without waiting, and has them written in their order.
#[derive(Clone, Debug)]
pub struct LogLines {
    queue: Arc<Queue>,
    /// Gone with the last of these.
    _end: Arc<End>,
}

/// Has the thread end when nobody is left who could log.
#[derive(Debug)]
struct End(Arc<Queue>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.lock().is_over = true;
        self.0.moved.notify_all();
    }
}

#[derive(Debug)]
struct Queue {
    waiting: Mutex<Waiting>,
    /// Somebody has put in a line, or the last one is written.
    moved: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<Piece>,
    bytes: usize,
    is_writing: bool,
    is_over: bool,
    lost: u64,
}

/// One line or more, whole ones.
#[derive(Debug)]
struct Piece {
    bytes: Vec<u8>,
    lines: u64,
    /// Whoever counts them, if it is not the log.
    reply: Option<SyncSender<io::Result<()>>>,
}

/// Access lines that the log was given to write, and what came of it.
#[derive(Debug)]
pub(super) struct Handed {
    answer: Receiver<io::Result<()>>,
    came: Option<io::Result<()>>,
}

impl Handed {
    /// Waits so long at most until they are written, or cannot be.
    pub(super) fn wait(&mut self, patience: Duration) {
        if self.came.is_none() {
            self.came = match self.answer.recv_timeout(patience) {
                Ok(result) => Some(result),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => Some(Err(ErrorKind::BrokenPipe.into())),
            };
        }
    }

    /// What came of it, as far as that is known.
    pub(super) fn take(&mut self) -> Option<io::Result<()>> {
        self.wait(Duration::ZERO);
        self.came.take()
    }
}

impl LogLines {
    /// Starts the thread that writes to standard error. All of a process that may log go this one way.
    ///
    /// # Errors
    /// A stream that is closed, or a thread that the system refuses.
    pub fn to_standard_error() -> io::Result<Self> {
        // Not Rust's own handle, whose lock others would take. A line comes whole, so that no buffer is needed beyond
        // the queue.
        Self::to(Patient(File::from(io::stderr().as_fd().try_clone_to_owned()?)))
    }

    fn to(place: impl Write + Send + 'static) -> io::Result<Self> {
        let queue = Arc::new(Queue { waiting: Mutex::default(), moved: Condvar::new() });
        let writing = Arc::clone(&queue);
        thread::Builder::new().name("log".to_owned()).spawn(move || writing.write(place))?;
        Ok(Self { _end: Arc::new(End(Arc::clone(&queue))), queue })
    }

    /// Has whole access lines written, between those of the log; they never make it full. Whoever hands them waits for
    /// what comes of them before it hands more, and counts those that are lost; if it does not wait, the log does.
    pub(super) fn hand(&self, bytes: Vec<u8>, lines: u64) -> Handed {
        let (reply, answer) = sync_channel(1);
        self.queue.push(self.queue.lock(), Piece { bytes, lines, reply: Some(reply) });
        Handed { answer, came: None }
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
        self.push(waiting, Piece { bytes: line.to_vec(), lines: 1, reply: None });
    }

    fn push(&self, mut waiting: MutexGuard<'_, Waiting>, piece: Piece) {
        waiting.bytes += piece.bytes.len();
        waiting.lines.push_back(piece);
        drop(waiting);
        self.moved.notify_all();
    }

    /// What comes next; `None` when none comes for a while, and there is something to tell.
    fn next(&self) -> Option<Piece> {
        let mut waiting = self.lock();
        waiting.is_writing = false;
        if waiting.lines.is_empty() {
            self.moved.notify_all();
        }
        let is_empty = |waiting: &mut Waiting| waiting.lines.is_empty() && !waiting.is_over;
        if waiting.lost > 0 {
            let waited = self.moved.wait_timeout_while(waiting, TELL_INTERVAL, is_empty);
            waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
        } else {
            let waited = self.moved.wait_while(waiting, is_empty);
            waiting = waited.unwrap_or_else(PoisonError::into_inner);
        }
        let piece = waiting.lines.pop_front()?;
        waiting.bytes -= piece.bytes.len();
        waiting.is_writing = true;
        Some(piece)
    }

    fn write(&self, mut place: impl Write) {
        let mut told: Option<Instant> = None;
        let mut takes = true;
        let mut is_torn = false;
        loop {
            let lost = self.next().map_or(0, |Piece { bytes, lines, reply }| {
                let written = write_lines(&mut place, &mut is_torn, &bytes);
                takes = written.is_ok();
                // Access lines are counted by the access log, unless it has turned elsewhere.
                let is_counted = reply.is_none_or(|reply| reply.send(written).is_err());
                if is_counted && !takes { lines } else { 0 }
            });
            let mut waiting = self.lock();
            if waiting.is_over && waiting.lines.is_empty() {
                return;
            }
            waiting.lost += lost;
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

/// Writes whole lines; where the last of those before was cut off, it ends first.
fn write_lines(place: &mut impl Write, is_torn: &mut bool, bytes: &[u8]) -> io::Result<()> {
    if *is_torn {
        place.write_all(b"\n")?;
        *is_torn = false;
    }
    let mut rest = bytes;
    while !rest.is_empty() {
        match place.write(rest) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => {
                rest = rest.get(count..).unwrap_or_default();
                *is_torn = !rest.is_empty()
                    && !bytes.get(..bytes.len() - rest.len()).is_some_and(|it| it.ends_with(b"\n"));
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A stream that is waited for also where whoever shares it has made it one that nobody waits for.
struct Patient(File);

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.0.write(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    has_room(&self.0, None);
                }
                done => return done,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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
        gate.send(Err(ErrorKind::StorageFull.into())).unwrap();
        log.make_writer().write_all(b"lost\n").unwrap();
        log.flush();
        assert_eq!(log.queue.lock().lost, 1);
        gate.send(Ok(())).unwrap();
        log.make_writer().write_all(b"kept\n").unwrap();
        log.flush();
        assert_eq!(lines.try_iter().collect::<Vec<_>>(), [b"kept\n".to_vec()]);
        assert_eq!(log.queue.lock().lost, 0);
    }

    #[test]
    fn access_lines_go_between_those_of_the_log_and_what_comes_of_them_is_answered() {
        let (log, gate, lines) = gated();
        log.make_writer().write_all(b"one\n").unwrap();
        let mut handed = log.hand(b"two\nthree\n".to_vec(), 2);
        log.make_writer().write_all(b"four\n").unwrap();
        assert!(handed.take().is_none());
        gate.send(Ok(())).unwrap();
        gate.send(Err(ErrorKind::StorageFull.into())).unwrap();
        drop(gate);
        log.flush();
        assert_eq!(handed.take().unwrap().unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(lines.try_iter().collect::<Vec<_>>(), [b"one\n".to_vec(), b"four\n".to_vec()]);
        assert_eq!(log.queue.lock().lost, 0);
    }

    #[test]
    fn the_log_counts_those_that_nobody_waits_for() {
        let (log, gate, _lines) = gated();
        drop(log.hand(b"two\nthree\n".to_vec(), 2));
        gate.send(Err(ErrorKind::StorageFull.into())).unwrap();
        log.flush();
        assert_eq!(log.queue.lock().lost, 2);
        drop(gate);
    }

    #[test]
    fn the_thread_ends_with_its_last_line_when_nobody_is_left_who_could_log() {
        let (log, gate, lines) = gated();
        log.make_writer().write_all(b"last\n").unwrap();
        drop(log);
        drop(gate);
        // The thread holds the other end.
        assert_eq!(lines.iter().collect::<Vec<_>>(), [b"last\n".to_vec()]);
    }

    /// Takes a few bytes, and then nothing for once.
    struct Full(Vec<u8>, usize);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.1);
            self.1 = usize::MAX;
            if count == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            self.0.extend(&bytes[..count]);
            self.1 = if count < bytes.len() { 0 } else { usize::MAX };
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_that_was_cut_off_ends_before_the_next() {
        for (room, written) in [(5, "one\nt\nthree\n"), (4, "one\nthree\n")] {
            let (mut full, mut is_torn) = (Full(Vec::new(), room), false);
            write_lines(&mut full, &mut is_torn, b"one\ntwo\n").unwrap_err();
            write_lines(&mut full, &mut is_torn, b"three\n").unwrap();
            assert_eq!(str::from_utf8(&full.0).unwrap(), written);
        }
    }
}
