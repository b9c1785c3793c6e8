//! A steady load while the server's certificate is swapped and loaded again and again, and the same load without that:
//! who loses requests over it, and whether the others wait.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use mtls_gateway::pki::Algorithm;
use tokio::io::AsyncReadExt as _;

use crate::load::{Ask, Client, Leaf, Outcome, Stream, Tls, block_on, exchange, within};
use crate::measure::{Sample, Stage};
use crate::peers::Peer;

/// Connections that are kept, each with a request now and then.
const KEPT: u32 = 16;
const PAUSE: Duration = Duration::from_millis(5);
/// Beside them, a new connection for each request.
const PAUSE_OF_NEW: Duration = Duration::from_millis(20);

/// For the last answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long each part is, and how many reloads there are in the second.
struct Extent {
    quiet: Duration,
    busy: Duration,
    reloads: u32,
}

#[derive(Default)]
struct Tally {
    outcome: Outcome,
    /// Requests on a connection that had served before and was closed before an answer came: who has no retry loses
    /// them.
    raced: usize,
    /// All others that were not answered.
    failed: usize,
    /// Connections that were closed, or were said to be, when nothing was asked: harmless.
    closed: usize,
}

pub(crate) fn measure(stage: &Stage, peer: &Peer) -> Result<Sample, String> {
    let extent = match stage.is_test {
        true => {
            Extent { quiet: Duration::from_millis(300), busy: Duration::from_secs(1), reloads: 2 }
        }
        false => {
            Extent { quiet: Duration::from_secs(4), busy: Duration::from_secs(8), reloads: 20 }
        }
    };
    let mut instance = stage.start(peer, Algorithm::EcP256)?;
    let certificates = stage.certificates(Algorithm::EcP256);
    let client = instance.client(certificates, &Tls::default());
    let load = |time: Duration| {
        let all = || block_on(within(time + PATIENCE, steady(&client, time)));
        stage.cores.load().run(all)
    };
    let quiet = load(extent.quiet)?;
    let (busy, leaf) = thread::scope(|scope| {
        let reloads = scope.spawn(|| {
            stage.cores.load().take();
            let mut leaf = Leaf::First;
            for _ in 0..extent.reloads {
                // Some time before the first and after the last.
                thread::sleep(extent.busy / (extent.reloads + 2));
                leaf = instance.reload(certificates);
            }
            leaf
        });
        let busy = load(extent.busy);
        (busy, reloads.join().unwrap())
    });
    let busy = busy?;
    let expected = certificates.server(leaf).der();
    let is_new = block_on(serves(&client, expected));
    let micros = |outcome: &Outcome, percent| outcome.latency(percent).as_secs_f64() * 1e6;
    let p99 = [&quiet, &busy].map(|tally| micros(&tally.outcome, 99));
    let more = BTreeMap::from([
        ("requests", busy.outcome.operations as f64),
        ("failed", (quiet.failed + busy.failed) as f64),
        ("raced", (quiet.raced + busy.raced) as f64),
        ("closed", (quiet.closed + busy.closed) as f64),
        ("p99_quiet_us", p99[0]),
        ("p99_us", p99[1]),
        ("max_us", micros(&busy.outcome, 100)),
        ("is_new", f64::from(u8::from(is_new))),
        ("processes", instance.process.count() as f64),
    ]);
    Ok(Sample { value: p99[1] / p99[0], more, ..Sample::default() })
}

/// Whether new connections are shown this certificate, now or in a moment.
async fn serves(client: &Client, expected: &rustls::pki_types::CertificateDer<'_>) -> bool {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(10) {
        if let Ok(stream) = client.connect().await {
            let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
            if shown.first() == Some(expected) {
                return true;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

async fn steady(client: &Client, time: Duration) -> Tally {
    let end = Instant::now() + time;
    let mut tasks = Vec::new();
    for number in 0..KEPT {
        // Not all at once.
        let offset = PAUSE * number / KEPT;
        tasks.push(tokio::task::spawn_local(ask(client.clone(), end, offset, PAUSE, false)));
    }
    let new = ask(client.clone(), end, Duration::ZERO, PAUSE_OF_NEW, true);
    tasks.push(tokio::task::spawn_local(new));
    let mut sum = Tally::default();
    for task in tasks {
        let tally = task.await.unwrap();
        sum.outcome.add(tally.outcome);
        sum.raced += tally.raced;
        sum.failed += tally.failed;
        sum.closed += tally.closed;
    }
    sum.outcome.latencies.sort_unstable();
    sum
}

/// Asks until the end; with `is_new` on a new connection each time.
async fn ask(
    client: Client,
    end: Instant,
    offset: Duration,
    pause: Duration,
    is_new: bool,
) -> Tally {
    let wanted = Ask::bytes(1024);
    let (head, mut buffer) = (wanted.head(is_new), vec![0; 16 * 1024]);
    let mut tally = Tally::default();
    let mut kept: Option<Stream> = None;
    tokio::time::sleep(offset).await;
    while Instant::now() < end {
        let waited = tokio::time::sleep(pause);
        if let Some(stream) = &mut kept {
            tokio::select! {
                // Nothing was asked: whatever comes is an end.
                _ = stream.read(&mut buffer) => {
                    tally.closed += 1;
                    kept = None;
                    continue;
                }
                () = waited => {}
            }
        } else {
            waited.await;
        }
        let began = Instant::now();
        let has_served = kept.is_some();
        let attempt = async {
            let mut stream = match kept.take() {
                Some(stream) => stream,
                None => client.connect().await?,
            };
            let answer = exchange(&mut stream, &head, b"", wanted.length, &mut buffer).await?;
            Ok::<_, String>((stream, answer.closes))
        };
        match attempt.await {
            Ok((stream, closes)) => {
                tally.outcome.operations += 1;
                tally.outcome.latencies.push(began.elapsed());
                tally.closed += usize::from(closes && !is_new);
                kept = (!closes && !is_new).then_some(stream);
            }
            Err(error) => {
                if has_served && error.starts_with("no answer") {
                    tally.raced += 1;
                } else {
                    tally.failed += 1;
                }
                tally.outcome.error(error);
            }
        }
    }
    tally
}

/// What an operator would call a loss.
pub(crate) fn lost(sample: &Sample) -> bool {
    let is_lost = |key| sample.more.get(key).is_some_and(|count| *count > 0.0);
    is_lost("failed") || is_lost("raced") || sample.more.get("is_new") == Some(&0.0)
}
