//! With CAs in the one bundle of a site. The client is of the last of them.

use std::fs;
use std::sync::{Arc, Mutex};

use mtls_gateway::pki::{Algorithm, Authority};
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;

use crate::load::{Certificates, Client, Tls, block_on};
use crate::stage::{Running, Setting, Stage, call, calls};
use crate::table::{Table, count, figure, median, mib};

const SIZES: [usize; 4] = [1, 10, 100, 1_000];

/// One bundle, with which its CAs are announced or not.
struct Case {
    size: usize,
    is_announced: bool,
    certificates: Arc<Certificates>,
    setting: Setting,
}

pub(crate) fn table(stage: &Stage) -> Table {
    let cases = cases(stage);
    let settings: Vec<_> = cases.iter().map(|case| &case.setting).collect();
    let alone = stage.alone(&settings);
    let gateways: Vec<_> = cases.iter().map(|case| stage.start(&case.setting)).collect();
    let mut fresh = vec![Vec::new(); cases.len()];
    let mut known = fresh.clone();
    let mut announced = Vec::new();
    stage.cores.load().run(|| {
        block_on(async {
            for gateway in &gateways {
                announced.push(announcement(&gateway.client).await);
            }
            for _ in 0..stage.rounds {
                for (number, gateway) in gateways.iter().enumerate() {
                    let count = stage.scaled(300);
                    let clients = new_clients(gateway, &cases[number].certificates, count);
                    fresh[number].push(calls(&gateway.process, clients).await);
                    // It may have been forgotten over so many others.
                    call(&gateway.client).await.unwrap();
                    let clients = vec![gateway.client.clone(); count];
                    known[number].push(calls(&gateway.process, clients).await);
                }
            }
        });
    });
    let mut table = Table::new(&[
        "CAs",
        "`ca_hints`",
        "handshake and request, new client, µs",
        "the same, known client, µs",
        "list of CAs that clients are sent, bytes",
        "start, ms",
        "memory, MiB",
    ]);
    for (number, case) in cases.iter().enumerate() {
        table.rows.push(vec![
            count(case.size),
            if case.is_announced { "`\"all\"`" } else { "`\"none\"`" }.to_owned(),
            figure(median(&fresh[number])),
            figure(median(&known[number])),
            count(announced[number]),
            figure(alone[number].start_millis),
            figure(mib(alone[number].memory)),
        ]);
    }
    table
}

fn cases(stage: &Stage) -> Vec<Case> {
    let mut cases = Vec::new();
    for size in stage.sizes(&SIZES) {
        let authority = |number| {
            // Short, as a thousand longer ones do not go into the handshake.
            Authority::root(&format!("Example Client CA {number}")).unwrap()
        };
        let mut certificates = Certificates::make(Algorithm::EcP256);
        let others: String =
            (1..*size).map(|number| authority(number).certificate_pem().to_owned()).collect();
        let last = authority(*size);
        certificates.caller = last.client("caller").issue().unwrap();
        let bundle = others + last.certificate_pem();
        certificates.client_ca = last;
        let certificates = Arc::new(certificates);
        for is_announced in [true, false] {
            let setting = stage.setting(&certificates, |folder, text| {
                fs::write(folder.join("ca.crt"), &bundle).unwrap();
                let hints = if is_announced { "all" } else { "none" };
                format!("{text}[site.client]\nca_hints = \"{hints}\"\n")
            });
            let certificates = Arc::clone(&certificates);
            cases.push(Case { size: *size, is_announced, certificates, setting });
        }
    }
    cases
}

/// Clients that the gateway has not seen yet.
pub(crate) fn new_clients(
    gateway: &Running,
    certificates: &Certificates,
    count: usize,
) -> Vec<Client> {
    let client = |number| {
        let name = format!("caller {number}");
        let issued = certificates.client_ca.client(&name).issue().unwrap();
        let tls = certificates.client_with(&issued, &Tls::default());
        Client { address: gateway.client.address, tls }
    };
    (0..count).map(client).collect()
}

/// Bytes of the list of CAs in the CertificateRequest (RFC 8446, section 4.2.4).
async fn announcement(client: &Client) -> usize {
    let seen = Arc::new(Mutex::new(0));
    let mut tls = (*client.tls).clone();
    let inner = Arc::clone(&tls.client_auth_cert_resolver);
    tls.client_auth_cert_resolver = Arc::new(Listening { inner, seen: Arc::clone(&seen) });
    call(&Client { address: client.address, tls: Arc::new(tls) }).await.unwrap();
    *seen.lock().unwrap()
}

#[derive(Debug)]
struct Listening {
    inner: Arc<dyn ResolvesClientCert>,
    seen: Arc<Mutex<usize>>,
}

impl ResolvesClientCert for Listening {
    fn resolve(&self, hints: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        // Each has two bytes for its length.
        *self.seen.lock().unwrap() = hints.iter().map(|name| 2 + name.len()).sum();
        self.inner.resolve(hints, schemes)
    }

    fn has_certs(&self) -> bool {
        self.inner.has_certs()
    }
}
