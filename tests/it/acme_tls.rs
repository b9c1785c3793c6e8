//! Challenges of `acme-tls/1` (RFC 8737): the certificate for whoever asks for nothing else, and no way on from there.

use std::fs;
use std::io::{Read as _, Write as _};
use std::sync::Arc;

use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, DigitallySignedStruct, Error, HandshakeKind,
    SignatureScheme, StreamOwned,
};

use crate::support::PATIENCE;
use crate::support::client::VERSIONS;
use crate::support::gateway::{Gateway, Setup};
use crate::support::message::SITE;
use crate::support::port;
use crate::support::upstream::{OK, Upstream};

const ALPN: &[u8] = b"acme-tls/1";

/// A gateway with a challenge for its site.
fn gateway(app: &Upstream) -> (Gateway, Vec<u8>) {
    let setup = Setup::new(app).replacing("upstream", "acme_tls_certificates = \"alpn\"\nupstream");
    fs::create_dir(setup.pki.folder().join("alpn")).unwrap();
    let gateway = setup.start();
    let certificate = put(&gateway, SITE, &[SITE], true);
    (gateway, certificate)
}

/// Writes a certificate as an ACME client would.
fn put(gateway: &Gateway, file: &str, names: &[&str], is_critical: bool) -> Vec<u8> {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    let digest = [&[4, 32][..], &[7; 32]].concat();
    let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 31], digest);
    extension.set_criticality(is_critical);
    params.custom_extensions = vec![extension];
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    gateway.pki.write(&format!("alpn/{file}.crt.pem"), &certificate.pem());
    gateway.pki.write(&format!("alpn/{file}.key.pem"), &key.serialize_pem());
    certificate.der().to_vec()
}

/// A CA that looks at a certificate, whosever it is.
#[derive(Debug)]
struct Looks;

impl ServerCertVerifier for Looks {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // rustls reads no certificate with a critical extension that it does not know.
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // rustls reads no certificate with a critical extension that it does not know.
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

fn asking(gateway: &Gateway, version: usize, alpn: &[&[u8]]) -> ClientConfig {
    let mut config = gateway.caller().speaking(VERSIONS[version]).config("");
    config.dangerous().set_certificate_verifier(Arc::new(Looks));
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    config
}

type Stream = StreamOwned<ClientConnection, std::net::TcpStream>;

/// A handshake for a name, as far as it goes.
fn handshake(gateway: &Gateway, config: Arc<ClientConfig>, name: &str) -> Result<Stream, Error> {
    let tcp = port::connect(gateway.address).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    let name = name.to_owned().try_into().unwrap();
    let mut stream = StreamOwned::new(ClientConnection::new(config, name).unwrap(), tcp);
    while stream.conn.is_handshaking() {
        if let Err(error) = stream.conn.complete_io(&mut stream.sock) {
            let error = error.downcast::<Error>().unwrap_or_else(|error| panic!("{error}"));
            return Err(error);
        }
    }
    Ok(stream)
}

fn shown(stream: &Stream) -> &[u8] {
    &stream.conn.peer_certificates().unwrap()[0]
}

#[test]
fn a_challenge_is_answered_and_the_connection_ends() {
    let app = Upstream::answering(OK);
    let (gateway, certificate) = gateway(&app);
    for version in 0..2 {
        let config = Arc::new(asking(&gateway, version, &[ALPN]));
        let mut stream = handshake(&gateway, config, SITE).unwrap();
        assert_eq!(shown(&stream), certificate);
        assert_eq!(stream.conn.alpn_protocol(), Some(ALPN));
        // No request is heard, however early it comes.
        _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
        let mut said = Vec::new();
        _ = stream.read_to_end(&mut said);
        assert!(said.is_empty(), "{said:?}");
    }
    assert!(app.requests().is_empty());
    assert_eq!(gateway.connect().get("/").status(), 200);
    // What a new challenge wants is answered from the next handshake on.
    let other = put(&gateway, SITE, &[SITE], true);
    let stream = handshake(&gateway, Arc::new(asking(&gateway, 1, &[ALPN])), SITE).unwrap();
    assert_eq!(shown(&stream), other);
}

#[test]
fn nobody_else_sees_the_certificate_of_a_challenge() {
    let app = Upstream::answering(OK);
    let (gateway, certificate) = gateway(&app);
    for version in 0..2 {
        for alpn in [
            &[ALPN, b"http/1.1"][..],
            &[b"h2", ALPN],
            &[ALPN, b"h2"],
            &[ALPN, ALPN],
            &[b"acme-tls/1x"],
            &[b"http/1.1"],
            &[],
        ] {
            let config = Arc::new(asking(&gateway, version, alpn));
            match handshake(&gateway, config, SITE) {
                Ok(stream) => assert_ne!(shown(&stream), certificate, "{alpn:?}"),
                Err(error) => {
                    let expected = AlertDescription::NoApplicationProtocol;
                    assert_eq!(error, Error::AlertReceived(expected), "{alpn:?}");
                }
            }
        }
    }
}

#[test]
fn what_is_no_certificate_of_a_challenge_is_not_shown() {
    let app = Upstream::answering(OK);
    let (gateway, _) = gateway(&app);
    let refused = |what: &str| {
        for version in 0..2 {
            let config = Arc::new(asking(&gateway, version, &[ALPN]));
            let error = handshake(&gateway, config, SITE).err();
            let expected = Error::AlertReceived(AlertDescription::NoApplicationProtocol);
            assert_eq!(error, Some(expected), "{what}");
        }
    };
    put(&gateway, SITE, &[SITE], false);
    refused("an extension that is not critical");
    put(&gateway, SITE, &[SITE, "b.example"], true);
    refused("a second name");
    put(&gateway, SITE, &["b.example"], true);
    refused("another name");
    let server = gateway.pki.server_ca.server([SITE]).issue().unwrap();
    gateway.pki.write(&format!("alpn/{SITE}.crt.pem"), server.certificate_pem());
    gateway.pki.write(&format!("alpn/{SITE}.key.pem"), &server.key_pem());
    refused("a certificate of a site");
    put(&gateway, SITE, &[SITE], true);
    gateway.pki.write(&format!("alpn/{SITE}.key.pem"), &server.key_pem());
    refused("another key");
    gateway.pki.write(&format!("alpn/{SITE}.key.pem"), "");
    refused("no key");
    put(&gateway, SITE, &[SITE], true);
    let file = gateway.pki.folder().join(format!("alpn/{SITE}.crt.pem"));
    fs::rename(&file, file.with_extension("elsewhere")).unwrap();
    std::os::unix::fs::symlink(file.with_extension("elsewhere"), &file).unwrap();
    refused("a symbolic link");
    fs::remove_file(&file).unwrap();
    refused("nothing");
}

/// A session of a challenge would be one without a client's certificate.
#[test]
fn a_challenge_leaves_no_session() {
    let app = Upstream::answering(OK);
    let (gateway, _) = gateway(&app);
    for version in 0..2 {
        let resumption = Resumption::in_memory_sessions(8);
        let mut challenge = asking(&gateway, version, &[ALPN]);
        challenge.resumption = resumption;
        let mut site = challenge.clone();
        site.alpn_protocols = vec![b"http/1.1".to_vec()];
        let challenge = Arc::new(challenge);
        for _ in 0..2 {
            let mut stream = handshake(&gateway, Arc::clone(&challenge), SITE).unwrap();
            _ = stream.read_to_end(&mut Vec::new());
            assert_eq!(stream.conn.handshake_kind(), Some(HandshakeKind::Full));
            assert_eq!(stream.conn.tls13_tickets_received(), 0);
        }
        let stream = handshake(&gateway, Arc::new(site), SITE).unwrap();
        assert_eq!(stream.conn.handshake_kind(), Some(HandshakeKind::Full));
    }
}
