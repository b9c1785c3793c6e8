//! The machine that figures come from, without which they say nothing.

use std::fs;

use crate::load::Cores;

pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    /// When the benchmark began: how many processes ran or would have liked to, over a minute.
    pub(crate) load_before: f64,
}

impl Machine {
    pub(crate) fn look(cores: &Cores) -> Self {
        let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let mut processor = field("model name").unwrap_or_else(|| "unknown".to_owned());
        // A virtual machine often hides which one it is.
        if let (Some(family), Some(model)) = (field("cpu family"), field("model\t")) {
            processor += &format!(" (family {family}, model {model})");
        }
        let kernel = rustix::system::uname().release().to_string_lossy().into_owned();
        Self { processor, cores: cores.count(), kernel, load_before: load() }
    }
}

pub(crate) fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(f64::NAN)
}
