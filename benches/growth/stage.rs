//! What all tables have in common: gateways with one worker, what one costs at its start, and what operations cost it.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use rustls::ClientConfig;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::task::{spawn_local, yield_now};

use crate::load::{
    App, Ask, Certificates, Client, Cores, Gateway, Leaf, PROGRAM, Process, Stream, block_on,
    configuration, exchange, resting, runtime_for_readers,
};
use crate::table::median;

/// Operations that are under way at once.
const LANES: usize = 8;

pub(crate) struct Stage {
    app: App,
    pub(crate) cores: Cores,
    pub(crate) rounds: usize,
    pub(crate) is_test: bool,
}

/// The files of a gateway, and who may call it.
pub(crate) struct Setting {
    folder: TempDir,
    pub(crate) caller: Arc<ClientConfig>,
}

pub(crate) struct Running {
    pub(crate) client: Client,
    pub(crate) process: Process,
    configuration: PathBuf,
}

/// What a gateway costs before anybody asks for more than one answer, with no other beside it that would share memory.
pub(crate) struct Alone {
    /// From the start of the process to the end of the first answer.
    pub(crate) start_millis: f64,
    pub(crate) memory: u64,
}

impl Stage {
    pub(crate) fn set_up(rounds: usize, is_test: bool) -> Self {
        let cores = Cores::of_machine();
        Self { app: App::start(cores.load()), cores, rounds, is_test }
    }

    /// So many, or as many as a test takes.
    pub(crate) fn scaled(&self, count: usize) -> usize {
        if self.is_test { count.min(16) } else { count }
    }

    /// These sizes, or the smallest of them.
    pub(crate) fn sizes<'a>(&self, sizes: &'a [usize]) -> &'a [usize] {
        if self.is_test { &sizes[..2] } else { sizes }
    }

    /// A gateway with one site; `change` makes of its configuration, which ends in `[runtime]`, another, and puts the
    /// files that it names into the folder.
    pub(crate) fn setting(
        &self,
        certificates: &Certificates,
        change: impl FnOnce(&Path, String) -> String,
    ) -> Setting {
        let folder = tempfile::tempdir().unwrap();
        certificates.write(folder.path(), Leaf::First);
        let control = folder.path().join("control.sock");
        let more = format!(
            "[runtime]\nworkers = 1\nwatch = false\ncontrol_socket = {control:?}\n{}",
            runtime_for_readers()
        );
        let text = configuration("127.0.0.1:0", self.app.address, &more);
        let text = change(folder.path(), text);
        fs::write(folder.path().join("gateway.toml"), text).unwrap();
        Setting { folder, caller: certificates.client(&crate::load::Tls::default()) }
    }

    pub(crate) fn start(&self, setting: &Setting) -> Running {
        let folder = setting.folder.path();
        let (address, process) =
            Gateway::launch(Command::new(PROGRAM), folder, &self.cores.measured());
        let client = Client { address, tls: Arc::clone(&setting.caller) };
        Running { client, process, configuration: folder.join("gateway.toml") }
    }

    /// Starts each by itself, some times.
    pub(crate) fn alone(&self, settings: &[&Setting]) -> Vec<Alone> {
        let mut starts = vec![Vec::new(); settings.len()];
        let mut memories = vec![0; settings.len()];
        for round in 0..self.rounds.min(5) {
            for (number, setting) in settings.iter().enumerate() {
                let began = Instant::now();
                let running = self.start(setting);
                self.cores.load().run(|| block_on(call(&running.client))).unwrap();
                starts[number].push(began.elapsed().as_secs_f64() * 1e3);
                if round == 0 {
                    memories[number] = self.memory(&running.process);
                }
            }
        }
        let starts = starts.iter().map(|samples| median(samples));
        starts.zip(memories).map(|(start_millis, memory)| Alone { start_millis, memory }).collect()
    }

    pub(crate) fn memory(&self, process: &Process) -> u64 {
        if self.is_test { process.memory() } else { process.settled_memory() }
    }
}

impl Running {
    /// Has it read everything anew, by the command that operators use; in milliseconds.
    pub(crate) fn reload(&self) -> f64 {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mtls-gateway"));
        command.args(["reload", "--config"]).arg(&self.configuration);
        let began = Instant::now();
        let output = command.output().unwrap();
        let elapsed = began.elapsed();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        elapsed.as_secs_f64() * 1e3
    }

    /// The most memory that it ever had, in bytes.
    pub(crate) fn memory_at_most(&self) -> u64 {
        let path = format!("/proc/{}/status", self.process.child.id());
        let text = fs::read_to_string(path).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}

/// A new connection, one request for 1 KiB, and its end.
pub(crate) async fn call(client: &Client) -> Result<(), String> {
    let ask = Ask::bytes(1024);
    let mut stream = client.connect().await?;
    exchange(&mut stream, &ask.head(true), b"", ask.length, &mut [0; 4096]).await?;
    // The gateway may have closed before.
    _ = stream.shutdown().await;
    Ok(())
}

/// Connections that have asked once, and are kept.
pub(crate) struct Kept(Vec<Cell<Option<Box<Stream>>>>);

impl Kept {
    pub(crate) async fn open(client: &Client, count: usize) -> Rc<Self> {
        const AT_ONCE: usize = 50;
        let mut streams = Vec::with_capacity(count);
        while streams.len() < count {
            let open = |_| {
                let client = client.clone();
                spawn_local(async move { Box::new(client.connect().await.unwrap()) })
            };
            let opening: Vec<_> = (0..AT_ONCE.min(count - streams.len())).map(open).collect();
            for stream in opening {
                streams.push(Cell::new(Some(stream.await.unwrap())));
            }
        }
        let kept = Rc::new(Self(streams));
        for number in 0..count {
            kept.ask(number).await.unwrap();
        }
        kept
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Asks on one of them; with a greater number it begins anew.
    async fn ask(&self, number: usize) -> Result<(), String> {
        let place = &self.0[number % self.0.len()];
        let mut stream = loop {
            match place.take() {
                Some(stream) => break stream,
                None => yield_now().await,
            }
        };
        let ask = Ask::bytes(1024);
        let (head, mut buffer) = (ask.head(false), [0; 4096]);
        exchange(&mut *stream, &head, b"", ask.length, &mut buffer).await?;
        place.set(Some(stream));
        Ok(())
    }

    /// What a request costs, one connection after the other.
    pub(crate) async fn requests(self: &Rc<Self>, process: &Process, count: usize) -> f64 {
        let kept = Rc::clone(self);
        let ask = move |number| {
            let kept = Rc::clone(&kept);
            async move { kept.ask(number).await }
        };
        cost(process, count, LANES.min(self.count()), ask).await
    }
}

/// What a call of each of these clients costs.
pub(crate) async fn calls(process: &Process, clients: Vec<Client>) -> f64 {
    let count = clients.len();
    let clients = Rc::new(clients);
    let call = move |number: usize| {
        let clients = Rc::clone(&clients);
        async move { call(&clients[number]).await }
    };
    cost(process, count, LANES, call).await
}

/// What each of so many operations costs a process, in microseconds.
async fn cost<F>(
    process: &Process,
    count: usize,
    lanes: usize,
    operation: impl Fn(usize) -> F + 'static,
) -> f64
where
    F: Future<Output = Result<(), String>>,
{
    let next = Rc::new(Cell::new(0));
    let operation = Rc::new(operation);
    let before = resting(process).await;
    let lane = |_| {
        let (next, operation) = (Rc::clone(&next), Rc::clone(&operation));
        spawn_local(async move {
            while next.get() < count {
                let number = next.replace(next.get() + 1);
                operation(number).await.unwrap();
            }
        })
    };
    let lanes: Vec<_> = (0..lanes).map(lane).collect();
    for lane in lanes {
        lane.await.unwrap();
    }
    resting(process).await.saturating_sub(before).as_secs_f64() * 1e6 / count as f64
}
