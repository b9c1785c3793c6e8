//! Certificates and keys of one test: made when it begins, in a folder that goes when it ends.

use std::path::Path;
use std::sync::Arc;

use mtls_gateway::pki::{Authority, Issued};
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::SigningKey;
use tempfile::TempDir;

/// A CA for servers, a CA for clients, and a place for files.
pub struct Pki {
    folder: TempDir,
    pub server_ca: Authority,
    pub client_ca: Authority,
}

impl Pki {
    pub fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            server_ca: Authority::root("Server CA").unwrap(),
            client_ca: Authority::root("Client CA").unwrap(),
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes `NAME.crt`, `NAME.key` and `NAME.ca.crt` for a site.
    pub fn write_site(&self, name: &str, client_ca: &Authority) {
        let server = self.server_ca.server([name]).issue().unwrap();
        self.write(&format!("{name}.crt"), server.certificate_pem());
        self.write(&format!("{name}.key"), &server.key_pem());
        self.write(&format!("{name}.ca.crt"), client_ca.certificate_pem());
    }

    pub fn write(&self, file: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.folder.path().join(file);
        std::fs::write(&path, text).unwrap();
        // Keys that others may read would be warned of.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// What a client trusts that trusts this gateway.
    pub fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.server_ca.der().clone()).unwrap();
        roots
    }

    /// A certificate that the gateway admits.
    pub fn caller(&self) -> Credentials {
        Credentials::of(&self.client_ca.client("caller").issue().unwrap())
    }
}

/// What a client presents.
#[derive(Clone)]
pub struct Credentials {
    pub chain: Vec<CertificateDer<'static>>,
    key: Arc<dyn SigningKey>,
}

impl Credentials {
    pub fn of(issued: &Issued) -> Self {
        Self::from_parts(vec![issued.der().clone()], &issued.key_pem())
    }

    /// What others made.
    pub fn from_parts(chain: Vec<CertificateDer<'static>>, key_pem: &str) -> Self {
        Self { chain, key: signing_key(key_pem) }
    }

    /// With a key that rustls does not know how to sign with.
    pub fn signing_with(chain: Vec<CertificateDer<'static>>, key: Arc<dyn SigningKey>) -> Self {
        Self { chain, key }
    }

    pub fn of_authority(authority: &Authority) -> Self {
        Self::from_parts(vec![authority.der().clone()], &authority.key_pem())
    }

    /// The same with the certificate of an intermediate behind.
    pub fn followed_by(mut self, intermediate: &Authority) -> Self {
        self.chain.push(intermediate.der().clone());
        self
    }

    /// The same with a key that the certificate is not for.
    pub fn with_key_of(mut self, other: &Issued) -> Self {
        self.key = signing_key(&other.key_pem());
        self
    }

    pub fn key(&self) -> Arc<dyn SigningKey> {
        Arc::clone(&self.key)
    }
}

fn signing_key(pem: &str) -> Arc<dyn SigningKey> {
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap();
    aws_lc_rs::default_provider().key_provider.load_private_key(key).unwrap()
}
