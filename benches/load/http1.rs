//! HTTP/1.1 as far as a benchmark speaks it: a request, and an answer of a known length that is read to its end.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::SITE;

/// What a client asks for, and what the answer must be like.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) path: String,
    /// Bytes of the answer's body.
    pub(crate) length: usize,
    /// Bytes that are sent with it.
    pub(crate) upload: usize,
    /// Bytes of header lines beside those that it needs: of the request, and of the answer.
    pub(crate) padding: usize,
    pub(crate) answer_padding: usize,
}

impl Ask {
    /// So many bytes of the app.
    pub(crate) fn bytes(length: usize) -> Self {
        let path = format!("/bytes/{length}");
        Self { path, length, upload: 0, padding: 0, answer_padding: 0 }
    }

    /// So many bytes to the app, which answers two.
    pub(crate) fn upload(upload: usize) -> Self {
        Self { path: "/upload".to_owned(), upload, ..Self::bytes(2) }
    }

    /// A small answer to a request with so many bytes of headers more.
    pub(crate) fn padded(padding: usize) -> Self {
        Self { padding, ..Self::bytes(2) }
    }

    /// A small answer that has so many bytes of headers more.
    pub(crate) fn padded_answer(answer_padding: usize) -> Self {
        Self { path: format!("/padded/{answer_padding}"), answer_padding, ..Self::bytes(2) }
    }

    /// The request without its body; with `closes` the last of its connection.
    pub(crate) fn head(&self, closes: bool) -> Vec<u8> {
        let method = if self.upload > 0 { "POST" } else { "GET" };
        let mut head = format!("{method} {} HTTP/1.1\r\nHost: {SITE}\r\n", self.path);
        if self.upload > 0 {
            head += &format!("Content-Length: {}\r\n", self.upload);
        }
        if closes {
            head += "Connection: close\r\n";
        }
        for (name, value) in padding(self.padding) {
            head += &format!("{name}: {value}\r\n");
        }
        (head + "\r\n").into_bytes()
    }
}

/// Headers that take so many bytes on lines of HTTP/1.1, at most 1 KiB each.
pub(crate) fn padding(bytes: usize) -> impl Iterator<Item = (String, String)> {
    const LINE: usize = 1024;
    /// `x-padding-00: ` and the end of the line.
    const FRAME: usize = 16;
    (0..bytes.div_ceil(LINE)).map(move |number| {
        let line = LINE.min(bytes - number * LINE).max(FRAME + 1);
        (format!("x-padding-{number:02}"), "v".repeat(line - FRAME))
    })
}

/// What came back.
pub(crate) struct Answer {
    /// The server said that it closes.
    pub(crate) closes: bool,
}

/// Sends a request and its body, and reads the answer; an error is a word on what was wrong with it.
pub(crate) async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    head: &[u8],
    body: &[u8],
    length: usize,
    buffer: &mut [u8],
) -> Result<Answer, String> {
    let send = async {
        stream.write_all(head).await?;
        stream.write_all(body).await?;
        stream.flush().await
    };
    send.await.map_err(|error| format!("no answer: {error}"))?;
    let mut filled = 0;
    let end = loop {
        let count = stream.read(&mut buffer[filled..]).await;
        let began = if filled == 0 { "no answer" } else { "a cut answer" };
        match count {
            Ok(0) => return Err(format!("{began}: closed, or a head that is too large")),
            Ok(count) => filled += count,
            Err(error) => return Err(format!("{began}: {error}")),
        }
        if let Some(end) = head_end(&buffer[..filled]) {
            break end;
        }
    };
    let head = std::str::from_utf8(&buffer[..end]).map_err(|error| error.to_string())?;
    if !head.starts_with("HTTP/1.1 200") {
        return Err(format!("answer: {}", head.lines().next().unwrap_or_default()));
    }
    if header(head, "content-length").and_then(|text| text.parse().ok()) != Some(length) {
        return Err(format!("answer: another length than {length}"));
    }
    let closes = header(head, "connection").is_some_and(|text| text.eq_ignore_ascii_case("close"));
    let mut received = filled - end;
    while received < length {
        match stream.read(buffer).await {
            Ok(0) => return Err("a cut answer: closed".to_owned()),
            Ok(count) => received += count,
            Err(error) => return Err(format!("a cut answer: {error}")),
        }
    }
    if received > length {
        return Err(format!("answer: {received} bytes instead of {length}"));
    }
    Ok(Answer { closes })
}

/// Where a head ends, behind its empty line.
pub(crate) fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let named = |line: &'a str| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    };
    head.lines().skip(1).find_map(named)
}
