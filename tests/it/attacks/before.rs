//! Attacks on TLS itself, by clients that show nothing and by ones that were let in.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rustls::version::TLS13;
use rustls::{ClientConnection, ConnectionTrafficSecrets};

use crate::support::client::Connector;
use crate::support::gateway::{Gateway, Setup};
use crate::support::message::SITE;
use crate::support::upstream::{OK, Upstream};
use crate::support::{PATIENCE, openssl, port};

/// Types of records (RFC 8446 section 5.1).
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// A verified client that seals records by itself, so that they can be what no library sends.
struct Sealer {
    socket: TcpStream,
    key: LessSafeKey,
    iv: [u8; 12],
    sequence: u64,
}

impl Sealer {
    fn connect(connector: &Connector) -> Self {
        let mut config = connector.clone().speaking(&TLS13).config("http/1.1");
        config.enable_secret_extraction = true;
        let mut socket = port::connect(connector.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        let mut tls = ClientConnection::new(Arc::new(config), connector.name()).unwrap();
        while tls.is_handshaking() || tls.wants_write() {
            tls.complete_io(&mut socket).unwrap();
        }
        let (sequence, secrets) = tls.dangerous_extract_secrets().unwrap().tx;
        let ConnectionTrafficSecrets::Aes256Gcm { key, iv } = secrets else {
            panic!("another suite was chosen");
        };
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_ref()).unwrap());
        Self { socket, key, iv: iv.as_ref().try_into().unwrap(), sequence }
    }

    /// One record with this in it.
    fn seal(&mut self, kind: u8, content: &[u8]) -> Vec<u8> {
        let mut sealed = [content, &[kind]].concat();
        let length = u16::try_from(sealed.len() + AES_256_GCM.tag_len()).unwrap().to_be_bytes();
        let head = [APPLICATION_DATA, 3, 3, length[0], length[1]];
        let mut nonce = self.iv;
        for (byte, number) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *byte ^= number;
        }
        self.sequence += 1;
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.key.seal_in_place_append_tag(nonce, Aad::from(head), &mut sealed).unwrap();
        [head.as_slice(), &sealed].concat()
    }

    /// Sends one record over and over until the gateway has had enough; whether it ever had.
    fn ends_by(mut self, kind: u8, content: &[u8]) -> bool {
        for _ in 0..100 {
            let records: Vec<u8> = (0..100).flat_map(|_| self.seal(kind, content)).collect();
            if self.socket.write_all(&records).is_err() {
                return true;
            }
        }
        let mut scratch = [0; 4096];
        loop {
            match self.socket.read(&mut scratch) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => {
                    return !matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    );
                }
            }
        }
    }
}

#[test]
fn records_of_a_client_are_read_as_they_are_sealed() {
    // So that the tests below do not pass because all is refused.
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut client = Sealer::connect(&gateway.caller());
    for byte in format!("GET / HTTP/1.1\r\nHost: {SITE}\r\n\r\n").bytes() {
        let record = client.seal(APPLICATION_DATA, &[byte]);
        client.socket.write_all(&record).unwrap();
    }
    app.wait_for_connections(1);
}

#[test]
fn records_that_carry_nothing_come_to_an_end() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    for (name, kind, content) in [
        ("empty application data", APPLICATION_DATA, b"".as_slice()),
        ("key updates", HANDSHAKE, &[24, 0, 0, 1, 0]),
        ("key updates that ask for one", HANDSHAKE, &[24, 0, 0, 1, 1]),
        ("warnings", ALERT, &[1, 90]),
        ("junk of a handshake", HANDSHAKE, &[20, 0, 0, 1, 0]),
        ("another ClientHello", HANDSHAKE, &[1, 0, 0, 1, 0]),
        ("records of no type", 99, b"x"),
    ] {
        let client = Sealer::connect(&gateway.caller());
        assert!(client.ends_by(kind, content), "{name} went on");
        assert_eq!(gateway.connect().get("/").status(), 200, "{name}");
    }
}

#[test]
fn a_client_of_tls_1_2_cannot_begin_anew() {
    if !openssl::is_installed() {
        return;
    }
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let caller = gateway.pki.client_ca.client("renegotiates").issue().unwrap();
    gateway.pki.write("caller.crt", caller.certificate_pem());
    gateway.pki.write("caller.key", &caller.key_pem());
    // `R` asks for a new handshake on the connection. The input stays open, so it is the connection that ends it.
    let mut command = Command::new("timeout");
    command.args([
        "20",
        "openssl",
        "s_client",
        "-tls1_2",
        "-cert",
        "caller.crt",
        "-key",
        "caller.key",
    ]);
    command.args(["-servername", SITE, "-connect", &gateway.address.to_string()]);
    command.current_dir(gateway.pki.folder()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut client = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut input = client.stdin.take().unwrap();
    input.write_all(b"R\n").unwrap();
    let output = client.wait_with_output().unwrap();
    drop(input);
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(said.contains("RENEGOTIATING"), "{said}");
    assert!(said.contains("no renegotiation"), "{said}");
    assert_eq!(gateway.connect().get("/").status(), 200);
}

#[test]
fn a_client_hello_that_drips_has_no_longer_than_another() {
    let app = Upstream::answering(OK);
    let table = "[limits]\nhandshake_timeout = \"400ms\"\n";
    let gateway = Setup::new(&app).process_tables(table).start();
    let mut open = gateway.connect();
    let mut tls = ClientConnection::new(
        Arc::new(gateway.caller().config("http/1.1")),
        gateway.caller().name(),
    )
    .unwrap();
    let mut hello = Vec::new();
    tls.write_tls(&mut hello).unwrap();
    let mut socket = port::connect(gateway.address).unwrap();
    socket.set_read_timeout(Some(std::time::Duration::from_millis(20))).unwrap();
    let is_closed = hello.iter().any(|byte| {
        // The wait between two bytes is a read in vain.
        let is_over = |error: io::Error| !matches!(error.kind(), io::ErrorKind::WouldBlock);
        socket.write_all(&[*byte]).is_err()
            || socket.read(&mut [0]).map_or_else(is_over, |count| count == 0)
    });
    assert!(is_closed);
    assert_eq!(open.get("/").status(), 200);
}
