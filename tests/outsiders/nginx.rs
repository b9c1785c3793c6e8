//! nginx as the app: keep-alive or not, lengths, chunks or neither, a Unix socket, and connections that it drops.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use crate::material::Folder;
use crate::process::{PATIENCE, Process, are_installed};
use crate::stage::{SITE, Stage};

/// A file of nginx's, larger than all buffers on the way together.
const LARGE: usize = 48 * 1024 * 1024 + 5;

/// A gateway before nginx. Without `mode = "optional"` all clients need their certificate.
pub(crate) struct BeforeNginx {
    pub(crate) stage: Stage,
    _nginx: Process,
}

impl BeforeNginx {
    /// `None`, if a tool is missing and may be.
    #[track_caller]
    pub(crate) fn new(client: &str, more: &str) -> Option<Self> {
        Self::reached(client, more, false)
    }

    /// The same, over nginx's Unix socket where that is asked for.
    #[track_caller]
    fn reached(client: &str, more: &str, by_socket: bool) -> Option<Self> {
        if !are_installed(&["openssl", "python3", "nginx", client]) {
            return None;
        }
        let folder = Folder::with_household();
        let (nginx, url) = start(folder.path());
        let url = match by_socket {
            true => format!("unix:{}", folder.file("nginx.sock").display()),
            false => url,
        };
        let site = SITE.replace("http://127.0.0.1:APP_PORT", &url);
        Some(Self { stage: Stage::with_site(folder, &format!("{site}{more}")), _nginx: nginx })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.stage.origin("www.example.com"))
    }

    /// The status and the number of bytes of an answer.
    #[track_caller]
    fn status(&self, arguments: &[&str], path: &str) -> String {
        let url = self.url(path);
        let more =
            ["--output", "/dev/null", "--write-out", "%{response_code} %{size_download}", &url];
        self.stage.curl(&[arguments, &more].concat()).text()
    }
}

/// One process, on an address that nobody else here uses, and on a Unix socket.
fn start(folder: &Path) -> (Process, String) {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let ip = Ipv4Addr::new(127, 64 | high & 63, low, NEXT.fetch_add(1, Ordering::SeqCst));
    let address = TcpListener::bind((ip, 0)).unwrap().local_addr().unwrap();
    let root = folder.join("www");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("large"), vec![b'x'; LARGE]).unwrap();
    fs::write(root.join("small"), "0123456789".repeat(100)).unwrap();
    let config = include_str!("nginx.conf")
        .replace("FOLDER", &folder.display().to_string())
        .replace("ADDRESS", &address.to_string());
    fs::write(folder.join("nginx.conf"), config).unwrap();
    let mut nginx = Command::new("nginx");
    nginx.arg("-p").arg(folder).arg("-c").arg(folder.join("nginx.conf"));
    let mut nginx = Process::spawn(&mut nginx);
    let _output = nginx.output();
    let began = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(began.elapsed() < PATIENCE, "nginx does not listen");
        std::thread::park_timeout(Duration::from_millis(10));
    }
    (nginx, format!("http://{address}"))
}

#[test]
fn every_framing_of_nginx_reaches_the_client_whole() {
    let Some(stage) = BeforeNginx::new("curl", "") else {
        return;
    };
    for http in ["--http1.0", "--http1.1", "--http2"] {
        for path in ["/small", "/close/small", "/chunks/small", "/until-closed/small"] {
            assert_eq!(stage.status(&[http], path), "200 1000", "{http} {path}");
        }
        assert_eq!(stage.status(&[http], "/large"), format!("200 {LARGE}"), "{http}");
        assert_eq!(stage.status(&[http, "--head"], "/large"), "200 0", "{http}");
        assert_eq!(stage.status(&[http], "/nothing"), "204 0", "{http}");
    }
}

#[test]
fn a_connection_that_nginx_drops_is_a_502_and_the_next_request_is_served() {
    let Some(stage) = BeforeNginx::new("curl", "") else {
        return;
    };
    for http in ["--http1.1", "--http2"] {
        for _ in 0..5 {
            assert!(stage.status(&[http], "/drop").starts_with("502 "), "{http}");
            assert_eq!(stage.status(&[http], "/small"), "200 1000", "{http}");
        }
    }
}

#[test]
fn nginx_is_reached_by_a_unix_socket() {
    let Some(stage) = BeforeNginx::reached("curl", "", true) else {
        return;
    };
    assert_eq!(stage.status(&["--http2"], "/large"), format!("200 {LARGE}"));
    assert_eq!(stage.status(&["--http1.1"], "/close/small"), "200 1000");
}

#[test]
fn a_large_upload_that_nginx_answers_early_gets_the_answer() {
    let Some(stage) = BeforeNginx::new("curl", "") else {
        return;
    };
    let large = stage.stage.folder.file("www/large").display().to_string();
    for http in ["--http1.1", "--http2"] {
        assert!(stage.status(&[http, "-T", &large], "/too-large").starts_with("413 "), "{http}");
        let said = stage.status(&[http, "-T", &large, "-H", "Expect: 100-continue"], "/takes");
        assert_eq!(said, "200 2", "{http}");
        // From a pipe, and so in chunks.
        let url = stage.url("/takes");
        let said = stage.stage.curl_with_input(&[http, "-T", "-", &url], &vec![b'x'; 3_000_000]);
        assert_eq!(said.text(), "ok", "{http}");
    }
}

#[test]
fn ranges_and_resumed_downloads_pass() {
    let Some(stage) = BeforeNginx::new("curl", "") else {
        return;
    };
    for http in ["--http1.1", "--http2"] {
        assert_eq!(stage.status(&[http, "--range", "5-14"], "/small"), "206 10", "{http}");
        assert_eq!(stage.status(&[http, "--range", "2000-"], "/small").get(..3), Some("416"));
        stage.stage.folder.write("part", "0123456789".repeat(60));
        let url = stage.url("/small");
        let arguments = [
            http,
            "--continue-at",
            "-",
            "--output",
            "part",
            "--write-out",
            "%{response_code}",
            &url,
        ];
        assert_eq!(stage.stage.curl(&arguments).text(), "206", "{http}");
        assert_eq!(stage.stage.folder.read("part"), "0123456789".repeat(100), "{http}");
        let said = stage.stage.curl(&[http, "--compressed", &stage.url("/gzip/small")]).text();
        assert_eq!(said, "0123456789".repeat(100), "{http}");
    }
}
