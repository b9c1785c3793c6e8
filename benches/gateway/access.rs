//! What a worker pays for an exchange and its access line. The thread that writes has its rest between the rounds,
//! which is not measured: else the queue would be full, and dropping a line is cheaper than leaving it.

use std::path::Path;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use criterion::Criterion;
use mtls_gateway::policy::Verdict;

use crate::exchange::{exchanges, log_to};

/// Lines of a round; far fewer than may wait.
const ROUND: u64 = 1000;

/// Long enough to write them.
const REST: Duration = Duration::from_millis(12);

pub(crate) fn access(criterion: &mut Criterion, verdict: &Verdict) {
    let file = tempfile::tempdir().unwrap();
    let mut group = criterion.benchmark_group("access line");
    for (name, log) in [
        ("none", None),
        ("to /dev/null", Some(log_to(Path::new("/dev/null")))),
        ("to a file", Some(log_to(&file.path().join("access.log")))),
    ] {
        let mut exchange = exchanges(log.as_ref().map(Rc::clone), verdict);
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
