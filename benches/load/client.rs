//! A client's connections.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::crypto::SupportedKxGroup;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind, NamedGroup};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::SITE;

pub(crate) type Stream = tokio_rustls::client::TlsStream<TcpStream>;

/// Where a client connects to, and how it speaks TLS.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(crate) tls: Arc<ClientConfig>,
}

impl Client {
    pub(crate) async fn connect(&self) -> Result<Stream, String> {
        let tcp = TcpStream::connect(self.address).await.map_err(|e| format!("connect: {e}"))?;
        tcp.set_nodelay(true).map_err(|error| error.to_string())?;
        let name = ServerName::try_from(SITE).unwrap();
        let stream = TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp).await;
        stream.map_err(|error| format!("handshake: {error}"))
    }

    /// The same, but it remembers sessions, of its own.
    pub(crate) fn with_own_sessions(&self) -> Self {
        let mut tls = (*self.tls).clone();
        tls.resumption = rustls::client::Resumption::in_memory_sessions(32);
        Self { address: self.address, tls: Arc::new(tls) }
    }
}

pub(crate) fn is_resumed(stream: &Stream) -> bool {
    stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed)
}

/// The group of the key exchange; none where a session was resumed without one.
pub(crate) fn group(stream: &Stream) -> Option<NamedGroup> {
    stream.get_ref().1.negotiated_key_exchange_group().map(SupportedKxGroup::name)
}
