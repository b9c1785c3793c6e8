//! What plain HTTP gets, which leads to no site and no app: the files of ACME challenges (RFC 8555 section 8.3), and
//! the way to HTTPS for everything else, if its host is a site's.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use crate::config::{AccessTarget, Answers, PlainHttp, open_unlinked};
use crate::generation::Generation;
use crate::observe::access::Record;
use crate::observe::{AccessLog, ConnectionFacts, RequestId};
use crate::policy::Verdict;

use super::reply::{Answer, name_request};
use super::request;

/// Where a CA looks for the answer to a challenge.
const CHALLENGES: &str = "/.well-known/acme-challenge/";

/// The longest name of a challenge. CAs send some forty characters.
const TOKEN_BYTES_MAX: usize = 256;

/// The longest answer to one: its name, a dot, and a hash.
const CHALLENGE_BYTES_MAX: u64 = 1024;

const HTTPS_PORT: u16 = 443;

/// Plain HTTP under one generation.
#[derive(Clone, Copy)]
pub struct Plain<'a> {
    /// Whose names are sent on to.
    pub generation: &'a Generation,
    /// What the listener's table says.
    pub http: &'a PlainHttp,
    /// As many files as may be read at once.
    pub reads: &'a Semaphore,
}

/// One request as it is told in the log.
pub struct PlainRequest {
    id: RequestId,
    began: Instant,
    code: &'static str,
    site: Option<String>,
    /// Why there is no answer to a challenge, for the log.
    cause: String,
}

impl PlainRequest {
    /// A short name of what it got: the code of an answer, `redirect` or `acme-challenge`.
    pub fn code(&self) -> &'static str {
        self.code
    }
}

impl Plain<'_> {
    /// Answers a request whose connection closes afterwards. Its body is never read.
    pub async fn answer<B>(&self, request: &Request<B>) -> (Response<Bytes>, PlainRequest) {
        let (id, began) = (RequestId::random(), Instant::now());
        let mut told = PlainRequest { id, began, code: "", site: None, cause: String::new() };
        let mut response = match self.reply(request, &mut told).await {
            Ok(response) => response,
            Err(answer) => {
                (_, told.code, _) = answer.parts();
                answer.response(id, &Answers::default(), request.version())
            }
        };
        name_request(response.headers_mut(), id);
        (response, told)
    }

    async fn reply<B>(
        &self,
        request: &Request<B>,
        told: &mut PlainRequest,
    ) -> Result<Response<Bytes>, Answer> {
        let host = request::check(request, None).map_err(|refused| refused.answer)?;
        let site = self.generation.site(Some(host.name));
        told.site = site.map(|site| site.name().to_owned());
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        if let (Some(folder), Some(token)) =
            (&self.http.acme_challenges, request.uri().path().strip_prefix(CHALLENGES))
            && is_read
        {
            // Whatever the host: a CA may ask for a name before there is a site of it.
            told.code = "acme-challenge";
            let read = challenge(folder.value.clone(), token, self.reads).await;
            return read.map_err(|error| {
                told.cause = format!("the file of the challenge cannot be read: {error}");
                Answer::NoChallenge
            });
        }
        // Nobody is sent where no site of ours is.
        site.ok_or(Answer::Misdirected)?;
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        if !path.starts_with('/') {
            return Err(Answer::BadRequest);
        }
        let port = match self.http.redirect_port {
            HTTPS_PORT => String::new(),
            port => format!(":{port}"),
        };
        let location = HeaderValue::try_from(format!("https://{}{port}{path}", host.name));
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        response.headers_mut().insert(header::LOCATION, location.map_err(|_| Answer::BadRequest)?);
        told.code = "redirect";
        Ok(response)
    }

    /// Writes the access line of a request.
    pub fn tell<B>(
        &self,
        request: &Request<B>,
        status: StatusCode,
        told: &PlainRequest,
        facts: &ConnectionFacts,
        log: &AccessLog,
    ) {
        let config = &self.generation.config.access_log;
        if config.target.value == AccessTarget::Off {
            return;
        }
        let site = told.site.as_deref().unwrap_or_default().into();
        let record = Record::new(told.id, facts.peer, Verdict::NoCertificate, site);
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
        let path = request.uri().path_and_query().map_or("", |path| path.as_str());
        let mut record = record.with_request(
            request.method(),
            host.unwrap_or_default(),
            path,
            request.version(),
            request.headers(),
            &config.format,
        );
        record.balancer.clone_from(&facts.balancer);
        (record.at, record.total) = (SystemTime::now(), told.began.elapsed());
        (record.status, record.outcome, record.code) = (status.as_u16(), "answered", told.code);
        record.set_cause(&told.cause);
        log.send(Box::new(record));
    }
}

/// The file of a challenge. Its name cannot lead anywhere but into the folder.
async fn challenge(folder: PathBuf, token: &str, reads: &Semaphore) -> io::Result<Response<Bytes>> {
    let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !(1..=TOKEN_BYTES_MAX).contains(&token.len()) || !token.bytes().all(is_base64url) {
        return Err(io::Error::other("it is no name of a challenge"));
    }
    let path = folder.join(token);
    // Closed never.
    let _read = reads.acquire().await.map_err(io::Error::other)?;
    // On a thread of its own: disks may be slow, and requests of others must not wait for them.
    let content = spawn_blocking(move || read(&path)).await.map_err(io::Error::other)??;
    let mut response = Response::new(Bytes::from(content));
    let kind = HeaderValue::from_static("application/octet-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let count = open_unlinked(path)?.take(CHALLENGE_BYTES_MAX + 1).read_to_end(&mut content)?;
    if count as u64 > CHALLENGE_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(content)
}
