//! Writing without sending: many small writes leave in one system call.

use std::io::{self, IoSlice, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite as _;

use super::TlsStream;

/// Encrypts, and sends only when there is no more room for what is encrypted (rustls keeps 64 KiB). Whoever writes so
/// must flush the stream itself once it is done.
///
/// # Errors
/// Those of the stream.
pub fn poll_gather(
    stream: &mut TlsStream,
    cx: &mut Context<'_>,
    slices: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    loop {
        let count = stream.get_mut().1.writer().write_vectored(slices)?;
        if count > 0 || slices.iter().all(|slice| slice.is_empty()) {
            return Poll::Ready(Ok(count));
        }
        ready!(Pin::new(&mut *stream).poll_flush(cx))?;
    }
}
