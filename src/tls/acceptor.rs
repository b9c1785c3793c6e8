//! The two halves of a handshake: the ClientHello, which names the site, and the rest, under that site's
//! own configuration. Every way it can fail becomes a [`Refusal`] with the stream given back, so that the
//! caller can let the client read its alert before the connection closes.

use std::cell::RefCell;
use std::io;
use std::sync::Arc;

use rustls::server::{Accepted, Acceptor};
use rustls::{AlertDescription, Error, HandshakeKind, PeerIncompatible, ProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::StartHandshake;

use crate::config::TlsVersion;
use crate::identity::Identity;
use crate::policy::{Reason, Refusal};

use super::alert::alert_name;
use super::client_hello::{HelloFacts, offered_versions};
use super::server_config::SiteTls;
use super::verifier::OUTCOME;

/// A client's stream after the handshake.
pub type TlsStream = tokio_rustls::server::TlsStream<TcpStream>;

/// A ClientHello: enough to choose a site, nothing answered yet.
pub struct ClientHello {
    accepted: Accepted,
    facts: HelloFacts,
}

/// A handshake that ended well.
pub struct Established {
    /// The encrypted stream.
    pub stream: TlsStream,
    /// Whom the client proved to be.
    pub identity: Arc<Identity>,
    /// Whether HTTP/2 was agreed on.
    pub http2: bool,
    /// Whether the client resumed a session.
    pub is_resumed: bool,
    /// The TLS version, as log lines show it.
    pub version: &'static str,
}

/// Why there is no ClientHello.
pub enum HelloFailure {
    /// The client spoke plain HTTP to the TLS port: worth an answer that says so.
    PlainHttp,
    /// Anything else, with what could be read of it; the alert is already sent where there is one.
    Refused(Refusal, HelloFacts),
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
            return Err(HelloFailure::Refused(refusal, HelloFacts::default()));
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
                let alpn = hello.alpn().into_iter().flatten();
                let facts = HelloFacts {
                    server_name: hello.server_name().map(str::to_ascii_lowercase),
                    versions: offered_versions(&raw),
                    alpn: alpn.map(|name| name.escape_ascii().to_string()).collect(),
                };
                return Ok(ClientHello { accepted, facts });
            }
            Ok(None) => {}
            Err((mut error, mut alert)) => {
                let facts =
                    HelloFacts { versions: offered_versions(&raw), ..HelloFacts::default() };
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
                let refusal = explain(&error, &facts, TlsVersion::V1_2, None);
                return Err(HelloFailure::Refused(refusal, facts));
            }
        }
    }
}

/// Answers a ClientHello that names no site with the alert for it (RFC 6066 section 3).
pub async fn refuse_unknown_server_name(stream: &mut TcpStream, name: &str) -> Refusal {
    // The client may be gone, which does not matter.
    let _ = stream.write_all(&alert_record(UNRECOGNIZED_NAME)).await;
    let sentence = format!("asked for `{name}`, which is in no site's `server_names`");
    Refusal::new(Reason::UnknownServerName, sentence)
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

    /// Goes through with the handshake under a site's configuration.
    ///
    /// # Errors
    /// The refusal, and the stream on which the alert was sent.
    pub async fn handshake(
        self,
        stream: TcpStream,
        site: &SiteTls,
    ) -> Result<Established, (Refusal, Option<TcpStream>)> {
        let start = StartHandshake::from_parts(self.accepted, stream);
        let handshake = start.into_stream(Arc::clone(&site.config)).into_fallible();
        let (result, outcome) = OUTCOME
            .scope(RefCell::new(None), async {
                let result = handshake.await;
                (result, OUTCOME.with(RefCell::take))
            })
            .await;
        match (result, outcome) {
            (Ok(stream), Some(Ok(identity))) => Ok(established(stream, identity)),
            (Ok(stream), None) => {
                // A resumed session skips the verifier; its chain is judged here instead, before a byte of
                // the first request is read.
                let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
                match site.judge_certificates(chain) {
                    Ok(identity) => Ok(established(stream, identity)),
                    Err(refusal) => Err((refusal, Some(stream.into_inner().0))),
                }
            }
            (Ok(stream), Some(Err(refusal))) => {
                // rustls went on although the verifier said no: never to be seen, never let in.
                Err((refusal, Some(stream.into_inner().0)))
            }
            (Err((_, stream)), Some(Err(refusal))) => Err((refusal, Some(stream))),
            (Err((error, stream)), verified) => {
                let identity = verified.and_then(Result::ok);
                let refusal = match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>())
                {
                    Some(error) => {
                        explain(error, &self.facts, site.version_min, identity.as_deref())
                    }
                    None => Refusal::new(Reason::Closed, closed_sentence(&error)),
                };
                Err((refusal, Some(stream)))
            }
        }
    }
}

fn established(stream: TlsStream, identity: Arc<Identity>) -> Established {
    let connection = stream.get_ref().1;
    let http2 = connection.alpn_protocol() == Some(b"h2");
    let is_resumed = connection.handshake_kind() == Some(HandshakeKind::Resumed);
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
        _ => "TLS 1.2",
    };
    Established { stream, identity, http2, is_resumed, version }
}

/// The refusal for an error of rustls. `identity` is known if the client's chain had verified by then.
fn explain(
    error: &Error,
    facts: &HelloFacts,
    oldest: TlsVersion,
    identity: Option<&Identity>,
) -> Refusal {
    let refusal = match error {
        Error::NoCertificatesPresented => {
            Refusal::new(Reason::NoCertificate, "sent no certificate, and this site requires one")
        }
        Error::AlertReceived(alert) => {
            Refusal::new(Reason::ClientAlert, client_alert_sentence(*alert))
        }
        Error::PeerIncompatible(
            PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::SupportedVersionsExtensionRequired,
        ) => {
            if oldest == TlsVersion::V1_2 && facts.versions.iter().any(|one| one == "TLS 1.3") {
                let sentence = "offered no TLS version before 1.3, which is not spoken here because of `rsa_1024` \
                                in `accept_legacy`";
                return Refusal::new(Reason::TlsFailure, sentence);
            }
            let offered = match facts.versions.as_slice() {
                [] => "a version that could not be read".to_owned(),
                versions => versions.join(", "),
            };
            let sentence =
                format!("offered only {offered}; the oldest version spoken here is {oldest}");
            Refusal::new(Reason::TlsTooOld, sentence)
        }
        Error::InvalidCertificate(_) | Error::PeerMisbehaved(_) if identity.is_some() => {
            let sentence = "presented a certificate without proving that it holds its key";
            Refusal::new(Reason::BadCertificateVerify, sentence)
        }
        other => Refusal::new(Reason::TlsFailure, format!("failed the TLS handshake: {other}")),
    };
    match identity {
        Some(identity) => refusal.with_chain([identity.der()]),
        None => refusal,
    }
}

fn client_alert_sentence(alert: AlertDescription) -> String {
    use AlertDescription as A;
    let about_ours = matches!(
        alert,
        A::UnknownCA
            | A::BadCertificate
            | A::CertificateExpired
            | A::CertificateUnknown
            | A::UnsupportedCertificate
            | A::CertificateRevoked
    );
    let name = alert_name(alert);
    if about_ours {
        format!("refused this gateway's certificate with the alert {name}")
    } else {
        format!("ended the handshake with the alert {name}")
    }
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
    HelloFailure::Refused(Refusal::new(Reason::NotTls, sentence), HelloFacts::default())
}

fn closed(how: &str) -> HelloFailure {
    let sentence = format!("closed the connection before a ClientHello: {how}");
    HelloFailure::Refused(Refusal::new(Reason::Closed, sentence), HelloFacts::default())
}

fn closed_sentence(error: &io::Error) -> String {
    format!("closed the connection in the handshake: {error}")
}
