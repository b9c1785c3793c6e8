//! The access log: what stands in it in each format, and that no request ever waits for it.

mod formats;
mod writing;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::PATIENCE;
use crate::support::gateway::{Gateway, Setup};
use crate::support::upstream::Upstream;

/// A gateway whose access lines go to a file of that name beside its configuration; where that is.
fn writing(app: &Upstream, target: &str, lines: &str) -> (Gateway, PathBuf) {
    let table = format!("[access_log]\ntarget = \"{target}\"\n{lines}\n");
    let gateway = Setup::new(app).process_tables(&table).start();
    let path = gateway.pki.folder().join(target);
    (gateway, path)
}

/// Waits until that is so: whoever writes a file tells nobody.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "there is no sign of it")]
fn until(what: &str, is_so: impl Fn() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// The lines of a file, once there are as many.
#[track_caller]
fn lines(path: &Path, count: usize) -> Vec<String> {
    let all = || fs::read_to_string(path).unwrap_or_default();
    until(&format!("{count} lines in {}", path.display()), || all().matches('\n').count() >= count);
    all().lines().map(str::to_owned).collect()
}
