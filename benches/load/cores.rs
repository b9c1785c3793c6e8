//! Which processor runs what: the measured process one, the app and the load another, so that they wait for each
//! other as little as the machine lets them.

use std::thread;

#[cfg(target_os = "linux")]
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The processors that this process may use, in their order.
#[derive(Clone, Debug)]
pub(crate) struct Cores(Vec<usize>);

impl Cores {
    pub(crate) fn of_machine() -> Self {
        Self(allowed())
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The one for what is measured.
    pub(crate) fn measured(&self) -> Self {
        self.first(1)
    }

    /// So many for what is measured, or as many as there are.
    pub(crate) fn first(&self, count: usize) -> Self {
        Self(self.0.iter().copied().take(count).collect())
    }

    /// The one for app and load: the second, or the only one.
    pub(crate) fn load(&self) -> Self {
        Self(self.0.get(1).or(self.0.first()).copied().into_iter().collect())
    }

    /// Runs this on a thread that stays on these processors; what it starts stays there too.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let pinned = scope.spawn(|| {
                self.take();
                work()
            });
            pinned.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Puts the calling thread on these processors.
    pub(crate) fn take(&self) {
        pin(&self.0);
    }
}

#[cfg(target_os = "linux")]
fn allowed() -> Vec<usize> {
    let set = sched_getaffinity(None).unwrap();
    (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect()
}

#[cfg(target_os = "linux")]
fn pin(cores: &[usize]) {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(*core);
    }
    sched_setaffinity(None, &set).unwrap();
}

/// Elsewhere the system puts threads where it likes.
#[cfg(not(target_os = "linux"))]
fn allowed() -> Vec<usize> {
    (0..thread::available_parallelism().map_or(1, std::num::NonZero::get)).collect()
}

#[cfg(not(target_os = "linux"))]
fn pin(_: &[usize]) {}
