//! Who is admitted among the clients of a CA: each key of `allow` and `deny` over a real handshake.

use aws_lc_rs::digest;
use mtls_gateway::identity::Claims;
use mtls_gateway::pki::{Authority, Draft, Issued};
use rcgen::{KeyPair, PublicKeyData as _};
use rustls::AlertDescription;

use crate::support::gateway::{Gateway, Setup};
use crate::support::pki::Credentials;
use crate::support::upstream::{OK, Upstream};

const SPIFFE_ID: &str = "spiffe://prod/ns/shop/sa/pay";

/// A client with a name of every kind.
fn client(authority: &Authority) -> Draft<'_> {
    authority
        .client("Example Client")
        .organization("Example, Inc.", "Webhooks")
        .name("other.example.org")
        .name("Client.Example.com")
        .name("192.0.2.7")
        .uri("https://example.com/")
        .uri(SPIFFE_ID)
        .email("Pay@Example.com")
}

/// A gateway with such rules, in place of whose `FINGERPRINT`, `SPKI` and `SERIAL` stand those of its
/// client; and that client.
fn gateway(app: &Upstream, rules: &str) -> (Gateway, Issued) {
    let setup = Setup::new(app);
    let issued = client(&setup.pki.client_ca).issue().unwrap();
    let claims = Claims::from_der(issued.der()).unwrap();
    let key = KeyPair::from_pem(&issued.key_pem()).unwrap();
    let spki = sha256(&key.subject_public_key_info());
    let serial = format!("00{}", claims.serial.to_lowercase());
    let rules = rules
        .replace("FINGERPRINT", &with_colons(&sha256(issued.der())))
        .replace("SPKI", &spki)
        .replace("SERIAL", &with_colons(&serial));
    let tables = format!("[site.client]\n{rules}");
    (setup.site_tables(&tables).start(), issued)
}

fn sha256(bytes: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, bytes);
    let digits = digest.as_ref().iter().map(|byte| format!("{byte:02X}"));
    digits.collect()
}

fn with_colons(digits: &str) -> String {
    let pairs = digits.as_bytes().chunks(2);
    let pairs: Vec<_> = pairs.map(|pair| std::str::from_utf8(pair).unwrap()).collect();
    pairs.join(":")
}

fn assert_admitted(rules: &str) {
    let app = Upstream::answering(OK);
    let (gateway, issued) = gateway(&app, rules);
    let caller = gateway.caller().presenting(Credentials::of(&issued));
    assert_eq!(caller.connect().get("/").status(), 200, "{rules}");
}

/// The client is refused; what the log says of it.
fn refusal(rules: &str) -> String {
    let (gateway, issued) = gateway(&Upstream::absent(), rules);
    let caller = gateway.caller().presenting(Credentials::of(&issued));
    let (alert, event) = caller.refused();
    assert_eq!(alert, AlertDescription::AccessDenied, "{rules}");
    assert_eq!(event.field("reason"), "not-allowed", "{rules}");
    assert!(event.field("chain").contains("Example Client"), "{event:?}");
    event.field("message").to_owned()
}

/// For each key, texts that fit the client and texts that nearly do.
const KEYS: [(&str, &[&str], &[&str]); 12] = [
    (
        "san_dns",
        &["client.example.com", "CLIENT.example.COM", "*.example.com", "*.example.org"],
        &["example.com", "client.example.co", "lient.example.com", "*.client.example.com", "*.com"],
    ),
    (
        "san_uri",
        &[SPIFFE_ID, "spiffe://prod/ns/*/sa/pay", "spiffe://prod/**", "https://example.com/"],
        &[
            "spiffe://prod/ns/shop/sa/pa",
            "spiffe://prod/*",
            "spiffe://prod/ns/shop/sa/pay/**",
            "https://example.com",
        ],
    ),
    (
        "san_email",
        &["Pay@example.COM", "*@example.com"],
        &["pay@example.com", "*@xample.com", "ay@example.com"],
    ),
    (
        "san_ip",
        &["192.0.2.7", "192.0.2.0/24", "::ffff:192.0.2.7"],
        &["192.0.2.70", "192.0.2.8/29", "2001:db8::/32"],
    ),
    ("subject_cn", &["Example Client"], &["example client", "Example", "Example Client "]),
    ("subject_o", &["Example, Inc."], &["Example", "Example\\\\, Inc."]),
    ("subject_ou", &["Webhooks"], &["webhooks", "Webhook"]),
    ("issuer_cn", &["Client CA"], &["Client", "client CA"]),
    (
        "issuer_dn",
        &["CN=Client CA", "cn = Client CA", "2.5.4.3=Client\\\\20CA"],
        &["CN=client CA", "O=Client CA", "CN=Client CA,O=x"],
    ),
    ("serial", &["SERIAL"], &["01", "SERIAL:00"]),
    ("fingerprint_sha256", &["FINGERPRINT"], &["SPKI"]),
    ("spki_sha256", &["SPKI"], &["FINGERPRINT"]),
];

#[test]
fn each_key_admits_whom_it_means() {
    for (key, fitting, _) in KEYS {
        for text in fitting {
            assert_admitted(&format!("allow = [{{ {key} = \"{text}\" }}]"));
        }
    }
}

#[test]
fn each_key_refuses_everybody_else() {
    for (key, _, others) in KEYS {
        let list: Vec<_> = others.iter().map(|other| format!("\"{other}\"")).collect();
        let message = refusal(&format!("allow = [{{ {key} = [{}] }}]", list.join(", ")));
        assert!(message.contains("no rule of `allow` fits it"), "{message}");
        assert!(message.contains(&format!("but the certificate's {key} ")), "{message}");
    }
}

#[test]
fn each_key_denies_whom_it_means_and_nobody_else() {
    for (key, fitting, others) in KEYS {
        let message = refusal(&format!("deny = [{{ {key} = \"{}\" }}]", fitting[0]));
        assert!(message.contains(&format!("the rule `{key} = ")), "{message}");
        assert!(message.contains("of `deny` fits it"), "{message}");
        assert_admitted(&format!("deny = [{{ {key} = \"{}\" }}]", others[0]));
    }
}

#[test]
fn one_rule_must_fit_and_in_it_every_key() {
    assert_admitted(
        "allow = [{ subject_cn = \"x\" }, { subject_cn = \"Example Client\", issuer_cn = \"Client CA\" }]",
    );
    assert_admitted(
        "allow = [{ subject_cn = [\"x\", \"Example Client\"], san_ip = \"192.0.2.7\" }]",
    );
    refusal("allow = [{ subject_cn = \"Example Client\", issuer_cn = \"Another CA\" }]");
}

#[test]
fn the_closest_rule_is_named_with_all_that_differs() {
    let message = refusal(
        "allow = [{ san_ip = \"192.0.2.8\" }, \
         { issuer_cn = \"Client CA\", subject_cn = \"x\", san_dns = \"y.example\" }]",
    );
    assert_eq!(
        message,
        "the client presented a certificate that is not admitted: no rule of `allow` fits it; the closest is \
         `san_dns = \"y.example\", subject_cn = \"x\", issuer_cn = \"Client CA\"`, but the certificate's san_dns \
         are \"other.example.org\" and 1 more, its subject_cn is \"Example Client\""
    );
}

#[test]
fn a_rule_of_deny_wins_over_allow() {
    let message = refusal(
        "allow = [{ subject_cn = \"Example Client\" }]\n\
         deny = [{ serial = \"01\" }, { san_dns = \"*.example.org\" }]",
    );
    assert_eq!(
        message,
        "the client presented a certificate that is not admitted: the rule `san_dns = \"*.example.org\"` of \
         `deny` fits it"
    );
    assert_admitted(
        "allow = [{ subject_cn = \"Example Client\" }]\n\
         deny = [{ subject_cn = \"Example Client\", serial = \"01\" }]",
    );
}

#[test]
fn a_name_that_is_missing_is_said_to_be() {
    let app = Upstream::absent();
    let (gateway, _) = gateway(&app, "allow = [{ san_uri = \"spiffe://prod/**\" }]");
    let (_, event) = gateway.caller().refused();
    let message = event.field("message");
    assert!(message.ends_with("but the certificate's san_uri is missing"), "{message}");
}
