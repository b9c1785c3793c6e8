//! The `openssl` command: it makes what this house cannot, and says what it thinks of each case.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::forge::Made;
use super::key::pem;

/// The version whose opinion the table has.
const VERSION: &str = "OpenSSL 3.0.";

/// Runs `openssl` in a folder: what it prints, or what it complains of.
pub fn openssl(folder: &Path, words: &[&str]) -> Result<Vec<u8>, String> {
    let mut command = Command::new("openssl");
    command.args(words).current_dir(folder).stdin(Stdio::null());
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Whether its opinion is the one that the table has.
pub fn is_of_the_table() -> bool {
    let version = openssl(Path::new("."), &["version"]).unwrap_or_default();
    let version = String::from_utf8_lossy(&version);
    if version.starts_with(VERSION) {
        return true;
    }
    let version = version.trim();
    let why = format!("the table has the opinion of {VERSION}x, and this is {version}");
    _ = writeln!(std::io::stderr(), "skipped: {why}");
    false
}

/// `openssl verify` of a case as a server would ask it: `ok`, or the error's words.
pub fn verify(made: &Made) -> String {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, ders: &[Vec<u8>]| {
        let text: String = ders.iter().map(|der| pem("CERTIFICATE", der)).collect();
        std::fs::write(folder.path().join(name), text).unwrap();
    };
    write("own", &made.chain[..1]);
    write("sent", &made.chain[1..]);
    // A server reads what completes chains from the same file as what ends them, and trusts only roots.
    write("trusted", &[made.anchors.clone(), made.helpers.clone()].concat());
    // The security level is Debian's for servers.
    let mut words = vec!["verify", "-purpose", "sslclient", "-auth_level", "2"];
    words.extend(["-no-CApath", "-no-CAstore", "-CAfile", "trusted"]);
    if made.chain.len() > 1 {
        words.extend(["-untrusted", "sent"]);
    }
    if let Some(list) = &made.list {
        let text = pem("X509 CRL", list);
        std::fs::write(folder.path().join("list"), text).unwrap();
        words.extend(["-crl_check", "-CRLfile", "list"]);
    }
    words.push("own");
    match openssl(folder.path(), &words) {
        Ok(_) => "ok".to_owned(),
        Err(said) => match said.split_once(" lookup: ") {
            Some((_, words)) => words.lines().next().unwrap_or_default().to_owned(),
            None => "unreadable".to_owned(),
        },
    }
}
