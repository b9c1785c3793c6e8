//! The two halves of a handshake: the ClientHello, which names the site, and the rest, under that site's
//! own configuration. Every way it can fail becomes a [`Refusal`] with the stream given back, so that the
//! caller can let the client read its alert before the connection closes.

use std::borrow::Cow;
use std::cell::RefCell;
use std::io;
use std::sync::Arc;

use rustls::server::{Accepted, Acceptor, NoServerSessionStorage, ServerConfig};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{Error, HandshakeKind, PeerIncompatible, ProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::StartHandshake;

use crate::config::{Refused, TlsVersion};
use crate::policy::{LetIn, Reason, Refusal, Verdict};

use super::client_hello::HelloFacts;
use super::client_stream::ClientStream;
use super::handshake_failure::refusal_of;
use super::iana;
use super::material::Challenge;
use super::server_config::{SiteTls, provider};
use super::verifier::{Finding, OUTCOME};

/// A client's stream after the handshake.
pub type TlsStream = tokio_rustls::server::TlsStream<ClientStream>;

/// A ClientHello: enough to choose a site, nothing answered yet.
pub struct ClientHello {
    accepted: Accepted,
    facts: HelloFacts,
}

/// A handshake that ended well.
pub struct Established {
    /// The encrypted stream, on the heap: it is large, and handed on several times.
    pub stream: Box<TlsStream>,
    /// Whether the client is let in.
    pub client: Arrived,
    /// Whether HTTP/2 was agreed on.
    pub http2: bool,
    /// Whether the client resumed a session.
    pub is_resumed: bool,
    /// The TLS version, as log lines show it.
    pub version: &'static str,
    /// The group of the key exchange, as log lines show it; a session of TLS 1.2 that is resumed has none.
    pub group: Option<Cow<'static, str>>,
}

/// A client behind its handshake.
pub enum Arrived {
    /// Whom it proved to be, or why it is let in unverified.
    LetIn(LetIn),
    /// It is refused, and is to be told so by an answer.
    TurnedAway(Verdict, Refusal),
}

/// Why there is no ClientHello.
pub enum HelloFailure {
    /// The client spoke plain HTTP to the TLS port: worth an answer that says so.
    PlainHttp,
    /// Anything else, with what could be read of it; the alert is already sent where there is one.
    Refused(Refusal, Box<HelloFacts>),
}

/// Reads a ClientHello, whole, however it is cut into records and segments.
///
/// # Errors
/// [`HelloFailure`] if what comes is not one.
pub async fn read_client_hello(stream: &mut TcpStream) -> Result<ClientHello, HelloFailure> {
    // rustls refuses a handshake message above 64 KiB; the rest is record headers.
    const BYTES_MAX: usize = 80 * 1024;
    let mut acceptor = Acceptor::default();
    let mut raw = Vec::new();
    let mut chunk = [0; 2048];
    loop {
        let count = stream.read(&mut chunk).await.map_err(|error| closed(&error.to_string()))?;
        if count == 0 {
            return Err(closed("without a word"));
        }
        raw.extend_from_slice(&chunk[..count]);
        if raw.first() != Some(&22) {
            return Err(not_tls(&raw));
        }
        if raw.len() > BYTES_MAX {
            let sentence = "sent a ClientHello that has no end";
            let refusal = Refusal::new(Reason::TlsFailure, sentence);
            return Err(HelloFailure::Refused(refusal, Box::default()));
        }
        let mut unread = &chunk[..count];
        while !unread.is_empty() {
            // Reading from a slice fails only when rustls wants no more.
            if acceptor.read_tls(&mut unread).is_err() {
                break;
            }
        }
        match acceptor.accept() {
            Ok(Some(accepted)) => {
                let hello = accepted.client_hello();
                let facts = HelloFacts {
                    // It chooses the site, so it is rustls's.
                    server_name: hello.server_name().map(str::to_ascii_lowercase),
                    ..HelloFacts::read(&raw)
                };
                return Ok(ClientHello { accepted, facts });
            }
            Ok(None) => {}
            Err((mut error, mut alert)) => {
                let facts = HelloFacts::read(&raw);
                let mut bytes = Vec::new();
                // Into memory, which cannot fail.
                let _ = alert.write_all(&mut bytes);
                if facts.is_too_old() {
                    // rustls misses an extension that such clients never had before it looks at the
                    // version; they, and who reads the log, understand this better.
                    error = PeerIncompatible::Tls12NotOfferedOrEnabled.into();
                    bytes = alert_record(PROTOCOL_VERSION).to_vec();
                } else if bytes.is_empty() {
                    // rustls has no words for what is no handshake message at all.
                    bytes = alert_record(DECODE_ERROR).to_vec();
                }
                // The client may be gone, which does not matter.
                let _ = stream.write_all(&bytes).await;
                let refusal = refusal_of(&error, &facts, TlsVersion::V1_2, None);
                return Err(HelloFailure::Refused(refusal, Box::new(facts)));
            }
        }
    }
}

/// Answers a ClientHello that names no site with the alert for it (RFC 6066 section 3).
pub async fn refuse_unknown_server_name(stream: &mut TcpStream, name: &str) -> Refusal {
    // The client may be gone, which does not matter.
    let _ = stream.write_all(&alert_record(UNRECOGNIZED_NAME)).await;
    let sentence = format!("asked for `{name}`, which is in no site's `server_names`");
    Refusal::new(Reason::UnknownServerName, sentence).advising(format!(
        "correct the host in the client's URL, or add `{name}` to a site's `server_names`"
    ))
}

/// Alerts that are sent before rustls has a connection to send them on (RFC 8446 section 6.2).
const DECODE_ERROR: u8 = 50;
const PROTOCOL_VERSION: u8 = 70;
const UNRECOGNIZED_NAME: u8 = 112;

/// A fatal alert in the clear: type 21, record version 3.1, which clients of every age take, two bytes.
fn alert_record(description: u8) -> [u8; 7] {
    [21, 3, 1, 0, 2, 2, description]
}

impl ClientHello {
    /// What the client offered.
    pub fn facts(&self) -> &HelloFacts {
        &self.facts
    }

    /// Whether it is a CA that asks for the certificate of a challenge, and for nothing else (RFC 8737 section 3).
    pub fn is_challenge(&self) -> bool {
        let alpn = self.accepted.client_hello().alpn();
        alpn.is_some_and(|alpn| alpn.eq([ACME_TLS.as_slice()]))
    }

    /// Shows a CA the certificate of its challenge. Nobody is asked for a certificate, no session is begun, and what
    /// is agreed on leads to no site: the connection has no further use.
    ///
    /// # Errors
    /// The refusal, and the stream on which the alert was sent.
    pub async fn answer_challenge(
        self,
        stream: TcpStream,
        challenge: Challenge,
    ) -> Result<TcpStream, (Refusal, Option<TcpStream>)> {
        let config = match challenge_config(challenge.0) {
            Ok(config) => Arc::new(config),
            Err(error) => {
                let sentence = format!("asked for a challenge, which cannot be answered: {error}");
                return Err((Refusal::new(Reason::TlsFailure, sentence), Some(stream)));
            }
        };
        let start = StartHandshake::from_parts(self.accepted, stream);
        match start.into_stream(config).into_fallible().await {
            Ok(mut stream) => {
                // The CA may be gone: it has seen what it wanted.
                let _ = stream.shutdown().await;
                Ok(stream.into_inner().0)
            }
            Err((error, stream)) => {
                let refusal = match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>())
                {
                    Some(error) => refusal_of(error, &self.facts, TlsVersion::V1_2, None),
                    None => Refusal::new(Reason::Closed, closed_sentence(&error)),
                };
                Err((refusal, Some(stream)))
            }
        }
    }

    /// Goes through with the handshake under a site's configuration.
    ///
    /// # Errors
    /// The refusal, and the stream on which the alert was sent; none if the client is dropped without a word.
    pub async fn handshake(
        self,
        stream: TcpStream,
        site: &SiteTls,
    ) -> Result<Established, (Refusal, Option<TcpStream>)> {
        let drops = site.refused() == Refused::Drop;
        let stream = ClientStream::new(stream, drops);
        let last_word = |stream: ClientStream| (!drops).then(|| stream.into_tcp());
        let start = StartHandshake::from_parts(self.accepted, stream);
        let handshake = start.into_stream(Arc::clone(&site.config)).into_fallible();
        let (result, finding) = OUTCOME
            .scope(RefCell::new(None), async {
                let result = handshake.await;
                (result, OUTCOME.with(RefCell::take))
            })
            .await;
        match (result, finding) {
            (Ok(mut stream), finding) => {
                stream.get_mut().0.pass();
                // A resumed session skips the verifier, and a client without a certificate never meets it.
                // Both are judged here instead, before a byte of the first request is read. An outcome that
                // is a refusal counts as one unless the site's mode passes over it.
                let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
                let presented = chain.len();
                match site.judge_certificates(finding.map(|finding| finding.outcome), chain) {
                    Ok(client) => Ok(established(stream, Arrived::LetIn(client))),
                    Err(refusal) => match site.turned_away(&refusal, presented) {
                        Some(verdict) => {
                            Ok(established(stream, Arrived::TurnedAway(verdict, refusal)))
                        }
                        None => Err((refusal, last_word(stream.into_inner().0))),
                    },
                }
            }
            (Err((_, stream)), Some(Finding { outcome: Err(refusal), goes_on: false })) => {
                Err((refusal, last_word(stream)))
            }
            (Err((error, stream)), finding) => {
                let outcome = finding.map(|finding| finding.outcome);
                let refusal = match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>())
                {
                    Some(error) => refusal_of(error, &self.facts, site.version_min, outcome),
                    None => Refusal::new(Reason::Closed, closed_sentence(&error)),
                };
                Err((refusal, last_word(stream)))
            }
        }
    }
}

/// The protocol of a challenge.
const ACME_TLS: &[u8; 10] = b"acme-tls/1";

/// A configuration that serves one handshake and holds nothing of any site.
fn challenge_config(certificate: CertifiedKey) -> Result<ServerConfig, Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certificate)));
    config.alpn_protocols = vec![ACME_TLS.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(config)
}

fn established(stream: TlsStream, client: Arrived) -> Established {
    let connection = stream.get_ref().1;
    let http2 = connection.alpn_protocol() == Some(b"h2");
    let is_resumed = connection.handshake_kind() == Some(HandshakeKind::Resumed);
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
        _ => "TLS 1.2",
    };
    let group = connection.negotiated_key_exchange_group();
    let group = group.map(|group| iana::group(group.name().into()));
    Established { stream: Box::new(stream), client, http2, is_resumed, version, group }
}

fn not_tls(bytes: &[u8]) -> HelloFailure {
    const METHODS: [&[u8]; 9] = [
        b"GET ",
        b"POST ",
        b"PUT ",
        b"HEAD ",
        b"DELETE ",
        b"OPTIONS ",
        b"PATCH ",
        b"CONNECT ",
        b"PRI * ",
    ];
    let is_http = |method: &&[u8]| {
        let common = method.len().min(bytes.len());
        method[..common] == bytes[..common]
    };
    if METHODS.iter().any(is_http) {
        return HelloFailure::PlainHttp;
    }
    let seen = bytes[..bytes.len().min(16)].escape_ascii();
    let sentence = format!("did not speak TLS: its first bytes were `{seen}`");
    let mut refusal = Refusal::new(Reason::NotTls, sentence);
    if bytes.starts_with(b"PROXY ") || bytes.starts_with(b"\r\n\r\n\0\r\nQUIT\n") {
        refusal = refusal.advising(
            "this is the PROXY protocol: name the balancer in `proxy_protocol_from` of this `[[listener]]`, or \
             have it send none",
        );
    }
    HelloFailure::Refused(refusal, Box::default())
}

fn closed(how: &str) -> HelloFailure {
    let sentence = format!("closed the connection before a ClientHello: {how}");
    HelloFailure::Refused(Refusal::new(Reason::Closed, sentence), Box::default())
}

fn closed_sentence(error: &io::Error) -> String {
    format!("closed the connection in the handshake: {error}")
}
