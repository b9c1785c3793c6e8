//! Closing so that the last words arrive. A socket that is closed while bytes of the client are unread
//! sends a reset, and a reset destroys what the client has not read yet: the alert or the answer that
//! explains the end. So the write side is closed first, and what the client still sends is read and
//! thrown away for a bounded while (nginx calls it lingering close).

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep, timeout};

/// How long, and how many bytes at most, a client is listened to after the last word.
const LINGER: Duration = Duration::from_secs(2);
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// Closes a stream on which the last words have been written.
pub(super) async fn close(mut stream: TcpStream) {
    // It may be closed already, which is as good.
    let _ = timeout(LINGER, stream.shutdown()).await;
    let mut linger = Linger::default();
    std::future::poll_fn(|cx| linger.poll(&mut stream, cx)).await;
}

/// The reading part, for callers that are polled.
#[derive(Default)]
pub(super) struct Linger {
    sleep: Option<Pin<Box<Sleep>>>,
    bytes: usize,
}

impl Linger {
    /// Ready once the client has closed too, or has had its time.
    pub(super) fn poll(&mut self, stream: &mut TcpStream, cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
                Poll::Pending => break,
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(())) => {
                    let count = buffer.filled().len();
                    self.bytes += count;
                    if count == 0 || self.bytes > BYTES_MAX {
                        return Poll::Ready(());
                    }
                }
            }
        }
        self.sleep.get_or_insert_with(|| Box::pin(sleep(LINGER))).as_mut().poll(cx)
    }
}

/// Writes a few last words and closes.
pub(super) async fn say(mut stream: TcpStream, words: &[u8]) -> io::Result<()> {
    timeout(LINGER, stream.write_all(words)).await.map_err(io::Error::from)??;
    close(stream).await;
    Ok(())
}
