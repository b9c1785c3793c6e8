//! Keys that a passphrase protects and keys that systemd hands over: served, rotated, and complained of.

use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Output;

use mtls_gateway::pki::Authority;
use mtls_gateway::tls::client::ClientStream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{
    Gateway, Place, SlowApp, any_port, block_on, openssl, output, program, stderr, stdout,
};

/// Without control over when files are looked at.
const TABLES: &str = "[runtime]\ncontrol_socket = \"control.sock\"\nwatch = false\n";

fn reload(place: &Place) -> Output {
    output(["reload", "--socket", place.path().join("control.sock").to_str().unwrap()])
}

/// Encrypts a key by a passphrase, in the files of these names.
fn encrypt(place: &Place, key_pem: &str, name: &str, passphrase: &str, how: &str) -> bool {
    place.write("plain.key", key_pem);
    place.write(&format!("{name}.pass"), &format!("{passphrase}\n"));
    let made =
        format!("pkcs8 -topk8 -in plain.key -out {name}.key -passout file:{name}.pass {how}");
    let is_made = openssl(place.path(), &made);
    fs::remove_file(place.path().join("plain.key")).unwrap();
    is_made
}

/// A request on a connection that stays open; the answer's status line.
async fn ask(stream: &mut ClientStream) -> String {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    while !answer.ends_with("allowed") {
        let mut bytes = [0; 1024];
        let count = stream.read(&mut bytes).await.unwrap();
        assert_ne!(count, 0, "closed after {answer:?}");
        answer.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
    }
    answer.lines().next().unwrap().to_owned()
}

#[test]
fn an_encrypted_key_and_its_passphrase_are_rotated_by_a_reload() {
    let place = Place::new();
    let app = SlowApp::start();
    // Who trusts one of the two sees which certificate is served.
    let servers = ["First CA", "Second CA"].map(|name| Authority::root(name).unwrap());
    let issue = |number: usize| servers[number].server(["localhost"]).issue().unwrap();
    let (first, second) = (issue(0), issue(1));
    place.write("server.crt", first.certificate_pem());
    if !encrypt(&place, &first.key_pem(), "server", "one", "-v2 aes256") {
        return;
    }
    let more = "";
    let config = place.config(any_port(), app.address, more);
    let text = fs::read_to_string(&config).unwrap();
    let key = "private_key = \"server.key\"\nprivate_key_passphrase_file = \"server.pass\"\n";
    let text = text.replace("private_key = \"server.key\"\n", key) + TABLES;
    fs::write(&config, text).unwrap();
    let mut gateway =
        Gateway::start(program([OsStr::new("run"), OsStr::new("--config"), config.as_os_str()]));
    let address = gateway.await_address();
    gateway.await_line("serving");
    (0..4).for_each(|_| app.answer.send(()).unwrap());
    block_on(async {
        let mut old = place.connect(address, servers[0].certificate_pem()).await;
        assert_eq!(ask(&mut old).await, "HTTP/1.1 200 OK");

        // A key that the passphrase does not open changes nothing.
        place.write("server.crt", second.certificate_pem());
        encrypt(&place, &second.key_pem(), "next", "two", "-scrypt");
        fs::rename(place.path().join("next.key"), place.path().join("server.key")).unwrap();
        let said = reload(&place);
        assert_eq!(said.status.code(), Some(1));
        let why = "which another passphrase opens than the one of `private_key_passphrase_file`";
        assert!(stderr(&said).contains(why), "{}", stderr(&said));
        assert!(!stderr(&said).contains("two"), "a secret is told: {}", stderr(&said));
        assert_eq!(ask(&mut old).await, "HTTP/1.1 200 OK");

        fs::rename(place.path().join("next.pass"), place.path().join("server.pass")).unwrap();
        let said = reload(&place);
        assert_eq!(said.status.code(), Some(0), "{}", stderr(&said));
        assert!(stdout(&said).contains("site localhost: certificate "), "{}", stdout(&said));
        let mut new = place.connect(address, servers[1].certificate_pem()).await;
        assert_eq!(ask(&mut new).await, "HTTP/1.1 200 OK");
        assert_eq!(ask(&mut old).await, "HTTP/1.1 200 OK");
    });
    gateway.signal("TERM");
    assert_eq!(gateway.await_end().code(), Some(0));
    let log = gateway.log.join("\n");
    assert!(!log.contains("PRIVATE KEY") && !log.contains("\"two\""), "{log}");
}

/// A configuration whose key and passphrase are credentials, and the folder that systemd would make for them.
fn with_credentials(place: &Place, app: SocketAddr) -> (std::path::PathBuf, std::path::PathBuf) {
    let folder = place.path().join("credentials");
    fs::create_dir(&folder).unwrap();
    fs::rename(place.path().join("server.key"), folder.join("tls.key")).unwrap();
    let config = place.config(any_port(), app, TABLES);
    let text = fs::read_to_string(&config).unwrap();
    let text = text.replace("\"server.key\"", "\"${CREDENTIALS_DIRECTORY}/tls.key\"");
    fs::write(&config, text).unwrap();
    (config, folder)
}

fn check(config: &Path, credentials: Option<&Path>) -> Output {
    let mut check = program([OsStr::new("check"), OsStr::new("--config"), config.as_os_str()]);
    check.env_remove("CREDENTIALS_DIRECTORY");
    check.envs(credentials.map(|folder| ("CREDENTIALS_DIRECTORY", folder)));
    check.output().unwrap()
}

#[test]
fn check_by_hand_says_how_to_have_the_credentials() {
    let place = Place::new();
    let (config, folder) = with_credentials(&place, "127.0.0.1:1".parse().unwrap());
    let said = check(&config, None);
    assert_eq!(said.status.code(), Some(78));
    let said = stdout(&said).to_owned();
    assert!(said.contains("gateway.toml:7:15: `private_key` names a credential"), "{said}");
    assert!(said.contains("/run/credentials/mtls-gateway.service"), "{said}");
    let said = check(&config, Some(&folder));
    assert_eq!(said.status.code(), Some(0), "{}", stdout(&said));
    let strange = Authority::root("B").unwrap().server(["localhost"]).issue().unwrap();
    let own = fs::read_to_string(place.path().join("server.crt")).unwrap();
    place.write("server.crt", strange.certificate_pem());
    let mismatch = check(&config, Some(&folder));
    assert!(stdout(&mismatch).contains("does not belong"), "{}", stdout(&mismatch));
    assert!(stdout(&mismatch).contains("and not at a reload"), "{}", stdout(&mismatch));
    place.write("server.crt", &own);
    let note = "tls.key` is a credential: a new one takes a restart";
    assert!(stdout(&said).contains(note), "{}", stdout(&said));
}

#[test]
fn a_credential_is_served_handed_on_and_never_found_new_by_a_reload() {
    let place = Place::new();
    let app = SlowApp::start();
    let (config, folder) = with_credentials(&place, app.address);
    let mut run = program([OsStr::new("run"), OsStr::new("--config"), config.as_os_str()]);
    run.env("CREDENTIALS_DIRECTORY", &folder);
    let mut gateway = Gateway::start(run);
    gateway.await_line("a credential: a new one takes a restart, not a reload");
    let address = gateway.await_address();
    gateway.await_line("serving");
    // The command line finds the gateway without knowing where its credentials are.
    let mut asked = program([OsStr::new("reload"), OsStr::new("--config"), config.as_os_str()]);
    let said = asked.env_remove("CREDENTIALS_DIRECTORY").output().unwrap();
    assert_eq!(said.status.code(), Some(0), "{}", stderr(&said));
    assert!(
        stderr(&said).contains("is a credential, and is as it was at the start"),
        "{}",
        stderr(&said)
    );
    let socket = place.path().join("control.sock");
    let said = output(["upgrade", "--socket", socket.to_str().unwrap()]);
    assert_eq!(said.status.code(), Some(0), "{}", stderr(&said));
    gateway.await_line("stopped");
    app.answer.send(()).unwrap();
    assert!(place.call(address).ends_with("allowed"));
    gateway.signal_successor("TERM");
    assert_eq!(gateway.await_end().code(), Some(0));
}
