//! Every reason there is, each by a client that earns it: what the log says of it, and what to change.

mod limit;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;

use mtls_gateway::pki::{Authority, Issued, Usage};
use mtls_gateway::policy::Reason;
use mtls_gateway::process::unix_now;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, GeneralSubtree, IsCa, Issuer, KeyPair,
    NameConstraints,
};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use crate::matrix::forge;
use crate::matrix::key::{Signing, pem};
use crate::support::frames::{Frames, PING, frame};
use crate::support::gateway::{Gateway, Setup};
use crate::support::message::SITE;
use crate::support::pki::Credentials;
use crate::support::upstream::Upstream;
use crate::support::{PATIENCE, events, port};

/// One client that is refused.
struct Case {
    reason: Reason,
    refused: fn() -> events::Event,
    /// A telling part of the sentence, of the advice, and of the nearest CA.
    says: &'static str,
    advises: &'static str,
    nearest: &'static str,
}

const fn case(
    reason: Reason,
    refused: fn() -> events::Event,
    says: &'static str,
    advises: &'static str,
    nearest: &'static str,
) -> Case {
    Case { reason, refused, says, advises, nearest }
}

use Reason as R;

#[rustfmt::skip]
const CASES: &[Case] = &[
    case(R::NoCertificate, || gateway("").caller().presenting_nothing().refused().1,
        "sent no certificate", "have the client send its certificate", ""),
    case(R::UnknownCa, stranger,
        "issued by `CN=Strangers`, which is no configured CA", "add its certificate to `client_ca`", "`CN=Client CA`: the only configured CA"),
    case(R::MissingIntermediate, without_intermediate,
        "a chain that stops at `CN=Issuing CA,OU=x,O=Example`, which was not sent", "have the client send the certificate of `CN=Issuing CA,OU=x,O=Example`", "`CN=House CA,OU=x,O=Example`: the issuer's organisation"),
    case(R::NotPinned, against_a_pin,
        "a key that is not pinned: its SHA-256 is `", "`pinned_spki_sha256` in `[site.client]`", ""),
    case(R::Expired, || with(|ca| Credentials::of(&ca.client("caller").expired().issue().unwrap())),
        "expired 3 days ago", "have the certificate renewed", ""),
    case(R::Expired, of_expired_ca,
        "a chain whose CA `CN=Old CA` expired 3 days ago", "a.example.ca.crt` by the CA's renewed certificate", "`CN=Old CA`: it has expired"),
    case(R::NotYetValid, || with(|ca| Credentials::of(&ca.client("caller").not_yet_valid().issue().unwrap())),
        "becomes valid in 3 days, at ", "`timedatectl`", ""),
    case(R::BadSignature, || with(|_| client_of(&Authority::root("Client CA").unwrap())),
        "the key differs", "beside `CN=Client CA` in ", "`CN=Client CA`: the issuer's name, but another key"),
    case(R::WrongUsage, || with(|ca| Credentials::of(&ca.client("caller").usage(Usage::Server).issue().unwrap())),
        "extended key usage is serverAuth", "`extended_key_usage = \"ignore\"`", ""),
    case(R::WrongUsage, || with(|ca| Credentials::of_authority(&ca.intermediate("Issuing CA").authority().unwrap())),
        "the certificate of a CA as its own", "a certificate of its own", ""),
    case(R::NameConstraint, against_a_name_constraint,
        "a name that a CA of its chain may not vouch for", "name constraints", ""),
    case(R::PathLength, beyond_a_path_length,
        "1 intermediates below the CA `CN=Narrow CA`, which allows 0", "issued by a CA", "`CN=Narrow CA`: it vouches for fewer levels"),
    case(R::ChainTooDeep, || refused_by("chain_depth_max = 0", below_an_intermediate),
        "`chain_depth_max` allows 0", "set `chain_depth_max` in `[site.client]` to 1", ""),
    case(R::UnsupportedAlgorithm, || forged(|own| {
            // Signed as ever; only what it says of itself is old.
            own.inner = Some(Signing::EcSha1.identifier());
            own.outer.clone_from(&own.inner);
        }),
        "is signed with ecdsa-with-SHA1, which can be forged", "`accept_legacy = [\"sha1\"]`", ""),
    case(R::OldX509, || forged(|own| {
            own.version = None;
            own.extensions.clear();
        }),
        "X.509 version 1", "`accept_legacy = [\"x509_v1\"]`", ""),
    case(R::Malformed, || with(|ca| {
            let key = ca.client("caller").issue().unwrap().key_pem();
            Credentials::from_parts(vec![CertificateDer::from(b"no certificate".to_vec())], &key)
        }),
        "not a DER-encoded X.509 certificate", "RFC 5280", ""),
    case(R::Revoked, || by_list(|ca, caller| list(ca, &[caller], -1, 9)),
        "reason keyCompromise", "issue the client a new certificate", ""),
    case(R::CrlMissing, || by_list(|_, _| list(&Authority::root("Another CA").unwrap(), &[], -1, 9)),
        "no revocation list of `CN=Client CA` is there", "add the revocation list of `CN=Client CA` to `crl`", ""),
    case(R::CrlExpired, || by_list(|ca, _| list(ca, &[], -9, -1)),
        "ran out at 20", "a.crl`, or set `crl_expired = \"allow\"`", ""),
    case(R::CrlExpired, || by_list(|ca, _| list(ca, &[], 1, 9)),
        "begins only at 20", "`timedatectl`", ""),
    case(R::CrlUnreadable, by_a_list_of_an_impostor,
        "does not verify with the key of `CN=Issuing CA`", "a.crl` by the list that `CN=Issuing CA` has signed", ""),
    case(R::NotAllowed, || refused_by("allow = [{ subject_cn = \"x\" }, { subject_o = \"y\" }]", client_of),
        "the closest is `subject_cn = \"x\"`, but the certificate's subject_cn is \"caller\"", "add to `allow` in `[site.client]`", ""),
    case(R::NotAllowed, || refused_by("deny = [{ subject_cn = \"caller\" }]", client_of),
        "the rule `subject_cn = \"caller\"` of `deny` fits it", "from `deny` in `[site.client]`", ""),
    case(R::BadCertificateVerify, || with(|ca| client_of(ca).with_key_of(&ca.client("x").issue().unwrap())),
        "without proving that it holds its key", "the private key that belongs to its certificate", ""),
    case(R::TlsTooOld, || in_the_clear(&gateway(""), &hello_of_tls_1_0()),
        "offered only TLS 1.0; the oldest version spoken here is TLS 1.2", "TLS 1.2 or newer", ""),
    case(R::TlsTooOld, || {
            let gateway = Setup::new(&Upstream::absent()).site_tables("[site.tls]\nversion_min = \"1.3\"").start();
            gateway.caller().speaking(&rustls::version::TLS12).refused().1
        },
        "offered only TLS 1.2", "`version_min = \"1.2\"`", ""),
    case(R::UnknownServerName, || gateway("").caller().asking_for("b.example").refused().1,
        "`b.example`, which is in no site's `server_names`", "add `b.example` to a site's `server_names`", ""),
    case(R::NotTls, || in_the_clear(&gateway(""), b"GET / HTTP/1.1\r\n\r\n"),
        "spoke plain HTTP to the TLS port", "`https://`", ""),
    case(R::NotTls, || in_the_clear(&gateway(""), b"SSH-2.0-x\r\n"),
        "its first bytes were `SSH-2.0-x", "have the client speak TLS", ""),
    case(R::ClientAlert, distrusted,
        "refused this gateway's certificate with the alert unknown_ca", "run `mtls-gateway check`", ""),
    case(R::TlsFailure, || in_the_clear(&gateway(""), &[22, 3, 1, 0, 4, 99, 0, 0, 0]),
        "failed the TLS handshake", "compare what the client offers", ""),
    case(R::Timeout, || {
            let limits = "[limits]\nhandshake_timeout = \"100ms\"";
            in_the_clear(&Setup::new(&Upstream::absent()).process_tables(limits).start(), b"\x16")
        },
        "did not end the TLS handshake within 100ms", "`handshake_timeout` in `[limits]`", ""),
    case(R::MadeWay, || {
            let gateway = with_limit("handshakes_max = 1");
            let mark = events::mark();
            let first = held(&gateway);
            // Another one that begins.
            let _second = held(&gateway);
            events::wait_for("refusal", first.local_addr().unwrap(), mark)
        },
        "was the oldest of too many handshakes", "`handshakes_max` in `[limits]`", ""),
    case(R::TooManyConnections, || {
            let gateway = with_limit("connections_per_address_max = 1");
            let _first = held(&gateway);
            let mark = events::mark();
            let second = port::connect(gateway.address).unwrap();
            events::wait_for("refusal", second.local_addr().unwrap(), mark)
        },
        "as many connections as it may", "`connections_per_address_max` in `[limits]`", ""),
    case(R::Http2Flood, || {
            let gateway = gateway("[site.limits]\ncontrol_frames_per_second = 100");
            let mut client = Frames::connect(&gateway.caller());
            client.send(frame(PING, 0, 0, b"01234567").repeat(1000));
            client.client.event("refusal")
        },
        "flooded the connection with PING", "`control_frames_per_second` in `[site.limits]`", ""),
    case(R::Closed, gone,
        "closed the connection before a ClientHello", "nothing, as long as no client complains", ""),
];

#[test]
fn every_reason_says_what_happened_and_what_to_change() {
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for case in CASES {
        let event = (case.refused)();
        let mut expect = |what: &str, holds: bool| {
            if !holds {
                wrong.push(format!("{}: {what}: {event:?}", case.reason));
            }
        };
        expect("the reason", event.field("reason") == case.reason.as_str());
        for (field, part) in
            [("message", case.says), ("advice", case.advises), ("nearest", case.nearest)]
        {
            expect(part, event.field(field).contains(part));
        }
        expect("nearest", event.field("nearest").is_empty() == case.nearest.is_empty());
        expect("the beginning", event.field("message").starts_with("the client "));
        expect("suppressed", event.field("suppressed") == "0");
        seen.insert(case.reason.as_str());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(seen, Reason::ALL.iter().map(|reason| reason.as_str()).collect());
}

#[test]
fn an_event_shows_what_the_client_offered_and_presented() {
    let gateway = gateway("");
    let stranger = Authority::root("Strangers").unwrap();
    let mut own = stranger.client("caller").uri("spiffe://example.com/a").email("a@b.example");
    for number in 0..2000 {
        own = own.name(&format!("{number}.example"));
    }
    let caller = Credentials::of(&own.issue().unwrap()).followed_by(&stranger);
    let (_, event) = gateway.caller().presenting(caller).refused();
    assert!(event.field("signature_schemes").contains("ecdsa_secp256r1_sha256"), "{event:?}");
    assert!(event.field("groups").contains("X25519MLKEM768"), "{event:?}");
    let chain = event.field("chain");
    for part in [
        "subject=\"CN=caller\" issuer=\"CN=Strangers\"",
        "DNS:0.example",
        "and 1994 more\"",
        "key=\"EC P-256\" signature=ecdsa-with-SHA256 sha256=",
        " | subject=\"CN=Strangers\"",
    ] {
        assert!(chain.contains(part), "{part} is not in: {chain}");
    }
    assert!(chain.len() < 1500, "{chain}");
}

#[test]
fn an_event_stays_short_whatever_a_client_sends() {
    let gateway = gateway("");
    let long = "\u{7}\"\\".repeat(2500);
    let stranger = Authority::root(&long).unwrap();
    let mut caller = Credentials::of(&stranger.client(&long).issue().unwrap());
    for _ in 0..2 {
        caller = caller.followed_by(&stranger);
    }
    let sent: usize = caller.chain.iter().map(|der| der.len()).sum();
    assert!(sent > 30_000, "{sent}");
    let (_, event) = gateway.caller().presenting(caller).refused();
    assert_eq!(event.field("reason"), "unknown-ca");
    let fields = ["message", "advice", "nearest", "chain", "groups", "signature_schemes", "sni"];
    let bytes: usize = fields.iter().map(|field| event.field(field).len()).sum();
    assert!(bytes < 8 * 1024, "{bytes}");
    assert!(event.field("message").ends_with("which is no configured CA"), "{event:?}");
}

/// A gateway with one line in `[site.client]`.
fn gateway(line: &str) -> Gateway {
    Setup::new(&Upstream::absent()).site_tables(&format!("[site.client]\n{line}")).start()
}

/// What becomes of a client under such a line, whose credentials are made from the site's CA.
fn refused_by(line: &str, caller: impl FnOnce(&Authority) -> Credentials) -> events::Event {
    let gateway = gateway(line);
    let caller = caller(&gateway.pki.client_ca);
    gateway.caller().presenting(caller).refused().1
}

fn with(caller: impl FnOnce(&Authority) -> Credentials) -> events::Event {
    refused_by("", caller)
}

fn against_a_pin() -> events::Event {
    let pin = "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752";
    let gateway = Setup::new(&Upstream::absent()).pinning(&format!("\"{pin}\""), "").start();
    gateway.caller().refused().1
}

/// The same where the site trusts this CA instead of its own.
fn trusting(ca_pem: &str, caller: Credentials) -> events::Event {
    let setup = Setup::new(&Upstream::absent());
    fs::write(setup.pki.folder().join(format!("{SITE}.ca.crt")), ca_pem).unwrap();
    setup.start().caller().presenting(caller).refused().1
}

/// A client with what no library makes any more, issued by a CA that the site trusts.
fn forged(change: impl FnOnce(&mut forge::Draft)) -> events::Event {
    let made = forge::line(0).own(change).made();
    trusting(&pem("CERTIFICATE", &made.anchors[0]), made.credentials())
}

fn client_of(ca: &Authority) -> Credentials {
    Credentials::of(&ca.client("caller").issue().unwrap())
}

fn below_an_intermediate(ca: &Authority) -> Credentials {
    let issuing = ca.intermediate("Issuing CA").authority().unwrap();
    client_of(&issuing).followed_by(&issuing)
}

fn stranger() -> events::Event {
    with(|_| client_of(&Authority::root("Strangers").unwrap()))
}

fn without_intermediate() -> events::Event {
    let ca = Authority::draft("House CA").organization("Example", "x").authority().unwrap();
    let issuing = ca.intermediate("Issuing CA").organization("Example", "x").authority().unwrap();
    trusting(ca.certificate_pem(), client_of(&issuing))
}

fn of_expired_ca() -> events::Event {
    let old = Authority::draft("Old CA").expired().authority().unwrap();
    let other = Authority::root("Client CA").unwrap();
    let bundle = [other.certificate_pem(), old.certificate_pem()].concat();
    trusting(&bundle, client_of(&old))
}

/// A root with a wish, and what it certifies.
fn custom_root(
    name: &str,
    wish: impl Fn(&mut CertificateParams),
) -> (String, CertificateParams, KeyPair) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    wish(&mut params);
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), params, key)
}

fn client_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "caller");
    params.is_ca = IsCa::ExplicitNoCa;
    params
}

fn against_a_name_constraint() -> events::Event {
    let (pem, ca, ca_key) = custom_root("Narrow CA", |params| {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName("example.org".to_owned())],
            excluded_subtrees: Vec::new(),
        });
    });
    let key = KeyPair::generate().unwrap();
    let own = client_params("a.example.com");
    let own = own.signed_by(&key, &Issuer::from_params(&ca, &ca_key)).unwrap();
    trusting(&pem, Credentials::from_parts(vec![own.into()], &key.serialize_pem()))
}

fn beyond_a_path_length() -> events::Event {
    let (pem, ca, ca_key) = custom_root("Narrow CA", |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    });
    let (_, issuing, issuing_key) = custom_root("Issuing CA", |_| {});
    let between = issuing.signed_by(&issuing_key, &Issuer::from_params(&ca, &ca_key)).unwrap();
    let key = KeyPair::generate().unwrap();
    let own = client_params("a.example.com");
    let own = own.signed_by(&key, &Issuer::from_params(&issuing, &issuing_key)).unwrap();
    trusting(&pem, Credentials::from_parts(vec![own.into(), between.into()], &key.serialize_pem()))
}

/// A CA's list from `from` to `to` days from now.
fn list(ca: &Authority, revoked: &[&Issued], from: i64, to: i64) -> String {
    const DAY: i64 = 24 * 60 * 60;
    let ders: Vec<_> = revoked.iter().map(|issued| issued.der()).collect();
    ca.revocation_list(&ders, unix_now() + from * DAY..unix_now() + to * DAY).unwrap()
}

/// What becomes of a client under a list in `a.crl`.
fn by_list(list: impl FnOnce(&Authority, &Issued) -> String) -> events::Event {
    let setup = Setup::new(&Upstream::absent()).site_tables("[site.client]\ncrl = \"a.crl\"");
    let own = setup.pki.client_ca.client("caller").issue().unwrap();
    let text = list(&setup.pki.client_ca, &own);
    fs::write(setup.pki.folder().join("a.crl"), text).unwrap();
    setup.start().caller().presenting(Credentials::of(&own)).refused().1
}

fn by_a_list_of_an_impostor() -> events::Event {
    let setup = Setup::new(&Upstream::absent()).site_tables("[site.client]\ncrl = \"a.crl\"");
    let caller = below_an_intermediate(&setup.pki.client_ca);
    let impostor = list(&Authority::root("Issuing CA").unwrap(), &[], -1, 9);
    fs::write(setup.pki.folder().join("a.crl"), impostor).unwrap();
    setup.start().caller().presenting(caller).refused().1
}

fn distrusted() -> events::Event {
    let gateway = gateway("");
    let mut elsewhere = RootCertStore::empty();
    elsewhere.add(gateway.pki.client_ca.der().clone()).unwrap();
    let mut client = gateway.caller().trusting(elsewhere).open();
    client.handshake().unwrap_err();
    client.event("refusal")
}

/// What becomes of a client that speaks so.
fn in_the_clear(gateway: &Gateway, bytes: &[u8]) -> events::Event {
    let mark = events::mark();
    let mut stream = port::connect(gateway.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    events::wait_for("refusal", stream.local_addr().unwrap(), mark)
}

fn with_limit(line: &str) -> Gateway {
    let limits = format!("[limits]\n{line}");
    Setup::new(&Upstream::absent()).process_tables(&limits).start()
}

/// A connection whose handshake has begun, and goes no further.
fn held(gateway: &Gateway) -> std::net::TcpStream {
    let mut stream = port::connect(gateway.address).unwrap();
    stream.write_all(b"\x16").unwrap();
    stream
}

fn hello_of_tls_1_0() -> Vec<u8> {
    let mut body = vec![3, 1];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0x00, 0x2f, 1, 0]);
    let length = u8::try_from(body.len()).unwrap();
    [&[22, 3, 1, 0, length + 4, 1, 0, 0, length], body.as_slice()].concat()
}

fn gone() -> events::Event {
    let gateway = gateway("");
    let mark = events::mark();
    let stream = port::connect(gateway.address).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    events::wait_for("refusal", stream.local_addr().unwrap(), mark)
}
