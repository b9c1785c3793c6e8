//! A reader of requests that takes nothing but the strictest form, and shares no code with anybody: whatever another
//! server could read in a second way is an error here.

/// One request, and nothing behind it.
#[derive(Debug)]
pub struct Strict {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether its end has come; if not, no server could take it for a whole one.
    pub is_whole: bool,
}

impl Strict {
    /// The values of a header.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let same = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        same.map(|(_, value)| value.as_str()).collect()
    }
}

fn is_token(text: &str) -> bool {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_fine)
}

/// Reads what came on one connection.
pub fn read(bytes: &[u8]) -> Result<Strict, String> {
    let end =
        bytes.windows(4).position(|window| window == b"\r\n\r\n").ok_or("no end of a head")?;
    // Bytes beyond ASCII may stand in values, and mean nothing (RFC 9110 section 5.5).
    let head: String = bytes[..end].iter().map(|byte| char::from(*byte)).collect();
    let rest = &bytes[end + 4..];
    let is_odd = |c: &char| c.is_ascii_control() && *c != '\t';
    if let Some(odd) = head.replace("\r\n", "").chars().find(is_odd) {
        return Err(format!("{odd:?} in the head"));
    }
    let mut lines = head.split("\r\n");
    let parts: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let [method, path, "HTTP/1.1"] = parts[..] else {
        return Err(format!("{parts:?} is no request line"));
    };
    if !is_token(method)
        || !path.starts_with('/')
        || !path.bytes().all(|byte| byte.is_ascii_graphic())
    {
        return Err(format!("{method:?} {path:?}"));
    }
    let mut headers = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':').ok_or_else(|| format!("no colon in {line:?}"))?;
        if !is_token(name) {
            return Err(format!("{name:?} is no name"));
        }
        headers.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
    }
    let (method, path) = (method.to_owned(), path.to_owned());
    let mut request = Strict { method, path, headers, body: Vec::new(), is_whole: false };
    if request.all("host").len() != 1 {
        return Err(format!("hosts: {:?}", request.all("host")));
    }
    let behind = match (&request.all("content-length")[..], &request.all("transfer-encoding")[..]) {
        ([], []) => {
            request.is_whole = true;
            rest
        }
        ([length], []) if length.bytes().all(|byte| byte.is_ascii_digit()) => {
            let length: usize = length.parse().map_err(|_| format!("length {length}"))?;
            request.is_whole = rest.len() >= length;
            request.body = rest[..length.min(rest.len())].to_vec();
            &rest[length.min(rest.len())..]
        }
        ([], ["chunked"]) => {
            let (body, behind) = chunks(rest)?;
            request.is_whole = behind.is_some();
            request.body = body;
            behind.unwrap_or_default()
        }
        framing => return Err(format!("framing {framing:?}")),
    };
    if behind.is_empty() {
        return Ok(request);
    }
    Err(format!("{:?} behind the request", String::from_utf8_lossy(behind)))
}

/// The content of chunks, and what is behind them; `None` if their end has not come.
fn chunks(mut rest: &[u8]) -> Result<(Vec<u8>, Option<&[u8]>), String> {
    let mut body = Vec::new();
    loop {
        let Some(end) = rest.windows(2).position(|window| window == b"\r\n") else {
            return Ok((body, None));
        };
        let size = std::str::from_utf8(&rest[..end]).map_err(|error| error.to_string())?;
        if size.is_empty() || !size.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(format!("{size:?} is no size of a chunk"));
        }
        let size = usize::from_str_radix(size, 16).map_err(|error| error.to_string())?;
        rest = &rest[end + 2..];
        if size == 0 {
            return trailers(rest).map(|behind| (body, behind));
        }
        if rest.len() < size + 2 {
            body.extend(&rest[..size.min(rest.len())]);
            return Ok((body, None));
        }
        body.extend(&rest[..size]);
        if &rest[size..size + 2] != b"\r\n" {
            return Err("a chunk of another size".to_owned());
        }
        rest = &rest[size + 2..];
    }
}

fn trailers(mut rest: &[u8]) -> Result<Option<&[u8]>, String> {
    loop {
        let Some(end) = rest.windows(2).position(|window| window == b"\r\n") else {
            return Ok(None);
        };
        if end == 0 {
            return Ok(Some(&rest[2..]));
        }
        let line: String = rest[..end].iter().map(|byte| char::from(*byte)).collect();
        let (name, _) = line.split_once(':').ok_or_else(|| format!("trailer {line:?}"))?;
        if !is_token(name) || line.contains(|c: char| c.is_ascii_control()) {
            return Err(format!("trailer {line:?}"));
        }
        rest = &rest[end + 2..];
    }
}

#[test]
fn nothing_but_the_strictest_form_is_read() {
    let whole = |text: &str| read(text.as_bytes()).map(|request| request.is_whole);
    let host = "Host: a.example\r\n";
    assert_eq!(whole(&format!("GET / HTTP/1.1\r\n{host}\r\n")), Ok(true));
    assert_eq!(whole(&format!("GET / HTTP/1.1\r\n{host}Content-Length: 2\r\n\r\nx")), Ok(false));
    let chunked = format!("GET / HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n");
    assert_eq!(whole(&format!("{chunked}1\r\nx\r\n0\r\na: b\r\n\r\n")), Ok(true));
    assert_eq!(whole(&format!("{chunked}1\r\nx\r\n0\r\n")), Ok(false));
    for wrong in [
        "GET / HTTP/1.1\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\n{host}{host}\r\n"),
        format!("GET / HTTP/1.1\r\n{host}\r\nGET"),
        format!("GET  / HTTP/1.1\r\n{host}\r\n"),
        format!("GET / HTTP/1.1\n{host}\r\n"),
        format!("GET / HTTP/1.1\r\n{host}a : b\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}Content-Length: +1\r\n\r\nx"),
        format!("GET / HTTP/1.1\r\n{host}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx"),
        format!("{chunked}1;x\r\nx\r\n0\r\n\r\n"),
        format!("{chunked}1\r\nxy\r\n0\r\n\r\n"),
    ] {
        assert!(whole(&wrong).is_err(), "{wrong:?}");
    }
}
