//! The keys of `[site.client]` that say how a certificate is judged, over real handshakes.

use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mtls_gateway::pki::{Authority, Usage};
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription as Alert, ClientConnection, SignatureScheme};

use crate::support::client::VERSIONS;
use crate::support::gateway::{Gateway, Setup};
use crate::support::message::SITE;
use crate::support::pki::Credentials;
use crate::support::upstream::{OK, Upstream};

/// A gateway with one line in `[site.client]`.
fn with(line: &str, app: &Upstream) -> Gateway {
    let tables = format!("[site.client]\n{line}");
    Setup::new(app).site_tables(&tables).start()
}

/// What becomes of a client whose extended key usage is this.
fn outcome(gateway: &Gateway, usage: Usage) -> Result<(), (Alert, String)> {
    let issued = gateway.pki.client_ca.client("caller").usage(usage).issue();
    let caller = Credentials::of(&issued.unwrap());
    let mut outcomes = VERSIONS.map(|version| {
        let caller = gateway.caller().presenting(caller.clone()).speaking(version);
        let mut client = caller.open();
        if client.handshake().is_ok()
            && client.try_send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").is_ok()
            && let Ok(Some(_)) = client.reader.message()
        {
            return Ok(());
        }
        let (alert, event) = caller.refused();
        Err((alert, event.field("reason").to_owned()))
    });
    assert_eq!(outcomes[0], outcomes[1]);
    std::mem::replace(&mut outcomes[0], Ok(()))
}

#[test]
fn a_client_of_a_ca_that_has_expired_is_told_so() {
    let app = Upstream::answering(OK);
    let setup = Setup::new(&app);
    let old = Authority::draft("Old CA").expired().authority().unwrap();
    let bundle = [setup.pki.client_ca.certificate_pem(), old.certificate_pem()].concat();
    std::fs::write(setup.pki.folder().join(format!("{SITE}.ca.crt")), bundle).unwrap();
    let gateway = setup.start();
    let caller = Credentials::of(&old.client("caller").issue().unwrap());
    let (alert, event) = gateway.caller().presenting(caller).refused();
    assert_eq!((alert, event.field("reason")), (Alert::CertificateExpired, "expired"));
    assert!(event.field("message").contains("`CN=Old CA`"), "{event:?}");
    assert_eq!(gateway.connect().get("/").body, b"ok");
}

#[test]
fn a_ca_with_a_new_key_stands_beside_itself_with_the_old_one() {
    let app = Upstream::answering(OK);
    let setup = Setup::new(&app);
    let [old, new, other] = ["A CA", "A CA", "A CA"].map(|name| Authority::root(name).unwrap());
    let bundle = old.certificate_pem().to_owned() + new.certificate_pem();
    std::fs::write(setup.pki.folder().join(format!("{SITE}.ca.crt")), bundle).unwrap();
    let gateway = setup.start();
    for version in VERSIONS {
        for ca in [&old, &new] {
            let own = Credentials::of(&ca.client("caller").issue().unwrap());
            let caller = gateway.caller().presenting(own).speaking(version);
            assert_eq!(caller.connect().get("/").body, b"ok");
        }
        let own = Credentials::of(&other.client("caller").issue().unwrap());
        let (_, event) = gateway.caller().presenting(own).speaking(version).refused();
        assert_eq!(event.field("reason"), "bad-signature");
    }
}

#[test]
fn a_hundred_certificates_beside_a_chain_cost_little_and_change_nothing() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let impostor = Authority::root("Client CA").unwrap();
    let junk = |mut own: Credentials| {
        for _ in 0..100 {
            let one = impostor.intermediate("Issuing CA").authority().unwrap();
            own = own.followed_by(&one);
        }
        own
    };
    let issuing = gateway.pki.client_ca.intermediate("Issuing CA").authority().unwrap();
    let own = || Credentials::of(&issuing.client("caller").issue().unwrap());
    let start = Instant::now();
    let good = gateway.caller().presenting(junk(own()).followed_by(&issuing));
    assert_eq!(good.connect().get("/").body, b"ok");
    let bad = gateway.caller().presenting(junk(own()));
    assert_eq!(bad.refused().1.field("reason"), "bad-signature");
    // Most of it is the making of the certificates.
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn the_extended_key_usage_is_judged_as_the_site_says() {
    let app = Upstream::answering(OK);
    let wrong = || Err((Alert::UnsupportedCertificate, "wrong-usage".to_owned()));
    for (rule, server, any) in
        [("if_present", wrong(), Ok(())), ("require", wrong(), wrong()), ("ignore", Ok(()), Ok(()))]
    {
        let gateway = with(&format!("extended_key_usage = \"{rule}\""), &app);
        assert_eq!(outcome(&gateway, Usage::Client), Ok(()), "{rule}");
        assert_eq!(outcome(&gateway, Usage::Server), server, "{rule}");
        assert_eq!(outcome(&gateway, Usage::Any), any, "{rule}");
    }
}

#[test]
fn no_more_intermediates_than_the_site_allows() {
    let app = Upstream::answering(OK);
    let gateway = with("chain_depth_max = 0", &app);
    assert_eq!(gateway.connect().get("/").status(), 200);
    let issuing = gateway.pki.client_ca.intermediate("Issuing CA");
    let issuing = issuing.authority().unwrap();
    let caller = Credentials::of(&issuing.client("caller").issue().unwrap());
    let caller = gateway.caller().presenting(caller.followed_by(&issuing));
    let (alert, event) = caller.refused();
    assert_eq!(alert, Alert::BadCertificate);
    assert_eq!(event.field("reason"), "chain-too-deep");
    let said = event.field("message");
    assert!(said.contains("`chain_depth_max` allows 0"), "{said}");
}

#[test]
fn the_names_of_cas_are_announced_as_the_site_says() {
    let other = Authority::root("Announced CA").unwrap();
    for (line, expected) in [
        ("ca_hints = \"all\"", vec!["Client CA"]),
        ("ca_hints = \"none\"", vec![]),
        ("ca_hints = [\"hints.crt\"]", vec!["Announced CA"]),
    ] {
        let app = Upstream::answering(OK);
        let setup = Setup::new(&app).site_tables(&format!("[site.client]\n{line}"));
        let file = setup.pki.folder().join("hints.crt");
        std::fs::write(file, other.certificate_pem()).unwrap();
        let gateway = setup.start();
        assert_eq!(announced(&gateway), expected, "{line}");
        // What is announced is not what is trusted.
        assert_eq!(gateway.connect().get("/").status(), 200);
    }
}

/// The common names of the CAs that a gateway announces.
fn announced(gateway: &Gateway) -> Vec<String> {
    let heard = Arc::new(Hearing::default());
    let caller = gateway.caller();
    let mut config = caller.config("http/1.1");
    config.client_auth_cert_resolver = Arc::clone(&heard) as Arc<dyn ResolvesClientCert>;
    let mut connection = ClientConnection::new(Arc::new(config), caller.name()).unwrap();
    let mut stream = TcpStream::connect(caller.address).unwrap();
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).unwrap();
    }
    let heard = heard.0.lock().unwrap().clone();
    // A name of one short common name ends with it; before it stand 13 bytes of DER.
    let text = |name: &Vec<u8>| String::from_utf8_lossy(&name[13..]).into_owned();
    heard.iter().map(text).collect()
}

/// A client without a certificate that listens.
#[derive(Debug, Default)]
struct Hearing(Mutex<Vec<Vec<u8>>>);

impl ResolvesClientCert for Hearing {
    fn resolve(&self, hints: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let mut heard = self.0.lock().unwrap();
        *heard = hints.iter().map(|hint| hint.to_vec()).collect();
        None
    }

    fn has_certs(&self) -> bool {
        true
    }
}
