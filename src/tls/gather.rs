//! Writing without sending: what is written in one turn leaves in as few records as can be, and in one system call.

use std::io::{self, IoSlice, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite as _;

use super::TlsStream;

/// What one record holds (RFC 8446 section 5.1).
const RECORD_MAX: usize = 16 * 1024;

/// What may be left over behind whole records, to begin the next with. More becomes a record of its own, as to keep it
/// means to copy it.
const LEFT_OVER_MAX: usize = 1024;

/// What was written to a stream and is not encrypted yet: less than a record. Whoever writes so must flush once it is
/// done.
#[derive(Default)]
pub struct Gathered(Vec<u8>);

impl Gathered {
    /// Takes what is written, and sends only where rustls, which keeps 64 KiB, has no room for what is encrypted.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn poll_write(
        &mut self,
        stream: &mut TlsStream,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written: usize = slices.iter().map(|slice| slice.len()).sum();
        loop {
            let all = self.0.len() + written;
            if all < RECORD_MAX {
                self.keep(slices, 0);
                return Poll::Ready(Ok(written));
            }
            let left_over = all % RECORD_MAX;
            let whole = if left_over <= LEFT_OVER_MAX { all - left_over } else { all };
            let before = self.0.len();
            let taken = stream.get_mut().1.writer().write_vectored(&self.with(slices, whole))?;
            self.0.drain(..taken.min(before));
            if taken == whole {
                self.keep(slices, whole - before);
                return Poll::Ready(Ok(written));
            }
            if taken > before {
                return Poll::Ready(Ok(taken - before));
            }
            ready!(Pin::new(&mut *stream).poll_flush(cx))?;
        }
    }

    /// Encrypts and sends everything.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn poll_flush(
        &mut self,
        stream: &mut TlsStream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.0.is_empty() {
            let taken = stream.get_mut().1.writer().write(&self.0)?;
            self.0.drain(..taken);
            if taken == 0 {
                ready!(Pin::new(&mut *stream).poll_flush(cx))?;
            }
        }
        Pin::new(stream).poll_flush(cx)
    }

    /// Gives back the memory, where nothing is in it.
    pub fn rest(&mut self) {
        if self.0.is_empty() {
            self.0 = Vec::new();
        }
    }

    /// The first bytes of what was kept and is written now.
    fn with<'a>(&'a self, slices: &'a [IoSlice<'_>], count: usize) -> Vec<IoSlice<'a>> {
        let mut left = count;
        let mut parts = Vec::with_capacity(slices.len() + 1);
        for bytes in std::iter::once(&self.0[..]).chain(slices.iter().map(|slice| &slice[..])) {
            let part = &bytes[..left.min(bytes.len())];
            left -= part.len();
            parts.push(IoSlice::new(part));
        }
        parts
    }

    /// Keeps all behind the first bytes.
    fn keep(&mut self, slices: &[IoSlice<'_>], mut skipped: usize) {
        for slice in slices {
            let skip = skipped.min(slice.len());
            skipped -= skip;
            self.0.extend_from_slice(&slice[skip..]);
        }
    }
}
