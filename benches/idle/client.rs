//! Clients that need less memory than what they measure: of a parked connection only the socket is left.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use socket2::{Domain, Socket, Type};

use crate::load::{Certificates, Gateway, SITE};

/// Addresses of this machine that clients come from, so that there are ports enough.
const SOURCES: usize = 8;

/// What a client asks for, and whether it waits for the answer.
#[derive(Clone, Copy)]
pub(crate) struct Ask {
    path: &'static str,
    is_post: bool,
    is_answered: bool,
}

pub(crate) const GET: Ask = Ask { path: "/", is_post: false, is_answered: true };
pub(crate) const HELD: Ask = Ask { path: "/held", is_post: false, is_answered: false };
pub(crate) const LARGE: Ask = Ask { path: "/large", is_post: false, is_answered: false };
pub(crate) const SLOW_POST: Ask = Ask { path: "/held", is_post: true, is_answered: false };

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alpn {
    Http1,
    Http2,
}

impl Alpn {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }
}

/// How clients of one gateway connect.
pub(crate) struct Clients {
    address: SocketAddr,
    config: Arc<ClientConfig>,
    alpn: Alpn,
}

pub(crate) type Tls = StreamOwned<ClientConnection, TcpStream>;

impl Clients {
    pub(crate) fn new(gateway: &Gateway, certificates: &Certificates, alpn: Alpn) -> Self {
        Self::resuming(gateway, certificates, alpn, Resumption::disabled())
    }

    pub(crate) fn resuming(
        gateway: &Gateway,
        certificates: &Certificates,
        alpn: Alpn,
        resumption: Resumption,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(certificates.server_ca.der().clone()).unwrap();
        let chain = vec![certificates.caller.der().clone()];
        let key = PrivateKeyDer::from_pem_slice(certificates.caller.key_pem().as_bytes()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let builder = builder.with_root_certificates(roots);
        let mut config = builder.with_client_auth_cert(chain, key).unwrap();
        config.resumption = resumption;
        config.alpn_protocols = match alpn {
            Alpn::Http1 => vec![b"http/1.1".to_vec()],
            Alpn::Http2 => vec![b"h2".to_vec()],
        };
        Self { address: gateway.address, config: Arc::new(config), alpn }
    }

    /// Opens so many connections, asks once on each, and keeps them open.
    pub(crate) fn park(&self, count: usize, ask: Ask) -> Vec<TcpStream> {
        let threads = thread::available_parallelism().map_or(2, std::num::NonZero::get);
        thread::scope(|scope| {
            let share = |thread| (count + thread) / threads;
            let workers: Vec<_> = (0..threads)
                .map(|thread| {
                    scope.spawn(move || {
                        let one = |number| self.asked(number, ask).sock;
                        (0..share(thread)).map(one).collect::<Vec<_>>()
                    })
                })
                .collect();
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
        })
    }

    fn asked(&self, number: usize, ask: Ask) -> Tls {
        let mut stream = self.connect(number);
        match self.alpn {
            Alpn::Http1 => http1(&mut stream, ask),
            Alpn::Http2 => http2(&mut stream, ask),
        }
        stream
    }

    pub(crate) fn connect(&self, number: usize) -> Tls {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let source = Ipv4Addr::new(127, 0, 1, u8::try_from(number % SOURCES).unwrap_or(0) + 1);
        socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
        socket.connect(&self.address.into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true).unwrap();
        let name = SITE.try_into().unwrap();
        StreamOwned::new(ClientConnection::new(Arc::clone(&self.config), name).unwrap(), stream)
    }
}

/// A client that asks again and again.
pub(crate) struct Kept(Tls);

impl Kept {
    pub(crate) fn connect(clients: &Clients) -> Self {
        Self(match clients.alpn {
            Alpn::Http1 => clients.connect(0),
            // One version will do for comparing, and the parked ones have the other.
            Alpn::Http2 => {
                let mut config = (*clients.config).clone();
                config.alpn_protocols = vec![b"http/1.1".to_vec()];
                let config = Arc::new(config);
                Clients { config, alpn: Alpn::Http1, ..*clients }.connect(0)
            }
        })
    }

    pub(crate) fn ask(&mut self) {
        http1(&mut self.0, GET);
    }
}

fn http1(stream: &mut Tls, ask: Ask) {
    let head = if ask.is_post {
        format!("POST {} HTTP/1.1\r\nHost: {SITE}\r\nContent-Length: 1000000\r\n\r\nx", ask.path)
    } else {
        format!("GET {} HTTP/1.1\r\nHost: {SITE}\r\n\r\n", ask.path)
    };
    stream.write_all(head.as_bytes()).unwrap();
    if ask.is_answered {
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\nok") {
            let mut bytes = [0; 4096];
            let count = stream.read(&mut bytes).unwrap();
            assert!(count > 0, "the gateway closed: {}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&bytes[..count]);
        }
    }
}

/// HTTP/2 by hand (RFC 9113), as far as one request needs it; a library would close politely and end what is parked.
fn http2(stream: &mut Tls, ask: Ask) {
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    const SETTINGS_ACK: [u8; 9] = [0, 0, 0, 4, 1, 0, 0, 0, 0];
    const ONE_BYTE_OF_DATA: [u8; 10] = [0, 0, 1, 0, 0, 0, 0, 0, 1, b'x'];
    const HEADERS: u8 = 1;
    let mut block = vec![if ask.is_post { 0x83 } else { 0x82 }, 0x87];
    for (name, value) in [(0x04, ask.path), (0x01, SITE)] {
        // A literal without indexing, with an indexed name: `:path`, `:authority`.
        block.extend([name, u8::try_from(value.len()).unwrap()]);
        block.extend(value.as_bytes());
    }
    let length = u8::try_from(block.len()).unwrap();
    // END_HEADERS, and END_STREAM where no body comes.
    let flags = if ask.is_post { 4 } else { 5 };
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(SETTINGS);
    bytes.extend(SETTINGS_ACK);
    bytes.extend([0, 0, length, HEADERS, flags, 0, 0, 0, 1]);
    bytes.extend(&block);
    if ask.is_post {
        bytes.extend(ONE_BYTE_OF_DATA);
    }
    stream.write_all(&bytes).unwrap();
    if !ask.is_answered {
        return;
    }
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).unwrap();
        let mut body = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        stream.read_exact(&mut body).unwrap();
        let (kind, flags, number) = (head[3], head[4], head[8]);
        // DATA or HEADERS with END_STREAM, on the one stream.
        if number == 1 && kind <= HEADERS && flags & 1 == 1 {
            return;
        }
        assert!(kind != 3 && kind != 7, "the gateway broke off: {body:?}");
    }
}
