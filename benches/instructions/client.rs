//! What a client asks on a connection, by hand: nothing that it does itself is to change when a library does.

use std::io::{Read as _, Write as _};

use crate::connect::Tls;
use crate::load::SITE;

/// A connection that speaks HTTP/1.1.
pub(crate) struct Http1(pub(crate) Tls);

impl Http1 {
    pub(crate) fn get(&mut self, count: usize) {
        let head = format!("GET /bytes/{count} HTTP/1.1\r\nHost: {SITE}\r\n\r\n");
        self.0.write_all(head.as_bytes()).unwrap();
        let (mut answer, mut end) = (Vec::new(), None);
        while end.is_none_or(|end| answer.len() < end + count) {
            let mut bytes = [0; 16 * 1024];
            let read = self.0.read(&mut bytes).unwrap();
            assert!(read > 0, "the gateway closed: {}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&bytes[..read]);
            let found = || answer.windows(4).position(|four| four == b"\r\n\r\n");
            end = end.or_else(|| found().map(|at| at + 4));
        }
        assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
    }

    /// Takes leave, and waits until the gateway has closed.
    pub(crate) fn close(mut self) {
        self.0.conn.send_close_notify();
        self.0.flush().unwrap();
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).unwrap();
        assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
    }
}

/// A connection that speaks HTTP/2 (RFC 9113), as far as one request after the other needs it.
pub(crate) struct Http2 {
    stream: Tls,
    /// Of the last request.
    number: u32,
}

impl Http2 {
    pub(crate) fn new(mut stream: Tls) -> Self {
        const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        const SETTINGS_ACK: [u8; 9] = [0, 0, 0, 4, 1, 0, 0, 0, 0];
        /// So much that the connection's window never has to be opened again.
        const WINDOW_UPDATE: [u8; 13] = [0, 0, 4, 8, 0, 0, 0, 0, 0, 0x40, 0, 0, 0];
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        let bytes = [preface, &SETTINGS[..], &SETTINGS_ACK, &WINDOW_UPDATE].concat();
        stream.write_all(&bytes).unwrap();
        Self { stream, number: 0 }
    }

    /// Always of the same path, which the header compression (RFC 7541) remembers as it does the host.
    pub(crate) fn get(&mut self, count: usize) {
        const DATA: u8 = 0;
        const HEADERS: u8 = 1;
        const PING: u8 = 6;
        const STATUS_200: u8 = 0x88;
        let mut block = vec![0x82, 0x87];
        if self.number == 0 {
            for (name, value) in [(0x41, SITE), (0x44, &format!("/bytes/{count}"))] {
                // A literal that is remembered, with an indexed name: `:authority`, `:path`.
                block.extend([name, u8::try_from(value.len()).unwrap()]);
                block.extend(value.as_bytes());
            }
            self.number = 1;
        } else {
            // What was remembered: the latest comes first, after the 61 that everybody knows.
            block.extend([0x80 | 63, 0x80 | 62]);
            self.number += 2;
        }
        let length = u8::try_from(block.len()).unwrap();
        // END_HEADERS and END_STREAM.
        let mut bytes = vec![0, 0, length, HEADERS, 5];
        bytes.extend(self.number.to_be_bytes());
        bytes.extend(&block);
        self.stream.write_all(&bytes).unwrap();
        let mut received = 0;
        loop {
            let mut head = [0; 9];
            self.stream.read_exact(&mut head).unwrap();
            let [_, high, low, kind, flags, number @ ..] = head;
            let mut body = vec![0; usize::from(high) << 8 | usize::from(low)];
            self.stream.read_exact(&mut body).unwrap();
            let is_own = u32::from_be_bytes(number) == self.number;
            match kind {
                HEADERS if is_own => assert_eq!(body[0], STATUS_200, "{body:?}"),
                DATA if is_own => received += body.len(),
                PING if flags == 0 => {
                    let head = [0, 0, 8, PING, 1, 0, 0, 0, 0];
                    self.stream.write_all(&[&head[..], &body].concat()).unwrap();
                }
                // RST_STREAM and GOAWAY.
                3 | 7 => panic!("the gateway broke off: {body:?}"),
                _ => {}
            }
            if is_own && kind <= HEADERS && flags & 1 == 1 {
                assert_eq!(received, count, "bytes of the body");
                return;
            }
        }
    }
}
