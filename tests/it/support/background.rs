//! Something asynchronous that runs beside a test, on a thread of its own, and ends with it.

use std::future::Future;
use std::net::TcpListener;

use tokio::runtime::{Builder, LocalOptions};
use tokio_util::sync::{CancellationToken, DropGuard};

pub struct Background {
    _ends: DropGuard,
}

impl Background {
    /// Runs what is made on that thread.
    pub fn run<F: Future>(make: impl FnOnce() -> F + Send + 'static) -> Self {
        let cut = CancellationToken::new();
        let ends = cut.clone().drop_guard();
        std::thread::spawn(move || {
            let mut runtime = Builder::new_current_thread();
            let runtime = runtime.enable_all().build_local(LocalOptions::default()).unwrap();
            runtime.block_on(async {
                tokio::select! { _ = make() => {}, () = cut.cancelled() => {} }
            });
        });
        Self { _ends: ends }
    }
}

/// A free port of this machine, listened on, and its number.
pub fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}
