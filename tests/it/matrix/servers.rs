//! What nginx and Apache make of each case, measured: `cargo test --test it matrix::servers -- --ignored` with
//! both installed. The outcome stands in the table; this finds out whether it still does.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use mtls_gateway::pki::Authority;
use rustls::RootCertStore;

use crate::support::PATIENCE;
use crate::support::client::{Connector, VERSIONS};

use super::Case;
use super::cases::TOPICS;
use super::forge::Made;
use super::key::pem;

/// Chains of the table are no longer than this. Both allow one intermediate if nobody says otherwise.
const DEPTH: usize = 20;

/// A server with one site a case, told apart by server name.
struct Server {
    address: SocketAddr,
    child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Everything that the servers read.
struct Ground {
    folder: tempfile::TempDir,
    roots: RootCertStore,
}

impl Ground {
    fn new(cases: &[(Case, Made)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ca = Authority::root("Server CA").unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(ca.der().clone()).unwrap();
        for (number, (_, made)) in cases.iter().enumerate() {
            let write = |name: &str, text: &str| {
                fs::write(folder.path().join(format!("{number}.{name}")), text).unwrap();
            };
            let server = ca.server([site(number)]).issue().unwrap();
            write("crt", server.certificate_pem());
            write("key", &server.key_pem());
            let trusted = made.anchors.iter().chain(&made.helpers);
            let trusted: String = trusted.map(|der| pem("CERTIFICATE", der)).collect();
            write("ca.crt", &trusted);
            if let Some(list) = &made.list {
                write("crl", &pem("X509 CRL", list));
            }
        }
        fs::write(folder.path().join("index.html"), "ok").unwrap();
        Self { folder, roots }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn run(&self, program: &str, words: &[&str], address: SocketAddr) -> Server {
        let said = fs::File::create(self.path().join(format!("{program}.said"))).unwrap();
        let child = Command::new(program)
            .args(words)
            .current_dir(self.path())
            .env("PATH", "/usr/sbin:/usr/bin:/bin")
            .stdin(Stdio::null())
            .stdout(said.try_clone().unwrap())
            .stderr(said)
            .spawn()
            .unwrap();
        let server = Server { address, child };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            let said = self.path().join(format!("{program}.said"));
            assert!(start.elapsed() < PATIENCE, "{}", fs::read_to_string(said).unwrap());
            std::thread::yield_now();
        }
        server
    }

    fn nginx(&self, cases: &[(Case, Made)]) -> Server {
        let address = free_address();
        let mut text = "daemon off;\nmaster_process off;\nworker_processes 1;\npid nginx.pid;\nerror_log stderr;\n\
                        events {}\nhttp {\naccess_log off;\nclient_body_temp_path b;\nproxy_temp_path p;\n\
                        fastcgi_temp_path f;\nuwsgi_temp_path u;\nscgi_temp_path s;\n\
                        server_names_hash_max_size 4096;\n"
            .to_owned();
        for (number, (_, made)) in cases.iter().enumerate() {
            let crl =
                made.list.as_ref().map_or(String::new(), |_| format!("ssl_crl {number}.crl;\n"));
            text.push_str(&format!(
                "server {{\nlisten {address} ssl;\nserver_name {};\nroot .;\n\
                 ssl_protocols TLSv1.2 TLSv1.3;\nssl_certificate {number}.crt;\n\
                 ssl_certificate_key {number}.key;\nssl_client_certificate {number}.ca.crt;\n\
                 ssl_verify_client on;\nssl_verify_depth {DEPTH};\n{crl}}}\n",
                site(number)
            ));
        }
        text.push_str("}\n");
        fs::write(self.path().join("nginx.conf"), text).unwrap();
        let folder = self.path().to_str().unwrap();
        self.run("nginx", &["-p", folder, "-c", "nginx.conf", "-e", "stderr"], address)
    }

    fn apache(&self, cases: &[(Case, Made)]) -> Server {
        let address = free_address();
        let folder = self.path().display();
        let mut text = format!(
            "ServerRoot {folder}\nServerName localhost\nListen {address}\nPidFile {folder}/apache.pid\n\
             Mutex file:{folder}\nErrorLog {folder}/apache.error\nDocumentRoot {folder}\n"
        );
        for module in ["mpm_event", "authz_core", "socache_shmcb", "ssl"] {
            let file = PathBuf::from("/usr/lib/apache2/modules").join(format!("mod_{module}.so"));
            text.push_str(&format!("LoadModule {module}_module {}\n", file.display()));
        }
        for (number, (_, made)) in cases.iter().enumerate() {
            let crl = made.list.as_ref().map_or(String::new(), |_| {
                format!("SSLCARevocationFile {folder}/{number}.crl\nSSLCARevocationCheck leaf\n")
            });
            text.push_str(&format!(
                "<VirtualHost {address}>\nServerName {}\nSSLEngine on\n\
                 SSLCertificateFile {folder}/{number}.crt\nSSLCertificateKeyFile {folder}/{number}.key\n\
                 SSLCACertificateFile {folder}/{number}.ca.crt\nSSLVerifyClient require\n\
                 SSLVerifyDepth {DEPTH}\n{crl}</VirtualHost>\n",
                site(number)
            ));
        }
        fs::write(self.path().join("apache.conf"), text).unwrap();
        let file = self.path().join("apache.conf");
        self.run("apache2", &["-X", "-f", file.to_str().unwrap()], address)
    }

    /// Whether a server lets the client of a case in, over either version of TLS.
    fn lets_in(&self, server: &Server, number: usize, made: &Made) -> bool {
        let name: &'static str = Box::leak(site(number).into_boxed_str());
        let caller = Connector::new(server.address, self.roots.clone());
        let caller = caller.presenting(made.credentials()).asking_for(name);
        VERSIONS.iter().any(|version| {
            let mut client = caller.clone().speaking(version).open();
            let answer = client.handshake().and_then(|()| client.try_get(name));
            // Whom nginx does not let in gets 400; whom Apache lets in finds no page at `/`.
            answer.is_ok_and(|answer| [200, 404].contains(&answer.status()))
        })
    }
}

fn site(number: usize) -> String {
    format!("case-{number}.example")
}

/// Free when it was asked for; neither server can be told to choose by itself.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
#[ignore = "needs nginx and Apache"]
fn what_they_do_is_in_the_table() {
    let cases = TOPICS.iter().flat_map(|(_, cases)| cases());
    let cases: Vec<_> = cases.map(|case| (case.make)()).collect();
    let cases: Vec<_> = TOPICS.iter().flat_map(|(_, cases)| cases()).zip(cases).collect();
    let ground = Ground::new(&cases);
    let (nginx, apache) = (ground.nginx(&cases), ground.apache(&cases));
    let wrong: Vec<_> = cases
        .iter()
        .enumerate()
        .filter_map(|(number, (case, made))| {
            let found =
                (ground.lets_in(&nginx, number, made), ground.lets_in(&apache, number, made));
            (found != case.servers).then(|| format!("{}: {found:?}", case.name))
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
