//! Keys and passphrases that were written into the configuration: they are named, and not shown.

use std::fs;

use super::{instead, report, with};
use crate::config::load;

/// A key as PEM has it, though none that anybody could use.
const BODY: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgSECRETSECRETSECR";

fn pem() -> String {
    // In two parts, so that no scanner takes this file for one that holds a key.
    format!("-----BEGIN {0}-----\n{BODY}\n-----END {0}-----", "PRIVATE KEY")
}

#[test]
fn a_key_in_the_place_of_its_path_is_not_shown() {
    insta::assert_snapshot!(instead(&format!("private_key = '''{}'''", pem())), @r#"
    gateway.toml:7:15: `private_key` holds the PEM itself
      7 | private_key = '''…
        |               ^^^
      seen: a text, not shown here
      why:  this file is read by more people and programs than a key may be
      fix:  put it in a file of its own and write its path: `private_key = "FILE"`
    "#);
    insta::assert_snapshot!(instead(&format!("private_key = \"{BODY}\"")), @r#"
    gateway.toml:7:15: `private_key` holds the PEM itself
      7 | private_key = "…
        |               ^
      seen: a text, not shown here
      why:  this file is read by more people and programs than a key may be
      fix:  put it in a file of its own and write its path: `private_key = "FILE"`
    "#);
}

#[test]
fn a_passphrase_in_the_configuration_is_not_shown() {
    insta::assert_snapshot!(with("private_key_passphrase = \"hunter2\""), @r#"
    gateway.toml:10:1: unknown key `private_key_passphrase` in `[[site]]`
      10 | private_key_passphrase = …
         | ^^^^^^^^^^^^^^^^^^^^^^
      fix:  put the passphrase into a file of its own, on one line, and write that file's path as `private_key_passphrase_file`, in `[[site]]`
    "#);
}

#[test]
fn no_mistake_around_a_secret_shows_it() {
    let pem = pem();
    let line = pem.replace('\n', "\\n");
    for lines in [
        "private_key_passphrase = hunter2".to_owned(),
        "private_key_passphrase = \"hunter2".to_owned(),
        "private_key_passphrase_file = \"${hunter2}\"".to_owned(),
        "private_key_passphrase_file = [\"hunter2\"]".to_owned(),
        "private_key_passphrase_file = 2718281828".to_owned(),
        "private_key_passphrase_file = 2.718281828".to_owned(),
        "private_key_passphrase_file = 2718281828x".to_owned(),
        "[site.tls]\nssl_key_pass = \"hunter2\"".to_owned(),
        "ssl_password hunter2;".to_owned(),
        "password = \"hunter2\"\npassword = \"hunter2\"".to_owned(),
        "passwords = [\n\"hunter2\",,\n]".to_owned(),
        "[site.secrets]\napp_secret = \"hunter2\"".to_owned(),
        "tls = { password = \"hunter2\" }".to_owned(),
        format!("private_key_passphrase_file = '''{pem}'''"),
        format!("key = '''{pem}'''"),
        format!("key = '''\n{pem}\n"),
        format!("key = \"{line}\""),
        format!("key = {line}"),
        format!("ssl_certificate_key {BODY};"),
        format!("[site.client]\ncrl = [\"a.crl\", \"{line}\"]"),
        format!("[admin]\nsocket = \"{line}\""),
        format!("key = \n{pem}\n"),
    ] {
        let report = with(&lines);
        for secret in ["hunter2", "2718281828", "2.718", "SECRET"] {
            assert!(!report.contains(secret), "{lines}\n{report}");
        }
    }
}

#[test]
fn a_key_in_the_place_of_the_configuration_is_not_shown() {
    insta::assert_snapshot!(report(&pem()), @r#"
    gateway.toml: this is a private key, not a configuration
      fix:  name the configuration with `--config FILE`, and the key in it as `private_key`
    "#);
    let bag =
        format!("Bag Attributes\n    localKeyID: 01\nKey Attributes: <No Attributes>\n{}", pem());
    assert_eq!(report(&bag), report(&pem()));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("www.der");
    fs::write(&path, b"0w\x02\x01\x01\x04\x20SECRETSECRET\xA0\x0A").unwrap();
    let report = load(&path).unwrap_err().report.to_string();
    insta::assert_snapshot!(report.replace(&folder.path().display().to_string(), "etc"), @r#"
    etc/www.der: this is no text
      seen: the byte 0xA0 at 19 bytes from its beginning
      fix:  name the configuration with `--config FILE`
    "#);
}
