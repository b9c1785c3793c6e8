//! With entries of a site's revocation list.

use std::fs;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use mtls_gateway::pki::{Algorithm, Authority};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;

use crate::authorities::new_clients;
use crate::big_list::BigList;
use crate::load::{Certificates, block_on};
use crate::stage::{Setting, Stage, call, calls};
use crate::table::{Table, count, figure, median, mib};

const SIZES: [usize; 4] = [0, 1_000, 100_000, 1_000_000];

pub(crate) fn table(stage: &Stage) -> Table {
    let mut certificates = Certificates::make(Algorithm::EcP256);
    // As the lists name it.
    certificates.client_ca = Authority::root("Example CA").unwrap();
    certificates.caller = certificates.client_ca.client("caller").issue().unwrap();
    let certificates = certificates;
    let sizes = stage.sizes(&SIZES);
    let mut settings = vec![stage.setting(&certificates, |_, text| text)];
    settings.extend(sizes.iter().map(|size| setting(stage, &certificates, *size)));
    let settings: Vec<_> = settings.iter().collect();
    let alone = stage.alone(&settings);
    let gateways: Vec<_> = settings.iter().map(|setting| stage.start(setting)).collect();
    let mut handshakes = vec![Vec::new(); settings.len()];
    stage.cores.load().run(|| {
        block_on(async {
            for gateway in &gateways {
                // The list's own signature is checked once.
                call(&gateway.client).await.unwrap();
            }
            for _ in 0..stage.rounds {
                for (number, gateway) in gateways.iter().enumerate() {
                    let clients = new_clients(gateway, &certificates, stage.scaled(300));
                    handshakes[number].push(calls(&gateway.process, clients).await);
                }
            }
        });
    });
    let mut reloads = vec![Vec::new(); settings.len()];
    for _ in 0..stage.rounds.min(5) {
        for (number, gateway) in gateways.iter().enumerate() {
            reloads[number].push(gateway.reload());
        }
    }
    let mut table = Table::new(&[
        "entries",
        "handshake and request, new client, µs",
        "start, ms",
        "reload, ms",
        "memory, MiB",
        "at most, with reloads, MiB",
    ]);
    let names = std::iter::once("no list".to_owned()).chain(sizes.iter().map(|size| count(*size)));
    for (number, name) in names.enumerate() {
        table.rows.push(vec![
            name,
            figure(median(&handshakes[number])),
            figure(alone[number].start_millis),
            figure(median(&reloads[number])),
            figure(mib(alone[number].memory)),
            figure(mib(gateways[number].memory_at_most())),
        ]);
    }
    table
}

fn setting(stage: &Stage, certificates: &Certificates, size: usize) -> Setting {
    let key = certificates.client_ca.key_pem();
    let key = PrivatePkcs8KeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.secret_pkcs8_der());
    let key = key.unwrap();
    let sign = |bytes: &[u8]| key.sign(&SystemRandom::new(), bytes).unwrap().as_ref().to_vec();
    let list = BigList::signed(size, sign);
    stage.setting(certificates, |folder, text| {
        fs::write(folder.join("list.crl"), list.der).unwrap();
        format!("{text}[site.client]\ncrl = \"list.crl\"\n")
    })
}
