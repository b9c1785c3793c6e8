//! What is known of one exchange when it is over: all that a line can tell. It is made by a worker, so it copies
//! little, and no text in it is longer than a line may bear.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, Method, Version, header};

use crate::config::{AccessField, AccessFormat};
use crate::identity::clip;
use crate::policy::Verdict;

use crate::observe::exchange::RequestId;
use crate::observe::refusal::Balancer;

/// The longest texts, in bytes; of a longer one the middle is missing, marked `...`.
const METHOD_MAX: usize = 64;
const HOST_MAX: usize = 512;
const PATH_MAX: usize = 4096;
const HEADER_MAX: usize = 1024;
const CAUSE_MAX: usize = 1024;

/// All that can be told of an exchange.
#[derive(Clone, Debug)]
pub struct Record {
    /// When it was over.
    pub at: SystemTime,
    /// Its name.
    pub id: RequestId,
    /// The request's method; `None` if the request could not be read, as for all of it that follows.
    pub method: Option<Method>,
    /// The host that was asked for.
    pub host: String,
    /// Path and query.
    pub path: String,
    /// The HTTP version.
    pub version: Option<Version>,
    /// What the client got; 0 without anything.
    pub status: u16,
    /// How it ended.
    pub outcome: &'static str,
    /// The code of the gateway's own answer.
    pub code: &'static str,
    /// How long it took, and how long to the head of the response.
    pub total: Duration,
    /// To the head of the response.
    pub first_byte: Option<Duration>,
    /// Body bytes of the request.
    pub request_bytes: u64,
    /// Body bytes of the response.
    pub response_bytes: u64,
    /// The client's address.
    pub peer: SocketAddr,
    /// Whose word that is, where a balancer says so.
    pub balancer: Option<Arc<Balancer>>,
    /// Who asked.
    pub verdict: Verdict,
    /// The first name of the site.
    pub site: Arc<str>,
    /// The app's address, if the request got so far.
    pub upstream: Option<Arc<str>>,
    /// What went wrong.
    pub cause: String,
    /// The request's `Referer`, where lines tell it.
    pub referer: Option<Box<[u8]>>,
    /// The request's `User-Agent`, likewise.
    pub user_agent: Option<Box<[u8]>>,
}

impl Record {
    /// What is known of an exchange before its request: nothing has come of it yet.
    pub fn new(id: RequestId, peer: SocketAddr, verdict: Verdict, site: Arc<str>) -> Self {
        Self {
            at: SystemTime::UNIX_EPOCH,
            id,
            method: None,
            host: String::new(),
            path: String::new(),
            version: None,
            status: 0,
            outcome: "aborted",
            code: "",
            total: Duration::ZERO,
            first_byte: None,
            request_bytes: 0,
            response_bytes: 0,
            peer,
            balancer: None,
            verdict,
            site,
            upstream: None,
            cause: String::new(),
            referer: None,
            user_agent: None,
        }
    }

    /// Adds the request; of its headers only what lines of this format tell.
    pub fn with_request(
        mut self,
        method: &Method,
        host: &str,
        path: &str,
        version: Version,
        headers: &HeaderMap,
        format: &AccessFormat,
    ) -> Self {
        self.method = Some(short_method(method));
        self.host = kept(host, HOST_MAX);
        self.path = kept(path, PATH_MAX);
        self.version = Some(version);
        let header = |field, name: HeaderName| {
            let value = headers.get(name).filter(|_| format.tells(field))?.as_bytes();
            Some(value.get(..HEADER_MAX).unwrap_or(value).into())
        };
        self.referer = header(AccessField::Referer, header::REFERER);
        self.user_agent = header(AccessField::UserAgent, header::USER_AGENT);
        self
    }

    /// Says what went wrong.
    pub fn set_cause(&mut self, cause: &str) {
        self.cause = kept(cause, CAUSE_MAX);
    }
}

/// A copy of a text, without its middle if it is too long.
pub fn kept(text: &str, max: usize) -> String {
    if text.len() <= max { text.to_owned() } else { clip(text.to_owned(), max) }
}

/// One of the client's own making may be as long as a head.
fn short_method(method: &Method) -> Method {
    if method.as_str().len() <= METHOD_MAX {
        return method.clone();
    }
    // A dot is allowed in a method, so this cannot fail.
    Method::from_bytes(kept(method.as_str(), METHOD_MAX).as_bytes()).unwrap_or(Method::GET)
}
