//! Two CAs, two server certificates to swap, a client's certificate, and TLS as a client speaks it: one version, one
//! suite and one group, so that every server does the same cryptography.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use mtls_gateway::pki::{Algorithm, Authority, Issued};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::{
    CipherSuite, ClientConfig, DigitallySignedStruct, SignatureScheme, SupportedProtocolVersion,
};

pub(crate) const SITE: &str = "www.example.com";

/// What all parties of a benchmark need, with keys of one kind.
pub(crate) struct Certificates {
    pub(crate) server_ca: Authority,
    pub(crate) client_ca: Authority,
    pub(crate) caller: Issued,
    servers: [Issued; 2],
}

/// One of the server's two certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaf {
    First,
    Second,
}

impl Leaf {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    X25519,
    /// X25519MLKEM768, and X25519 for who has it not.
    Hybrid,
}

/// How a client speaks TLS.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tls {
    /// TLS 1.2 instead of 1.3.
    pub(crate) is_1_2: bool,
    pub(crate) group: Group,
    /// HTTP/2 instead of HTTP/1.1.
    pub(crate) is_http2: bool,
}

impl Default for Tls {
    fn default() -> Self {
        Self { is_1_2: false, group: Group::X25519, is_http2: false }
    }
}

impl Certificates {
    pub(crate) fn make(algorithm: Algorithm) -> Self {
        let root = |name| Authority::draft(name).algorithm(algorithm).authority().unwrap();
        let server_ca = root("Server CA");
        let client_ca = root("Client CA");
        let server = || server_ca.server([SITE]).algorithm(algorithm).issue().unwrap();
        let servers = [server(), server()];
        let caller = client_ca.client("caller").algorithm(algorithm).issue().unwrap();
        Self { caller, servers, server_ca, client_ca }
    }

    pub(crate) fn server(&self, leaf: Leaf) -> &Issued {
        match leaf {
            Leaf::First => &self.servers[0],
            Leaf::Second => &self.servers[1],
        }
    }

    /// Puts `server.crt`, `server.key`, `server.pem`, which is both, and `ca.crt`, which is the clients' CA, into a
    /// folder: each whole or not at all, for who reads them meanwhile.
    pub(crate) fn write(&self, folder: &Path, leaf: Leaf) {
        let server = self.server(leaf);
        let both = format!("{}{}", server.certificate_pem(), server.key_pem());
        for (name, text) in [
            ("ca.crt", self.client_ca.certificate_pem()),
            ("server.pem", &both),
            ("server.key", &server.key_pem()),
            ("server.crt", server.certificate_pem()),
        ] {
            let new = folder.join(format!("{name}.new"));
            fs::write(&new, text).unwrap();
            fs::rename(new, folder.join(name)).unwrap();
        }
    }

    /// A client that shows its certificate and believes the two servers. It remembers no session.
    pub(crate) fn client(&self, tls: &Tls) -> Arc<ClientConfig> {
        self.client_with(&self.caller, tls)
    }

    /// The same with another certificate.
    pub(crate) fn client_with(&self, caller: &Issued, tls: &Tls) -> Arc<ClientConfig> {
        let version: &SupportedProtocolVersion = if tls.is_1_2 { &TLS12 } else { &TLS13 };
        let known = self.servers.iter().map(|server| server.der().clone()).collect();
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider(tls)))
            .with_protocol_versions(&[version])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Known(known)))
            .with_client_auth_cert(
                vec![caller.der().clone()],
                PrivateKeyDer::from_pem_slice(caller.key_pem().as_bytes()).unwrap(),
            )
            .unwrap();
        config.resumption = Resumption::disabled();
        config.alpn_protocols = match tls.is_http2 {
            true => vec![b"h2".to_vec()],
            false => vec![b"http/1.1".to_vec()],
        };
        Arc::new(config)
    }
}

fn provider(tls: &Tls) -> CryptoProvider {
    use aws_lc_rs::kx_group::{SECP256R1, X25519, X25519MLKEM768};
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = match tls.group {
        Group::X25519 => vec![X25519],
        Group::Hybrid => vec![X25519MLKEM768, X25519],
    };
    if tls.is_1_2 {
        // There the list also says which certificates the client takes (RFC 8422, section 5.1).
        provider.kx_groups.push(SECP256R1);
    }
    provider.cipher_suites.retain(|suite| {
        use CipherSuite::{
            TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            TLS13_AES_128_GCM_SHA256,
        };
        matches!(
            suite.suite(),
            TLS13_AES_128_GCM_SHA256
                | TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
                | TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
        )
    });
    provider
}

/// Believes the servers of this benchmark by their bytes, as the load must be light: the proof of the key is the
/// server's work, which it does all the same.
#[derive(Debug)]
struct Known(Vec<CertificateDer<'static>>);

impl ServerCertVerifier for Known {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.0.iter().any(|known| known == end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(rustls::Error::General("a certificate of another server".to_owned()))
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
