//! What Prometheus's own checker says of our metrics and rules. Neither that nor a browser is part of a usual machine;
//! a test that lacks its tool says so and passes.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::{look, started};
use crate::support::upstream::{OK, Upstream};

/// The first of these programs that is installed.
pub fn installed(names: &[&'static str]) -> Option<&'static str> {
    let runs = |name: &&&str| Command::new(name).arg("--version").output().is_ok();
    let found = names.iter().find(runs).copied();
    if found.is_none() {
        // Not `println!`: what it says is hidden when a test passes, which is the case here.
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        _ = writeln!(std::io::stderr(), "skipped: {} is not installed ({name})", names[0]);
    }
    found
}

#[track_caller]
fn assert_content(output: &Output) {
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn promtool_is_content() {
    let Some(promtool) = installed(&["promtool"]) else { return };
    let app = Upstream::answering(OK);
    let gateway = started(&app);
    assert_eq!(gateway.connect().get("/").status(), 200);
    let mut checking = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let metrics = look(&gateway, "/metrics").body;
    checking.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    assert_content(&checking.wait_with_output().unwrap());
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/monitoring/alerts.yaml");
    assert_content(&Command::new(promtool).args(["check", "rules"]).arg(rules).output().unwrap());
}
