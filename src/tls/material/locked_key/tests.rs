//! Keys that OpenSSL encrypted, in every way that it has, and what is said of those that stay closed.

use super::super::key;
use super::super::opened_keys::OpenedKeys;
use super::super::testing::Lab;
use crate::config::{Located, Site};

const PASSPHRASE: &str = "correct horse";

impl Lab {
    /// The site, with a passphrase in `www.pass`.
    fn locked_site(&self) -> Site {
        let mut site = self.site();
        let path = self.path("www.pass");
        site.private_key_passphrase_file = Some(Located::new(path, 0..0));
        site
    }

    /// How many keys the site's file gave, and the report.
    fn keys_of(&self, site: &Site) -> (usize, String) {
        let mut report = self.report();
        let keys = key::load(
            super::super::pair_files::PairFiles::of_site(site),
            &mut OpenedKeys::default(),
            &mut report,
        );
        assert_eq!(keys.is_none(), report.has_errors(), "{report}");
        (keys.map_or(0, |keys| keys.len()), self.redact(&report.to_string()))
    }

    /// What is said of a file that gives no key.
    fn stays_closed(&self) -> String {
        let (keys, said) = self.keys_of(&self.locked_site());
        assert_eq!(keys, 0, "{said}");
        said
    }

    /// Makes `www.key` of `plain.key`, and `www.pass`.
    fn encrypt(&self, how: &str) -> bool {
        self.write("www.pass", format!("{PASSPHRASE}\n"));
        // Arguments are split at spaces.
        self.openssl(&format!(
            "pkcs8 -topk8 -in plain.key -out www.key -passout file:www.pass {how}"
        )) && self.close("www.key")
    }

    fn close(&self, name: &str) -> bool {
        let bytes = std::fs::read(self.path(name)).unwrap();
        self.write(name, bytes);
        true
    }
}

/// A lab with a key in `plain.key`; `None` without openssl.
fn lab() -> Option<Lab> {
    let lab = Lab::new();
    lab.openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out plain.key")
        .then_some(lab)
}

#[test]
fn every_encryption_that_openssl_writes_is_opened() {
    let Some(lab) = lab() else { return };
    for how in [
        "",
        "-v2 aes-128-cbc",
        "-v2 aes-192-cbc",
        "-v2 aes-256-cbc",
        "-v2 aes256 -v2prf hmacWithSHA1",
        "-v2 aes256 -v2prf hmacWithSHA224",
        "-v2 aes256 -v2prf hmacWithSHA384",
        "-v2 aes256 -v2prf hmacWithSHA512",
        "-v2 des3",
        "-scrypt",
        "-iter 100000",
    ] {
        assert!(lab.encrypt(how));
        assert_eq!(lab.keys_of(&lab.locked_site()), (1, String::new()), "{how}");
    }
    for how in [
        "genpkey -algorithm ED25519 -aes256 -pass file:www.pass -out www.key",
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -aes-128-cbc -pass file:www.pass -out www.key",
        "genrsa -aes256 -passout file:www.pass -out www.key 2048",
    ] {
        assert!(lab.openssl(how) && lab.close("www.key"));
        assert_eq!(lab.keys_of(&lab.locked_site()), (1, String::new()), "{how}");
    }
}

#[test]
fn what_stays_closed_says_why() {
    let Some(lab) = lab() else { return };
    let mut all = String::new();
    for how in ["-v1 PBE-SHA1-3DES", "-v2 camellia-256-cbc", "-v2 aes-256-cfb"] {
        assert!(lab.encrypt(how));
        all += &format!("# {how}\n{}", lab.stays_closed());
    }
    lab.encrypt("");
    lab.write("www.pass", "wrong");
    all += &format!("# another passphrase\n{}", lab.stays_closed());
    lab.write("www.pass", PASSPHRASE);
    let text = std::fs::read_to_string(lab.path("www.key")).unwrap();
    lab.write("www.key", text.replacen("MI", "AA", 1));
    all += &format!("# damaged\n{}", lab.stays_closed());
    lab.write("www.key", text.repeat(5));
    all += &format!("# five times\n{}", lab.stays_closed());
    lab.openssl("ec -aes256 -in plain.key -out www.key -passout file:www.pass");
    all += &format!("# old\n{}", lab.stays_closed());
    insta::assert_snapshot!("closed", all);
}

#[test]
fn a_passphrase_file_holds_one_line() {
    let Some(lab) = lab() else { return };
    assert!(lab.encrypt(""));
    for good in ["correct horse", "correct horse\n", "correct horse\r\n"] {
        lab.write("www.pass", good);
        assert_eq!(lab.keys_of(&lab.locked_site()), (1, String::new()), "{good:?}");
    }
    let mut all = String::new();
    for (what, content) in [
        ("empty", String::new()),
        ("empty line", "\n".to_owned()),
        ("two lines", "correct horse\nbattery\n".to_owned()),
        ("an empty line more", "correct horse\n\n".to_owned()),
        ("too large", "x".repeat(1025)),
    ] {
        lab.write("www.pass", content);
        all += &format!("# {what}\n{}", lab.stays_closed());
    }
    std::fs::remove_file(lab.path("www.pass")).unwrap();
    all += &format!("# none\n{}", lab.stays_closed());
    insta::assert_snapshot!("passphrase_files", all);
}

#[test]
fn a_passphrase_that_is_not_needed_or_read_by_others_is_remarked_on() {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt as _;

    let Some(lab) = lab() else { return };
    assert!(lab.encrypt(""));
    set_permissions(lab.path("www.pass"), Permissions::from_mode(0o644)).unwrap();
    let (keys, readable) = lab.keys_of(&lab.locked_site());
    assert_eq!(keys, 1);
    lab.write("www.pass", PASSPHRASE);
    lab.write("www.key", std::fs::read(lab.path("plain.key")).unwrap());
    let (keys, idle) = lab.keys_of(&lab.locked_site());
    assert_eq!(keys, 1);
    insta::assert_snapshot!("remarks", format!("# readable\n{readable}# idle\n{idle}"));
}
