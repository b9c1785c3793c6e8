//! With connections that are open.

use crate::load::{Certificates, block_on};
use crate::stage::{Kept, Stage};
use crate::table::{Table, count, figure, median, mib};
use mtls_gateway::pki::Algorithm;

const SIZES: [usize; 5] = [1, 10, 100, 1_000, 10_000];
/// Busy ones beside idle ones.
const BUSY: usize = 8;

pub(crate) fn table(stage: &Stage) -> Table {
    let certificates = Certificates::make(Algorithm::EcP256);
    let setting = stage.setting(&certificates, |_, text| text);
    let alone = stage.alone(&[&setting])[0].memory;
    let sizes = stage.sizes(&SIZES);
    let gateways: Vec<_> = sizes.iter().map(|_| stage.start(&setting)).collect();
    let mut beside = vec![Vec::new(); sizes.len()];
    let mut in_turn = beside.clone();
    let mut grown = Vec::new();
    stage.cores.load().run(|| {
        block_on(async {
            let mut busy = Vec::new();
            let mut open = Vec::new();
            for (gateway, size) in gateways.iter().zip(sizes) {
                // What is needed once is no part of a connection.
                drop(Kept::open(&gateway.client, stage.scaled(50)).await);
                busy.push(Kept::open(&gateway.client, BUSY).await);
                let before = stage.memory(&gateway.process);
                open.push(Kept::open(&gateway.client, *size).await);
                grown.push(stage.memory(&gateway.process).saturating_sub(before));
            }
            for _ in 0..stage.rounds {
                for (number, gateway) in gateways.iter().enumerate() {
                    let requests = stage.scaled(4000);
                    busy[number].requests(&gateway.process, BUSY * 8).await;
                    let cost = busy[number].requests(&gateway.process, requests).await;
                    beside[number].push(cost);
                    // Whole rounds through them.
                    let size = open[number].count();
                    let requests = requests.next_multiple_of(size);
                    in_turn[number].push(open[number].requests(&gateway.process, requests).await);
                }
            }
        });
    });
    let mut table = Table::new(&[
        "connections",
        "a request on 8 others, these idle, µs",
        "a request, these asked in turn, µs",
        "memory, MiB",
        "each, KiB",
    ]);
    for (number, size) in sizes.iter().enumerate() {
        let each = grown[number] as f64 / 1024.0 / *size as f64;
        table.rows.push(vec![
            count(*size),
            figure(median(&beside[number])),
            figure(median(&in_turn[number])),
            figure(mib(alone + grown[number])),
            // Of a few nothing can be told from what else moves.
            if *size < 100 { "–".to_owned() } else { figure(each) },
        ]);
    }
    table
}
