//! A listener of plain HTTP: the way to HTTPS, the files of challenges, and nothing else.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::symlink;

use crate::admin::{look, soon};
use crate::support::PATIENCE;
use crate::support::events;
use crate::support::gateway::{Gateway, Setup};
use crate::support::message::{Message, Reader, code_of};
use crate::support::port;
use crate::support::upstream::{OK, Upstream};

/// Another address than that of the first listener, so that both may have port 0.
const PLAIN: &str =
    "[[listener]]\naddress = \"127.0.0.2:0\"\nkind = \"http\"\nredirect_port = 443\n";

fn setup(app: &Upstream) -> Setup {
    let setup = Setup::new(app).doors(PLAIN).doors("acme_challenges = \"challenges\"");
    fs::create_dir(setup.pki.folder().join("challenges")).unwrap();
    setup
}

fn door(gateway: &Gateway) -> SocketAddr {
    gateway.addresses()[1]
}

fn open(gateway: &Gateway) -> TcpStream {
    let stream = port::connect(door(gateway)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Asks once; the connection must end behind the answer.
fn ask(gateway: &Gateway, request: impl AsRef<[u8]>) -> Message {
    let mut stream = open(gateway);
    stream.write_all(request.as_ref()).unwrap();
    let mut reader = Reader::new(stream);
    let is_head = request.as_ref().starts_with(b"HEAD");
    let answer = if is_head { reader.head() } else { reader.message() };
    assert_eq!(reader.rest().unwrap(), b"");
    answer.unwrap().unwrap()
}

fn get(gateway: &Gateway, target: &str, host: &str) -> Message {
    ask(gateway, format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
}

#[test]
fn everything_is_sent_on_to_https() {
    let app = Upstream::answering(OK);
    let gateway = setup(&app).start();
    for (request, location) in [
        ("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "https://a.example/"),
        ("GET /a?b=c HTTP/1.1\r\nHost: a.example:80\r\n\r\n", "https://a.example/a?b=c"),
        (
            "HEAD //evil.example HTTP/1.1\r\nHost: A.example\r\n\r\n",
            "https://A.example//evil.example",
        ),
        ("GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\n\r\n", "https://a.example/x"),
        ("DELETE / HTTP/1.1\r\nHost: a.example\r\n\r\n", "https://a.example/"),
        // The body is not waited for.
        (
            "POST /in HTTP/1.1\r\nHost: a.example\r\nContent-Length: 9\r\n\r\nsec",
            "https://a.example/in",
        ),
        (
            "GET /.well-known/acme-challenges/x HTTP/1.1\r\nHost: a.example\r\n\r\n",
            "https://a.example/.well-known/acme-challenges/x",
        ),
        (
            "POST /.well-known/acme-challenge/x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n\r\n",
            "https://a.example/.well-known/acme-challenge/x",
        ),
    ] {
        let answer = ask(&gateway, request);
        assert_eq!((answer.status(), answer.one("location")), (308, Some(location)), "{request}");
        assert_eq!(answer.one("connection"), Some("close"));
    }
    assert!(app.requests().is_empty());
    assert_eq!(gateway.connect().get("/").status(), 200);
}

#[test]
fn nobody_is_sent_where_no_site_is() {
    let app = Upstream::answering(OK);
    let gateway = setup(&app).start();
    for (request, status, code) in [
        ("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421, "misdirected-request"),
        ("GET / HTTP/1.1\r\nHost: a.example.evil.example\r\n\r\n", 421, "misdirected-request"),
        ("GET http://evil.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", 400, "bad-request"),
        ("GET / HTTP/1.1\r\nHost: a.example\r\nHost: evil.example\r\n\r\n", 400, "bad-request"),
        ("GET / HTTP/1.1\r\nHost: a.example@evil.example\r\n\r\n", 400, "bad-request"),
        ("GET / HTTP/1.1\r\nHost: a.example:x\r\n\r\n", 400, "bad-request"),
        ("GET / HTTP/1.1\r\n\r\n", 400, "bad-request"),
        ("OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n", 400, "bad-request"),
        (
            "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n",
            405,
            "method-not-allowed",
        ),
    ] {
        let answer = ask(&gateway, request);
        assert_eq!((answer.status(), code_of(&answer.body).as_str()), (status, code), "{request}");
        assert_eq!(answer.one("location"), None);
    }
    // Noise gets no answer that looks like one, and nothing gets through.
    for noise in [
        "\x16\x03\x01\x02\x00\x01\x00",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "nonsense\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
    ] {
        let mut stream = open(&gateway);
        stream.write_all(noise.as_bytes()).unwrap();
        _ = stream.shutdown(std::net::Shutdown::Write);
        let mut said = Vec::new();
        _ = stream.read_to_end(&mut said);
        assert!(
            said.is_empty() || said.starts_with(b"HTTP/1.1 4") || said.starts_with(b"HTTP/1.0 4"),
            "{said:?}"
        );
    }
    let long = format!("GET / HTTP/1.1\r\nHost: a.example\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    assert_eq!(ask(&gateway, long).status(), 431);
    assert!(app.requests().is_empty());
}

#[test]
fn challenges_are_files_of_one_folder() {
    let app = Upstream::answering(OK);
    let gateway = setup(&app).start();
    let folder = gateway.pki.folder().join("challenges");
    let write = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).unwrap();
    write("to-KEN_1", b"to-KEN_1.thumb");
    write("long", &[b'x'; 1025]);
    write("a.b", b"secret");
    fs::write(gateway.pki.folder().join("outside"), "secret").unwrap();
    symlink("../outside", folder.join("link")).unwrap();
    fs::create_dir(folder.join("folder")).unwrap();
    // A CA asks by names that no site has yet, too.
    for host in ["a.example", "new.example", "192.0.2.1"] {
        let answer = get(&gateway, "/.well-known/acme-challenge/to-KEN_1", host);
        assert_eq!((answer.status(), answer.body.as_slice()), (200, b"to-KEN_1.thumb".as_slice()));
        assert_eq!(answer.one("content-type"), Some("application/octet-stream"));
    }
    let head = "HEAD /.well-known/acme-challenge/to-KEN_1 HTTP/1.1\r\nHost: a.example\r\n\r\n";
    assert_eq!(ask(&gateway, head).one("content-length"), Some("14"));
    let long = "x".repeat(300);
    for name in [
        "none",
        "long",
        "link",
        "folder",
        "a.b",
        "",
        "..",
        ".",
        "../outside",
        "..%2foutside",
        "%2e%2e/outside",
        "folder/../to-KEN_1",
        "to-KEN_1/",
        "to-KEN_1%00",
        "/etc/passwd",
        &long,
    ] {
        let answer = get(&gateway, &format!("/.well-known/acme-challenge/{name}"), "a.example");
        assert_eq!(
            (answer.status(), code_of(&answer.body).as_str()),
            (404, "no-challenge"),
            "{name}"
        );
    }
    let asked = get(&gateway, "/.well-known/acme-challenge/to-KEN_1?x=1", "a.example");
    assert_eq!(asked.status(), 200);
    assert!(app.requests().is_empty());
}

#[test]
fn requests_in_plain_http_are_told_and_counted() {
    let app = Upstream::answering(OK);
    let gateway = setup(&app).process_tables("[admin]\naddress = \"127.0.0.1:0\"").start();
    let mark = events::mark();
    let mut stream = open(&gateway);
    let own = stream.local_addr().unwrap();
    stream.write_all(b"GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
    let answer = Reader::new(stream).message().unwrap().unwrap();
    let line = events::wait_for("access", own, mark);
    assert_eq!((line.field("status"), line.field("code")), ("308", "redirect"));
    assert_eq!((line.field("site"), line.field("verify")), ("a.example", "NONE"));
    assert_eq!(answer.one("x-request-id"), Some(line.field("request_id")));
    let mark = events::mark();
    let mut stream = open(&gateway);
    let own = stream.local_addr().unwrap();
    let none = "GET /.well-known/acme-challenge/none HTTP/1.1\r\nHost: a.example\r\n\r\n";
    stream.write_all(none.as_bytes()).unwrap();
    let line = events::wait_for("access", own, mark);
    assert_eq!(line.field("code"), "no-challenge");
    assert!(line.field("cause").contains("No such file"), "{line:?}");
    let counted = look(&gateway, "/metrics");
    let of = |code: &str| {
        counted.metric(&format!("mtls_gateway_plain_http_requests_total{{code=\"{code}\"}}"))
    };
    assert_eq!((of("redirect"), of("no-challenge")), (1.0, 1.0));
}

#[test]
fn who_does_not_ask_in_time_is_closed() {
    let app = Upstream::answering(OK);
    let gateway = setup(&app).process_tables("[limits]\nhandshake_timeout = \"300ms\"").start();
    for slow in ["", "GET / HTTP/1.1\r\nHost: a.exa"] {
        let mark = events::mark();
        let mut stream = open(&gateway);
        stream.write_all(slow.as_bytes()).unwrap();
        assert!(!matches!(stream.read(&mut [0]), Ok(1..)));
        let refusal = events::wait_for("refusal", stream.local_addr().unwrap(), mark);
        assert_eq!(refusal.field("reason"), "timeout");
    }
}

/// A flood in plain HTTP has the oldest of its own make way, and no handshake.
#[test]
fn a_flood_in_plain_http_keeps_nobody_out() {
    let app = Upstream::answering(OK);
    let gateway = setup(&app).process_tables("[limits]\nhandshakes_max = 4").start();
    let mut half = port::connect(gateway.address).unwrap();
    half.write_all(b"\x16\x03\x01").unwrap();
    let flood: Vec<_> = (0..30).map(|_| open(&gateway)).collect();
    assert_eq!(get(&gateway, "/", "a.example").status(), 308);
    assert_eq!(gateway.connect().get("/").status(), 200);
    let is_gone = |mut stream: &TcpStream| {
        stream.set_nonblocking(true).unwrap();
        !matches!(stream.read(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    };
    soon(|| flood.iter().filter(|stream| is_gone(stream)).count() >= 26);
    assert!(!is_gone(&half));
}

#[test]
fn a_reload_turns_a_listener_of_plain_http_into_one_of_sites() {
    let app = Upstream::answering(OK);
    let gateway = setup(&app).start();
    let (before, plain) = (gateway.addresses(), "kind = \"http\"\nredirect_port = 443\n");
    let challenges = "acme_challenges = \"challenges\"";
    assert_eq!(get(&gateway, "/", "a.example").status(), 308);
    gateway.put_in_force(&gateway.text().replace(plain, "").replace(challenges, ""));
    let mut caller = gateway.caller();
    caller.address = door(&gateway);
    assert_eq!(caller.connect().get("/").status(), 200);
    gateway.replace("redirect_port = 443", "redirect_port = 8443");
    assert_eq!(get(&gateway, "/", "a.example").one("location"), Some("https://a.example:8443/"));
    assert_eq!(gateway.addresses(), before);
}

/// Whoever has connected and says nothing does not hold up a stop; who asks is answered.
#[test]
fn a_drain_waits_for_nobody_who_says_nothing() {
    let app = Upstream::answering(OK);
    let gateway = setup(&app).start();
    let silent = open(&gateway);
    let mut late = open(&gateway);
    // Both are with a worker once a third, which came later, was answered.
    assert_eq!(get(&gateway, "/", "a.example").status(), 308);
    gateway.stop.drain.cancel();
    late.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
    assert_eq!(Reader::new(late).message().unwrap().unwrap().status(), 308);
    gateway.wait_for_end();
    drop(silent);
}
