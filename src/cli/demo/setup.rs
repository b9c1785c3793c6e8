//! What a demo needs on disk: certificates, keys and a `gateway.toml`, in a folder of its own that nobody
//! else may enter and that is gone when the demo ends.

use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::identity::{Claims, Malformed};
use crate::pki::{Authority, Issued, PkiError};

/// The name that the demo's client asks for.
pub(super) const SERVER_NAME: &str = "localhost";

/// Something that the demo needs and could not make.
#[derive(Debug, thiserror::Error)]
pub(super) enum SetupError {
    /// The folder, or a file in it.
    #[error("the demo's files cannot be written: {0}; TMPDIR names another place for them")]
    Writing(#[from] io::Error),
    /// A certificate.
    #[error(transparent)]
    Making(#[from] PkiError),
    /// A certificate that was just made.
    #[error(transparent)]
    Reading(#[from] Malformed),
}

/// The folder and what is in it. Dropping it removes all.
pub(super) struct Setup {
    folder: TempDir,
    /// The CA of the server's certificate, PEM: what clients trust.
    pub(super) server_ca: String,
    /// A client of the CA that the gateway is told to trust.
    pub(super) caller: Caller,
    /// The same client with a certificate that has run out.
    pub(super) expired: Caller,
    /// A client of another CA.
    pub(super) stranger: Caller,
}

/// A client's certificate with its key.
pub(super) struct Caller {
    /// The beginning of its file names.
    pub(super) name: &'static str,
    /// Certificate and key as one PEM text.
    pub(super) pem: String,
    /// What the certificate says.
    pub(super) claims: Claims,
}

impl Setup {
    /// Makes the folder and all certificates in it.
    pub(super) fn new() -> Result<Self, SetupError> {
        let folder = tempfile::Builder::new()
            .prefix("mtls-gateway-demo-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir()?;
        let server_ca = Authority::root("Demo Server CA")?;
        let client_ca = Authority::root("Demo Platform CA")?;
        let other_ca = Authority::root("Some Other CA")?;
        let server = server_ca.server([SERVER_NAME, "demo.example"]);
        let server = server.name("127.0.0.1").issue()?;
        let caller = client_ca.client("callback.platform.example").issue()?;
        let expired = client_ca.client("callback.platform.example");
        let expired = expired.expired().issue()?;
        let stranger = other_ca.client("callback.platform.example").issue()?;
        let setup = Self {
            folder,
            server_ca: server_ca.certificate_pem().to_owned(),
            caller: Caller::new("caller", &caller)?,
            expired: Caller::new("expired", &expired)?,
            stranger: Caller::new("stranger", &stranger)?,
        };
        setup.write("server-ca.crt", server_ca.certificate_pem())?;
        setup.write("client-ca.crt", client_ca.certificate_pem())?;
        let pairs = [
            ("server", &server),
            (setup.caller.name, &caller),
            (setup.expired.name, &expired),
            (setup.stranger.name, &stranger),
        ];
        for (name, issued) in pairs {
            setup.write(&format!("{name}.crt"), issued.certificate_pem())?;
            setup.write(&format!("{name}.key"), &issued.key_pem())?;
        }
        Ok(setup)
    }

    /// The folder's path.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes the gateway's configuration; the answer is its path and its text.
    pub(super) fn write_config(
        &self,
        port: u16,
        app: SocketAddr,
    ) -> Result<(PathBuf, String), SetupError> {
        let text = format!(
            "\
[[listener]]
address = \"127.0.0.1:{port}\"

[[site]]
server_names = [\"{SERVER_NAME}\", \"demo.example\", \"127.0.0.1\"]
certificate  = \"server.crt\"
private_key  = \"server.key\"
client_ca    = \"client-ca.crt\"
upstream     = \"http://{app}\"

[runtime]
workers       = 1
drain_timeout = \"2s\"
"
        );
        let path = self.write("gateway.toml", &text)?;
        Ok((path, text))
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf, SetupError> {
        let path = self.folder().join(name);
        // Keys are written here, too; the folder's mode would do, but the example should be a good one.
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(text.as_bytes())?;
        Ok(path)
    }
}

impl Caller {
    fn new(name: &'static str, issued: &Issued) -> Result<Self, Malformed> {
        Ok(Self {
            name,
            pem: format!("{}{}", issued.certificate_pem(), issued.key_pem()),
            claims: Claims::from_der(issued.der())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_else_may_read_the_files_and_they_go_with_the_demo() {
        let setup = Setup::new().unwrap();
        let folder = setup.folder().to_owned();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&folder.join("server.key")), 0o600);
        drop(setup);
        assert!(!folder.exists());
    }
}
