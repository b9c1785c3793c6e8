//! One site's own rustls configuration. Each site has one of its own, chosen before the handshake
//! begins, so that nothing of one site (a session, a certificate, a trust anchor) is within reach of another.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::{NoServerSessionStorage, ServerConfig, StoresServerSessions};
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};

use crate::config::{Report, Site, TlsVersion};
use crate::policy::{LetIn, Reason, Refusal};

use super::material::ServerMaterial;
use super::sessions::Sessions;
use super::verifier::{ClientVerifier, Outcome};

/// Everything a handshake for one site needs.
#[derive(Clone, Debug)]
pub struct SiteTls {
    pub(super) config: Arc<ServerConfig>,
    pub(super) version_min: TlsVersion,
    verifier: Arc<ClientVerifier>,
}

impl SiteTls {
    /// Builds a site's TLS from its certificate, and from the verifier that judges its clients. Problems go to
    /// `report`, with `None` for an answer.
    pub fn new(
        site: &Site,
        server: &ServerMaterial,
        verifier: Arc<ClientVerifier>,
        report: &mut Report,
    ) -> Option<Self> {
        let provider = Arc::new(provider());
        let versions: &[_] = match (site.tls.version_min, site.tls_version_max()) {
            (TlsVersion::V1_2, TlsVersion::V1_3) => &[&TLS13, &TLS12],
            (TlsVersion::V1_3, _) => &[&TLS13],
            (_, TlsVersion::V1_2) => &[&TLS12],
        };
        let builder =
            match ServerConfig::builder_with_provider(provider).with_protocol_versions(versions) {
                Ok(builder) => builder,
                Err(error) => {
                    report.error_nowhere(format!("the TLS library cannot be set up: {error}"));
                    return None;
                }
            };
        // The key was matched to the certificate when it was read. rustls's own check is left out on
        // purpose: it refuses X.509 version 1, which old guides make and which is fine for a server.
        let resolver = SingleCertAndKey::from(server.certified_key());
        let mut config = builder
            .with_client_cert_verifier(Arc::<ClientVerifier>::clone(&verifier))
            .with_cert_resolver(Arc::new(resolver));
        // Clients that ask for HTTP/1.0 by name get it as any other version of HTTP/1.
        config.alpn_protocols = [&b"h2"[..], b"http/1.1", b"http/1.0"].map(<[u8]>::to_vec).to_vec();
        // AES first, whatever the client prefers: callers are servers, and have it in hardware.
        config.ignore_client_order = true;
        // Resumption skips the verifier, so whoever resumes is judged again by the acceptor.
        config.session_storage = sessions(site);
        config.send_tls13_tickets = usize::from(site.tls.resumption);
        // Early data could be replayed.
        config.max_early_data_size = 0;
        let version_min = site.tls.version_min;
        Some(Self { config: Arc::new(config), version_min, verifier })
    }

    /// Judges a chain, the client's own certificate first, by everything that this site asks for at this
    /// moment, but for the proof that the client holds its key. An empty chain is a client without one.
    ///
    /// # Errors
    /// The refusal, with the chain, of a client that is not let in.
    pub fn judge(&self, chain: &[Vec<u8>]) -> Result<LetIn, Refusal> {
        let chain: Vec<_> =
            chain.iter().map(|der| CertificateDer::from_slice(der.as_slice())).collect();
        self.judge_certificates(None, &chain)
    }

    /// The same; `outcome` is the verifier's, where it has judged this very chain just now.
    pub(super) fn judge_certificates(
        &self,
        outcome: Option<Outcome>,
        chain: &[CertificateDer<'_>],
    ) -> Result<LetIn, Refusal> {
        let outcome = match (outcome, chain.split_first()) {
            (Some(outcome), _) => outcome,
            (None, Some((own, others))) => self.verifier.judge(own, others, UnixTime::now()),
            (None, None) => {
                let sentence = "has no certificate, and this site requires one";
                Err(Refusal::new(Reason::NoCertificate, sentence))
            }
        };
        self.verifier.let_in(outcome, chain)
    }
}

fn sessions(site: &Site) -> Arc<dyn StoresServerSessions> {
    if site.tls.resumption {
        Arc::new(Sessions::new(site.tls.session_lifetime, site.limits.sessions_max))
    } else {
        Arc::new(NoServerSessionStorage {})
    }
}

/// aws-lc-rs with X25519MLKEM768 first, as the `prefer-post-quantum` feature orders its groups.
pub(super) fn provider() -> CryptoProvider {
    aws_lc_rs::default_provider()
}
