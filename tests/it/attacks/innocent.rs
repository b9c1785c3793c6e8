//! What an innocent client notices of attacks on others' connections: the built program with one worker, a verified
//! client that asks steadily, and attackers who do the same thing over and over, again on a new connection whenever
//! theirs is ended. `--nocapture` prints the table that `docs/reference/attacks.md` shows.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::client::Connector;
use crate::support::frames::*;
use crate::support::gateway::Setup;
use crate::support::message::SITE;
use crate::support::pki::Pki;
use crate::support::upstream::{OK, Upstream};
use crate::support::{PATIENCE, port};

/// How long each is measured without and under attack.
const WHILE: Duration = Duration::from_millis(if cfg!(debug_assertions) { 600 } else { 3000 });

/// How long one answer may take on the median while the only worker is attacked: far more than it does, because the
/// attackers compute as much on the same machine, and other tests with them.
const BEARABLE: Duration = Duration::from_millis(500);

/// Connections whose requests are given up, at most: each request takes a port of this machine with it for a minute,
/// and all that runs here share them.
const RESETTERS_MAX: u64 = 50;

/// The built program, with one worker.
struct Gateway {
    child: Child,
    connector: Connector,
    /// The files of its configuration.
    _pki: Pki,
}

impl Gateway {
    fn before(app: &Upstream) -> Self {
        let (pki, config) = Setup::new(app).written();
        let mut command = Command::new(env!("CARGO_BIN_EXE_mtls-gateway"));
        command.args(["run", "--config"]).arg(config).env_remove("RUST_LOG");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let listening = log.find_map(|line| {
            let at = line.find("address=127.0.0.1:")? + "address=".len();
            let end = line[at..].find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':'));
            line[at..end.map_or(line.len(), |end| at + end)].parse().ok()
        });
        thread::spawn(move || log.for_each(drop));
        let address = listening.expect("it says where it listens");
        let connector = Connector::new(address, pki.roots()).presenting(pki.caller());
        Self { child, connector, _pki: pki }
    }

    /// CPU time in clock ticks of 10 ms, and memory in KiB.
    fn usage(&self) -> (u64, u64) {
        let of =
            |file| std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap();
        let stat = of("stat");
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        let status = of("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        (ticks, line.trim().trim_end_matches(" kB").parse().unwrap())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Waits so long: how long is what is measured.
fn pass(time: Duration) {
    let (_keep, nothing) = channel::<()>();
    assert_eq!(nothing.recv_timeout(time), Err(RecvTimeoutError::Timeout));
}

/// Asks for a while, once a millisecond; how long the answers took, the longest last. Each must come.
fn ask(connector: &Connector, time: Duration) -> Vec<Duration> {
    let mut client = connector.connect();
    let start = Instant::now();
    let mut took = Vec::new();
    while start.elapsed() < time {
        let asked = Instant::now();
        assert_eq!(client.get("/innocent").status(), 200);
        took.push(asked.elapsed());
        pass(Duration::from_millis(1));
    }
    took.sort();
    took
}

/// What attackers have done together.
#[derive(Default)]
struct Deeds {
    is_over: AtomicBool,
    connections: AtomicU64,
    frames: AtomicU64,
    bytes: AtomicU64,
    ended: AtomicU64,
}

impl Deeds {
    fn sent(&self, frames: u64, bytes: &[u8]) {
        self.frames.fetch_add(frames, Relaxed);
        self.bytes.fetch_add(u64::try_from(bytes.len()).unwrap(), Relaxed);
    }

    fn goes_on(&self) -> bool {
        !self.is_over.load(Relaxed)
    }
}

/// One attack: what one attacker does until it is over.
struct Attack {
    name: &'static str,
    /// What a frame, a record, a connection of it is called.
    of: &'static str,
    run: fn(&Connector, &Deeds),
}

/// A flood on HTTP/2: pieces without end, and again once the connection is ended, so often at most.
fn flood(
    connector: &Connector,
    deeds: &Deeds,
    connections_max: u64,
    first: &[u8],
    again: fn(u32) -> Vec<u8>,
) {
    const BATCH: u32 = 100;
    while deeds.goes_on() && deeds.connections.load(Relaxed) < connections_max {
        let mut attacker = Frames::connect(connector);
        attacker.client.set_patience(Duration::from_millis(500));
        deeds.connections.fetch_add(1, Relaxed);
        let mut number = 0;
        let mut is_open = attacker.try_send(first);
        while is_open && deeds.goes_on() {
            let batch: Vec<u8> = (number..number + BATCH).flat_map(again).collect();
            number += BATCH;
            is_open = attacker.try_send(&batch) && !attacker.is_told_to_leave();
            deeds.sent(u64::from(BATCH), &batch);
        }
        if !is_open {
            deeds.ended.fetch_add(1, Relaxed);
        }
    }
}

/// Many connections that hold on, each with these first words, and again when they are closed.
fn hold(deeds: &Deeds, connect: impl Fn() -> Option<TcpStream>, words: &[u8], drip: &[u8]) {
    const HELD: usize = 100;
    let mut held: Vec<TcpStream> = Vec::new();
    while deeds.goes_on() {
        while held.len() < HELD && deeds.goes_on() {
            let Some(mut stream) = connect() else {
                break;
            };
            deeds.connections.fetch_add(1, Relaxed);
            stream.set_nonblocking(true).unwrap();
            _ = stream.write_all(words);
            deeds.sent(1, words);
            held.push(stream);
        }
        held.retain_mut(|stream| {
            let is_open = match stream.read(&mut [0; 1024]) {
                Ok(count) => count > 0,
                Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
            } && (drip.is_empty() || stream.write_all(drip).is_ok());
            deeds.ended.fetch_add(u64::from(!is_open), Relaxed);
            deeds.sent(u64::from(!drip.is_empty()), drip);
            is_open
        });
        pass(Duration::from_millis(10));
    }
}

fn stream(number: u32) -> u32 {
    2 * number + 1
}

/// Verified clients of HTTP/1.1 that send one thing over and over.
fn pour(connector: &Connector, deeds: &Deeds, first: &str, again: &str) {
    while deeds.goes_on() {
        let mut client = connector.connect();
        client.set_patience(Duration::from_millis(300));
        deeds.connections.fetch_add(1, Relaxed);
        let mut is_open = client.try_send(first).is_ok();
        let batch = again.repeat(1 + 20_000 / again.len());
        while is_open && deeds.goes_on() {
            is_open = client.try_send(&batch).is_ok();
            deeds.sent(u64::try_from(batch.len() / again.len()).unwrap(), batch.as_bytes());
        }
        deeds.ended.fetch_add(u64::from(!is_open), Relaxed);
    }
}

const ATTACKS: &[Attack] = &[
    Attack {
        name: "silent TCP connections",
        of: "connections",
        run: |to, deeds| {
            hold(deeds, || port::connect(to.address).ok(), b"", b"");
        },
    },
    Attack {
        name: "a ClientHello byte by byte",
        of: "pieces",
        run: |to, deeds| {
            hold(
                deeds,
                || port::connect(to.address).ok(),
                b"\x16\x03\x01\x02\x00\x01\x00",
                b"\x01",
            );
        },
    },
    Attack {
        name: "random bytes in place of a ClientHello",
        of: "connections",
        run: |to, deeds| {
            while deeds.goes_on() {
                let Ok(mut stream) = port::connect(to.address) else { continue };
                let junk: Vec<u8> =
                    (0..500_u32).map(|number| u8::try_from(number * 7919 % 251).unwrap()).collect();
                deeds.connections.fetch_add(1, Relaxed);
                _ = stream.write_all(&junk);
                deeds.sent(1, &junk);
                stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
                deeds.ended.fetch_add(u64::from(stream.read(&mut [0; 64]).is_ok()), Relaxed);
            }
        },
    },
    Attack {
        name: "handshakes without a certificate",
        of: "handshakes",
        run: |to, deeds| {
            while deeds.goes_on() {
                let Some(mut client) = to.clone().presenting_nothing().try_open() else { continue };
                deeds.connections.fetch_add(1, Relaxed);
                deeds.sent(1, b"");
                let is_refused = client.handshake().is_err() || client.reader.some().is_err();
                deeds.ended.fetch_add(u64::from(is_refused), Relaxed);
            }
        },
    },
    Attack {
        name: "key updates (TLS 1.3)",
        of: "key updates",
        run: |to, deeds| {
            while deeds.goes_on() {
                let mut client = to.connect();
                client.set_patience(Duration::from_millis(500));
                deeds.connections.fetch_add(1, Relaxed);
                let mut is_open = true;
                while is_open && deeds.goes_on() {
                    is_open = client.reader.stream.conn.refresh_traffic_keys().is_ok()
                        && client.try_send("").is_ok();
                    deeds.sent(1, &[0; 27]);
                }
                deeds.ended.fetch_add(u64::from(!is_open), Relaxed);
            }
        },
    },
    Attack {
        name: "SETTINGS",
        of: "frames",
        run: |to, deeds| {
            flood(to, deeds, u64::MAX, b"", |number| {
                frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 9, u8::try_from(number % 2).unwrap()])
            });
        },
    },
    Attack {
        name: "PING",
        of: "frames",
        run: |to, deeds| {
            flood(to, deeds, u64::MAX, b"", |_| frame(PING, 0, 0, b"01234567"));
        },
    },
    Attack {
        name: "PRIORITY",
        of: "frames",
        run: |to, deeds| {
            flood(to, deeds, u64::MAX, b"", |number| {
                frame(PRIORITY, 0, stream(number), &[0, 0, 0, 0, 9])
            });
        },
    },
    Attack {
        name: "WINDOW_UPDATE",
        of: "frames",
        run: |to, deeds| {
            flood(to, deeds, u64::MAX, b"", |_| frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]));
        },
    },
    Attack {
        name: "empty DATA",
        of: "frames",
        run: |to, deeds| {
            let post = frame(HEADERS, END_HEADERS, 1, &head(&request("POST", "/")));
            flood(to, deeds, u64::MAX, &post, |_| frame(DATA, 0, 1, b""));
        },
    },
    Attack {
        name: "CONTINUATION",
        of: "frames",
        run: |to, deeds| {
            let begun = frame(HEADERS, END_STREAM, 1, &head(&request("GET", "/")));
            flood(to, deeds, u64::MAX, &begun, |_| frame(CONTINUATION, 0, 1, &field("x", "y")));
        },
    },
    Attack {
        name: "unknown frames",
        of: "frames",
        run: |to, deeds| {
            flood(to, deeds, u64::MAX, b"", |_| frame(0xfa, 0, 0, b""));
        },
    },
    Attack {
        name: "rapid reset (CVE-2023-44487)",
        of: "requests",
        run: |to, deeds| {
            flood(to, deeds, RESETTERS_MAX, b"", |number| {
                [get(stream(number)), frame(RST_STREAM, 0, stream(number), &[0, 0, 0, 8])].concat()
            });
        },
    },
    Attack {
        name: "provoked resets (CVE-2025-8671)",
        of: "requests",
        run: |to, deeds| {
            flood(to, deeds, RESETTERS_MAX, b"", |number| {
                [
                    get(stream(number)),
                    frame(WINDOW_UPDATE, 0, stream(number), &[0x7f, 0xff, 0xff, 0xff]),
                ]
                .concat()
            });
        },
    },
    Attack {
        name: "heads that unfold (HPACK)",
        of: "requests",
        run: |to, deeds| {
            flood(to, deeds, u64::MAX, b"", |number| {
                let mut fields = head(&request("GET", "/"));
                fields.extend([0x40, 1, b'x', 127, 0xa1, 0x1e]);
                fields.extend([b'y'; 4000]);
                fields.extend([0xbe; 10_000]);
                if number % 10 == 0 {
                    frame(HEADERS, END_STREAM | END_HEADERS, stream(number), &fields)
                } else {
                    Vec::new()
                }
            });
        },
    },
    Attack {
        name: "slowloris: heads that drip",
        of: "pieces",
        run: |to, deeds| {
            // Held open by a thread each while they drip.
            let mut held: Vec<_> = (0..50).map(|_| to.connect()).collect();
            deeds.connections.fetch_add(50, Relaxed);
            for client in &mut held {
                client.send(format!("GET / HTTP/1.1\r\nHost: {SITE}\r\nX: "));
            }
            while deeds.goes_on() {
                for client in &mut held {
                    _ = client.try_send("x");
                    deeds.sent(1, b"x");
                }
                pass(Duration::from_millis(10));
            }
        },
    },
    Attack {
        name: "slow post: bodies that drip",
        of: "pieces",
        run: |to, deeds| {
            let mut held: Vec<_> = (0..50).map(|_| to.connect()).collect();
            deeds.connections.fetch_add(50, Relaxed);
            for client in &mut held {
                client.send(format!(
                    "POST / HTTP/1.1\r\nHost: {SITE}\r\nContent-Length: 100000\r\n\r\n"
                ));
            }
            while deeds.goes_on() {
                for client in &mut held {
                    _ = client.try_send("x");
                    deeds.sent(1, b"x");
                }
                pass(Duration::from_millis(10));
            }
        },
    },
    Attack {
        name: "requests without reading an answer",
        of: "requests",
        run: |to, deeds| {
            pour(to, deeds, "", &format!("GET / HTTP/1.1\r\nHost: {SITE}\r\n\r\n"));
        },
    },
    Attack {
        name: "an extension of a chunk",
        of: "bytes",
        run: |to, deeds| {
            let post =
                format!("POST / HTTP/1.1\r\nHost: {SITE}\r\nTransfer-Encoding: chunked\r\n\r\n1;");
            pour(to, deeds, &post, "x");
        },
    },
];

#[test]
#[expect(clippy::disallowed_macros, reason = "`--nocapture` shows the table")]
fn attacks_on_other_connections_do_not_keep_an_innocent_client_waiting() {
    let app = Upstream::scripted(|talk| {
        talk.stop_recording();
        while let Ok(Some(_)) = talk.request() {
            talk.say(OK);
        }
    });
    println!(
        "| attack | sent | ended | p50 before | p50 | p99 before | p99 | CPU | memory |\n|---|---|---|---|---|---|---|---|---|"
    );
    for attack in ATTACKS {
        let gateway = Gateway::before(&app);
        let before = ask(&gateway.connector, WHILE);
        let (deeds, usage, start) = (Deeds::default(), gateway.usage(), Instant::now());
        let during = thread::scope(|scope| {
            scope.spawn(|| (attack.run)(&gateway.connector, &deeds));
            let during = ask(&gateway.connector, WHILE);
            deeds.is_over.store(true, Relaxed);
            during
        });
        let took = start.elapsed();
        let (ticks, memory) = gateway.usage();
        let at = |sorted: &[Duration], percent: usize| sorted[(sorted.len() - 1) * percent / 100];
        let ms = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1000.0);
        let sent = format!(
            "{} {} on {} connections, {} kB",
            deeds.frames.load(Relaxed),
            attack.of,
            deeds.connections.load(Relaxed),
            deeds.bytes.load(Relaxed) / 1000
        );
        let cpu = (ticks - usage.0) as f64 * 1000.0 / took.as_millis() as f64;
        println!(
            "| {} | {sent} | {} | {} | {} | {} | {} | {cpu:.0} % | {:+} KiB |",
            attack.name,
            deeds.ended.load(Relaxed),
            ms(at(&before, 50)),
            ms(at(&during, 50)),
            ms(at(&before, 99)),
            ms(at(&during, 99)),
            i64::try_from(memory).unwrap() - i64::try_from(usage.1).unwrap(),
        );
        assert!(at(&during, 50) < BEARABLE, "{}: {during:?}", attack.name);
        assert!(took < PATIENCE, "{}", attack.name);
    }
}
