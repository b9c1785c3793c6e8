//! TLS towards apps: whom the gateway believes to be its app, and what it shows there itself.
//!
//! Verification has no switch: who cannot be verified gets no request. Sessions are resumed, also across workers, and
//! never across a change of what is trusted: each change has a configuration of its own.

use std::fmt;
use std::io;
use std::ops::RangeInclusive;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName as RustlsName, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::material::{OpenedKeys, TrustedCa, load_own, load_upstream_ca};
use super::server_config::provider;
use crate::config::{Report, ServerName, Upstream, UpstreamTls};
use crate::identity::Claims;

/// A stream to an app, verified.
pub type AppStream = tokio_rustls::client::TlsStream<TcpStream>;

/// How TLS is spoken with the endpoints of an upstream.
pub struct AppTls {
    config: Arc<ClientConfig>,
    /// In place of the endpoint's host.
    server_name: Option<RustlsName<'static>>,
    /// A SHA-256 of all that it was made from.
    id: [u8; 32],
    /// The CAs that the file names; none where the public ones are meant.
    cas: Vec<TrustedCa>,
    /// What the gateway shows, its own certificate first.
    own: Vec<Claims>,
}

impl fmt::Debug for AppTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppTls").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

/// What is made from the same material and asks for the same name is the same.
impl PartialEq for AppTls {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for AppTls {}

impl AppTls {
    /// Reads the files of an upstream that speaks TLS; `None` after a problem was reported.
    pub fn load(
        upstream: &Upstream,
        tls: &UpstreamTls,
        opened: &mut OpenedKeys,
        report: &mut Report,
    ) -> Option<Self> {
        let cas = load_upstream_ca(tls, report);
        let own = match &tls.certificate {
            Some(own) => load_own(own, opened, report).map(Some),
            None => Some(None),
        };
        let (cas, own) = (cas?, own?);
        let name = tls.server_name.as_ref().map(name_of).transpose();
        match name.and_then(|name| Self::new(cas, name, own)) {
            Ok(tls) => Some(tls),
            Err(error) => {
                let what = format!("TLS to the upstream `{}` cannot be set up", upstream.name);
                report.error_nowhere(format!("{what}: {error}"));
                None
            }
        }
    }

    fn new(
        cas: Vec<TrustedCa>,
        server_name: Option<RustlsName<'static>>,
        own: Option<(CertifiedKey, Vec<Claims>)>,
    ) -> Result<Self, Error> {
        let provider = Arc::new(provider());
        let id = id(&cas, server_name.as_ref(), own.as_ref().map(|(own, _)| own));
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13, &TLS12])?;
        let builder = if cas.is_empty() {
            builder.with_root_certificates(RootCertStore {
                roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
            })
        } else {
            let verifier = Arc::new(OwnCas::new(cas.clone())?);
            builder.dangerous().with_custom_certificate_verifier(verifier)
        };
        let (mut config, own) = match own {
            Some((own, claims)) => {
                let resolver = Arc::new(SingleCertAndKey::from(own));
                (builder.with_client_cert_resolver(resolver), claims)
            }
            None => (builder.with_no_client_auth(), Vec::new()),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), server_name, id, cas, own })
    }

    /// Does the handshake as the client of an app whose endpoint has this host.
    ///
    /// # Errors
    /// What [`app_failure`](super::app_failure) has a sentence for.
    pub async fn connect(&self, stream: TcpStream, host: &str) -> io::Result<AppStream> {
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => RustlsName::try_from(host.to_owned()).map_err(|_| {
                let what = format!("`{host}` is no name that a certificate can bear");
                io::Error::new(io::ErrorKind::InvalidInput, what)
            })?,
        };
        TlsConnector::from(Arc::clone(&self.config)).connect(name, stream).await
    }

    /// The CAs that the configuration names for the app.
    pub fn cas(&self) -> &[TrustedCa] {
        &self.cas
    }

    /// What the gateway shows to the app, its own certificate first.
    pub fn own(&self) -> &[Claims] {
        &self.own
    }
}

fn name_of(name: &ServerName) -> Result<RustlsName<'static>, Error> {
    RustlsName::try_from(name.to_string())
        .map_err(|_| Error::General(format!("`{name}` is no name that a certificate can bear")))
}

fn id(cas: &[TrustedCa], name: Option<&RustlsName<'_>>, own: Option<&CertifiedKey>) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    let mut part = |bytes: &[u8]| {
        context.update(&(bytes.len() as u64).to_be_bytes());
        context.update(bytes);
    };
    part(&(cas.len() as u64).to_be_bytes());
    cas.iter().for_each(|ca| part(&ca.der));
    part(name.map(RustlsName::to_str).unwrap_or_default().as_bytes());
    own.into_iter().flat_map(|own| &own.cert).for_each(|one| part(one));
    let mut id = [0; 32];
    id.copy_from_slice(context.finish().as_ref());
    id
}

/// Believes the CAs of a file, each within its dates: webpki takes an anchor's word for ever.
#[derive(Debug)]
struct OwnCas {
    cas: Vec<TrustedCa>,
    all: Arc<WebPkiServerVerifier>,
    /// When all are valid, which is the usual case.
    all_valid: RangeInclusive<i64>,
}

impl OwnCas {
    fn new(cas: Vec<TrustedCa>) -> Result<Self, Error> {
        let all = verifier(cas.iter())?;
        let start = cas.iter().map(|ca| ca.claims.not_before).max().unwrap_or(i64::MIN);
        let end = cas.iter().map(|ca| ca.claims.not_after).min().unwrap_or(i64::MAX);
        Ok(Self { cas, all, all_valid: start..=end })
    }

    fn valid_at(&self, now: i64) -> Result<Arc<WebPkiServerVerifier>, Error> {
        if self.all_valid.contains(&now) {
            return Ok(Arc::clone(&self.all));
        }
        let dates = |ca: &TrustedCa| ca.claims.not_before..=ca.claims.not_after;
        verifier(self.cas.iter().filter(|ca| dates(ca).contains(&now)))
    }
}

fn verifier<'a>(
    cas: impl Iterator<Item = &'a TrustedCa>,
) -> Result<Arc<WebPkiServerVerifier>, Error> {
    let mut roots = RootCertStore::empty();
    for ca in cas {
        roots.add(ca.der.clone())?;
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(provider()))
        .build()
        .map_err(|_| Error::General("no CA of `ca` is within its dates".to_owned()))
}

impl ServerCertVerifier for OwnCas {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &RustlsName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let verifier = self.valid_at(seconds)?;
        verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.all.verify_tls12_signature(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.all.verify_tls13_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.all.supported_verify_schemes()
    }
}
