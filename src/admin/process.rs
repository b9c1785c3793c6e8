//! What the kernel says of this process, under the names that Prometheus has for it. Where there is no `/proc`,
//! nothing is said.

use std::fs;

/// The unit of times in `/proc`: USER_HZ, which the kernel keeps at 100 for programs on every platform that Rust and
/// this gateway run on (`proc(5)`, `times(2)`).
const TICKS_PER_SECOND: i64 = 100;

/// A moment's look.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Process {
    pub(super) cpu_seconds: Option<f64>,
    pub(super) resident_bytes: Option<u64>,
    pub(super) virtual_bytes: Option<u64>,
    pub(super) open_fds: Option<u64>,
    pub(super) max_fds: Option<u64>,
    pub(super) threads: Option<u64>,
}

impl Process {
    pub(super) fn look() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let fds = fs::read_dir("/proc/self/fd").ok().map(Iterator::count);
        let mut process = Self::read(
            &read("/proc/self/stat"),
            &read("/proc/self/status"),
            &read("/proc/self/limits"),
        );
        // Less the one that lists them.
        process.open_fds = fds.and_then(|count| u64::try_from(count.saturating_sub(1)).ok());
        process
    }

    fn read(stat: &str, status: &str, limits: &str) -> Self {
        // The second field is the program's name in brackets, which may hold brackets and blanks.
        let fields: Vec<_> =
            stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        let ticks = |at: usize| fields.get(at)?.parse::<i64>().ok();
        let kib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        let files = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
        Self {
            cpu_seconds: ticks(11)
                .zip(ticks(12))
                .map(|(user, system)| (user + system) as f64 / TICKS_PER_SECOND as f64),
            resident_bytes: kib("VmRSS:").map(|kib| kib * 1024),
            virtual_bytes: kib("VmSize:").map(|kib| kib * 1024),
            open_fds: None,
            max_fds: files.and_then(|rest| rest.split_whitespace().next()?.parse().ok()),
            threads: kib("Threads:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_read_as_it_writes() {
        let stat = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 250 150 13 14 20 0 4 0 3000 99 100";
        let status = "Name:\ta\nVmSize:\t  2048 kB\nVmRSS:\t  1024 kB\nThreads:\t4\n";
        let limits =
            "Limit  Soft Limit  Hard Limit\nMax open files            1024    4096    files\n";
        let process = Process::read(stat, status, limits);
        let expected = Process {
            cpu_seconds: Some(4.0),
            resident_bytes: Some(1024 * 1024),
            virtual_bytes: Some(2048 * 1024),
            open_fds: None,
            max_fds: Some(1024),
            threads: Some(4),
        };
        assert_eq!(process, expected);
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        assert_eq!(Process::read("", "x", "Max open files unlimited"), Process::default());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_there() {
        let process = Process::look();
        assert!(process.resident_bytes > Some(0) && process.open_fds > Some(0));
        assert!(process.cpu_seconds.is_some());
    }
}
