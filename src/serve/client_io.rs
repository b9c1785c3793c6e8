//! The client's stream as the HTTP library sees it. Beside passing bytes it does four things: it keeps
//! the connection's [`Activity`], it ends floods of HTTP/2 ([`FrameWatch`]) and gathers what HTTP/2 writes, it puts the
//! gateway's JSON in place of the bare answers that hyper gives to what it cannot parse, and it closes so that the last
//! words arrive.

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::CONNECTION;
use http::{Response, Version};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::forward::{Answer, Trust as _};
use crate::observe::RequestId;
use crate::tls::{Gathered, TlsStream};

use super::activity::Activity;
use super::frames::FrameWatch;
use super::linger::Linger;
use super::standing::Standing;

/// A client's stream, and what HTTP/2 has written to it in this turn.
struct Stream {
    tls: TlsStream,
    gathered: Gathered,
}

impl Stream {
    /// Sends what was written.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.gathered.poll_flush(&mut self.tls, cx)
    }
}

pub(super) struct ClientIo {
    stream: Rc<RefCell<Stream>>,
    /// What came while nobody read, or was read and not used; it is read first.
    ahead: Bytes,
    activity: Rc<Activity>,
    standing: Rc<Standing>,
    /// An answer of ours in place of hyper's, and how much of it is written.
    substitute: Option<(Vec<u8>, usize)>,
    /// Set once the write side is closed.
    linger: Option<Linger>,
    /// Of HTTP/2, on the heap, as most connections are none.
    frames: Option<Box<FrameWatch>>,
    /// Whether the stream has left bytes with the HTTP library that it could not take.
    is_refusing: bool,
    /// Whether the client may go on after the write side is closed, because this is HTTP no more.
    is_tunnel: bool,
}

impl ClientIo {
    pub(super) fn new(
        stream: Box<TlsStream>,
        activity: Rc<Activity>,
        standing: Rc<Standing>,
        frames: Option<FrameWatch>,
    ) -> Self {
        Self {
            stream: Rc::new(RefCell::new(Stream { tls: *stream, gathered: Gathered::default() })),
            ahead: Bytes::new(),
            activity,
            standing,
            substitute: None,
            linger: None,
            frames: frames.map(Box::new),
            is_refusing: false,
            is_tunnel: false,
        }
    }

    /// Takes back what was read and not used, to be read again.
    pub(super) fn unread(&mut self, bytes: &[u8]) {
        debug_assert!(self.ahead.is_empty(), "who reads has read this first");
        // A copy: even an empty piece of the library's buffer would keep the whole of it.
        self.ahead = Bytes::copy_from_slice(bytes);
    }

    /// Waits until there is something to read, be it the end, and keeps it to be read.
    pub(super) fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.ahead.is_empty() {
            return Poll::Ready(());
        }
        let mut bytes = [0; 512];
        let mut buffer = ReadBuf::new(&mut bytes);
        // An end or an error comes again to whoever reads next.
        _ = ready!(Pin::new(&mut *self).poll_read(cx, &mut buffer));
        self.ahead = Bytes::copy_from_slice(buffer.filled());
        Poll::Ready(())
    }

    /// Whether all that the HTTP library had to write has been taken from it.
    pub(super) fn has_taken_all(&self) -> bool {
        !self.is_refusing
    }

    /// Says whether its sides close apart, as those of a tunnel, or the whole of it with its write side.
    pub(super) fn tunnels(&mut self, is_tunnel: bool) {
        self.is_tunnel = is_tunnel;
    }

    /// What sends the frames that HTTP/2 has written.
    pub(super) fn outlet(&self) -> Outlet {
        let (stream, activity) = (Rc::clone(&self.stream), Rc::clone(&self.activity));
        Outlet { stream, activity, sent: Cell::new(0) }
    }

    /// Whether hyper is answering by itself; our answer then takes its place.
    fn substitutes(&mut self, bytes: &[u8]) -> bool {
        if !self.activity.is_answer_of_library() {
            return false;
        }
        let Some(status) = library_status(bytes) else {
            return false;
        };
        let (answer, id) = (Answer::for_status(status), RequestId::random());
        let (caller, _) = self.standing.caller();
        caller.unreadable(id, answer);
        let response = answer.response(id, &caller.site.config.answers, Version::HTTP_11);
        self.substitute = Some((written(&response).into_bytes(), 0));
        true
    }

    /// Whether the kernel has bytes of the client. The runtime tells of them once for all connections and then runs
    /// these in turn: while a thousand are closed, a request of the last of them lies there for a while.
    fn has_unread(&self) -> bool {
        let mut byte = [MaybeUninit::uninit()];
        let stream = self.stream.borrow();
        SockRef::from(stream.tls.get_ref().0.tcp()).peek(&mut byte).is_ok_and(|count| count > 0)
    }

    /// The stream has taken what was written, or had to refuse it.
    fn took(&mut self, has_taken: bool) {
        self.is_refusing = !has_taken;
        // What HTTP/2 writes is only gathered; whether the client reads, the outlet sees.
        if self.is_refusing || !self.activity.is_http2() {
            self.activity.wrote(self.is_refusing);
        }
    }

    /// Looks at what went out on HTTP/2.
    fn wrote(&mut self, bytes: &[u8]) {
        if let Some(frames) = &mut self.frames
            && let Some(flood) = frames.wrote(bytes)
        {
            self.activity.flooded(flood);
        }
    }

    fn poll_gather(&self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let Stream { tls, gathered } = &mut *self.stream.borrow_mut();
        gathered.poll_write(tls, cx, slices)
    }

    fn poll_substitute(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some((bytes, written)) = &mut self.substitute {
            if *written == bytes.len() {
                self.substitute = None;
                break;
            }
            let count = ready!(
                Pin::new(&mut self.stream.borrow_mut().tls).poll_write(cx, &bytes[*written..])
            )?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *written += count;
        }
        Poll::Ready(Ok(()))
    }
}

/// Sends what HTTP/2 has written in one turn.
pub(super) struct Outlet {
    stream: Rc<RefCell<Stream>>,
    activity: Rc<Activity>,
    /// What the kernel had taken by the last time.
    sent: Cell<u64>,
}

impl Outlet {
    /// Pending, or an error, is for the library to meet when it writes or reads next.
    pub(super) fn send(&self, cx: &mut Context<'_>) {
        let mut stream = self.stream.borrow_mut();
        let result = stream.poll_flush(cx);
        if !self.activity.has_exchanges() {
            stream.gathered.rest();
        }
        let sent = stream.tls.get_ref().0.sent();
        if self.sent.replace(sent) != sent {
            // The client has made room, though perhaps not for all.
            self.activity.wrote(false);
        }
        self.activity.wrote(result.is_pending());
        if result.is_ready() {
            self.activity.flushed();
        }
    }
}

/// A whole response of the gateway's own for HTTP/1.1, after which the connection closes.
pub(super) fn written(response: &Response<Bytes>) -> String {
    let (status, body) = (response.status(), response.body());
    let mut text = format!(
        "HTTP/1.1 {} {}\r\n",
        status.as_u16(),
        status.canonical_reason().unwrap_or_default()
    );
    for (name, value) in response.headers().iter().filter(|(name, _)| **name != CONNECTION) {
        // Writing to a String cannot fail.
        _ = write!(text, "{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes()));
    }
    _ = write!(text, "content-length: {}\r\nconnection: close\r\n\r\n", body.len());
    text.push_str(&String::from_utf8_lossy(body));
    text
}

/// The status, if `bytes` are exactly what hyper answers by itself: a head with no body and only the
/// headers that it makes. Nothing of an app can look like it, because the caller knows that no response
/// of an app is under way.
fn library_status(bytes: &[u8]) -> Option<u16> {
    let head = std::str::from_utf8(bytes).ok()?.strip_suffix("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let known = ["connection: close", "content-length: 0", "date: "];
    let bare = lines.all(|line| known.iter().any(|known| line.starts_with(known)));
    (bare && (400..500).contains(&status)).then_some(status)
}

impl AsyncRead for ClientIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let count = self.ahead.len().min(buffer.remaining());
            buffer.put_slice(&self.ahead.split_to(count));
            self.activity.read();
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        if let Some(ending) = self.frames.as_mut().and_then(|frames| frames.ending()) {
            ending.fill(buffer);
            return Poll::Ready(Ok(()));
        }
        let result = Pin::new(&mut self.stream.borrow_mut().tls).poll_read(cx, buffer);
        if let Some(frames) = &mut self.frames
            && let Some((flood, passed)) = frames.read(&buffer.filled()[before..])
        {
            buffer.set_filled(before + passed);
            self.activity.flooded(flood);
        }
        let is_asked = self.activity.is_last_look() && result.is_pending() && self.has_unread();
        if buffer.filled().len() > before || is_asked {
            self.activity.read();
        }
        result
    }
}

impl AsyncWrite for ClientIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.substitutes(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let result = if self.activity.is_http2() {
            self.poll_gather(cx, &[IoSlice::new(bytes)])
        } else {
            Pin::new(&mut self.stream.borrow_mut().tls).poll_write(cx, bytes)
        };
        self.took(result.is_ready());
        if let Poll::Ready(Ok(count)) = result {
            self.wrote(&bytes[..count]);
        }
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [only] = slices
            && self.substitutes(only)
        {
            return Poll::Ready(Ok(only.len()));
        }
        let result = if self.activity.is_http2() {
            self.poll_gather(cx, slices)
        } else {
            Pin::new(&mut self.stream.borrow_mut().tls).poll_write_vectored(cx, slices)
        };
        self.took(result.is_ready());
        if let Poll::Ready(Ok(mut left)) = result {
            for slice in slices {
                let part = left.min(slice.len());
                self.wrote(&slice[..part]);
                left -= part;
            }
        }
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.borrow().tls.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.activity.is_http2() {
            // The library flushes after every frame; the outlet does after every turn.
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_substitute(cx))?;
        let result = Pin::new(&mut self.stream.borrow_mut().tls).poll_flush(cx);
        self.activity.wrote(result.is_pending());
        if result.is_ready() {
            self.activity.flushed();
        }
        result
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.is_tunnel {
            return Pin::new(&mut this.stream.borrow_mut().tls).poll_shutdown(cx);
        }
        this.activity.closing();
        if this.linger.is_none() {
            ready!(this.poll_substitute(cx))?;
            ready!(this.stream.borrow_mut().poll_flush(cx))?;
            ready!(Pin::new(&mut this.stream.borrow_mut().tls).poll_shutdown(cx))?;
        }
        let linger = this.linger.get_or_insert_default();
        linger.poll(this.stream.borrow_mut().tls.get_mut().0.tcp_mut(), cx).map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::library_status;

    #[test]
    fn only_a_bare_answer_is_taken_for_the_librarys() {
        let bare = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n";
        assert_eq!(library_status(bare), Some(400));
        let app = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nserver: app\r\n\r\n";
        assert_eq!(library_status(app), None);
        let body = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\nx";
        assert_eq!(library_status(body), None);
        assert_eq!(library_status(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), None);
        assert_eq!(library_status(b"\xff"), None);
    }
}
