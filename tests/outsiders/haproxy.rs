//! HAProxy before the gateway, passing TLS on with a PROXY header of each version: whose address is known, and that its
//! health checks are at home.

use std::net::TcpListener;
use std::process::Command;
use std::time::Instant;

use serde_json::Value;

use crate::gateway::Gateway;
use crate::material::Folder;
use crate::process::{PATIENCE, Process, are_installed};
use crate::stage::{SITE, Stage};

/// A listener for balancers of this machine.
const DOOR: &str = "proxy_protocol_from = [\"127.0.0.1\"]\n";

/// HAProxy before a gateway, and the port that it listens on.
struct Balancer {
    _process: Process,
    port: u16,
    /// Where it tells how its server is.
    stats: u16,
}

impl Balancer {
    /// Sends to the gateway as `server` says, such as `send-proxy`.
    fn before(stage: &Stage, server: &str) -> Self {
        // HAProxy has no way to tell which free port it took, so one is found for it.
        let [port, stats] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [port, stats] = [port, stats].map(|free| free.local_addr().unwrap().port());
        let gateway = stage.gateway.address;
        let told = "mode http\n stats enable\n stats uri /\n";
        let config = format!(
            "defaults\n mode tcp\n timeout connect 20s\n timeout client 20s\n timeout server 20s\n\
             listen in\n bind 127.0.0.1:{port}\n unique-id-format conn-%pid\n server app {gateway} {server}\n\
             listen stats\n bind 127.0.0.1:{stats}\n {told}"
        );
        stage.folder.write("haproxy.cfg", config);
        let mut command = Command::new("haproxy");
        command.arg("-f").arg(stage.folder.file("haproxy.cfg")).arg("-db");
        let process = Process::spawn(&mut command);
        Self { _process: process, port, stats }
    }

    /// Asks through it until it listens and its server is up.
    fn get(&self, stage: &Stage) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let name = format!("www.example.com:{}", self.port);
            let resolve = format!("{name}:127.0.0.1");
            let url = format!("https://{name}/");
            let said = stage.curl(&["--resolve", &resolve, "--local-port", "10000-60000", &url]);
            if said.code == Some(0) {
                return said.text();
            }
            assert!(Instant::now() < until, "{}", said.stderr);
        }
    }

    /// Waits until a health check has come to this.
    fn await_check(&self, stage: &Stage, outcome: &str) {
        let until = Instant::now() + PATIENCE;
        let url = format!("http://127.0.0.1:{}/;csv", self.stats);
        loop {
            let said = stage.curl(&[&url]);
            let table = String::from_utf8_lossy(&said.stdout).into_owned();
            let server = table.lines().find(|line| line.starts_with("in,app,"));
            if server.is_some_and(|server| server.contains(&format!(",{outcome},"))) {
                return;
            }
            assert!(Instant::now() < until, "{table}");
        }
    }
}

fn stage() -> Option<Stage> {
    are_installed(&["openssl", "python3", "curl", "haproxy"]).then(|| {
        let folder = Folder::with_household();
        Stage::with_listener(folder, DOOR, SITE)
    })
}

/// The access line of a request that went through.
fn access(gateway: &mut Gateway) -> Value {
    gateway.next_event("access")
}

#[test]
fn haproxy_tells_whose_connection_it_is_in_both_versions() {
    for server in [
        "send-proxy",
        "send-proxy-v2",
        "send-proxy-v2 proxy-v2-options ssl,cert-cn,crc32c,authority",
        "send-proxy-v2-ssl-cn",
        "send-proxy-v2 proxy-v2-options crc32c,unique-id",
    ] {
        let Some(mut stage) = stage() else { return };
        let balancer = Balancer::before(&stage, server);
        balancer.get(&stage);
        let line = access(&mut stage.gateway);
        let (peer, by) = (line["peer"].as_str().unwrap(), line["balancer"].as_str().unwrap());
        // Curl's own address, and not that of HAProxy's connection to the gateway.
        assert!(peer.starts_with("127.0.0.1:") && by.starts_with("127.0.0.1:"), "{line}");
        assert_ne!(peer, by, "{server}");
        let id = line["unique_id"].as_str().unwrap_or_default();
        assert_eq!(id.starts_with("conn-"), server.contains("unique-id"), "{line}");
    }
}

/// Checks that send a header and such that send none: HAProxy calls the server up, and requests pass.
#[test]
fn health_checks_of_haproxy_are_at_home() {
    for server in [
        "send-proxy-v2 check inter 100ms",
        "send-proxy check check-send-proxy inter 100ms",
        "send-proxy-v2 check check-send-proxy inter 100ms",
    ] {
        let Some(mut stage) = stage() else { return };
        let balancer = Balancer::before(&stage, server);
        balancer.await_check(&stage, "L4OK");
        balancer.get(&stage);
        assert_ne!(access(&mut stage.gateway)["balancer"], "");
    }
}

/// A gateway that expects no balancer refuses one that sends headers.
#[test]
fn haproxy_is_refused_where_nobody_expects_it() {
    if !are_installed(&["openssl", "python3", "curl", "haproxy"]) {
        return;
    }
    let door = "proxy_protocol_from = [\"192.0.2.0/24\"]\n";
    let mut stage = Stage::with_listener(Folder::with_household(), door, SITE);
    let balancer = Balancer::before(&stage, "send-proxy-v2 check inter 100ms fall 1000");
    assert_eq!(stage.gateway.next_refusal(), "not-from-balancer");
    drop(balancer);
}
