//! What an app can do wrong, from the connect to what it says after its answer.

use std::time::Duration;

use crate::support::upstream::Talk;

use super::Asked::{Get, Head, Post};
use super::Gets::{Answer, BrokenOff, Whole};
use super::{Asked, Case, Gets};

pub(super) const TOPICS: [(&str, &[Case]); 6] = [
    ("No head of a response", NO_HEAD),
    ("What is no HTTP/1.x", NO_HTTP),
    ("Heads that can be read in two ways, or have no end", HEADS),
    ("Interim responses", INTERIM),
    ("Bodies", BODIES),
    ("Responses before the request has ended", EARLY),
];

const CLOSED: Gets = Answer(502, "upstream-closed");
const INVALID: Gets = Answer(502, "upstream-invalid");
const TIMEOUT: Gets = Answer(504, "upstream-timeout");

const fn case(name: &'static str, app: fn(&mut Talk), gets: Gets) -> Case {
    Case { name, asked: Get, app, gets, is_kept: false, note: "" }
}

impl Case {
    const fn asked(self, asked: Asked) -> Self {
        Self { asked, ..self }
    }

    const fn kept(self) -> Self {
        Self { is_kept: true, ..self }
    }

    const fn note(self, note: &'static str) -> Self {
        Self { note, ..self }
    }
}

/// Says this and then nothing, until the gateway closes.
macro_rules! stalls {
    ($($text:expr),*) => {
        |talk| {
            $(talk.say($text);)*
            talk.wait_for_end();
        }
    };
}

/// Says this and closes.
macro_rules! says {
    ($text:expr) => {
        |talk| talk.say($text)
    };
}

/// Says this and resets, which may overtake it.
macro_rules! resets {
    ($text:expr) => {
        |talk| {
            talk.say($text);
            talk.reset();
        }
    };
}

/// Says this and resets once the client has the beginning of it.
macro_rules! resets_later {
    ($text:expr) => {
        |talk| {
            talk.say($text);
            talk.wait_for_go();
            talk.reset();
        }
    };
}

const NO_HEAD: &[Case] = &[
    case("closes after the request", says!(""), CLOSED),
    case("resets after the request", Talk::reset, CLOSED),
    case(
        "half-closes after the request",
        |talk| {
            talk.half_close();
            talk.wait_for_end();
        },
        CLOSED,
    ),
    case("says nothing", stalls!(""), TIMEOUT),
    case("closes in the status line", says!("HTTP/1.1 20"), CLOSED),
    case("resets in the status line", resets!("HTTP/1.1 20"), CLOSED),
    case("stalls in the status line", stalls!("HTTP/1.1 20"), TIMEOUT),
    case("closes in the header lines", says!("HTTP/1.1 200 OK\r\nContent-Le"), CLOSED),
    case("resets in the header lines", resets!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"), CLOSED),
    case(
        "stalls in the header lines",
        stalls!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"),
        TIMEOUT,
    ),
    case("drips header lines for ever", drips, TIMEOUT),
];

fn drips(talk: &mut Talk) {
    talk.say("HTTP/1.1 200 OK\r\nX: ");
    while talk.is_heard() {
        talk.say("y");
        // Slowly, but never silent for as long as the gateway waits.
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

const NO_HTTP: &[Case] = &[
    case("another protocol", stalls!("SSH-2.0-app\r\n\r\n"), INVALID),
    case("a page without a head (HTTP/0.9)", stalls!("<html>hello</html>\r\n\r\n"), INVALID),
    case("TLS", stalls!("\x15\x03\x01\x00\x02\x02\x46"), INVALID),
    case("HTTP/2", stalls!(&b"\0\0\0\x04\0\0\0\0\0"[..]), INVALID),
    case(
        "garbage before the status line",
        stalls!("\0garbage\r\nHTTP/1.1 200 OK\r\n\r\n"),
        INVALID,
    ),
    case("garbage after the status line", stalls!("HTTP/1.1 200 OK\r\ngarbage\r\n\r\n"), INVALID),
    case("HTTP/2.0 in the status line", stalls!("HTTP/2.0 200 OK\r\n\r\n"), INVALID),
    case("HTTP/1.2 in the status line", stalls!("HTTP/1.2 200 OK\r\n\r\n"), INVALID),
    case("a status of two digits", stalls!("HTTP/1.1 20 OK\r\n\r\n"), INVALID),
    case("a status of four digits", stalls!("HTTP/1.1 2000 OK\r\n\r\n"), INVALID),
    case("status 099", stalls!("HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n"), INVALID),
    case(
        "HTTP/1.0 with a length",
        stalls!("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        Whole(200, "ok"),
    ),
    case("HTTP/1.0 without a length", says!("HTTP/1.0 200 OK\r\n\r\nok"), Whole(200, "ok"))
        .note("The end of the connection is the end of the body."),
    case(
        "HTTP/1.0 with chunks",
        stalls!("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
        INVALID,
    ),
    case(
        "empty lines before the status line",
        says!("\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        Whole(200, "ok"),
    )
    .kept(),
    case(
        "no reason behind the status",
        says!("HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"),
        Whole(200, "ok"),
    )
    .kept(),
];

const HEADS: &[Case] = &[
    case("two lengths that differ", stalls!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok"), INVALID),
    case("two lengths in one line that differ", stalls!("HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nok"), INVALID),
    case("the same length twice", says!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok"), Whole(200, "ok"))
        .kept()
        .note("The client gets it once."),
    case("a length that is no number", stalls!("HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok"), INVALID),
    case("a length with a sign", stalls!("HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok"), INVALID),
    case("a negative length", stalls!("HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok"), INVALID),
    case("a length beyond 64 bits", stalls!("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nok"), INVALID),
    case("a length and chunks", says!("HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"), Whole(200, "ok"))
        .kept()
        .note("The chunks count, and the client never sees the length (RFC 9112 section 6.3)."),
    case("a transfer coding other than chunked", stalls!("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), INVALID),
    case("chunked twice", stalls!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), INVALID),
    case("a NUL in a value", stalls!("HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok"), INVALID),
    case("a space before a colon", stalls!("HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok"), INVALID),
    case("a folded line", stalls!("HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok"), INVALID),
    case("a line without a name", stalls!("HTTP/1.1 200 OK\r\n: a\r\nContent-Length: 2\r\n\r\nok"), INVALID),
    case("a line without end", endless_line, INVALID),
    case("1000 header lines", many_lines, INVALID),
    case("a switch of protocols that nobody asked for", stalls!("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"), INVALID),
];

fn endless_line(talk: &mut Talk) {
    talk.say("HTTP/1.1 200 OK\r\nX: ");
    while talk.is_heard() {
        talk.say("y".repeat(1000));
    }
}

fn many_lines(talk: &mut Talk) {
    talk.say(format!("HTTP/1.1 200 OK\r\n{}Content-Length: 0\r\n\r\n", "X: y\r\n".repeat(1000)));
    talk.wait_for_end();
}

const INTERIM: &[Case] = &[
    case("102 and then 200", says!("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), Whole(200, "ok")).kept(),
    case("103 and then 200", says!("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), Whole(200, "ok"))
        .kept()
        .note("The client gets the 200 alone."),
    case("100 that nobody waits for, and then 200", says!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), Whole(200, "ok")).kept(),
    case("103 with a body", stalls!("HTTP/1.1 103 Early Hints\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), INVALID)
        .note("There is no such thing: what comes is read as the next head."),
    case("103 and then nothing", stalls!("HTTP/1.1 103 Early Hints\r\n\r\n"), TIMEOUT),
    case("103 and then the end", says!("HTTP/1.1 103 Early Hints\r\n\r\n"), CLOSED),
    case("103 again and again, as fast as it can", floods, TIMEOUT)
        .note("Interim responses do not put off `response_header_timeout`."),
];

fn floods(talk: &mut Talk) {
    let many = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100);
    while talk.is_heard() {
        talk.say(&many);
    }
}

const TEN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello";
const CHUNKS: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
const BROKEN: Gets = BrokenOff(200, "hello");
/// Where an error may overtake what came before it.
const BROKEN_SOMEWHERE: Gets = BrokenOff(200, "");

const BODIES: &[Case] = &[
    case("closes before the end of its length", says!(TEN), BROKEN),
    case("resets before the end of its length", resets_later!(TEN), BROKEN_SOMEWHERE),
    case(
        "half-closes before the end of its length",
        |talk| {
            talk.say(TEN);
            talk.half_close();
            talk.wait_for_end();
        },
        BROKEN,
    ),
    case("stalls before the end of its length", stalls!(TEN), BROKEN),
    case("closes between chunks", says!(CHUNKS), BROKEN),
    case("resets between chunks", resets_later!(CHUNKS), BROKEN_SOMEWHERE),
    case("stalls between chunks", stalls!(CHUNKS), BROKEN),
    case("closes in a chunk", says!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello"), BROKEN),
    case("closes in the last chunk", says!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"), BROKEN),
    case("a chunk size that is no number", stalls!(CHUNKS, "xyz\r\n"), BROKEN_SOMEWHERE),
    case("a chunk size beyond 64 bits", stalls!(CHUNKS, "fffffffffffffffff\r\nx"), BROKEN_SOMEWHERE),
    case("a negative chunk size", stalls!(CHUNKS, "-5\r\nhello\r\n"), BROKEN_SOMEWHERE),
    case("a chunk that is longer than it says", stalls!(CHUNKS, "2\r\nhello\r\n0\r\n\r\n"), BROKEN_SOMEWHERE),
    case("a chunk extension without end", endless_extension, BROKEN_SOMEWHERE),
    case("trailers without end", endless_trailers, BROKEN_SOMEWHERE),
    case("a body until the end of the connection, and a reset", resets_later!("HTTP/1.1 200 OK\r\n\r\nhello"), BROKEN_SOMEWHERE),
    case("a body until the end of the connection", says!("HTTP/1.1 200 OK\r\n\r\nhello"), Whole(200, "hello"))
        .note("Nothing tells an app that breaks off from one that is done."),
    case("more than its length", stalls!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok, and more"), Whole(200, "ok"))
        .note(LEFT_OVER),
    case(
        "a second response behind the first",
        stalls!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"),
        Whole(200, "ok"),
    )
    .note(LEFT_OVER),
    case(
        "a second response behind the last chunk",
        stalls!(CHUNKS, "0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"),
        Whole(200, "hello"),
    )
    .note(LEFT_OVER),
    case("204 with a body", stalls!("HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nevil"), Whole(204, ""))
        .note(LEFT_OVER),
    case("304 with a body", stalls!("HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nevil"), Whole(304, ""))
        .note(LEFT_OVER),
    case("204 with chunks", stalls!("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n"), Whole(204, ""))
        .note(LEFT_OVER),
    case("HEAD with a body", stalls!("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"), Whole(200, ""))
        .asked(Head)
        .note(LEFT_OVER),
];

const LEFT_OVER: &str = "What is left over reaches nobody: the connection is closed.";

fn endless_extension(talk: &mut Talk) {
    talk.say(CHUNKS);
    talk.say("5;");
    while talk.is_heard() {
        talk.say("x".repeat(1000));
    }
}

fn endless_trailers(talk: &mut Talk) {
    talk.say(CHUNKS);
    talk.say("0\r\n");
    while talk.is_heard() {
        talk.say("X: y\r\n".repeat(100));
    }
}

const EARLY: &[Case] = &[
    case(
        "200 before the body was read, and keeps the connection",
        stalls!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        Whole(200, "ok"),
    )
    .asked(Post)
    .note("The rest of the request is not waited for, so neither connection of HTTP/1.1 goes on."),
    case(
        "413 before the body was read, and closes",
        says!("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"),
        Whole(413, "no"),
    )
    .asked(Post),
    case("closes before the body was read", says!(""), CLOSED).asked(Post),
    case("resets before the body was read", Talk::reset, CLOSED).asked(Post),
];
