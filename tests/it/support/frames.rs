//! A client of HTTP/2 that sends what the test says, frame by frame, whether it makes sense or not.

use std::io;

use super::PATIENCE;
use super::client::{Client, Connector};
use super::message::SITE;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

/// Flags.
pub const END_STREAM: u8 = 1;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// Codes (RFC 9113 section 7).
pub const PROTOCOL_ERROR: u32 = 1;
pub const STREAM_CLOSED: u32 = 5;
pub const FRAME_SIZE_ERROR: u32 = 6;
pub const ENHANCE_YOUR_CALM: u32 = 11;

/// One frame as it came.
#[derive(Clone, Debug)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

/// The bytes of a frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// One field of a head, as a literal that no table remembers (RFC 7541 section 6.2.2).
pub fn field(name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name.as_ref(), value.as_ref()] {
        bytes.extend(length(text.len()));
        bytes.extend(text);
    }
    bytes
}

/// The length of a text that is not compressed (RFC 7541 section 5.1).
fn length(mut length: usize) -> Vec<u8> {
    if length < 127 {
        return vec![u8::try_from(length).unwrap()];
    }
    let mut bytes = vec![127];
    length -= 127;
    while length >= 128 {
        bytes.push(u8::try_from(length % 128 + 128).unwrap());
        length /= 128;
    }
    bytes.push(u8::try_from(length).unwrap());
    bytes
}

/// The fields of a head.
pub fn head(fields: &[(&str, &str)]) -> Vec<u8> {
    fields.iter().flat_map(|(name, value)| field(name, value)).collect()
}

/// A whole GET of the first site's.
pub fn get(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &head(&request("GET", "/")))
}

/// The pseudo-header fields of a request of the first site's.
pub fn request<'a>(method: &'a str, path: &'a str) -> [(&'a str, &'a str); 4] {
    [(":method", method), (":scheme", "https"), (":authority", SITE), (":path", path)]
}

/// One connection.
pub struct Frames {
    pub client: Client,
}

impl Frames {
    /// Connects, and says what a client has to before its first request.
    pub fn connect(connector: &Connector) -> Self {
        let mut client = connector.try_open_for("h2").expect("somebody listens");
        client.handshake().unwrap();
        client.set_patience(PATIENCE);
        client.send(
            [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &frame(SETTINGS, 0, 0, b"")].concat(),
        );
        Self { client }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.client.send(bytes);
    }

    /// Sends to a gateway that may have closed already; whether it has not.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.client.try_send(bytes).is_ok()
    }

    /// The next frame.
    pub fn next(&mut self) -> io::Result<Frame> {
        let head = self.client.reader.exactly(9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let payload = self.client.reader.exactly(usize::try_from(length).unwrap())?;
        Ok(Frame { kind: head[3], flags: head[4], stream, payload })
    }

    /// Reads on to a frame that fits.
    pub fn until(&mut self, fits: impl Fn(&Frame) -> bool) -> io::Result<Frame> {
        loop {
            let frame = self.next()?;
            if fits(&frame) {
                return Ok(frame);
            }
        }
    }

    /// Whether a GOAWAY is among what has come by now, without waiting for anything.
    pub fn is_told_to_leave(&mut self) -> bool {
        // Its type, no flag, and no stream.
        const GOES: [u8; 6] = [GOAWAY, 0, 0, 0, 0, 0];
        self.client.tcp().set_nonblocking(true).unwrap();
        let come = self.client.reader.some();
        self.client.tcp().set_nonblocking(false).unwrap();
        match come {
            Ok(bytes) => bytes.is_empty() || bytes.windows(GOES.len()).any(|window| window == GOES),
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        }
    }

    /// The code of the GOAWAY that ends the connection.
    pub fn goaway(&mut self) -> u32 {
        let frame = self.until(|frame| frame.kind == GOAWAY).expect("a GOAWAY");
        u32::from_be_bytes(frame.payload[4..8].try_into().unwrap())
    }

    /// Reads on to the end of a stream: its response's status, or the code of its reset.
    pub fn outcome(&mut self, stream: u32) -> Outcome {
        let mut status = None;
        loop {
            let Ok(frame) = self.next() else {
                return Outcome::Gone;
            };
            match frame.kind {
                GOAWAY => {
                    let code = u32::from_be_bytes(frame.payload[4..8].try_into().unwrap());
                    return Outcome::GoAway(code);
                }
                RST_STREAM if frame.stream == stream => {
                    let code = u32::from_be_bytes(frame.payload[..4].try_into().unwrap());
                    return status.map_or(Outcome::Reset(code), Outcome::Status);
                }
                HEADERS if frame.stream == stream && status.is_none() => {
                    status = Some(status_of(&frame.payload));
                }
                _ => {}
            }
            if frame.stream == stream
                && matches!(frame.kind, DATA | HEADERS)
                && frame.flags & END_STREAM != 0
            {
                return Outcome::Status(status.unwrap());
            }
        }
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Status(u16),
    Reset(u32),
    GoAway(u32),
    Gone,
}

/// The status that a response's head begins with: from the static table, or three digits behind its name.
fn status_of(block: &[u8]) -> u16 {
    // A change of the table's size may come first (RFC 7541 section 6.3).
    let start = block.iter().position(|byte| byte & 0xe0 != 0x20).unwrap();
    match block[start] {
        0x88 => 200,
        0x89 => 204,
        0x8a => 206,
        0x8b => 304,
        0x8c => 400,
        0x8d => 404,
        0x8e => 500,
        // Digits in Huffman's code: 0 to 2 take five bits, the others six.
        _ => digits(&block[start + 2..]),
    }
}

fn digits(text: &[u8]) -> u16 {
    let mut bits = text.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
    let mut number = 0;
    for _ in 0..3 {
        let mut code = 0_u16;
        for _ in 0..5 {
            code = code << 1 | u16::from(bits.next().unwrap());
        }
        // RFC 7541 appendix B: `0` is 00000, `1` 00001, `2` 00010, and `3` to `9` are 011001 to 011111.
        let digit = if code <= 2 {
            code
        } else {
            (code << 1 | u16::from(bits.next().unwrap())) - 0b01_1001 + 3
        };
        number = number * 10 + digit;
    }
    number
}
