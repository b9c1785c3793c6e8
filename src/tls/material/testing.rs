//! What the tests of this module share: a folder, a site in it, and a report that reads the same everywhere.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use crate::config::{
    Answers, Client, Endpoint, IdentityFormat, IdentityHeaders, Located, Report, ServerName, Site,
    SiteLimits, Source, Timeouts, Tls, TlsVersion, Upstream,
};

const TOML: &str = r#"[[listener]]
address = "0.0.0.0:443"

[[site]]
server_names = ["www.example.com"]
certificate  = "www.crt"
private_key  = "www.key"
client_ca    = "ca.crt"
upstream     = "http://127.0.0.1:8080"
"#;

/// A folder with a `gateway.toml` of one site.
pub(super) struct Lab {
    folder: TempDir,
}

impl Lab {
    pub(super) fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file that nobody else may read.
    pub(super) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    pub(super) fn report(&self) -> Report {
        Report::new(Arc::new(Source { path: "gateway.toml".into(), text: TOML.to_owned() }))
    }

    /// The site of `gateway.toml`.
    pub(super) fn site(&self) -> Site {
        let at = |value: &str| -> Range<usize> {
            let quoted = format!("{value:?}");
            let start = TOML.find(&quoted).unwrap();
            start..start + quoted.len()
        };
        let file = |name: &str| Located::new(self.path(name), at(name));
        let name = ServerName::Exact("www.example.com".to_owned());
        Site {
            server_names: vec![Located::new(name, at("www.example.com"))],
            certificate: file("www.crt"),
            private_key: file("www.key"),
            private_key_passphrase_file: None,
            client_ca: vec![file("ca.crt")],
            upstream: Located::new(
                Arc::new(Upstream::plain(Endpoint::Unix("/run/app.sock".into()))),
                0..0,
            ),
            encoded_slashes: false,
            routes: Vec::new(),
            answers: Answers::default(),
            client: Client::of_defaults(),
            identity_headers: IdentityHeaders {
                formats: vec![IdentityFormat::XSsl],
                bytes_max: 16 << 10,
            },
            tls: Tls {
                version_min: TlsVersion::V1_2,
                resumption: true,
                session_lifetime: Duration::from_secs(300),
            },
            timeouts: Timeouts {
                header_timeout: Duration::from_secs(10),
                idle_timeout: Duration::from_secs(60),
                body_idle_timeout: Duration::from_secs(30),
                body_rate_grace: Duration::from_secs(60),
                upstream_connect_timeout: Duration::from_secs(5),
                response_header_timeout: Duration::from_secs(60),
                exchange_timeout: None,
                tunnel_idle_timeout: Duration::from_secs(600),
                untrusted_exchange_timeout: Duration::from_secs(10),
                upstream_idle_timeout: Duration::from_secs(60),
                hold_timeout: None,
                callback_budget: None,
            },
            limits: SiteLimits {
                header_bytes_max: 65536,
                header_count_max: 100,
                body_bytes_max: None,
                body_rate_min: None,
                control_frames_per_second: 5000,
                streams_max: 100,
                sessions_max: 100,
                held_requests_max: 1000,
                uri_bytes_max: 8 << 10,
                requests_per_connection_max: None,
                requests_per_minute: None,
                requests_per_minute_per_client: None,
                upstream_idle_max: 32,
            },
        }
    }

    /// `text` with everything that differs from run to run replaced: folder, hashes, dates.
    pub(super) fn redact(&self, text: &str) -> String {
        let mut text = text.replace(&format!("{}/", self.folder().display()), "");
        text = text.replace(&self.folder().display().to_string(), ".");
        let mut redacted = String::new();
        let mut rest = text.as_str();
        while let Some(at) = rest.find("sha256:") {
            let end = rest[at..].find('…').map_or(rest.len(), |end| at + end);
            redacted += &rest[..at];
            redacted += "sha256:[hash]";
            rest = &rest[end..];
        }
        redacted += rest;
        redact_dates(&redacted)
    }

    /// Runs openssl in the folder, its arguments split at spaces; `false` where there is none.
    pub(super) fn openssl(&self, arguments: &str) -> bool {
        let arguments = arguments.split_whitespace();
        match Command::new("openssl")
            .args(arguments.clone())
            .current_dir(self.folder())
            .stdin(Stdio::null())
            .output()
        {
            Ok(output) => {
                assert!(
                    output.status.success(),
                    "openssl {:?}: {}",
                    arguments.collect::<Vec<_>>(),
                    String::from_utf8_lossy(&output.stderr)
                );
                true
            }
            Err(_) => {
                // The one place where a test may print: a skipped test must not look like a passed one.
                #[expect(clippy::disallowed_macros)]
                {
                    println!("skipped: openssl not found");
                }
                false
            }
        }
    }
}

/// The whole report as text.
pub(super) fn text(report: &Report) -> String {
    report.to_string()
}

/// Replaces `2026-11-22T08:00:00Z` wherever it stands.
fn redact_dates(text: &str) -> String {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00Z";
    let bytes = text.as_bytes();
    let is_date = |at: usize| {
        bytes.get(at..at + SHAPE.len()).is_some_and(|window| {
            window.iter().zip(SHAPE).all(|(byte, shape)| match shape {
                b'0' => byte.is_ascii_digit(),
                other => byte == other,
            })
        })
    };
    let mut redacted = String::new();
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        if is_date(at) {
            redacted += "[date]";
            at += SHAPE.len();
        } else {
            redacted.push(character);
            at += character.len_utf8();
        }
    }
    redacted
}
