//! A process whose instructions valgrind counts, from one moment to another: what it does before and after is run by
//! valgrind too, but not counted, so that neither its start nor the keys that it makes move a figure.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where one process's counts go.
pub(crate) struct Callgrind {
    file: PathBuf,
}

impl Callgrind {
    /// Why nothing can be counted here; `None` if it can.
    pub(crate) fn missing() -> Option<String> {
        let runs = |program: &str| {
            let mut command = Command::new(program);
            command.arg("--help").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        let missing = ["valgrind", "vgdb"].into_iter().find(|program| !runs(program))?;
        Some(format!("`{missing}` is not installed (Debian's package valgrind)"))
    }

    /// A file of a step, beside those of the others.
    pub(crate) fn new(step: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("instructions");
        fs::create_dir_all(&folder).unwrap();
        let words =
            step.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let name = words.collect::<Vec<_>>().join("-").to_lowercase();
        Self { file: folder.join(name) }
    }

    /// What runs a program and counts nothing yet. With `only`, it is to count in functions of this name and what they
    /// call, and nowhere else.
    pub(crate) fn command(&self, program: &Path, only: Option<&str>) -> Command {
        let mut command = Command::new("valgrind");
        let file = self.file.display();
        command.args(["--quiet", "--tool=callgrind", "--instr-atstart=no"]);
        command.arg(format!("--callgrind-out-file={file}.all"));
        command.args(only.map(|name| format!("--toggle-collect={name}")));
        command.arg(program);
        // What would change what is done, or where it is said.
        command.env_remove("RUST_LOG").env_remove("VALGRIND_OPTS");
        command
    }

    /// What a process executes while `work` is done.
    pub(crate) fn count(&self, process: u32, work: impl FnOnce()) -> u64 {
        let dumped = self.file.with_extension("all.1");
        _ = fs::remove_file(&dumped);
        tell(process, &["instrumentation", "on"]);
        work();
        tell(process, &["instrumentation", "off"]);
        tell(process, &["dump"]);
        let text = fs::read_to_string(&dumped).unwrap();
        fs::rename(&dumped, self.calls()).unwrap();
        let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
        total.unwrap().trim().parse().unwrap()
    }

    /// What was executed, function by function, for `callgrind_annotate`.
    pub(crate) fn calls(&self) -> PathBuf {
        self.file.with_extension("callgrind")
    }
}

impl Drop for Callgrind {
    fn drop(&mut self) {
        // Left by a process that was killed.
        _ = fs::remove_file(self.file.with_extension("all"));
    }
}

/// Has valgrind do something, and waits until it is done.
fn tell(process: u32, what: &[&str]) {
    let mut command = Command::new("vgdb");
    let output = command.arg(format!("--pid={process}")).args(what).stdin(Stdio::null()).output();
    let output = output.unwrap();
    assert!(output.status.success(), "vgdb: {}", String::from_utf8_lossy(&output.stderr));
}
