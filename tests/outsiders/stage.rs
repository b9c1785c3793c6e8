//! Everything that a test needs: a folder of material, an app, and a gateway before it.

use std::process::Command;

use crate::app::App;
use crate::gateway::Gateway;
use crate::material::Folder;
use crate::process::{self, Finished, are_installed};

/// The smallest site, with the files of [`Folder::with_household`].
pub(crate) const SITE: &str = r#"
    [[site]]
    server_names = ["www.example.com"]
    certificate = "server.crt"
    private_key = "server.key"
    client_ca = "client-ca.crt"
    upstream = "http://127.0.0.1:APP_PORT"
"#;

/// A running gateway with its app.
pub(crate) struct Stage {
    // Ended in this order: nobody's files or app vanish while it runs.
    pub(crate) gateway: Gateway,
    pub(crate) app: App,
    pub(crate) folder: Folder,
}

impl Stage {
    /// The smallest site. `None`, if a tool is missing and may be.
    #[track_caller]
    pub(crate) fn new(client: &str) -> Option<Self> {
        are_installed(&["openssl", "python3", client])
            .then(|| Self::with_site(Folder::with_household(), SITE))
    }

    /// A gateway with files and `[[site]]` tables of the test's own, in which the app has `APP_PORT`.
    #[track_caller]
    pub(crate) fn with_site(folder: Folder, sites: &str) -> Self {
        Self::with_listener(folder, "", sites)
    }

    /// The same with more of the listener.
    #[track_caller]
    pub(crate) fn with_listener(folder: Folder, listener: &str, sites: &str) -> Self {
        let app = App::start();
        let sites = sites.replace("APP_PORT", &app.port.to_string());
        let config = format!(
            "[[listener]]\n\
             address = \"127.0.0.1:0\"\n\
             {listener}\
             [log]\n\
             format = \"json\"\n\
             [runtime]\n\
             workers = 2\n\
             {sites}"
        );
        folder.write("gateway.toml", config);
        let gateway = Gateway::start(&folder.file("gateway.toml"));
        Self { gateway, app, folder }
    }

    /// `https://NAME:PORT`, as clients say it.
    pub(crate) fn origin(&self, name: &str) -> String {
        format!("https://{name}:{}", self.gateway.address.port())
    }

    /// Runs curl with what every request needs: where the gateway is, whom to trust, whom to be.
    #[track_caller]
    pub(crate) fn curl(&self, arguments: &[&str]) -> Finished {
        self.curl_with_input(arguments, b"")
    }

    /// The same with something to read on standard input.
    #[track_caller]
    pub(crate) fn curl_with_input(&self, arguments: &[&str], input: &[u8]) -> Finished {
        let mut curl = self.curl_command();
        curl.args(["--cert", "client.crt", "--key", "client.key"]);
        process::run(curl.args(arguments), input)
    }

    /// The same without a certificate.
    #[track_caller]
    pub(crate) fn curl_as_nobody(&self, arguments: &[&str]) -> Finished {
        process::run(self.curl_command().args(arguments), b"")
    }

    fn curl_command(&self) -> Command {
        let (ip, port) = (self.gateway.address.ip(), self.gateway.address.port());
        let mut curl = Command::new("curl");
        // `--disable` is heard only as the first: it leaves out the user's own `.curlrc`.
        curl.args(["--disable", "--silent", "--show-error", "--noproxy", "*"]);
        curl.args(["--max-time", "20", "--cacert", "server-ca.crt"]);
        curl.args(["--resolve", &format!("*:{port}:{ip}")]);
        curl.current_dir(self.folder.path());
        curl
    }
}
