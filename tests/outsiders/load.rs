//! Clients made to find out what a server bears: `h2load`, `nghttp` and `slowhttptest`, with nginx behind.
//!
//! Neither h2load nor slowhttptest can present a certificate, so theirs is a site that lets in clients without one.

use std::process::Command;
use std::thread;

use crate::nginx::BeforeNginx;
use crate::process::{self, are_installed};

const OPTIONAL: &str = "[site.client]\nmode = \"optional\"\n";

/// What h2load says when all went well.
#[track_caller]
fn h2load(stage: &BeforeNginx, requests: usize, arguments: &[&str], path: &str) {
    let mut h2load = Command::new("h2load");
    h2load.args(["-n", &requests.to_string(), "--connect-to"]);
    h2load.arg(stage.stage.gateway.address.to_string());
    let said = process::run(h2load.args(arguments).arg(stage.url(path)), b"").text();
    let line = format!(
        "requests: {requests} total, {requests} started, {requests} done, {requests} succeeded, \
         0 failed, 0 errored, 0 timeout"
    );
    assert!(said.contains(&line), "{arguments:?}: {said}");
}

#[test]
fn h2load_gets_each_of_thousands_of_answers() {
    let Some(stage) = BeforeNginx::new("h2load", OPTIONAL) else {
        return;
    };
    for http in ["--npn-list=h2", "--h1"] {
        for clients in ["1", "20"] {
            h2load(&stage, 4000, &[http, "-c", clients], "/");
        }
        // nginx closes after each of these.
        h2load(&stage, 1000, &[http, "-c", "10"], "/close/small");
    }
    h2load(&stage, 4000, &["-c", "10", "-m", "100"], "/");
    h2load(&stage, 20, &["-c", "4", "-m", "5"], "/large");
    let body = stage.stage.folder.file("www/small").display().to_string();
    h2load(&stage, 1000, &["-c", "10", "-m", "10", "-d", &body], "/takes");
}

/// Runs nghttp as the verified client.
#[track_caller]
fn nghttp(stage: &BeforeNginx, arguments: &[&str], path: &str) -> String {
    let mut nghttp = Command::new("nghttp");
    nghttp.current_dir(stage.stage.folder.path());
    nghttp.args(["--verbose", "--no-dep", "--cert", "client.crt", "--key", "client.key"]);
    // It cannot be told an address for a name; without one the first site answers.
    nghttp.args(["--header", ":authority: www.example.com"]);
    let url = format!("https://{}{path}", stage.stage.gateway.address);
    process::run(nghttp.args(arguments).arg(url), b"").text()
}

#[test]
fn nghttp_is_verified_and_gets_each_stream_to_its_end() {
    let Some(stage) = BeforeNginx::new("nghttp", "") else {
        return;
    };
    let said = nghttp(&stage, &["--multiply", "50"], "/small");
    assert_eq!(said.matches(":status: 200").count(), 50, "{said}");
    assert!(!said.contains("RST_STREAM") && !said.contains("recv GOAWAY"), "{said}");
    let said = nghttp(&stage, &["--data", "www/small"], "/takes");
    assert!(said.contains(":status: 200") && said.contains("\nok"), "{said}");
    let said = nghttp(&stage, &["--data", "www/small", "--trailer", "x-sum: 1"], "/takes");
    assert!(said.contains(":status: 200"), "{said}");
    // An answer that ends before the upload does ends that stream alone, and without an error.
    let said = nghttp(&stage, &["--data", "www/large"], "/too-large");
    assert!(said.contains(":status: 413") && !said.contains("recv GOAWAY"), "{said}");
    let said = nghttp(&stage, &[], "/drop");
    assert!(said.contains(":status: 502"), "{said}");
}

#[test]
fn slow_clients_keep_nobody_from_being_served() {
    const SLOW: usize = 200;
    if !are_installed(&["slowhttptest"]) {
        return;
    }
    let timeouts = "[site.timeouts]\nheader_timeout = \"1s\"\nbody_idle_timeout = \"1s\"\n";
    let Some(stage) = BeforeNginx::new("curl", &format!("{OPTIONAL}{timeouts}")) else {
        return;
    };
    let reads = ["-X", "-w", "64", "-y", "64", "-n", "5", "-z", "16", "-k", "1", "-l", "6"];
    // The last of these reads what the kernels have for it long after the gateway has closed.
    for (kind, path, sees_it) in [
        (&["-H", "-l", "25"][..], "/", true),
        (&["-B", "-s", "100000", "-l", "25"], "/takes", true),
        (&reads, "/large", false),
    ] {
        let mut slow = Command::new("slowhttptest");
        // Slower than any timeout, and for as long as it takes to see who closes.
        slow.args(["-c", &SLOW.to_string(), "-r", "100", "-i", "4", "-p", "5"]);
        slow.args(kind).arg("-u");
        slow.arg(format!("https://{}{path}", stage.stage.gateway.address));
        let said = thread::scope(|scope| {
            let slow = scope.spawn(|| process::run(&mut slow, b""));
            while !slow.is_finished() {
                let said = stage.stage.curl(&[&stage.url("/")]);
                assert_eq!(said.text(), "ok", "{kind:?}");
            }
            slow.join().unwrap()
        });
        let said = format!("{}{}", String::from_utf8_lossy(&said.stdout), said.stderr);
        // Long before it would have ended by itself, the gateway has closed all of them.
        assert!(said.contains("No open connections left") || !sees_it, "{kind:?}: {said}");
    }
}
