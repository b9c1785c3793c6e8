//! Floods of HTTP/2 frames that cost work and bring no request further. The HTTP library ends some by itself (resets,
//! CONTINUATION, empty DATA) and takes any number of others: SETTINGS, PING, PRIORITY, WINDOW_UPDATE, what it does not
//! know, and resets of requests that are under way. Those that it is made to send it would count as long as the
//! connection lives, whatever the client does in between. This counts all of them below the library, where every byte
//! passes, at the cost of a few comparisons a frame: no allocation, and no look at the clock until a second's worth has
//! come.
//!
//! A connection that sends too many is ended by the library's own GOAWAY, because nobody else knows what it has half
//! written. What it reads from then on are frames of ours that it takes for a flood of CONTINUATION.

use std::time::Duration;

use tokio::io::ReadBuf;
use tokio::time::Instant;

use crate::observe::metrics::Flood;

/// The head of a frame (RFC 9113 section 4.1), and what a client says before its first (section 3.4).
const HEAD: usize = 9;
const PREFACE: u32 = 24;

/// Types of frames (RFC 9113 section 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// The code of a GOAWAY to whoever asks too much (RFC 9113 section 7).
const ENHANCE_YOUR_CALM: [u8; 4] = [0, 0, 0, 11];

/// Codes of the resets that a client's frames cause (RFC 9113 section 7): a protocol error, a window above its limit, a
/// frame for a stream that has ended, one of a wrong size, a request above `streams_max`. The others are the gateway's own
/// doing, such as that the rest of a refused upload is not wanted, or that an app broke off.
const PROVOKED: [u32; 5] = [1, 3, 5, 6, 7];

/// A request that is reset has cost a connection to the app, or a part of one.
const RESET_COST: i64 = 10;

/// What a frame of a response pays for: an update of two windows for it, and a ping that measures how fast it came.
const RESPONSE_WORTH: i64 = 4;

/// The span that the budget is for.
const SPAN: Duration = Duration::from_secs(1);

/// More CONTINUATION than the library takes of any head: it allows a quarter more than fill `header_bytes_max`, which
/// is 64 frames at most.
const CONTINUATIONS: usize = 256;

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Frame {
    length: u32,
    kind: u8,
    flags: u8,
    stream: u32,
}

impl Frame {
    fn of([a, b, c, kind, flags, stream @ ..]: [u8; HEAD]) -> Self {
        let length = u32::from_be_bytes([0, a, b, c]);
        Self { length, kind, flags, stream: u32::from_be_bytes(stream) & !(1 << 31) }
    }

    /// An empty one.
    fn written(kind: u8, stream: u32) -> [u8; HEAD] {
        let [a, b, c, d] = stream.to_be_bytes();
        [0, 0, 0, kind, 0, a, b, c, d]
    }

    /// What it is counted as, and for how many; `None` is part of a request.
    fn cost(self) -> Option<(Flood, i64)> {
        Some(match self.kind {
            DATA if self.length > 0 || self.flags & END_STREAM != 0 => return None,
            DATA => (Flood::EmptyData, 1),
            HEADERS => return None,
            PRIORITY => (Flood::Priority, 1),
            RST_STREAM => (Flood::Resets, RESET_COST),
            SETTINGS => (Flood::Settings, 1),
            PING => (Flood::Ping, 1),
            WINDOW_UPDATE => (Flood::WindowUpdate, 1),
            CONTINUATION => (Flood::Continuation, 1),
            _ => (Flood::Other, 1),
        })
    }
}

/// Finds the frames in bytes that come in any pieces.
struct Cursor {
    head: [u8; HEAD],
    /// How many bytes of the head are there.
    have: usize,
    /// How many bytes of the payload are still to come, once the head is there.
    left: u32,
}

impl Cursor {
    /// Of what a server says.
    fn new() -> Self {
        Self { head: [0; HEAD], have: 0, left: 0 }
    }

    /// Of what a client says: the preface passes as a frame that costs nothing.
    fn after_preface() -> Self {
        let mut head = [0; HEAD];
        head[4] = END_STREAM;
        Self { head, have: HEAD, left: PREFACE }
    }

    /// Takes bytes up to the end of a frame; the frame, if they reach so far.
    fn next(&mut self, bytes: &mut &[u8]) -> Option<Frame> {
        if self.have < HEAD {
            let (head, rest) = bytes.split_at((HEAD - self.have).min(bytes.len()));
            self.head[self.have..self.have + head.len()].copy_from_slice(head);
            self.have += head.len();
            *bytes = rest;
            if self.have < HEAD {
                return None;
            }
            self.left = Frame::of(self.head).length;
        }
        let skipped = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
        *bytes = &bytes[skipped..];
        self.left -= u32::try_from(skipped).unwrap_or(self.left);
        if self.left > 0 {
            return None;
        }
        self.have = 0;
        Some(Frame::of(self.head))
    }
}

/// The flood that the payload of a GOAWAY of the library speaks of. Its error does not tell.
fn named(goaway: &[u8]) -> Option<Flood> {
    const WORDS: [(&[u8], Flood); 5] = [
        (b"too_many_resets", Flood::Resets),
        (b"too_many_internal_resets", Flood::ProvokedResets),
        (b"too_many_data_frames", Flood::EmptyData),
        (b"too_many_continuations", Flood::Continuation),
        (b"header_list_way_too_large", Flood::HeaderList),
    ];
    let (_last_stream, rest) = goaway.split_at_checked(4)?;
    let (code, why) = rest.split_at_checked(4)?;
    let known = || WORDS.iter().find(|(word, _)| *word == why);
    (code == ENHANCE_YOUR_CALM).then(|| known().map_or(Flood::Other, |(_, flood)| *flood))
}

/// Counts the frames of one connection.
pub(super) struct FrameWatch {
    read: Cursor,
    written: Cursor,
    /// What may be spent in a second.
    budget: i64,
    /// What was spent since then, less what was earned; never below what a second may bring.
    spent: i64,
    since: Instant,
    /// The stream whose head goes on in the next frame.
    open_head: Option<u32>,
    /// What was found in what was written: it ends the connection with the client's next whole frame.
    provoked: Option<Flood>,
    ending: Option<Ending>,
}

impl FrameWatch {
    /// For a connection that begins; `budget` is `control_frames_per_second`.
    pub(super) fn new(budget: u32) -> Self {
        Self {
            read: Cursor::after_preface(),
            written: Cursor::new(),
            budget: budget.into(),
            spent: 0,
            since: Instant::now(),
            open_head: None,
            provoked: None,
            ending: None,
        }
    }

    /// Looks at what the client sent. If that is a flood: of what, and how many of the bytes the library may still see.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Option<(Flood, usize)> {
        let mut rest = bytes;
        while let Some(frame) = self.read.next(&mut rest) {
            let in_head = matches!(frame.kind, HEADERS | CONTINUATION);
            self.open_head = (in_head && frame.flags & END_HEADERS == 0).then_some(frame.stream);
            let spent = frame.cost().filter(|(_, cost)| self.spend(*cost)).map(|(flood, _)| flood);
            if let Some(flood) = self.provoked.or(spent) {
                self.ending = Some(Ending::new(self.open_head));
                return Some((flood, bytes.len() - rest.len()));
            }
        }
        None
    }

    /// Looks at what was written to the client: a response entitles to the frames that go with it, and a reset that the
    /// client has caused counts as one of its own. If the library says that it has had enough: of what.
    pub(super) fn wrote(&mut self, bytes: &[u8]) -> Option<Flood> {
        let (mut rest, mut flood) = (bytes, None);
        while let Some(frame) = self.written.next(&mut rest) {
            match frame.kind {
                DATA | HEADERS => self.spent = (self.spent - RESPONSE_WORTH).max(-self.budget),
                RST_STREAM => {
                    // The library writes such a frame in one piece.
                    let code = bytes[..bytes.len() - rest.len()].last_chunk().copied();
                    let is_provoked =
                        code.is_some_and(|code| PROVOKED.contains(&u32::from_be_bytes(code)));
                    if is_provoked && self.spend(RESET_COST) {
                        self.provoked = Some(Flood::ProvokedResets);
                    }
                }
                GOAWAY => {
                    let end = bytes.len() - rest.len();
                    let length = usize::try_from(frame.length).unwrap_or(usize::MAX);
                    flood = named(&bytes[end.saturating_sub(length)..end]).or(flood);
                }
                _ => {}
            }
        }
        flood
    }

    /// Whether that is too much. Without a clock, until the budget of a second is spent.
    fn spend(&mut self, cost: i64) -> bool {
        self.spent += cost;
        if self.spent <= self.budget {
            return false;
        }
        let now = Instant::now();
        if now - self.since < SPAN {
            return true;
        }
        (self.since, self.spent) = (now, cost);
        false
    }

    /// What the library reads in place of the client's bytes, once there was a flood.
    pub(super) fn ending(&mut self) -> Option<&mut Ending> {
        self.ending.as_mut()
    }
}

/// Frames that make the library say GOAWAY, and then the end.
pub(super) struct Ending {
    bytes: Vec<u8>,
    read: usize,
}

impl Ending {
    fn new(open_head: Option<u32>) -> Self {
        // A stream that no client can have begun: ids are used up before it.
        let stream = open_head.unwrap_or(u32::MAX >> 1);
        let mut bytes = Vec::with_capacity(HEAD * (CONTINUATIONS + 1));
        if open_head.is_none() {
            bytes.extend_from_slice(&Frame::written(HEADERS, stream));
        }
        for _ in 0..CONTINUATIONS {
            bytes.extend_from_slice(&Frame::written(CONTINUATION, stream));
        }
        Self { bytes, read: 0 }
    }

    /// Gives as much as there is room for.
    pub(super) fn fill(&mut self, buffer: &mut ReadBuf<'_>) {
        let rest = self.bytes.get(self.read..).unwrap_or_default();
        let count = rest.len().min(buffer.remaining());
        buffer.put_slice(&rest[..count]);
        self.read += count;
    }
}

#[cfg(test)]
mod tests;
