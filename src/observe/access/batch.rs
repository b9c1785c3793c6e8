//! Lines on their way to the system: whole ones, so that another process which adds to the same file, and whoever
//! reads it, never meets half of one.

/// Lines that are written together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    /// Where each line ends.
    ends: Vec<usize>,
    /// How much of it is written.
    written: usize,
}

impl Batch {
    /// Adds the line that `write` makes.
    pub(super) fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    /// How many bytes there are.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether all of it is written.
    pub(super) fn is_done(&self) -> bool {
        self.written == self.bytes.len()
    }

    /// What to write next: the rest of a line that is begun, or as many whole lines as fit into `max` bytes. A line
    /// that is longer goes by itself, in parts.
    pub(super) fn next(&self, max: usize) -> &[u8] {
        let begun = self.ends.partition_point(|end| *end <= self.written);
        let fitting = self.ends.iter().skip(begun).take_while(|end| **end - self.written <= max);
        let end = match (self.is_torn(), fitting.last()) {
            (false, Some(end)) => *end,
            (true, Some(_)) => self.ends.get(begun).copied().unwrap_or(self.written),
            (_, None) => (self.written + max).min(self.bytes.len()),
        };
        self.bytes.get(self.written..end).unwrap_or_default()
    }

    /// Whole lines to write next, and how many: as many as fit into `max` bytes, and at least one. For places where
    /// none is ever written in part.
    pub(super) fn next_whole(&self, max: usize) -> (&[u8], u64) {
        let begun = self.ends.partition_point(|end| *end <= self.written);
        let ends = self.ends.get(begun..).unwrap_or_default();
        let count = ends.partition_point(|end| end - self.written <= max).max(1).min(ends.len());
        let end = count.checked_sub(1).and_then(|last| ends.get(last)).copied();
        let bytes = self.bytes.get(self.written..end.unwrap_or(self.written));
        (bytes.unwrap_or_default(), count as u64)
    }

    /// Notes that so many bytes of it were taken.
    pub(super) fn advance(&mut self, count: usize) {
        self.written = (self.written + count).min(self.bytes.len());
        if self.is_done() {
            self.clear();
        }
    }

    /// Whether a line is written in part.
    pub(super) fn is_torn(&self) -> bool {
        self.written != 0 && self.ends.binary_search(&self.written).is_err()
    }

    /// Gives up the rest of a line that is written in part; how many those are.
    pub(super) fn skip_torn(&mut self) -> u64 {
        if !self.is_torn() {
            return 0;
        }
        let end = self.ends.iter().find(|end| **end > self.written);
        self.advance(end.map_or(0, |end| end - self.written));
        1
    }

    /// Gives up what is not written; how many lines those are.
    pub(super) fn abandon(&mut self) -> u64 {
        let lost = self.ends.iter().filter(|end| **end > self.written).count();
        self.clear();
        lost as u64
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.written = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::Batch;

    fn batch(lines: &[&str]) -> Batch {
        let mut batch = Batch::default();
        lines.iter().for_each(|line| batch.add(|out| out.extend(line.as_bytes())));
        batch
    }

    #[test]
    fn whole_lines_go_together_as_far_as_they_fit() {
        let mut batch = batch(&["one\n", "two\n", "three\n"]);
        assert_eq!(batch.next(9), b"one\ntwo\n");
        batch.advance(8);
        assert_eq!(batch.next(9), b"three\n");
        batch.advance(6);
        assert!(batch.is_done() && batch.len() == 0);
    }

    #[test]
    fn a_line_that_is_begun_is_ended_before_another_goes() {
        let mut batch = batch(&["one\n", "two\n", "three\n"]);
        batch.advance(5);
        assert!(batch.is_torn());
        assert_eq!(batch.next(100), b"wo\n");
        assert_eq!(batch.skip_torn(), 1);
        assert_eq!(batch.next(100), b"three\n");
        assert_eq!(batch.skip_torn(), 0);
        assert_eq!(batch.abandon(), 1);
    }

    #[test]
    fn where_lines_go_whole_one_that_never_fits_goes_by_itself() {
        let mut batch = batch(&["one\n", "a line of some length\n", "two\n", "three\n"]);
        for (piece, lines) in [("one\n", 1), ("a line of some length\n", 1), ("two\nthree\n", 2)] {
            assert_eq!(batch.next_whole(10), (piece.as_bytes(), lines));
            batch.advance(piece.len());
        }
        assert!(batch.is_done());
        assert_eq!(batch.next_whole(10), (&b""[..], 0));
    }

    #[test]
    fn a_line_that_never_fits_goes_in_parts() {
        let mut batch = batch(&["a line of some length\n", "two\n"]);
        assert_eq!(batch.next(6), b"a line");
        batch.advance(6);
        assert_eq!(batch.next(6), b" of so");
        assert_eq!(batch.abandon(), 2);
    }
}
