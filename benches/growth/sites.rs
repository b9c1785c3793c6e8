//! With sites, each with a name, a certificate and a key of its own.

use std::fs;
use std::path::Path;

use mtls_gateway::pki::Algorithm;

use crate::load::{Certificates, SITE, block_on};
use crate::stage::{Kept, Setting, Stage, calls};
use crate::table::{Table, count, figure, median, mib};

const SIZES: [usize; 4] = [1, 10, 100, 1_000];

pub(crate) fn table(stage: &Stage) -> Table {
    let certificates = Certificates::make(Algorithm::EcP256);
    let sizes = stage.sizes(&SIZES);
    let settings: Vec<_> = sizes.iter().map(|size| setting(stage, &certificates, *size)).collect();
    let settings: Vec<_> = settings.iter().collect();
    let alone = stage.alone(&settings);
    let gateways: Vec<_> = settings.iter().map(|setting| stage.start(setting)).collect();
    let mut handshakes = vec![Vec::new(); sizes.len()];
    let mut requests = handshakes.clone();
    stage.cores.load().run(|| {
        block_on(async {
            let mut kept = Vec::new();
            for gateway in &gateways {
                kept.push(Kept::open(&gateway.client, 8).await);
            }
            for _ in 0..stage.rounds {
                for (number, gateway) in gateways.iter().enumerate() {
                    let clients = vec![gateway.client.clone(); stage.scaled(300)];
                    handshakes[number].push(calls(&gateway.process, clients).await);
                    kept[number].requests(&gateway.process, 64).await;
                    let cost = kept[number].requests(&gateway.process, stage.scaled(4000)).await;
                    requests[number].push(cost);
                }
            }
        });
    });
    let mut table = Table::new(&[
        "sites",
        "handshake and request, µs",
        "request on a kept connection, µs",
        "start, ms",
        "memory, MiB",
    ]);
    for (number, size) in sizes.iter().enumerate() {
        table.rows.push(vec![
            count(*size),
            figure(median(&handshakes[number])),
            figure(median(&requests[number])),
            figure(alone[number].start_millis),
            figure(mib(alone[number].memory)),
        ]);
    }
    table
}

/// The site that is asked for is the one in the middle.
fn setting(stage: &Stage, certificates: &Certificates, size: usize) -> Setting {
    stage.setting(certificates, |folder, text| {
        let (listener, middle) = text.split_once("[[site]]").unwrap();
        let (middle, rest) = middle.split_once("[limits]").unwrap();
        // The app's address is that of the site in the middle.
        let upstream = middle.lines().find(|line| line.starts_with("upstream")).unwrap();
        let other = |number| other(certificates, folder, number, upstream);
        let before: String = (0..size / 2).map(other).collect();
        let after: String = (size / 2 + 1..size).map(other).collect();
        format!("{listener}{before}[[site]]{middle}{after}[limits]{rest}")
    })
}

fn other(certificates: &Certificates, folder: &Path, number: usize, upstream: &str) -> String {
    let name = format!("site-{number}.{SITE}");
    let issued = certificates.server_ca.server([&name]).issue().unwrap();
    fs::write(folder.join(format!("{number}.crt")), issued.certificate_pem()).unwrap();
    fs::write(folder.join(format!("{number}.key")), issued.key_pem()).unwrap();
    format!(
        "[[site]]\nserver_names = [\"{name}\"]\ncertificate = \"{number}.crt\"\n\
         private_key = \"{number}.key\"\nclient_ca = \"ca.crt\"\n{upstream}\n"
    )
}
