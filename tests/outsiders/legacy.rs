//! Clients of long ago, as `openssl` and `curl` play them: certificates of version 1, as the usual guides make
//! them, signatures over SHA-1, and keys of 1024 bits, which sign the handshake.

use std::process::Command;

use crate::material::Folder;
use crate::process::{self, Finished, are_installed};
use crate::stage::{SITE, Stage};

const REQUEST: &[u8] = b"GET /hello HTTP/1.1\r\nHost: www.example.com\r\nConnection: close\r\n\r\n";

/// A library of today has such keys and signatures only when it is asked to forget its principles.
const FORGET: &str = "DEFAULT@SECLEVEL=0";

/// The CA and the client of a guide, with options for the key and for the signature.
fn guide(key: &str, signature: &str) -> Folder {
    let folder = Folder::with_household();
    folder.shell(&format!(
        "openssl req -x509 -new -nodes -newkey {key} {signature} -days 9 -subj '/CN=Guide CA' \
            -keyout ca.key -out client-ca.crt
         openssl req -new -nodes -newkey {key} -subj '/CN=callback' -keyout client.key -out client.csr
         openssl x509 -req -x509v1 -days 9 -in client.csr -CA client-ca.crt -CAkey ca.key \
            -CAcreateserial {signature} -out client.crt ||
         openssl x509 -req -days 9 -in client.csr -CA client-ca.crt -CAkey ca.key \
            -CAcreateserial {signature} -out client.crt"
    ));
    let said = folder.shell("openssl x509 -in client.crt -noout -text");
    assert!(said.contains("Version: 1 (0x0)"), "{said}");
    folder
}

fn stage(folder: Folder, words: &str) -> Stage {
    Stage::with_site(folder, &format!("{SITE}[site.client]\naccept_legacy = [{words}]\n"))
}

#[track_caller]
fn s_client(stage: &Stage, version: &str) -> Finished {
    let mut openssl = Command::new("openssl");
    openssl.args(["s_client", "-connect", &stage.gateway.address.to_string()]);
    openssl.args(["-CAfile", "server-ca.crt", "-verify_return_error", "-ign_eof", version]);
    openssl.args(["-cert", "client.crt", "-key", "client.key", "-cipher", FORGET]);
    openssl.args(["-servername", "www.example.com"]).current_dir(stage.folder.path());
    process::run(&mut openssl, REQUEST)
}

fn tools_are_here() -> bool {
    are_installed(&["openssl", "python3", "curl"])
}

#[test]
fn the_guides_certificate_of_version_1_is_let_in_by_its_word() {
    if !tools_are_here() {
        return;
    }
    for key in ["rsa:2048", "ec -pkeyopt ec_paramgen_curve:P-256"] {
        let mut stage = stage(guide(key, ""), "\"x509_v1\"");
        for version in ["-tls1_2", "-tls1_3"] {
            let said = s_client(&stage, version).text();
            assert!(said.contains("HTTP/1.1 200 OK"), "{said}");
            let seen = stage.app.next();
            assert_eq!(seen.headers("x-ssl-client-s-dn"), ["CN=callback"]);
            assert_eq!(seen.headers("x-ssl-client-verify"), ["SUCCESS"]);
        }
        for version in ["1.2", "1.3"] {
            let url = stage.origin("www.example.com");
            stage.curl(&["--tls-max", version, &url]).text();
            assert_eq!(stage.app.next().headers("x-ssl-client-i-dn"), ["CN=Guide CA"]);
        }
    }
}

#[test]
fn without_its_word_it_is_refused_and_the_log_names_the_word() {
    if !tools_are_here() {
        return;
    }
    let mut stage = stage(guide("rsa:2048", ""), "");
    for version in ["-tls1_2", "-tls1_3"] {
        let said = s_client(&stage, version).failure();
        assert!(said.contains("alert bad certificate"), "{said}");
        let event = stage.gateway.next_event("refusal");
        assert_eq!(event["reason"], "x509-v1");
        let advice = event["advice"].as_str().unwrap();
        assert!(advice.contains("`accept_legacy = [\"x509_v1\"]`"), "{event}");
    }
}

#[test]
fn a_client_with_a_short_key_signs_the_handshake_of_tls_1_2() {
    if !tools_are_here() {
        return;
    }
    let words = "\"x509_v1\", \"sha1\", \"rsa_1024\"";
    let mut stage = stage(guide("rsa:1024", "-sha1"), words);
    for _ in 0..2 {
        let said = s_client(&stage, "-tls1_2").text();
        assert!(said.contains("HTTP/1.1 200 OK"), "{said}");
        assert_eq!(stage.app.next().headers("x-ssl-client-s-dn"), ["CN=callback"]);
    }
    // Asked for nothing that nobody here can verify.
    let said = s_client(&stage, "-tls1_2").text();
    let asked = said.lines().find(|line| line.starts_with("Requested Signature Algorithms"));
    assert!(asked.is_some_and(|line| !line.contains("PSS")), "{said}");
    stage.app.next();
    // curl reads the certificate before it reads what ciphers it is told.
    stage.folder.write(
        "old.cnf",
        format!(
            "openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = old\n\
             [old]\nCipherString = {FORGET}\n"
        ),
    );
    let (ip, port) = (stage.gateway.address.ip(), stage.gateway.address.port());
    let mut curl = Command::new("curl");
    curl.args(["--disable", "--silent", "--show-error", "--noproxy", "*", "--max-time", "20"]);
    curl.args(["--cacert", "server-ca.crt", "--cert", "client.crt", "--key", "client.key"]);
    curl.args(["--resolve", &format!("*:{port}:{ip}"), &stage.origin("www.example.com")]);
    curl.env("OPENSSL_CONF", "old.cnf").current_dir(stage.folder.path());
    process::run(&mut curl, b"").text();
    stage.app.next();

    let said = s_client(&stage, "-tls1_3").failure();
    assert!(said.contains("alert protocol version"), "{said}");
    let event = stage.gateway.next_event("refusal");
    assert_eq!(event["reason"], "tls-failure");
    assert!(event["message"].as_str().unwrap().contains("`rsa_1024`"), "{event}");
}

#[test]
fn a_client_with_a_key_of_today_signs_where_short_ones_may() {
    if !tools_are_here() {
        return;
    }
    for key in ["rsa:2048", "rsa:3072", "ec -pkeyopt ec_paramgen_curve:P-384"] {
        let stage = stage(guide(key, ""), "\"x509_v1\", \"rsa_1024\"");
        let said = s_client(&stage, "-tls1_2").text();
        assert!(said.contains("HTTP/1.1 200 OK"), "{key}: {said}");
    }
}

#[test]
fn a_short_key_is_refused_by_name_in_both_versions() {
    if !tools_are_here() {
        return;
    }
    let folder = Folder::with_household();
    folder.shell(
        "openssl req -x509 -newkey rsa:1024 -nodes -config openssl.cnf -extensions client -days 9 \
            -CA client-ca.crt -CAkey client-ca.key -subj /CN=short -keyout client.key -out client.crt",
    );
    let mut stage = Stage::with_site(folder, SITE);
    for version in ["-tls1_2", "-tls1_3"] {
        s_client(&stage, version).failure();
        let event = stage.gateway.next_event("refusal");
        assert_eq!(event["reason"], "unsupported-algorithm");
        let sentence = event["message"].as_str().unwrap();
        assert!(sentence.contains("key is too short: RSA 1024"), "{event}");
        let advice = event["advice"].as_str().unwrap();
        assert!(advice.contains("`accept_legacy = [\"rsa_1024\"]`"), "{event}");
    }
}

#[test]
fn a_pinned_certificate_of_version_1_needs_its_word_too() {
    if !tools_are_here() {
        return;
    }
    let pinned = |words: &str| {
        let folder = Folder::with_household();
        folder.shell(
            "openssl req -new -nodes -newkey rsa:2048 -subj '/CN=self' -keyout client.key -out client.csr
             openssl x509 -req -x509v1 -days 9 -in client.csr -signkey client.key -out client.crt ||
             openssl x509 -req -days 9 -in client.csr -signkey client.key -out client.crt",
        );
        let pin = folder.shell(
            "openssl x509 -in client.crt -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -r",
        );
        let site = SITE.replace("client_ca = \"client-ca.crt\"\n", "");
        let pins = format!("pinned_spki_sha256 = [\"{}\"]", &pin[..64]);
        Stage::with_site(
            folder,
            &format!("{site}[site.client]\n{pins}\naccept_legacy = [{words}]\n"),
        )
    };
    let mut strict = pinned("");
    s_client(&strict, "-tls1_3").failure();
    assert_eq!(strict.gateway.next_refusal(), "x509-v1");
    let stage = pinned("\"x509_v1\"");
    for version in ["-tls1_2", "-tls1_3"] {
        let said = s_client(&stage, version).text();
        assert!(said.contains("HTTP/1.1 200 OK"), "{said}");
    }
}
