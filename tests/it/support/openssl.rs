//! What only `openssl` makes: certificates of long ago. A test that lacks it says so and passes, except
//! where the environment has `CI`: there it fails.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::pki::Credentials;

/// Whether `openssl` is installed.
pub fn is_installed() -> bool {
    if Command::new("openssl").arg("version").output().is_ok() {
        return true;
    }
    assert!(std::env::var_os("CI").is_none(), "openssl is not installed, and CI may skip nothing");
    // Not `println!`: what it says is hidden when a test passes, which is the case here.
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    _ = writeln!(std::io::stderr(), "skipped: openssl is not installed ({name})");
    false
}

/// Runs commands in a folder, as people type them.
#[track_caller]
pub fn shell(folder: &Path, commands: &str) {
    let script = format!("umask 077\n{commands}");
    let said = Command::new("sh").args(["-e", "-c", &script]).current_dir(folder).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
}

/// `NAME.crt` and `NAME.key`, for a client to present.
pub fn credentials(folder: &Path, name: &str) -> Credentials {
    let pem = fs::read(folder.join(format!("{name}.crt"))).unwrap();
    let chain = CertificateDer::pem_slice_iter(&pem).map(Result::unwrap).collect();
    let key = fs::read_to_string(folder.join(format!("{name}.key"))).unwrap();
    Credentials::from_parts(chain, &key)
}
