//! HTTP/1.1 messages as bytes, read by a parser that shares no code with the gateway's.

use std::io::{self, Read};

/// The name of the site that most tests talk to.
pub const SITE: &str = "a.example";

/// A request or a response.
#[derive(Clone, Debug)]
pub struct Message {
    /// The request line or the status line.
    pub first_line: String,
    /// Names and values as they came, in their order.
    pub headers: Vec<(String, String)>,
    /// The content without its framing.
    pub body: Vec<u8>,
    pub trailers: Vec<(String, String)>,
}

impl Message {
    /// The values of a header, its name in any letter case.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let same = |(n, _): &&(String, String)| n.eq_ignore_ascii_case(name);
        self.headers.iter().filter(same).map(|(_, v)| v.as_str()).collect()
    }

    /// The one value of a header that may stand there once.
    pub fn one(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() < 2, "{name} came more than once: {self:?}");
        all.first().copied()
    }

    pub fn status(&self) -> u16 {
        let status = self.first_line.strip_prefix("HTTP/1.1 ").unwrap();
        status[..3].parse().unwrap()
    }

    /// The `code` of an answer of the gateway's own, checked to be whole.
    pub fn code(&self) -> String {
        assert_eq!(self.one("content-type"), Some("application/json"), "{self:?}");
        code_of(&self.body)
    }

    /// A header or two would make a body's end disputable.
    pub fn framing_headers(&self) -> usize {
        self.all("content-length").len() + self.all("transfer-encoding").len()
    }
}

/// The `code` of the gateway's JSON, checked to be whole.
pub fn code_of(body: &[u8]) -> String {
    let json: serde_json::Value = serde_json::from_slice(body).unwrap();
    assert_eq!(json["request_id"].as_str().unwrap().len(), 32, "{json}");
    assert!(!json["message"].as_str().unwrap().is_empty(), "{json}");
    json["code"].as_str().unwrap().to_owned()
}

/// Reads messages off a stream, and nothing beyond their ends.
pub struct Reader<R> {
    pub stream: R,
    unread: Vec<u8>,
}

impl<R: Read> Reader<R> {
    pub fn new(stream: R) -> Self {
        Self { stream, unread: Vec::new() }
    }

    /// Reads more; `false` at the end.
    fn fill(&mut self) -> io::Result<bool> {
        let mut chunk = [0; 16 * 1024];
        let count = self.stream.read(&mut chunk)?;
        self.unread.extend_from_slice(&chunk[..count]);
        Ok(count > 0)
    }

    /// Up to and with the first `end`.
    fn until(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        let mut from = 0;
        loop {
            let window = self.unread[from..].windows(end.len());
            if let Some(at) = window.into_iter().position(|window| window == end) {
                return Ok(self.unread.drain(..from + at + end.len()).collect());
            }
            from = self.unread.len().saturating_sub(end.len() - 1);
            if !self.fill()? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Exactly so many bytes.
    pub fn exactly(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.unread.len() < count {
            if !self.fill()? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.unread.drain(..count).collect())
    }

    /// Up to the end of the stream.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        while self.fill()? {}
        Ok(std::mem::take(&mut self.unread))
    }

    /// Reads some bytes; an empty answer is the end.
    pub fn some(&mut self) -> io::Result<Vec<u8>> {
        if self.unread.is_empty() {
            self.fill()?;
        }
        Ok(std::mem::take(&mut self.unread))
    }

    /// A head; `None` if the stream ends before it begins.
    pub fn head(&mut self) -> io::Result<Option<Message>> {
        if self.unread.is_empty() && !self.fill()? {
            return Ok(None);
        }
        let head = self.until(b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.trim_end_matches("\r\n").split("\r\n");
        let first_line = lines.next().unwrap_or_default().to_owned();
        Ok(Some(Message {
            first_line,
            headers: lines.map(header).collect(),
            body: Vec::new(),
            trailers: Vec::new(),
        }))
    }

    /// The body that belongs to a head. A response without framing lasts to the end of the stream.
    pub fn body(&mut self, message: &mut Message) -> io::Result<()> {
        let is_response = message.first_line.starts_with("HTTP/");
        if let Some(coding) = message.one("transfer-encoding") {
            assert_eq!(coding, "chunked");
            self.chunks(message)
        } else if let Some(length) = message.one("content-length") {
            message.body = self.exactly(length.parse().unwrap())?;
            Ok(())
        } else {
            if is_response && !matches!(message.status(), 100..200 | 204 | 304) {
                message.body = self.rest()?;
            }
            Ok(())
        }
    }

    fn chunks(&mut self, message: &mut Message) -> io::Result<()> {
        loop {
            let line = self.until(b"\r\n")?;
            let line = String::from_utf8(line).unwrap();
            let size = usize::from_str_radix(line.trim_end(), 16).unwrap();
            if size == 0 {
                break;
            }
            message.body.extend(self.exactly(size)?);
            assert_eq!(self.exactly(2)?, b"\r\n");
        }
        loop {
            let line = self.until(b"\r\n")?;
            if line == b"\r\n" {
                return Ok(());
            }
            let line = String::from_utf8(line).unwrap();
            message.trailers.push(header(line.trim_end()));
        }
    }

    /// A whole message; `None` if the stream ends before it begins.
    pub fn message(&mut self) -> io::Result<Option<Message>> {
        let Some(mut message) = self.head()? else {
            return Ok(None);
        };
        self.body(&mut message)?;
        Ok(Some(message))
    }
}

fn header(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap_or((line, "no colon"));
    (name.to_owned(), value.trim().to_owned())
}
