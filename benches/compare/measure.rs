//! One measurement of one case with one peer.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use mtls_gateway::pki::Algorithm;

use crate::cases::{Case, Operations, Work, all};
use crate::load::{
    App, Ask, Certificates, Client, Cores, Load, Outcome, Stream, Tls, block_on, exchange, within,
};
use crate::peers::{Instance, Kind, Peer, Plan};
use crate::reload;

/// What all measurements have in common.
pub(crate) struct Stage {
    pub(crate) app: App,
    pub(crate) cores: Cores,
    ec: Certificates,
    rsa: Certificates,
    pub(crate) scale: f64,
    pub(crate) is_test: bool,
}

/// One figure, and what else was seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    pub(crate) value: f64,
    pub(crate) more: BTreeMap<&'static str, f64>,
    /// The groups of the key exchanges.
    pub(crate) groups: String,
}

impl Stage {
    pub(crate) fn set_up(scale: f64, is_test: bool) -> Self {
        let cores = Cores::of_machine();
        let app = App::start(cores.load());
        let (ec, rsa) =
            (Certificates::make(Algorithm::EcP256), Certificates::make(Algorithm::Rsa2048));
        Self { app, cores, ec, rsa, scale, is_test }
    }

    pub(crate) fn certificates(&self, algorithm: Algorithm) -> &Certificates {
        if algorithm == Algorithm::Rsa2048 { &self.rsa } else { &self.ec }
    }

    /// Starts a peer with one worker on the processor for what is measured.
    pub(crate) fn start(&self, peer: &Peer, algorithm: Algorithm) -> Result<Instance, String> {
        self.start_with(peer, algorithm, 1)
    }

    fn start_with(
        &self,
        peer: &Peer,
        algorithm: Algorithm,
        workers: usize,
    ) -> Result<Instance, String> {
        let cores = self.cores.first(workers);
        Instance::start(peer, self.plan(&cores, algorithm, workers))
    }

    fn plan<'a>(&'a self, cores: &'a Cores, algorithm: Algorithm, workers: usize) -> Plan<'a> {
        Plan { app: self.app.address, certificates: self.certificates(algorithm), cores, workers }
    }
}

/// The instances that stay up through all rounds.
pub(crate) type Instances = HashMap<(Kind, bool), Instance>;

pub(crate) fn is_rsa(operations: &Operations) -> bool {
    operations.algorithm == Algorithm::Rsa2048
}

/// `None` where the case is not for this peer.
pub(crate) fn measure(
    stage: &Stage,
    instances: &Instances,
    peer: &Peer,
    case: &Case,
) -> Option<Result<Sample, String>> {
    let result = match &case.work {
        Work::Load(operations) => {
            let instance = instances.get(&(peer.kind, is_rsa(operations)))?;
            operate(stage, instance, operations)
        }
        Work::Idle { connections } => idle(stage, peer, *connections),
        // Somebody may have taken its port.
        Work::Startup => startup(stage, peer).or_else(|_| startup(stage, peer)),
        Work::Reload => reload::measure(stage, peer),
        Work::Workers if peer.kind == Kind::Gateway => workers(stage, peer),
        Work::Workers => return None,
    };
    Some(result)
}

fn operate(stage: &Stage, instance: &Instance, work: &Operations) -> Result<Sample, String> {
    let client = instance.client(stage.certificates(work.algorithm), &work.tls);
    let count = work.scaled(stage.scale, stage.is_test);
    let outcome = stage.cores.load().run(|| work.load.run(&client, count, &instance.process));
    sample(&outcome, work.body)
}

/// An outcome with errors is no sample.
fn sample(outcome: &Outcome, body: Option<usize>) -> Result<Sample, String> {
    if outcome.failed > 0 {
        return Err(format!("{} failed: {}", outcome.failed, outcome.errors.join("; ")));
    }
    let micros = outcome.processor_micros();
    let value = body.map_or(micros, |bytes| micros / 1e3 * (1 << 30) as f64 / bytes as f64);
    let more = BTreeMap::from([
        ("operations", outcome.operations as f64),
        ("per_second", outcome.per_second()),
        ("p50_us", outcome.latency(50).as_secs_f64() * 1e6),
        ("p99_us", outcome.latency(99).as_secs_f64() * 1e6),
        ("resumed", outcome.resumed as f64),
    ]);
    let groups = outcome.groups.iter().cloned().collect::<Vec<_>>().join(", ");
    Ok(Sample { value, more, groups })
}

fn idle(stage: &Stage, peer: &Peer, connections: usize) -> Result<Sample, String> {
    /// So many are opened at once.
    const BATCH: usize = 50;
    let count = if stage.is_test { 20 } else { connections };
    let instance = stage.start(peer, Algorithm::EcP256)?;
    let client = instance.client(&stage.ec, &Tls::default());
    let enough = Duration::from_secs(120);
    stage.cores.load().run(|| {
        let measured = within(enough, async {
            // What is needed once is no part of a connection.
            drop(open(&client, BATCH).await?);
            let before = instance.process.settled_memory();
            let mut held = Vec::new();
            while held.len() < count {
                held.extend(open(&client, BATCH.min(count - held.len())).await?);
            }
            let after = instance.process.settled_memory();
            let each = after.saturating_sub(before) as f64 / count as f64;
            let more = BTreeMap::from([
                ("connections", count as f64),
                ("base_mib", before as f64 / 1024.0 / 1024.0),
                ("full_mib", after as f64 / 1024.0 / 1024.0),
            ]);
            Ok(Sample { value: each / 1024.0, more, ..Sample::default() })
        });
        block_on(measured)?
    })
}

/// Opens connections at once, and asks once on each.
async fn open(client: &Client, count: usize) -> Result<Vec<Stream>, String> {
    let one = |client: Client| async move {
        let ask = Ask::bytes(1024);
        let mut stream = client.connect().await?;
        exchange(&mut stream, &ask.head(false), b"", ask.length, &mut [0; 8192]).await?;
        Ok::<_, String>(stream)
    };
    let tasks: Vec<_> = (0..count).map(|_| tokio::task::spawn_local(one(client.clone()))).collect();
    let mut streams = Vec::new();
    for task in tasks {
        streams.push(task.await.map_err(|error| error.to_string())??);
    }
    Ok(streams)
}

fn startup(stage: &Stage, peer: &Peer) -> Result<Sample, String> {
    let client = Tls::default();
    let cores = stage.cores.measured();
    // The library's own first use is not the peer's: certificates were made, so it is over.
    let tls = stage.ec.client(&client);
    stage.cores.load().run(|| {
        let began = Instant::now();
        let mut instance = Instance::launch(peer, stage.plan(&cores, Algorithm::EcP256, 1))?;
        let client = Client { address: instance.address, tls };
        let answered = block_on(instance.answers(&client, Duration::from_secs(20)));
        let elapsed = began.elapsed();
        answered.map_err(|error| format!("{error}; {}", instance.last_words()))?;
        Ok(Sample { value: elapsed.as_secs_f64() * 1e3, ..Sample::default() })
    })
}

/// What an operation costs two workers on two processors, beside what it costs one on one. On the second processor
/// the load runs too, so nothing is said of operations in a second but the bound that follows.
fn workers(stage: &Stage, peer: &Peer) -> Result<Sample, String> {
    let mut more = BTreeMap::new();
    let mut ratio = 0.0;
    for (name, keys) in
        [("full13-ec", ["full13_one_us", "full13_two_us"]), ("h1-c64", ["h1_one_us", "h1_two_us"])]
    {
        let Some(Work::Load(work)) =
            all().into_iter().find(|case| case.name == name).map(|case| case.work)
        else {
            return Err(format!("there is no case `{name}`"));
        };
        let mut cost = [0.0; 2];
        for (workers, key) in (1..).zip(keys) {
            let instance = stage.start_with(peer, work.algorithm, workers)?;
            let load = Load { warm_up: work.load.warm_up * 4, ..work.load.clone() };
            let warm = Operations { load, ..work.clone() };
            cost[workers - 1] = operate(stage, &instance, &warm)?.value;
            more.insert(key, cost[workers - 1]);
        }
        ratio = cost[1] / cost[0];
    }
    Ok(Sample { value: ratio, more, ..Sample::default() })
}
