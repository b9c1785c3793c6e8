//! The HTTP library's settings on a client's connection: every size is set explicitly, by the site or by a constant
//! here.

use std::future::Future;

use hyper::server::conn::{http1, http2};
use hyper_util::rt::TokioTimer;

use crate::config;

/// HTTP/2 windows: what one request, and all of one connection together, may send ahead of the app.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// What one HTTP/2 response may hold back for a client that reads slowly.
const SEND_BUFFER: usize = 64 * 1024;
/// What an HTTP/1.1 connection reads ahead of the app.
const READ_BUFFER: usize = 64 * 1024;

/// HTTP/1.1 as a site has it.
pub(super) fn http1(limits: &config::SiteLimits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // Deadlines are the driver's; hyper's one cannot tell an idle connection from a slow head.
        .header_read_timeout(None)
        .half_close(false)
        .keep_alive(true)
        .max_headers(limits.header_count_max)
        .max_header_size(limits.header_bytes_max)
        .max_buf_size(limits.header_bytes_max.max(READ_BUFFER));
    builder
}

/// HTTP/2 as a site has it, on the worker of its connection.
pub(super) fn http2(limits: &config::SiteLimits) -> http2::Builder<LocalExecutor> {
    let header_bytes_max = u32::try_from(limits.header_bytes_max).unwrap_or(u32::MAX);
    let mut builder = http2::Builder::new(LocalExecutor);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_max)
        .max_header_list_size(header_bytes_max)
        .max_frame_size(16 * 1024)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        // Requests that a client resets before they are taken up (CVE-2023-44487). Those that it makes us reset
        // (CVE-2025-8671) the library would count as long as the connection lives, though some are nobody's fault, such
        // as what still comes of uploads that were refused: `FrameWatch` counts them, by the second.
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(None);
    builder
}

/// Tasks of HTTP/2 streams stay on the connection's worker.
#[derive(Clone)]
pub(super) struct LocalExecutor;

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for LocalExecutor {
    fn execute(&self, task: F) {
        tokio::task::spawn_local(task);
    }
}
