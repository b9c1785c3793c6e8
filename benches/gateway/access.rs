//! What a worker pays for an exchange and its access line. The thread that writes has its rest between the rounds,
//! which is not measured: else the queue would be full, and dropping a line is cheaper than leaving it.

use std::cell::Cell;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use criterion::Criterion;
use http::{HeaderMap, Method, StatusCode, Version};
use mtls_gateway::config::{
    AccessFormat, AccessLog as Config, AccessTarget, Endpoint, Located, Upstream,
};
use mtls_gateway::observe::access::Record;
use mtls_gateway::observe::metrics::Metrics;
use mtls_gateway::observe::{
    AccessLine, AccessLog, Exchange, ExchangeFacts, LogLines, Outcome, RequestId,
};
use mtls_gateway::policy::Verdict;

/// Lines of a round; far fewer than may wait.
const ROUND: u64 = 1000;

/// Long enough to write them.
const REST: Duration = Duration::from_millis(12);

const PATH: &str = "/callback?CallbackCommand=State.StateChange&contenttype=json";

pub(crate) fn access(criterion: &mut Criterion, verdict: &Verdict) {
    let (_, counters) = Metrics::new(1).of_worker(0).site("www.example.com");
    let log = |target| {
        let config = Config {
            target: Located::new(target, 0..0),
            format: AccessFormat::Json,
            queue_lines_max: 100_000.try_into().unwrap(),
        };
        Rc::new(AccessLog::start(&config, LogLines::to_standard_error().unwrap()).unwrap())
    };
    let file = tempfile::tempdir().unwrap();
    let path = |path: &Path| AccessTarget::File(path.to_owned());
    let site = Arc::from("www.example.com");
    let endpoint = Endpoint::http("127.0.0.1", 8080);
    let (upstream, chosen) = (Arc::new(Upstream::plain(endpoint)), Rc::new(Cell::new(Some(0))));
    let peer = SocketAddr::from(([192, 0, 2, 7], 51034));
    let mut group = criterion.benchmark_group("access line");
    for (name, log) in [
        ("none", None),
        ("to /dev/null", Some(log(path(Path::new("/dev/null"))))),
        ("to a file", Some(log(path(&file.path().join("access.log"))))),
    ] {
        let exchange = || {
            let id = RequestId::random();
            let line = log.as_ref().map(|log| {
                let record = Record::new(id, peer, verdict.clone(), Arc::clone(&site));
                let (host, headers) = ("www.example.com", HeaderMap::new());
                let format = &AccessFormat::Json;
                let record = record.with_request(
                    &Method::POST,
                    host,
                    PATH,
                    Version::HTTP_11,
                    &headers,
                    format,
                );
                AccessLine { log: Rc::clone(log), record: Box::new(record) }
            });
            let counters = Arc::clone(&counters);
            let facts = ExchangeFacts { id, method: Method::POST, line, counters };
            let exchange = Exchange::begin(facts, || ());
            exchange.set_upstream(Arc::clone(&upstream), Rc::clone(&chosen));
            exchange.responded(StatusCode::OK);
            exchange.add_response_bytes(57);
            exchange.ended(Outcome::Complete);
        };
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|count| {
                let mut measured = Duration::ZERO;
                let mut left = count;
                while left > 0 {
                    let round = left.min(ROUND);
                    let since = Instant::now();
                    (0..round).for_each(|_| exchange());
                    measured += since.elapsed();
                    left -= round;
                    rest();
                }
                measured
            });
        });
        assert_eq!(log.map_or(0, |log| log.lost().all()), 0, "lines were dropped");
    }
    group.finish();
}

#[expect(
    clippy::disallowed_methods,
    reason = "the thread that writes tells nobody that it is done"
)]
fn rest() {
    thread::sleep(REST);
}
