//! Headers that the gateway answers for: what is of one hop ends here, what a client says about itself is
//! removed, and what the gateway says is true.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use hyper::body::Frame;
use mtls_gateway::identity::Claims;

use crate::support::gateway::{Gateway, Setup};
use crate::support::h2::{channel, empty, request};
use crate::support::h2_app::H2App;
use crate::support::message::{Message, SITE};
use crate::support::pki::Credentials;
use crate::support::upstream::{OK, Upstream};

/// Names that only the gateway may use, in spellings that apps take for them.
const SPELLINGS: [&str; 24] = [
    "X-SSL-Client-Verify",
    "x-ssl-client-s-dn",
    "X_SSL_CLIENT_VERIFY",
    "X.SSL.Client.S.DN",
    "X-SSL_Client.Cert",
    "x~ssl~client~verify",
    "X+SSL+Client+Verify",
    "X-SSL-Client-Anything",
    "SSL-Client-Cert",
    "SSL_CLIENT_S_DN",
    "X-Client-Subject",
    "X_Client_DN",
    "X-Forwarded-Client-Cert",
    "X-Forwarded-Tls-Client-Cert",
    "X-Amzn-Mtls-Clientcert",
    "X-ARR-ClientCert",
    "Client-Cert",
    "Client_Cert_Chain",
    "Remote-User",
    "REMOTE_USER",
    "X-Forwarded-User",
    "l5d-client-id",
    "Proxy",
    "X-Real-IP",
];

/// Everything that reached the app, in one string.
fn everything(request: &Message) -> String {
    format!("{request:?}")
}

#[test]
fn headers_of_one_hop_are_taken_by_every_connection_line() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    gateway.connect().ask(format!(
        "GET / HTTP/1.1\r\nHost: {SITE}\r\nConnection: X-One, keep-alive\r\nX-One: gone\r\n\
         X-Two: gone\r\nConnection: ,,x-two ,\r\nKeep-Alive: timeout=gone\r\nTE: gzip\r\n\
         Proxy-Connection: gone\r\nUpgrade: gone\r\nHTTP2-Settings: gone\r\nX-Three: stays\r\n\r\n"
    ));
    let request = app.only_request();
    assert!(!everything(&request).contains("gone"), "{request:?}");
    assert_eq!(request.one("x-three"), Some("stays"));
    assert_eq!(request.one("te"), None);
    assert_eq!(request.one("upgrade"), None);
}

#[test]
fn naming_a_header_in_connection_does_not_take_what_the_gateway_says() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let response = gateway.connect().ask(format!(
        "GET / HTTP/1.1\r\nHost: {SITE}\r\nConnection: X-SSL-Client-Verify, X-SSL-Client-Cert, \
         x-forwarded-for, Forwarded, X-Request-Id\r\nConnection: Host, Content-Length\r\n\r\n"
    ));
    assert_eq!(response.status(), 200);
    let request = app.only_request();
    assert_eq!(request.one("x-ssl-client-verify"), Some("SUCCESS"));
    assert!(request.one("x-ssl-client-cert").is_some());
    assert_eq!(request.one("x-forwarded-for"), Some("127.0.0.1"));
    assert!(request.one("forwarded").is_some());
    assert!(request.one("x-request-id").is_some());
    assert_eq!(request.one("host"), Some(SITE));
    assert_eq!(request.one("connection"), None);
}

#[test]
fn no_spelling_of_an_identity_header_comes_through() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut lines = String::new();
    for name in SPELLINGS {
        lines.push_str(&format!("{name}: forged\r\n{name}: forged twice\r\n"));
    }
    let mut client = gateway.connect();
    client.ask(format!("GET / HTTP/1.1\r\nHost: {SITE}\r\n{lines}\r\n"));
    let mut over_h2 = request("GET", "/");
    for name in SPELLINGS {
        over_h2 = over_h2.header(name.to_ascii_lowercase(), "forged");
    }
    gateway.connect_h2().ask(over_h2.body(empty()).unwrap());
    for request in app.requests() {
        assert!(!everything(&request).contains("forged"), "{request:?}");
        assert_eq!(request.one("x-ssl-client-verify"), Some("SUCCESS"));
    }
    assert_eq!(app.requests().len(), 2);
}

#[test]
fn a_trailer_brings_no_reserved_name_to_the_app() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut lines = String::new();
    for name in SPELLINGS {
        lines.push_str(&format!("{name}: forged\r\n"));
    }
    gateway.connect().ask(format!(
        "POST / HTTP/1.1\r\nHost: {SITE}\r\nTransfer-Encoding: chunked\r\n\
         Trailer: X-SSL-Client-Verify, X-Sum\r\n\r\n3\r\nabc\r\n0\r\n{lines}X-Sum: 6\r\n\
         Content-Length: 9\r\nTransfer-Encoding: forged\r\nHost: forged\r\n\r\n"
    ));
    let (sender, body) = channel();
    let mut trailers = HeaderMap::new();
    trailers.insert("x-ssl-client-verify", "forged".parse().unwrap());
    trailers.insert("x_forwarded_for", "forged".parse().unwrap());
    trailers.insert("x-sum", "6".parse().unwrap());
    sender.try_send(Frame::data("abc".into())).unwrap();
    sender.try_send(Frame::trailers(trailers)).unwrap();
    drop(sender);
    let over_h2 = request("POST", "/").header("trailer", "x-sum, x-ssl-client-verify");
    gateway.connect_h2().ask(over_h2.body(body).unwrap());

    let requests = app.requests();
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert!(!everything(&request).contains("forged"), "{request:?}");
        assert_eq!(request.body, b"abc");
        assert_eq!(request.trailers.len(), 1, "{request:?}");
        assert_eq!(request.trailers[0].1, "6");
    }
}

#[test]
fn what_the_gateway_says_of_the_client_is_what_its_certificate_says() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let name = "caller, O=\"Evil\"+CN=admin\n";
    let issued = gateway.pki.client_ca.client(name).issue().unwrap();
    let caller = gateway.caller().presenting(Credentials::of(&issued));
    caller.connect().get("/");
    let request = app.only_request();
    let claims = Claims::from_der(issued.der()).unwrap();

    assert_eq!(request.one("x-ssl-client-verify"), Some("SUCCESS"));
    assert_eq!(request.one("x-ssl-client-s-dn"), Some(&*claims.subject));
    assert_eq!(request.one("x-ssl-client-i-dn"), Some("CN=Client CA"));
    assert_eq!(request.one("x-ssl-client-serial"), Some(&*claims.serial));
    let fingerprint = request.one("x-ssl-client-fingerprint").unwrap();
    assert_eq!(fingerprint, claims.fingerprint());
    // RFC 4514: what separates is escaped, so that the name stays one name.
    let subject = request.one("x-ssl-client-s-dn").unwrap();
    assert!(subject.starts_with(r"CN=caller\, O="), "{subject}");
    assert!(!subject.contains(r"+CN") || subject.contains(r"\+CN"), "{subject}");

    let escaped = request.one("x-ssl-client-cert").unwrap();
    let pem = percent_encoding::percent_decode_str(escaped).decode_utf8().unwrap();
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    assert_eq!(STANDARD.decode(base64).unwrap(), issued.der().as_ref());
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----\n"), "{pem}");
}

#[test]
fn where_a_request_came_from_is_the_gateways_word() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {SITE}:8443\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: forged\r\n\
         X-Forwarded-Host: forged\r\nForwarded: for=forged\r\nX-Request-Id: forged\r\n\
         X-Forwarded-Port: 6\r\nX_Forwarded_For: 6.6.6.6\r\n\r\n"
    );
    client.ask(&request);
    client.ask(&request);
    let requests = app.requests();
    for request in &requests {
        let text = everything(request);
        assert!(!text.contains("forged") && !text.contains("6.6.6.6"), "{text}");
        assert_eq!(request.one("x-forwarded-for"), Some("127.0.0.1"));
        assert_eq!(request.one("x-forwarded-proto"), Some("https"));
        assert_eq!(request.one("x-forwarded-host"), Some("a.example:8443"));
        assert_eq!(
            request.one("forwarded"),
            Some("for=127.0.0.1;host=\"a.example:8443\";proto=https")
        );
    }
    // The id is new for each request, and the log's.
    let ids: Vec<_> = requests.iter().map(|r| r.one("x-request-id").unwrap()).collect();
    assert_ne!(ids[0], ids[1]);
    let events = client.events("access", 2);
    assert_eq!(events[0].field("request_id"), ids[0]);
    assert_eq!(events[1].field("request_id"), ids[1]);
}

#[test]
fn headers_of_one_hop_of_a_response_end_here() {
    let app = Upstream::answering(
        "HTTP/1.1 200 OK\r\nConnection: X-One, keep-alive\r\nX-One: gone\r\nConnection: x-two\r\n\
         X-Two: gone\r\nKeep-Alive: timeout=gone\r\nProxy-Connection: gone\r\nUpgrade: gone\r\n\
         Trailer: X-Sum\r\nServer: app\r\nContent-Length: 2\r\n\r\nok",
    );
    let gateway = Gateway::before(&app);
    let response = gateway.connect().get("/");
    assert!(!everything(&response).contains("gone"), "{response:?}");
    assert_eq!(response.one("server"), Some("app"));
    let answer = gateway.connect_h2().get("/");
    assert!(!format!("{answer:?}").contains("gone"), "{answer:?}");
}

#[test]
fn an_answer_of_the_gateways_says_nothing_of_the_inside() {
    let app = Upstream::absent();
    let gateway = Gateway::before(&app);
    let mut client = gateway.connect();
    let response = client.get("/secret-path");
    assert_eq!(response.status(), 502);
    let text = everything(&response);
    for inside in ["127.0.0.1", "secret-path", "refused", "hyper", &app.url] {
        assert!(!text.contains(inside), "{text}");
    }
    let event = client.event("access");
    assert!(event.field("cause").contains("refused"), "{event:?}");
    let json: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(json["request_id"], event.field("request_id"));
}

/// Over HTTP/2 they would break what they end.
#[test]
fn trailers_say_nothing_of_this_hop_in_either_direction() {
    let app = Upstream::answering(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 6\r\n\
         Connection: x-gone\r\nX-Gone: 1\r\nKeep-Alive: timeout=5\r\nTransfer-Encoding: gzip\r\nTE: gzip\r\n\
         Upgrade: h2c\r\nContent-Length: 7\r\n\r\n",
    );
    let gateway = Gateway::before(&app);
    let answer = gateway.connect_h2().get("/");
    assert_eq!((answer.status, answer.body.as_ref()), (200, &b"ok"[..]));
    let names: Vec<_> = answer.trailers.keys().map(http::HeaderName::as_str).collect();
    assert_eq!(names, ["x-sum"]);

    let app = H2App::start(None, |mut asked| async move {
        let (_, trailers) = asked.read().await;
        let trailers = trailers.unwrap_or_default();
        asked.note(&format!("{:?}", trailers.keys().collect::<Vec<_>>()));
        asked.answer("");
    });
    let gateway = Setup::with_url(&app.url).start();
    let response = gateway.connect().ask(format!(
        "POST / HTTP/1.1\r\nHost: {SITE}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 6\r\n\
         Connection: x-gone\r\nX-Gone: 1\r\nKeep-Alive: timeout=5\r\nUpgrade: h2c\r\nTE: gzip\r\n\r\n",
    ));
    assert_eq!(response.status(), 200);
    assert_eq!(app.notes(), ["[\"x-sum\"]"]);
}
