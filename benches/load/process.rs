//! A process that is measured, with all that it has started: time on processors, memory, and an end.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::Cores;

/// Ends when it is dropped: first asked to, then not.
pub(crate) struct Process {
    pub(crate) child: Child,
}

/// One process of the tree.
#[derive(Clone, Copy)]
struct Member {
    number: i32,
    /// When it started, as the kernel counts: a number alone is given to another process some day.
    started: u64,
}

impl Process {
    /// Starts it on these processors, where its children stay as well.
    pub(crate) fn start(mut command: Command, cores: &Cores) -> std::io::Result<Self> {
        let child = cores.run(move || command.spawn())?;
        Ok(Self { child })
    }

    /// Time of all its threads on processors, in user and kernel mode, to the nanosecond. A thread that has ended is
    /// not in it, nor what it does at this moment for whom: take it when there is nothing to do.
    pub(crate) fn processor_time(&self) -> Duration {
        let members = self.members();
        let tasks = members.iter().flat_map(|member| {
            let path = format!("/proc/{}/task", member.number);
            fs::read_dir(path).into_iter().flatten().flatten().map(|task| task.path())
        });
        let time = tasks.filter_map(|task| {
            let text = fs::read_to_string(task.join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(time.sum())
    }

    /// Its memory in bytes; pages that it shares count in part (PSS).
    pub(crate) fn memory(&self) -> u64 {
        let of = |member: Member| -> Option<u64> {
            let path = format!("/proc/{}/smaps_rollup", member.number);
            let text = match fs::read_to_string(&path) {
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    panic!("{path}: {error}; a gateway needs `runtime_for_readers` in its file")
                }
                text => text.ok()?,
            };
            let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
            line.trim().trim_end_matches(" kB").parse::<u64>().ok()
        };
        self.members().into_iter().filter_map(of).sum::<u64>() * 1024
    }

    /// The same, once it moves no more.
    pub(crate) fn settled_memory(&self) -> u64 {
        const ENOUGH: Duration = Duration::from_secs(10);
        let began = Instant::now();
        let mut last = self.memory();
        while began.elapsed() < ENOUGH {
            thread::sleep(Duration::from_millis(500));
            let now = self.memory();
            if now.abs_diff(last) < 64 * 1024 {
                return now;
            }
            last = now;
        }
        last
    }

    pub(crate) fn signal(&self, signal: Signal) {
        // It may have ended already.
        _ = kill_process(Pid::from_child(&self.child), signal);
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// How many processes it is.
    pub(crate) fn count(&self) -> usize {
        self.members().len()
    }

    /// It and its descendants.
    fn members(&self) -> Vec<Member> {
        let mut children: HashMap<i32, Vec<Member>> = HashMap::new();
        let mut found = Vec::new();
        let root = i32::try_from(self.child.id()).unwrap();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
            let Some((member, parent)) = number.and_then(look) else { continue };
            if member.number == root {
                found.push(member);
            } else {
                children.entry(parent).or_default().push(member);
            }
        }
        let mut next = 0;
        while let Some(member) = found.get(next) {
            let own = children.remove(&member.number);
            found.extend(own.into_iter().flatten());
            next += 1;
        }
        found
    }
}

/// A process and its parent.
fn look(number: i32) -> Option<(Member, i32)> {
    let text = fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
    // The name before may have spaces and brackets.
    let (_, fields) = text.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let parent = fields.nth(1)?.parse().ok()?;
    let started = fields.nth(17)?.parse().ok()?;
    Some((Member { number, started }, parent))
}

impl Drop for Process {
    fn drop(&mut self) {
        const GRACE: Duration = Duration::from_secs(3);
        let members = self.members();
        let began = Instant::now();
        self.signal(Signal::TERM);
        while began.elapsed() < GRACE && !self.has_ended() {
            thread::sleep(Duration::from_millis(5));
        }
        for member in members {
            let is_left = look(member.number).is_some_and(|(now, _)| now.started == member.started);
            if is_left && let Some(pid) = Pid::from_raw(member.number) {
                _ = kill_process(pid, Signal::KILL);
            }
        }
        _ = self.child.wait();
    }
}
