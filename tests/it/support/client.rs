//! A client: TLS by rustls, and above it the exact bytes that the test wants sent.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned,
    SupportedProtocolVersion,
};

use super::message::{Message, Reader, SITE};
use super::pki::Credentials;
use super::{PATIENCE, events, port};

/// The versions that clients come with.
pub const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// A client before it connects.
#[derive(Clone)]
pub struct Connector {
    pub address: SocketAddr,
    roots: RootCertStore,
    credentials: Option<Credentials>,
    server_name: Option<&'static str>,
    versions: Vec<&'static SupportedProtocolVersion>,
    resumption: Resumption,
    fragment: Option<usize>,
    /// The configuration of all connections, where sessions are to go from one to the next.
    shared: Option<Arc<ClientConfig>>,
}

impl Connector {
    pub fn new(address: SocketAddr, roots: RootCertStore) -> Self {
        Self {
            address,
            roots,
            credentials: None,
            server_name: Some(SITE),
            versions: vec![&TLS13, &TLS12],
            resumption: Resumption::disabled(),
            fragment: None,
            shared: None,
        }
    }

    pub fn presenting(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    pub fn presenting_nothing(mut self) -> Self {
        self.credentials = None;
        self
    }

    pub fn trusting(mut self, roots: RootCertStore) -> Self {
        self.roots = roots;
        self
    }

    pub fn asking_for(mut self, name: &'static str) -> Self {
        self.server_name = Some(name);
        self
    }

    pub fn without_server_name(mut self) -> Self {
        self.server_name = None;
        self
    }

    pub fn speaking(mut self, version: &'static SupportedProtocolVersion) -> Self {
        self.versions = vec![version];
        self
    }

    pub fn resuming(mut self, resumption: Resumption) -> Self {
        self.resumption = resumption;
        self
    }

    /// Cuts what it says into TLS records of at most so many bytes.
    pub fn fragmenting(mut self, bytes: usize) -> Self {
        self.fragment = Some(bytes);
        self
    }

    /// From here on all connections share one configuration; without that, no session is ever tried.
    pub fn sharing(mut self) -> Self {
        self.shared = Some(Arc::new(self.config("http/1.1")));
        self
    }

    pub fn config(&self, alpn: &str) -> ClientConfig {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&self.versions)
            .unwrap()
            .with_root_certificates(self.roots.clone());
        let mut config = match &self.credentials {
            None => builder.with_no_client_auth(),
            Some(credentials) => {
                // Not checked to belong together: some clients come with a key of another.
                let certified = CertifiedKey::new(credentials.chain.clone(), credentials.key());
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified)))
            }
        };
        config.enable_sni = self.server_name.is_some();
        config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
        config.resumption = self.resumption.clone();
        config.max_fragment_size = self.fragment;
        config
    }

    pub fn name(&self) -> ServerName<'static> {
        // Without SNI the first site's certificate comes.
        self.server_name.unwrap_or(SITE).try_into().unwrap()
    }

    /// Begins to speak; the handshake happens with the first bytes.
    pub fn open(&self) -> Client {
        self.try_open().expect("somebody listens")
    }

    /// The same; `None` if nobody listens.
    pub fn try_open(&self) -> Option<Client> {
        self.try_open_for("http/1.1")
    }

    /// The same, for a protocol by ALPN; what is spoken then is the test's.
    pub fn try_open_for(&self, alpn: &str) -> Option<Client> {
        let mark = events::mark();
        let stream = port::connect(self.address).ok()?;
        stream.set_nodelay(true).unwrap();
        let local = stream.local_addr().unwrap();
        let config = match &self.shared {
            Some(config) => Arc::clone(config),
            None => Arc::new(self.config(alpn)),
        };
        let connection = ClientConnection::new(config, self.name()).unwrap();
        let client =
            Client { reader: Reader::new(StreamOwned::new(connection, stream)), local, mark };
        client.set_patience(PATIENCE);
        Some(client)
    }

    /// Connects and goes through the handshake, which must work.
    pub fn connect(&self) -> Client {
        let mut client = self.open();
        client.handshake().unwrap();
        client
    }

    /// Connects and asks for `/` of a site: the connection that was served, or the reason why not.
    pub fn try_site(&self, site: &str) -> Result<Client, String> {
        let mut client = self.open();
        client.try_site(site).map(|()| client)
    }

    /// Connects in vain: the alert that came, and the gateway's account of it.
    pub fn refused(&self) -> (AlertDescription, events::Event) {
        let mut client = self.open();
        // In TLS 1.3 the client is done before the server has judged its certificate.
        let error = match client.handshake() {
            Ok(()) => client.reader.some().unwrap_err(),
            Err(error) => error,
        };
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        let Some(rustls::Error::AlertReceived(alert)) = inner else {
            panic!("no alert, but {error:?}");
        };
        (*alert, client.event("refusal"))
    }
}

/// The reason by which the gateway turned a client away.
pub fn reason(event: &events::Event) -> String {
    event.field("reason").to_owned()
}

/// The same in the body of an answer; its code, if the answer is about the request alone.
pub fn reason_in(body: &[u8]) -> String {
    let json: serde_json::Value = serde_json::from_slice(body).unwrap();
    let word = json["reason"].as_str().or(json["code"].as_str());
    word.unwrap().to_owned()
}

/// One connection.
pub struct Client {
    pub reader: Reader<StreamOwned<ClientConnection, TcpStream>>,
    pub local: SocketAddr,
    mark: usize,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With a `close_notify`: everything that was said has come.
    Clean,
    /// Without: something may be missing.
    CutOff,
}

impl Client {
    pub fn handshake(&mut self) -> io::Result<()> {
        let StreamOwned { conn, sock } = &mut self.reader.stream;
        while conn.is_handshaking() {
            conn.complete_io(sock)?;
        }
        // The client's last words of the handshake.
        while conn.wants_write() {
            conn.write_tls(sock)?;
        }
        Ok(())
    }

    pub fn tls(&self) -> &ClientConnection {
        &self.reader.stream.conn
    }

    /// How the handshake went: in full, or by a session.
    #[track_caller]
    pub fn assert_kind(&self, kind: HandshakeKind) {
        assert_eq!(self.tls().handshake_kind(), Some(kind));
    }

    pub fn tcp(&self) -> &TcpStream {
        &self.reader.stream.sock
    }

    /// How long it waits for the gateway, in both directions.
    pub fn set_patience(&self, patience: Duration) {
        self.tcp().set_read_timeout(Some(patience)).unwrap();
        self.tcp().set_write_timeout(Some(patience)).unwrap();
    }

    /// Sends bytes, as they are.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).unwrap();
    }

    /// Sends bytes to a gateway that may have closed already.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.reader.stream.write_all(bytes.as_ref())?;
        self.reader.stream.flush()
    }

    /// The next response, whole; interim ones come by themselves.
    pub fn response(&mut self) -> Message {
        self.reader.message().unwrap().expect("a response")
    }

    /// The next response to a HEAD, or the head of one whose body the test reads by itself.
    pub fn head(&mut self) -> Message {
        self.reader.head().unwrap().expect("a response")
    }

    /// Sends a request and reads its response.
    pub fn ask(&mut self, request: impl AsRef<[u8]>) -> Message {
        self.send(request);
        self.response()
    }

    /// A GET of the first site.
    pub fn get(&mut self, target: &str) -> Message {
        self.ask(format!("GET {target} HTTP/1.1\r\nHost: {SITE}\r\n\r\n"))
    }

    /// Asks for `/` of a site, after the handshake if that is still to come: the reason if it is not served.
    pub fn try_site(&mut self, site: &str) -> Result<(), String> {
        match self.handshake().and_then(|()| self.try_get(site)) {
            Ok(answer) if answer.status() == 200 => Ok(()),
            Ok(answer) => Err(reason_in(&answer.body)),
            Err(_) => Err(reason(&self.event("refusal"))),
        }
    }

    /// A GET of a site over a connection that may have been closed.
    pub fn try_get(&mut self, site: &str) -> io::Result<Message> {
        self.try_send(format!("GET / HTTP/1.1\r\nHost: {site}\r\n\r\n"))?;
        self.reader.message()?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Reads to the end, at which nothing more may come.
    pub fn end(&mut self) -> End {
        match self.reader.rest() {
            Ok(rest) => {
                assert_eq!(String::from_utf8_lossy(&rest), "");
                End::Clean
            }
            Err(error) => {
                use io::ErrorKind as K;
                let kind = error.kind();
                let gone = [K::UnexpectedEof, K::ConnectionReset, K::BrokenPipe];
                assert!(gone.contains(&kind), "{error:?}");
                End::CutOff
            }
        }
    }

    /// Where to look for what the gateway logs once this connection is gone.
    pub fn events_later(&self) -> events::Later {
        events::Later::new(self.local, self.mark)
    }

    /// What the gateway logged about this connection; waits for it.
    pub fn event(&self, target: &str) -> events::Event {
        events::wait_for(target, self.local, self.mark)
    }

    /// The same for as many events.
    pub fn events(&self, target: &str, count: usize) -> Vec<events::Event> {
        events::wait_for_all(target, self.local, self.mark, count)
    }

    /// Goes away without a word: a reset.
    pub fn vanish(self) {
        let socket = socket2::SockRef::from(self.tcp());
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    }
}
