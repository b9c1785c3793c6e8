//! With bytes of headers of a request and of the app's answer.

use mtls_gateway::pki::Algorithm;

use crate::load::{Ask, Certificates, Client, Kind, Load, Tls};
use crate::stage::Stage;
use crate::table::{Table, count, figure, median};

const SIZES: [usize; 6] = [200, 1 << 10, 4 << 10, 16 << 10, 32 << 10, 64 << 10];
/// The gateway takes no head from an app that is larger than 64 KiB as a whole.
const ANSWER_MAX: usize = 32 << 10;

pub(crate) fn table(stage: &Stage) -> Table {
    let certificates = Certificates::make(Algorithm::EcP256);
    let setting = stage.setting(&certificates, |_, text| {
        format!("{text}[site.limits]\nheader_bytes_max = \"128KiB\"\n")
    });
    let gateway = stage.start(&setting);
    let sizes = stage.sizes(&SIZES);
    let client = |is_http2| {
        let tls = certificates.client(&Tls { is_http2, ..Tls::default() });
        Client { address: gateway.client.address, tls }
    };
    let ways = [(Kind::Http1, client(false), 8), (Kind::Http2 { streams: 8 }, client(true), 1)];
    // By size, and in it request and answer of the first way, then those of the second.
    let mut samples = vec![vec![Vec::new(); 4]; sizes.len()];
    for _ in 0..stage.rounds {
        for (size, samples) in sizes.iter().zip(&mut samples) {
            let asks = [Ask::padded(*size), Ask::padded_answer(*size)];
            for (place, (kind, client, connections)) in (0..).step_by(2).zip(&ways) {
                for (place, ask) in (place..).zip(&asks) {
                    if ask.answer_padding > ANSWER_MAX {
                        continue;
                    }
                    let (kind, ask) = (*kind, ask.clone());
                    let load = Load { kind, connections: *connections, warm_up: 8, ask };
                    let count = stage.scaled(2000);
                    let run = || load.run(client, count, &gateway.process);
                    let outcome = stage.cores.load().run(run);
                    outcome.expect_no_errors();
                    samples[place].push(outcome.processor_micros());
                }
            }
        }
    }
    let mut table = Table::new(&[
        "bytes of headers",
        "of a request, HTTP/1.1, µs",
        "of the answer, HTTP/1.1, µs",
        "of a request, HTTP/2, µs",
        "of the answer, HTTP/2, µs",
    ]);
    for (size, samples) in sizes.iter().zip(samples) {
        let cell = |samples: &Vec<f64>| match samples.is_empty() {
            true => "–".to_owned(),
            false => figure(median(samples)),
        };
        let cells = std::iter::once(count(*size)).chain(samples.iter().map(cell));
        table.rows.push(cells.collect());
    }
    table
}
