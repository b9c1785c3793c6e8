//! What has gone out of use: refused by name, let in by its word alone, and out again without it.
//!
//! The clients here sign with keys of today; `tests/outsiders` has those with short ones.

use std::fs;

use mtls_gateway::pki::Authority;
use rustls::client::Resumption;
use rustls::{AlertDescription as Alert, HandshakeKind, SupportedProtocolVersion};

use crate::support::client::{Connector, End, VERSIONS};
use crate::support::gateway::{Gateway, Setup};
use crate::support::message::SITE;
use crate::support::openssl::{credentials, is_installed, shell};
use crate::support::upstream::{OK, Upstream};

/// A CA with this kind of key, and commands: `v1 NAME [OPTION]…` and `v3 NAME [OPTION]…` make clients of that
/// version.
fn make(setup: &Setup, ca: &str, commands: &str) {
    let script = format!(
        "req() {{ openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=$1 \\
             -keyout $1.key -out $1.csr; }}
         v3() {{ name=$1; shift; req $name; openssl x509 -req -days 9 -in $name.csr -CA ca.crt \\
             -CAkey ca.key -CAcreateserial -extfile ext -out $name.crt \"$@\"; }}
         v1() {{ name=$1; shift; req $name
             openssl x509 -req -x509v1 -days 9 -in $name.csr -CA ca.crt -CAkey ca.key \\
                 -CAcreateserial -out $name.crt \"$@\" ||
             openssl x509 -req -days 9 -in $name.csr -CA ca.crt -CAkey ca.key \\
                 -CAcreateserial -out $name.crt \"$@\"; }}
         echo extendedKeyUsage=clientAuth > ext
         openssl req -x509 {ca} -nodes -days 9 -subj '/CN=Old CA' -keyout ca.key -out ca.crt
         {commands}
         cat ca.crt >> {SITE}.ca.crt"
    );
    shell(setup.pki.folder(), &script);
}

const RSA: &str = "-newkey rsa:2048";
const SHORT: &str = "-newkey rsa:1024";
const P256: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256";

/// A gateway that accepts these words, which the tests can take away.
fn gateway(app: &Upstream, words: &str, ca: &str, commands: &str) -> Gateway {
    let setup = Setup::new(app).site_tables(&format!("[site.client]\naccept_legacy = [{words}]"));
    make(&setup, ca, commands);
    setup.start()
}

fn presenting(
    gateway: &Gateway,
    name: &str,
    version: &'static SupportedProtocolVersion,
) -> Connector {
    let own = credentials(gateway.pki.folder(), name);
    gateway.caller().presenting(own).speaking(version)
}

#[track_caller]
fn assert_served(gateway: &Gateway, name: &str) {
    for version in VERSIONS {
        let mut client = presenting(gateway, name, version).connect();
        assert_eq!(client.get("/").body, b"ok");
    }
}

#[track_caller]
fn assert_refused(gateway: &Gateway, name: &str, reason: &str, says: &str) {
    for version in VERSIONS {
        let (alert, event) = presenting(gateway, name, version).refused();
        assert_eq!(event.field("reason"), reason, "{event:?}");
        let said = format!("{} | {}", event.field("message"), event.field("advice"));
        assert!(said.contains(says), "{event:?}");
        assert_ne!(alert, Alert::InternalError);
    }
}

/// Old connection, resumed session and new connection, before and after the word is taken away.
#[track_caller]
fn assert_ends_with_its_word(
    gateway: &Gateway,
    words: &str,
    reason: &str,
    versions: &[&'static SupportedProtocolVersion],
) {
    for version in versions {
        let caller = presenting(gateway, "old", version);
        let caller = caller.resuming(Resumption::in_memory_sessions(8)).sharing();
        let mut old = caller.connect();
        assert_eq!(old.get("/").body, b"ok");
        let mut resumed = caller.connect();
        assert_eq!(resumed.get("/").body, b"ok");
        assert_eq!(resumed.tls().handshake_kind(), Some(HandshakeKind::Resumed));

        gateway.replace(&format!("[{words}]"), "[]");

        for client in [&mut old, &mut resumed] {
            assert_eq!(client.end(), End::Clean);
            assert_eq!(client.event("refusal").field("reason"), reason);
        }
        assert_eq!(caller.refused().1.field("reason"), reason);
        assert_eq!(gateway.connect().get("/").body, b"ok");
        gateway.replace("", "");
        assert_eq!(caller.connect().get("/").body, b"ok");
    }
}

#[test]
fn without_a_word_each_kind_is_refused_by_its_name() {
    if !is_installed() {
        return;
    }
    let app = Upstream::answering(OK);
    let strict = gateway(&app, "", RSA, "v1 one; v3 forged -sha1; v3 fine");
    assert_refused(&strict, "one", "x509-v1", "`accept_legacy = [\"x509_v1\"]`");
    assert_refused(&strict, "forged", "unsupported-algorithm", "`accept_legacy = [\"sha1\"]`");
    assert_served(&strict, "fine");
    let short = gateway(&app, "", SHORT, "v3 short");
    assert_refused(&short, "short", "unsupported-algorithm", "`accept_legacy = [\"rsa_1024\"]`");
    // A word is good for what it names and for nothing else.
    let others = gateway(&app, "\"x509_v1\"", RSA, "v3 forged -sha1; v1 both -sha1");
    assert_refused(&others, "forged", "unsupported-algorithm", "sha1");
    assert_refused(&others, "both", "unsupported-algorithm", "sha1");
    let weak = gateway(&app, "\"sha1\"", SHORT, "v3 forged -sha1; v1 one -sha1");
    assert_refused(&weak, "forged", "unsupported-algorithm", "`accept_legacy = [\"rsa_1024\"]`");
    assert_refused(&weak, "one", "x509-v1", "x509_v1");
}

#[test]
fn a_client_of_version_1_is_let_in_by_the_ca_that_issued_it() {
    if !is_installed() {
        return;
    }
    let app = Upstream::answering(OK);
    for ca in [RSA, P256] {
        let gateway = gateway(&app, "\"x509_v1\"", ca, "v1 old; v3 fine");
        assert_served(&gateway, "old");
        assert_served(&gateway, "fine");
        let requests = app.requests();
        let seen = requests.iter().find(|one| one.one("x-ssl-client-s-dn") == Some("CN=old"));
        assert_eq!(seen.unwrap().one("x-ssl-client-i-dn"), Some("CN=Old CA"));
        assert_ends_with_its_word(&gateway, "\"x509_v1\"", "x509-v1", &VERSIONS);
    }
}

#[test]
fn version_1_opens_no_other_door() {
    if !is_installed() {
        return;
    }
    let app = Upstream::answering(OK);
    let gateway = gateway(
        &app,
        "\"x509_v1\"",
        RSA,
        // A client's key that plays the CA, a CA of the same name, a root of version 1, a certificate that
        // ran out, one that somebody changed, and a CA in between.
        "v1 old
         openssl req -x509 -newkey rsa:2048 -nodes -days 9 -subj '/CN=Old CA' -keyout fake.key -out fake.crt
         cp ca.crt true.crt; cp ca.key true.key
         cp fake.crt ca.crt; cp fake.key ca.key; v1 impostor
         cp old.crt ca.crt; cp old.key ca.key; v1 below; cat old.crt >> below.crt
         openssl req -newkey rsa:2048 -nodes -subj '/CN=Between' -keyout ca.key -out between.csr
         printf 'basicConstraints=critical,CA:TRUE' > ca.ext
         openssl x509 -req -days 9 -in between.csr -CA true.crt -CAkey true.key -set_serial 7 \
             -extfile ca.ext -out ca.crt
         v1 deep; cat ca.crt >> deep.crt
         openssl req -newkey rsa:2048 -nodes -subj '/CN=Self' -keyout self.key -out self.csr
         openssl x509 -req -days 9 -in self.csr -signkey self.key -out self.crt
         cp old.crt ca.crt; cp old.key ca.key; v3 under; cat old.crt >> under.crt
         cp true.crt ca.crt; cp true.key ca.key",
    );
    assert_served(&gateway, "old");
    assert_refused(&gateway, "impostor", "bad-signature", "the key differs");
    assert_refused(&gateway, "below", "x509-v1", "that an intermediate issued");
    assert_refused(&gateway, "deep", "x509-v1", "that an intermediate issued");
    assert_refused(&gateway, "under", "x509-v1", "an intermediate of X.509 version 1");
    assert_refused(&gateway, "self", "unknown-ca", "self-signed certificate");
    // Whose key it is must be proved as ever.
    let stolen = credentials(gateway.pki.folder(), "old");
    let other = gateway.pki.client_ca.client("other").issue().unwrap();
    for version in VERSIONS {
        let thief = gateway.caller().presenting(stolen.clone().with_key_of(&other));
        let (alert, event) = thief.speaking(version).refused();
        let seen = (alert, event.field("reason"));
        assert_eq!(seen, (Alert::DecryptError, "bad-certificate-verify"), "{event:?}");
    }
}

#[test]
fn a_ca_that_may_vouch_for_some_names_only_vouches_for_no_client_of_version_1() {
    if !is_installed() {
        return;
    }
    let app = Upstream::answering(OK);
    let ca = format!("{RSA} -addext 'nameConstraints=permitted;DNS:.example.com'");
    let gateway = gateway(&app, "\"x509_v1\"", &ca, "v1 old");
    assert_refused(&gateway, "old", "name-constraint", "some names only");
}

#[test]
fn version_1_is_asked_about_and_ruled_like_others() {
    if !is_installed() {
        return;
    }
    let app = Upstream::answering(OK);
    let setup = Setup::new(&app).site_tables(
        "[site.client]\naccept_legacy = [\"x509_v1\"]\ncrl = \"a.crl\"\n\
         deny = [{ subject_cn = \"denied\" }]",
    );
    make(
        &setup,
        RSA,
        "v1 old; v1 stolen; v1 denied
         printf '[ca]\\ndefault_ca=b\\n[b]\\ndatabase=index\\ndefault_md=sha256\\ndefault_crl_days=9\\n' > b.cnf
         : > index
         openssl ca -config b.cnf -cert ca.crt -keyfile ca.key -revoke stolen.crt
         openssl ca -config b.cnf -cert ca.crt -keyfile ca.key -gencrl -out a.crl",
    );
    let gateway = setup.start();
    assert_served(&gateway, "old");
    assert_refused(&gateway, "stolen", "revoked", "was revoked at 20");
    assert_refused(&gateway, "denied", "not-allowed", "of `deny`");
    gateway.replace("crl = \"a.crl\"", "crl = \"a.crl\"\nextended_key_usage = \"require\"");
    assert_refused(&gateway, "old", "wrong-usage", "without an extended key usage");
    fs::write(gateway.pki.folder().join("a.crl"), {
        let now = mtls_gateway::process::unix_now();
        Authority::root("Another").unwrap().revocation_list(&[], now - 9..now + 99).unwrap()
    })
    .unwrap();
    gateway.replace("", "");
    assert_refused(&gateway, "old", "crl-missing", "no revocation list of `CN=Old CA`");
}

#[test]
fn sha_1_is_believed_where_the_site_says_so() {
    if !is_installed() {
        return;
    }
    let app = Upstream::answering(OK);
    for ca in [RSA, P256] {
        let gateway = gateway(&app, "\"sha1\"", ca, "v3 old -sha1; v3 fine");
        assert_served(&gateway, "old");
        assert_served(&gateway, "fine");
        assert_ends_with_its_word(&gateway, "\"sha1\"", "unsupported-algorithm", &VERSIONS);
    }
}

#[test]
fn a_ca_with_a_short_key_is_believed_in_tls_1_2_alone() {
    if !is_installed() {
        return;
    }
    let app = Upstream::answering(OK);
    let commands = "v3 old; v3 forged -sha1; v3 deep -sha384; v3 long -sha512";
    let gateway = gateway(&app, "\"rsa_1024\"", SHORT, commands);
    let tls12 = [VERSIONS[0]];
    for name in ["old", "long"] {
        assert_eq!(presenting(&gateway, name, tls12[0]).connect().get("/").body, b"ok");
    }
    for name in ["forged", "deep"] {
        let (_, event) = presenting(&gateway, name, tls12[0]).refused();
        assert_eq!(event.field("reason"), "unsupported-algorithm", "{event:?}");
    }
    let (alert, event) = presenting(&gateway, "old", VERSIONS[1]).refused();
    assert_eq!((alert, event.field("reason")), (Alert::ProtocolVersion, "tls-failure"));
    assert!(event.field("message").contains("`rsa_1024`"), "{event:?}");
    assert_ends_with_its_word(&gateway, "\"rsa_1024\"", "unsupported-algorithm", &tls12);
}

#[test]
fn all_three_stand_together() {
    if !is_installed() {
        return;
    }
    let app = Upstream::answering(OK);
    let words = "\"x509_v1\", \"sha1\", \"rsa_1024\"";
    let gateway = gateway(&app, words, SHORT, "v1 old -sha1");
    assert_eq!(presenting(&gateway, "old", VERSIONS[0]).connect().get("/").body, b"ok");
    assert_ends_with_its_word(&gateway, words, "x509-v1", &VERSIONS[..1]);
}
