//! nginx and HAProxy as the app: TLS in which nginx asks for a certificate, and PROXY headers that both of them read.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Instant;

use crate::material::Folder;
use crate::process::{PATIENCE, Process, are_installed};
use crate::stage::Stage;

/// Ports that were free a moment ago.
fn free_ports(count: usize) -> Vec<u16> {
    let held: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    held.iter().map(|one| one.local_addr().unwrap().port()).collect()
}

/// Waits until somebody listens there.
#[track_caller]
fn wait_for(port: u16) {
    let begun = Instant::now();
    while TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).is_err() {
        assert!(begun.elapsed() < PATIENCE, "nobody listens at port {port}");
        std::thread::yield_now();
    }
}

/// A site for each port, `s0.example.com` and so on, each with an upstream of its own.
fn sites(upstreams: &[String]) -> String {
    let mut sites = String::new();
    for (number, upstream) in upstreams.iter().enumerate() {
        let _ = write!(
            sites,
            "[[site]]\nserver_names = [\"s{number}.example.com\"]\ncertificate = \"all.crt\"\n\
             private_key = \"all.key\"\nclient_ca = \"client-ca.crt\"\nupstream = \"app{number}\"\n\
             [[upstream]]\nname = \"app{number}\"\n{upstream}\n"
        );
    }
    sites
}

fn folder() -> Folder {
    let folder = Folder::with_household();
    folder.shell(
        "new all server -CA server-ca.crt -CAkey server-ca.key -subj /CN=all \
             -addext subjectAltName=DNS:*.example.com
         new app server -CA server-ca.crt -CAkey server-ca.key -subj /CN=app \
             -addext subjectAltName=DNS:app.internal
         new hop client -CA client-ca.crt -CAkey client-ca.key -subj /CN=hop",
    );
    folder
}

#[track_caller]
fn ask(stage: &mut Stage, number: usize) -> String {
    let url = format!("{}/", stage.origin(&format!("s{number}.example.com")));
    let said = stage.curl(&[&url]).text();
    let event = stage.gateway.next_event("access");
    assert_eq!(event["cause"], "", "{event}");
    said
}

#[test]
fn nginx_verifies_the_gateway_and_reads_its_proxy_headers() {
    if !are_installed(&["openssl", "curl", "python3", "nginx"]) {
        return;
    }
    let folder = folder();
    let ports = free_ports(3);
    let here = folder.path().display();
    let config = format!(
        "daemon off; master_process off; pid {here}/nginx.pid; error_log stderr;\n\
         events {{}}\n\
         http {{\n\
         access_log off; default_type text/plain;\n\
         client_body_temp_path {here}/t1; proxy_temp_path {here}/t2; fastcgi_temp_path {here}/t3;\n\
         uwsgi_temp_path {here}/t4; scgi_temp_path {here}/t5;\n\
         ssl_certificate {here}/app.crt; ssl_certificate_key {here}/app.key;\n\
         ssl_client_certificate {here}/client-ca.crt;\n\
         server {{ listen 127.0.0.1:{} ssl; ssl_verify_client on;\n\
           return 200 '$ssl_client_verify $ssl_client_s_dn $ssl_server_name $server_protocol'; }}\n\
         server {{ listen 127.0.0.1:{} proxy_protocol;\n\
           return 200 '$proxy_protocol_addr $proxy_protocol_server_port'; }}\n\
         server {{ listen 127.0.0.1:{} ssl proxy_protocol;\n\
           return 200 '$proxy_protocol_addr $ssl_server_name'; }}\n\
         }}\n",
        ports[0], ports[1], ports[2]
    );
    folder.write("nginx.conf", config);
    let mut nginx = Command::new("nginx");
    nginx.args(["-e", "stderr", "-p"]).arg(folder.path()).arg("-c").arg(folder.file("nginx.conf"));
    let _nginx = Process::spawn(&mut nginx);
    ports.iter().copied().for_each(wait_for);

    let tls = "[upstream.tls]\nca = \"server-ca.crt\"\nserver_name = \"app.internal\"";
    let own = "certificate = \"hop.crt\"\nprivate_key = \"hop.key\"";
    let endpoint =
        |scheme: &str, at: usize| format!("endpoints = [\"{scheme}://127.0.0.1:{}\"]", ports[at]);
    let mut stage = Stage::with_site(
        folder,
        &sites(&[
            format!("{}\n{tls}\n{own}", endpoint("https", 0)),
            format!("{}\nproxy_protocol = \"v1\"", endpoint("http", 1)),
            format!("{}\nproxy_protocol = \"v2\"", endpoint("http", 1)),
            // Before TLS, nginx 1.22 reads 107 bytes at most.
            format!("{}\nproxy_protocol = \"v1\"\n{tls}", endpoint("https", 2)),
            // Without a certificate of its own nginx answers by itself.
            format!("{}\n{tls}", endpoint("https", 0)),
        ]),
    );
    assert_eq!(ask(&mut stage, 0), "SUCCESS CN=hop app.internal HTTP/1.1");
    let addresses = format!("127.0.0.1 {}", stage.gateway.address.port());
    assert_eq!((ask(&mut stage, 1), ask(&mut stage, 2)), (addresses.clone(), addresses));
    assert_eq!(ask(&mut stage, 3), "127.0.0.1 app.internal");
    let url = format!("{}/", stage.origin("s4.example.com"));
    assert!(stage.curl(&[&url]).text().contains("No required SSL certificate was sent"));
}

#[test]
fn haproxy_reads_the_gateways_proxy_headers() {
    if !are_installed(&["openssl", "curl", "python3", "haproxy"]) {
        return;
    }
    let folder = folder();
    let ports = free_ports(1);
    let config = format!(
        "defaults\n mode http\n timeout client 20s\n timeout server 20s\n timeout connect 5s\n\
         frontend app\n bind 127.0.0.1:{} accept-proxy\n\
         \x20http-request return status 200 content-type text/plain lf-string \
         \"%[src] %[dst_port] %[fc_rcvd_proxy] %[fc_pp_authority] %[fc_pp_unique_id,length]\"\n",
        ports[0]
    );
    folder.write("haproxy.cfg", config);
    let mut haproxy = Command::new("haproxy");
    haproxy.args(["-db", "-f"]).arg(folder.file("haproxy.cfg"));
    let _haproxy = Process::spawn(&mut haproxy);
    wait_for(ports[0]);
    let upstream = |version: &str| {
        format!("endpoints = [\"http://127.0.0.1:{}\"]\nproxy_protocol = \"{version}\"", ports[0])
    };
    let mut stage = Stage::with_site(folder, &sites(&[upstream("v2"), upstream("v1")]));
    let port = stage.gateway.address.port();
    assert_eq!(ask(&mut stage, 0), format!("127.0.0.1 {port} 1 s0.example.com 32"));
    assert_eq!(ask(&mut stage, 1).trim_end(), format!("127.0.0.1 {port} 1"));
}
