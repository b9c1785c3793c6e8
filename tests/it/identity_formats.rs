//! How the app is told who the client is: each format read back as an app would, and compared with the
//! certificate; copies that clients send are gone.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mtls_gateway::identity::Claims;
use mtls_gateway::pki::Draft;
use percent_encoding::percent_decode_str;

use crate::support::gateway::{Gateway, Setup};
use crate::support::h2::{empty, request as h2_request};
use crate::support::message::{Message, SITE};
use crate::support::pki::Credentials;
use crate::support::upstream::{OK, Upstream};

const ALL: &str = "\"x_ssl\", \"xfcc\", \"rfc9440\", \"x_forwarded_tls_client_cert\"";

/// The names that the formats set.
const NAMES: [&str; 11] = [
    "X-SSL-Client-Verify",
    "X-SSL-Client-S-DN",
    "X-SSL-Client-I-DN",
    "X-SSL-Client-Serial",
    "X-SSL-Client-Fingerprint",
    "X-SSL-Client-Cert",
    "X-Forwarded-Client-Cert",
    "Client-Cert",
    "Client-Cert-Chain",
    "X-Forwarded-Tls-Client-Cert",
    "X-Forwarded-Tls-Client-Cert-Info",
];

fn gateway(app: &Upstream, keys: &str) -> Gateway {
    let tables = format!("[site.identity_headers]\n{keys}");
    Setup::new(app).site_tables(&tables).start()
}

/// The request that the app gets of a client with this certificate, and what was presented.
fn seen(keys: &str, wishes: impl Fn(Draft<'_>) -> Draft<'_>) -> (Message, Vec<Vec<u8>>) {
    let app = Upstream::answering(OK);
    let gateway = gateway(&app, keys);
    let issuing = gateway.pki.client_ca.intermediate("Issuing CA").authority().unwrap();
    let issued = wishes(issuing.client("caller")).issue().unwrap();
    let caller = Credentials::of(&issued).followed_by(&issuing).followed_by(&gateway.pki.client_ca);
    let presented = caller.chain.iter().map(|der| der.to_vec()).collect();
    gateway.caller().presenting(caller).connect().get("/");
    (app.only_request(), presented)
}

fn unescaped(text: &str) -> String {
    percent_decode_str(text).decode_utf8().unwrap().into_owned()
}

/// The certificates of a text of PEM blocks.
fn from_pem(pem: &str) -> Vec<Vec<u8>> {
    let blocks = pem.split("-----END CERTIFICATE-----\n").filter(|block| !block.is_empty());
    blocks
        .map(|block| {
            let base64 = block.strip_prefix("-----BEGIN CERTIFICATE-----\n").unwrap();
            STANDARD.decode(base64.replace('\n', "")).unwrap()
        })
        .collect()
}

/// Pairs of a value by Envoy's rules: divided by semicolons outside quotation marks.
fn pairs(value: &str) -> Vec<(String, String)> {
    let (mut pairs, mut quoted, mut start) = (Vec::new(), false, 0);
    let bytes = value.as_bytes();
    for at in 0..=bytes.len() {
        match bytes.get(at) {
            Some(b'"') if bytes[at - 1] != b'\\' => quoted = !quoted,
            None | Some(b';') if !quoted => {
                let (key, value) = value[start..at].split_once('=').unwrap();
                let value =
                    value.strip_prefix('"').map_or(value, |value| value.strip_suffix('"').unwrap());
                pairs.push((key.to_owned(), value.replace("\\\"", "\"")));
                start = at + 1;
            }
            _ => {}
        }
    }
    assert!(!quoted, "{value}");
    pairs
}

fn all_of<'a>(pairs: &'a [(String, String)], key: &str) -> Vec<&'a str> {
    let own = pairs.iter().filter(|(own, _)| own == key);
    own.map(|(_, value)| value.as_str()).collect()
}

#[test]
fn rfc9440_carries_the_certificate_and_what_came_behind() {
    let (request, presented) = seen("formats = [\"rfc9440\"]", |draft| draft);
    let bytes = |item: &str| {
        let base64 = item.strip_prefix(':').and_then(|item| item.strip_suffix(':'));
        STANDARD.decode(base64.unwrap()).unwrap()
    };
    assert_eq!(bytes(request.one("client-cert").unwrap()), presented[0]);
    let chain: Vec<_> = request.one("client-cert-chain").unwrap().split(", ").map(bytes).collect();
    assert_eq!(chain, presented[1..]);
    assert_eq!(request.one("x-ssl-client-verify"), None);
}

#[test]
fn rfc9440_has_no_chain_where_nothing_came_behind() {
    let app = Upstream::answering(OK);
    let gateway = gateway(&app, "formats = [\"rfc9440\"]");
    gateway.connect().get("/");
    let request = app.only_request();
    assert!(request.one("client-cert").is_some());
    assert_eq!(request.one("client-cert-chain"), None);
}

#[test]
fn xfcc_carries_one_element_with_every_name() {
    let (request, presented) = seen("formats = [\"xfcc\"]", |draft| {
        draft
            .organization("Example, Inc.", "Webhooks")
            .uri("spiffe://prod/ns/shop")
            .uri("https://example.com/?a=b;c,d")
            .name("a.example.com")
            .name("b.example.com")
    });
    let claims = Claims::from_der(&presented[0]).unwrap();
    let pairs = pairs(request.one("x-forwarded-client-cert").unwrap());
    let keys: Vec<_> = pairs.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["Hash", "Cert", "Chain", "Subject", "URI", "URI", "DNS", "DNS"]);
    assert_eq!(all_of(&pairs, "Hash"), [claims.fingerprint()]);
    assert_eq!(from_pem(&unescaped(all_of(&pairs, "Cert")[0])), presented[..1]);
    assert_eq!(from_pem(&unescaped(all_of(&pairs, "Chain")[0])), presented);
    assert_eq!(all_of(&pairs, "Subject"), ["CN=caller,OU=Webhooks,O=Example\\2C Inc."]);
    assert_eq!(all_of(&pairs, "URI"), ["spiffe://prod/ns/shop", "https://example.com/?a=b;c,d"]);
    assert_eq!(all_of(&pairs, "DNS"), ["a.example.com", "b.example.com"]);
}

#[test]
fn a_name_cannot_write_pairs_of_its_own() {
    for name in [
        "\";URI=\"spiffe://prod/admin",
        "a\\",
        "a\\\";DNS=\"b",
        "a\r\nClient-Cert: x",
        "a, By=b;Hash=c",
    ] {
        let (request, presented) = seen(&format!("formats = [{ALL}]"), |draft| {
            draft.organization(name, name).uri("spiffe://x/\",Hash=\"y").name("caller.example.com")
        });
        let claims = Claims::from_der(&presented[0]).unwrap();
        let pairs = pairs(request.one("x-forwarded-client-cert").unwrap());
        assert_eq!(all_of(&pairs, "Hash"), [claims.fingerprint()]);
        assert_eq!(all_of(&pairs, "Subject").len(), 1);
        assert!(all_of(&pairs, "URI").is_empty());
        assert_eq!(all_of(&pairs, "DNS"), ["caller.example.com"]);
        assert!(all_of(&pairs, "By").is_empty());

        let info = request.one("x-forwarded-tls-client-cert-info").unwrap();
        let info = unescaped(&info.replace('+', " "));
        let quotes = info.matches('"').count();
        assert_eq!(quotes, 12, "{info}");
        assert!(info.contains(";SAN=\"caller.example.com\""), "{info}");
        for name in NAMES {
            assert!(request.one(&name.to_ascii_lowercase()).is_some(), "{name}");
        }
    }
}

#[test]
fn traefiks_headers_carry_the_certificates_and_the_facts() {
    let keys = "formats = [\"x_forwarded_tls_client_cert\"]";
    let (request, presented) = seen(keys, |draft| {
        draft
            .organization("Zürich & Co", "Webhooks")
            .name("a.example.com")
            .name("192.0.2.7")
            .uri("spiffe://prod/pay")
            .email("pay@example.com")
    });
    let certificates = request.one("x-forwarded-tls-client-cert").unwrap().split(',');
    let certificates: Vec<_> =
        certificates.map(|base64| STANDARD.decode(base64).unwrap()).collect();
    assert_eq!(certificates, presented);

    let claims = Claims::from_der(&presented[0]).unwrap();
    let info = request.one("x-forwarded-tls-client-cert-info").unwrap();
    assert!(!info.contains([' ', '"', ',', ';', '=']), "{info}");
    let pairs = pairs(&unescaped(&info.replace('+', " ")));
    let keys: Vec<_> = pairs.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["Subject", "Issuer", "SerialNumber", "NB", "NA", "SAN"]);
    assert_eq!(all_of(&pairs, "Subject"), ["O=Zürich & Co,OU=Webhooks,CN=caller"]);
    assert_eq!(all_of(&pairs, "Issuer"), ["CN=Issuing CA"]);
    assert_eq!(all_of(&pairs, "NB"), [claims.not_before.to_string()]);
    assert_eq!(all_of(&pairs, "NA"), [claims.not_after.to_string()]);
    assert!(all_of(&pairs, "SerialNumber")[0].bytes().all(|digit| digit.is_ascii_digit()));
    let names = "a.example.com,pay@example.com,192.0.2.7,spiffe://prod/pay";
    assert_eq!(all_of(&pairs, "SAN"), [names]);
}

#[test]
fn copies_from_clients_are_removed_whatever_is_set() {
    for formats in ["\"x_ssl\"", "\"xfcc\"", "\"rfc9440\"", "\"x_forwarded_tls_client_cert\"", ALL]
    {
        let app = Upstream::answering(OK);
        let gateway = gateway(&app, &format!("formats = [{formats}]"));
        let mut lines = String::new();
        let mut over_h2 = h2_request("GET", "/");
        for name in NAMES.into_iter().chain(["X-Mtls-Omitted"]) {
            let underscores = name.replace('-', "_");
            lines.push_str(&format!(
                "{name}: forged\r\n{name}: forged\r\n{underscores}: forged\r\n"
            ));
            over_h2 = over_h2.header(name.to_ascii_lowercase(), "forged");
        }
        gateway.connect().ask(format!("GET / HTTP/1.1\r\nHost: {SITE}\r\n{lines}\r\n"));
        gateway.connect_h2().ask(over_h2.body(empty()).unwrap());
        let requests = app.requests();
        assert_eq!(requests.len(), 2);
        for request in requests {
            assert!(!format!("{request:?}").contains("forged"), "{request:?}");
        }
    }
}

#[test]
fn what_is_too_long_is_left_out_and_said_to_be() {
    let (request, presented) =
        seen("formats = [\"xfcc\", \"x_ssl\"]\nbytes_max = \"1KiB\"", |draft| draft);
    assert_eq!(request.one("x-mtls-omitted"), Some("chain, certificate"));
    assert_eq!(request.one("x-ssl-client-cert"), None);
    assert_eq!(request.one("x-ssl-client-verify"), Some("SUCCESS"));
    let claims = Claims::from_der(&presented[0]).unwrap();
    let expected = format!("Hash={};Subject=\"CN=caller\"", claims.fingerprint());
    assert_eq!(request.one("x-forwarded-client-cert"), Some(expected.as_str()));
}

#[test]
fn an_identity_that_cannot_be_told_goes_nowhere() {
    let app = Upstream::answering(OK);
    let gateway = gateway(&app, "bytes_max = \"1KiB\"");
    let long = "x".repeat(2000);
    let issued = gateway.pki.client_ca.client(&long).issue().unwrap();
    let mut client = gateway.caller().presenting(Credentials::of(&issued)).connect();
    for _ in 0..2 {
        let response = client.get("/");
        assert_eq!(response.status(), 431);
        let json: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!(json["code"], "identity-too-large");
    }
    let event = client.event("access");
    assert!(event.field("cause").contains("the ceiling is 1024"), "{event:?}");
    assert!(app.requests().is_empty());
}

#[test]
fn a_reload_changes_what_is_said_of_a_client_that_is_known() {
    let app = Upstream::answering(OK);
    let gateway = gateway(&app, "formats = [\"xfcc\"]");
    let mut open = gateway.connect();
    open.get("/");
    gateway.connect().get("/");
    gateway.replace("formats = [\"xfcc\"]", "formats = [\"rfc9440\"]");
    open.get("/");
    gateway.connect().get("/");
    let told = |request: &Message| {
        (request.one("X-Forwarded-Client-Cert").is_some(), request.one("Client-Cert").is_some())
    };
    let told: Vec<_> = app.requests().iter().map(told).collect();
    assert_eq!(told, [(true, false), (true, false), (false, true), (false, true)]);
}
