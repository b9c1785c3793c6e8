//! The first frame of an HTTP/2 server, which has to be SETTINGS (RFC 9113 section 3.4). Waiting for it tells an app
//! that speaks something else, or accepts and says nothing, before a request is lost on it; and how many streams it
//! allows.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

/// A frame's head, and the place of its type in it (RFC 9113 section 4.1).
const HEAD_BYTES: usize = 9;
const TYPE_AT: usize = 3;
const SETTINGS: u8 = 4;

/// A stream that notes how it begins.
pub(super) struct FirstFrame<S> {
    stream: S,
    /// `None` once it is known.
    seen: Option<Rc<Seen>>,
}

/// What is waited for.
pub(super) struct Seen {
    head: RefCell<Vec<u8>>,
    has_ended: RefCell<Option<io::ErrorKind>>,
    news: Notify,
}

impl Seen {
    /// Waits for the head of the first frame.
    ///
    /// # Errors
    /// There is none, or it is no SETTINGS.
    pub(super) async fn settings(&self) -> io::Result<()> {
        loop {
            if let Some(verdict) = self.verdict() {
                return verdict;
            }
            self.news.notified().await;
        }
    }

    fn verdict(&self) -> Option<io::Result<()>> {
        let head = self.head.borrow();
        if head.len() >= HEAD_BYTES {
            return Some(if head[TYPE_AT] == SETTINGS {
                Ok(())
            } else if head.starts_with(b"HTTP/1") {
                Err(io::Error::other("answers in HTTP/1.1, not in HTTP/2: write `http://`"))
            } else {
                Err(io::Error::other("does not answer in HTTP/2"))
            });
        }
        let ended = (*self.has_ended.borrow())?;
        let what = "closed the connection before it said anything in HTTP/2";
        Some(Err(io::Error::new(ended, what)))
    }
}

impl<S> FirstFrame<S> {
    pub(super) fn new(stream: S) -> (Self, Rc<Seen>) {
        let seen = Rc::new(Seen {
            head: RefCell::default(),
            has_ended: RefCell::default(),
            news: Notify::new(),
        });
        (Self { stream, seen: Some(Rc::clone(&seen)) }, seen)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for FirstFrame<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let Some(seen) = &this.seen else {
            return Pin::new(&mut this.stream).poll_read(cx, buffer);
        };
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut this.stream).poll_read(cx, buffer));
        let new = &buffer.filled()[before..];
        match &read {
            Ok(()) if new.is_empty() => {
                seen.has_ended.replace(Some(io::ErrorKind::UnexpectedEof));
            }
            Ok(()) => {
                let mut head = seen.head.borrow_mut();
                let missing = HEAD_BYTES.saturating_sub(head.len());
                head.extend_from_slice(&new[..new.len().min(missing)]);
            }
            Err(error) => _ = seen.has_ended.replace(Some(error.kind())),
        }
        // Whoever waits runs after the frame was understood: on this thread, and not before this poll is over.
        seen.news.notify_one();
        if seen.verdict().is_some() {
            this.seen = None;
        }
        Poll::Ready(read)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FirstFrame<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
