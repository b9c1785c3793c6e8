//! A folder with keys and certificates that `openssl` made.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::process;

/// Two authorities, a server of one and clients of the other. `new NAME EXTENSIONS [MORE]…` makes
/// `NAME.key` and `NAME.crt`.
const HOUSEHOLD: &str = "
    new server-ca authority -subj '/CN=Server CA'
    new server server -CA server-ca.crt -CAkey server-ca.key \
        -subj '/CN=www.example.com' -addext subjectAltName=DNS:www.example.com
    new client-ca authority -subj '/O=Platform/CN=Client CA'
    new client client -CA client-ca.crt -CAkey client-ca.key -subj '/O=Platform/CN=callback'
";

const NEW: &str = "
    new() {
        name=$1 extensions=$2; shift 2
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
            -config openssl.cnf -extensions \"$extensions\" \
            -keyout \"$name.key\" -out \"$name.crt\" \"$@\"
    }
";

/// A temporary folder.
pub(crate) struct Folder(TempDir);

impl Folder {
    /// A new one, with nothing in it but `openssl.cnf`.
    pub(crate) fn new() -> Self {
        let folder = Self(TempDir::new().unwrap());
        folder.write("openssl.cnf", include_str!("openssl.cnf"));
        folder
    }

    /// A new one with `server-ca`, `server`, `client-ca` and `client`, each a `.key` and a `.crt`.
    pub(crate) fn with_household() -> Self {
        let folder = Self::new();
        folder.shell(HOUSEHOLD);
        folder
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Where a file in it is.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file into it.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.file(name), text).unwrap();
    }

    /// Reads a text file of it.
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap()
    }

    /// Runs commands in it, as people type them, and returns what they print. `new` makes certificates.
    #[track_caller]
    pub(crate) fn shell(&self, commands: &str) -> String {
        let script = format!("umask 077\n{NEW}\n{commands}");
        let mut shell = Command::new("sh");
        shell.args(["-e", "-c", &script]).current_dir(self.path());
        process::run(&mut shell, b"").text()
    }

    /// A client certificate `NAME.crt` of `client-ca` for exactly this time, such as `20200101000000Z`.
    #[track_caller]
    pub(crate) fn issue_client(&self, name: &str, not_before: &str, not_after: &str) {
        self.write("index.txt", "");
        self.shell(&format!(
            "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
                -config openssl.cnf -subj /CN={name} -keyout {name}.key -out {name}.csr
             openssl ca -batch -notext -config openssl.cnf -cert client-ca.crt -keyfile client-ca.key \
                -startdate {not_before} -enddate {not_after} -in {name}.csr -out {name}.crt"
        ));
    }

    /// The SHA-256 of a file, in hexadecimal digits.
    #[track_caller]
    pub(crate) fn sha256(&self, name: &str) -> String {
        let said = self.shell(&format!("openssl dgst -sha256 -r {name}"));
        said[..64].to_owned()
    }
}
