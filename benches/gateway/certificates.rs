//! A site as a configuration makes it, and clients of its CA.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use mtls_gateway::config::{Source, parse};
use mtls_gateway::generation::{Generation, Site};
use mtls_gateway::pki::self_signed_server;
use mtls_gateway::tls::unix_now;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SerialNumber, SignatureAlgorithm,
};

/// A site and clients.
pub(crate) struct Stage {
    pub(crate) site: Arc<Site>,
    /// Each a client's certificate and the intermediate above it.
    pub(crate) chains: Vec<Vec<Vec<u8>>>,
}

impl Stage {
    /// All keys are of this algorithm; the certificates of so many clients differ by their serial number only.
    pub(crate) fn new(algorithm: &'static SignatureAlgorithm, clients: u64) -> Self {
        let key = || KeyPair::generate_for(algorithm).unwrap();
        let (root_key, sub_key, client_key) = (key(), key(), key());
        let root = authority("Example Root CA").self_signed(&root_key).unwrap();
        let root_issuer = Issuer::new(authority("Example Root CA"), root_key);
        let sub = authority("Example Sub CA").signed_by(&sub_key, &root_issuer).unwrap();
        let sub_issuer = Issuer::new(authority("Example Sub CA"), sub_key);
        let chain = |serial| {
            let client = client(serial).signed_by(&client_key, &sub_issuer).unwrap();
            vec![client.der().to_vec(), sub.der().to_vec()]
        };
        Self { site: site(&root.pem()), chains: (0..clients).map(chain).collect() }
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn client(serial: u64) -> CertificateParams {
    let mut params = CertificateParams::new(["caller.example.com".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::OrganizationName, "Example, Inc.");
    params.distinguished_name.push(DnType::CommonName, "caller");
    params.serial_number = Some(SerialNumber::from(serial | 1 << 62));
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    params
}

/// The only site of a small configuration, with default settings.
fn site(client_ca: &str) -> Arc<Site> {
    let folder = tempfile::tempdir().unwrap();
    let server = self_signed_server(["www.example.com"]).issue().unwrap();
    fs::write(folder.path().join("server.pem"), server.certificate_pem()).unwrap();
    fs::write(folder.path().join("key.pem"), server.key_pem()).unwrap();
    fs::write(folder.path().join("ca.pem"), client_ca).unwrap();
    let text = "[[listener]]\naddress = \"127.0.0.1:0\"\n[[site]]\n\
        server_names = [\"www.example.com\"]\ncertificate = \"server.pem\"\n\
        private_key = \"key.pem\"\nclient_ca = \"ca.pem\"\nupstream = \"http://127.0.0.1:8080\"\n";
    let path: PathBuf = folder.path().join("gateway.toml");
    let (config, mut report) = parse(Source { path, text: text.to_owned() });
    let generation = Generation::build(config.unwrap(), unix_now(), &mut report);
    Arc::clone(&generation.unwrap().sites[0])
}
