//! TLS before an app: ends it as the test says, and passes what is inside on to an app that speaks HTTP in clear text.

use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex};

use mtls_gateway::pki::{Authority, Issued};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{HandshakeKind, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::PATIENCE;
use super::background::{Background, listen};
use super::client::VERSIONS;
use super::pki::Credentials;
use super::upstream::Upstream;

/// What a client of the app did in its handshake.
#[derive(Clone, Debug)]
pub struct Shaken {
    pub server_name: Option<String>,
    /// Its own certificate, if it showed one.
    pub certificate: Option<CertificateDer<'static>>,
    pub is_resumed: bool,
    pub alpn: Option<Vec<u8>>,
}

/// An app behind TLS. It ends with the test.
pub struct TlsFront {
    /// As a configuration names it, by its address.
    pub url: String,
    pub port: u16,
    shaken: Arc<Mutex<Vec<Shaken>>>,
    /// Handshakes that have ended, whichever way.
    attempts: Arc<(Mutex<usize>, Condvar)>,
    _background: Background,
}

impl TlsFront {
    /// Shows a certificate, and asks for one of a CA's if one is given.
    pub fn new(app: &Upstream, server: &Issued, client_ca: Option<&Authority>) -> Self {
        Self::speaking(app, server, client_ca, &VERSIONS)
    }

    pub fn speaking(
        app: &Upstream,
        server: &Issued,
        client_ca: Option<&Authority>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let behind: SocketAddr = app.url.strip_prefix("http://").unwrap().parse().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config(server, client_ca, versions)));
        let shaken = Arc::new(Mutex::new(Vec::new()));
        let (listener, port) = listen();
        let attempts = Arc::<(Mutex<usize>, Condvar)>::default();
        let (seen, ended) = (Arc::clone(&shaken), Arc::clone(&attempts));
        let background = Background::run(move || async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, ended) = (Arc::clone(&seen), Arc::clone(&ended));
                tokio::spawn(pass(stream, behind, acceptor.clone(), seen, ended));
            }
        });
        let url = format!("https://127.0.0.1:{port}");
        Self { url, port, shaken, attempts, _background: background }
    }

    /// The handshakes so far that came to their end.
    pub fn shaken(&self) -> Vec<Shaken> {
        self.shaken.lock().unwrap().clone()
    }

    /// Waits until so many handshakes have ended, whichever way.
    pub fn wait_for_attempts(&self, count: usize) {
        let (attempts, news) = &*self.attempts;
        let attempts = attempts.lock().unwrap();
        let (_attempts, waited) =
            news.wait_timeout_while(attempts, PATIENCE, |attempts| *attempts < count).unwrap();
        assert!(!waited.timed_out(), "the app waited in vain");
    }
}

async fn pass(
    stream: TcpStream,
    behind: SocketAddr,
    acceptor: TlsAcceptor,
    seen: Arc<Mutex<Vec<Shaken>>>,
    ended: Arc<(Mutex<usize>, Condvar)>,
) {
    let shaken = acceptor.accept(stream).await;
    *ended.0.lock().unwrap() += 1;
    ended.1.notify_all();
    let Ok(mut stream) = shaken else { return };
    let (_, tls) = stream.get_ref();
    seen.lock().unwrap().push(Shaken {
        server_name: tls.server_name().map(str::to_owned),
        certificate: tls.peer_certificates().map(|chain| chain[0].clone().into_owned()),
        is_resumed: tls.handshake_kind() == Some(HandshakeKind::Resumed),
        alpn: tls.alpn_protocol().map(<[u8]>::to_vec),
    });
    let mut app = TcpStream::connect(behind).await.unwrap();
    // Either side may break off.
    _ = tokio::io::copy_bidirectional(&mut stream, &mut app).await;
}

fn config(
    server: &Issued,
    client_ca: Option<&Authority>,
    versions: &[&'static SupportedProtocolVersion],
) -> ServerConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .unwrap();
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            roots.add(ca.der().clone()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        }
    };
    let own = Credentials::of(server);
    let certified = CertifiedKey::new(own.chain.clone(), own.key());
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}
