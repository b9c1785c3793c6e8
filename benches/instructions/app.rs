//! An app that answers `/NUMBER` with so many bytes, in one write.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

pub(crate) struct App {
    pub(crate) address: SocketAddr,
}

impl App {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                thread::spawn(move || serve(stream));
            }
        });
        Self { address }
    }
}

fn serve(mut stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines().map_while(Result::ok);
    loop {
        let request = lines.next()?;
        // The rest of the head, up to its empty line.
        lines.find(String::is_empty)?;
        let count: usize = request.split(' ').nth(1)?.trim_start_matches('/').parse().ok()?;
        let mut answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: {count}\r\n\r\n"
        );
        answer.extend(std::iter::repeat_n('x', count));
        stream.write_all(answer.as_bytes()).ok()?;
    }
}
