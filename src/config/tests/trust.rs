//! Whom a site believes: a CA or pinned keys, and what makes no sense beside them.

use super::{SMALLEST, report, with};

const PIN: &str = "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752";

/// The smallest file without `client_ca`, and lines below it.
fn without_ca(lines: &str) -> String {
    let text: Vec<_> = SMALLEST.lines().filter(|line| !line.starts_with("client_ca")).collect();
    report(&format!("{}\n{lines}", text.join("\n")))
}

#[test]
fn one_of_ca_and_pins_must_be_there() {
    let both = with(&format!("[site.client]\npinned_spki_sha256 = [\"{PIN}\"]"));
    insta::assert_snapshot!("none_and_both", without_ca("") + &both);
    let fine = without_ca(&format!("[site.client]\npinned_spki_sha256 = [\"{PIN}\"]"));
    assert_eq!(fine, "");
}

#[test]
fn what_is_old_is_named_and_warned_of() {
    let mut all = with("[site.client]\naccept_legacy = [\"x509_v1\", \"sha1\", \"rsa_1024\"]");
    all += &with("[site.client]\naccept_legacy = [\"SHA-1\", \"md5\", \"sha1\", \"sha1\"]");
    all += &with("[site.client]\naccept_legacy = \"sha1\"");
    all +=
        &with("[site.client]\naccept_legacy = [\"rsa_1024\"]\n[site.tls]\nversion_min = \"1.3\"");
    all += &without_ca(&format!(
        "[site.client]\npinned_spki_sha256 = [\"{PIN}\"]\naccept_legacy = [\"sha1\"]"
    ));
    insta::assert_snapshot!("legacy", all);
    assert_eq!(with("[site.client]\naccept_legacy = []"), "");
}

#[test]
fn a_pin_is_a_sha_256() {
    let mut all = without_ca(&format!(
        "[site.client]\npinned_spki_sha256 = [\"{PIN}\", \"{}\", \"{}\", \"YDA64iuZiGG847KPM+7Bvnf6SjxsycpwddvgP1eMEcc=\"]",
        PIN.to_uppercase(),
        &PIN[..40]
    ));
    all += &without_ca("[site.client]\npinned_spki_sha256 = []");
    all += &without_ca("[site.client]\npinned_spki_sha256 = \"a\"");
    insta::assert_snapshot!("pins", all);
}

#[test]
fn what_judges_paths_has_no_effect_beside_pins() {
    insta::assert_snapshot!(
        "beside_pins",
        without_ca(&format!(
            "[site.client]\npinned_spki_sha256 = [\"{PIN}\"]\ncrl = \"a.crl\"\ncrl_check = \"leaf\"\n\
         chain_depth_max = 1\nca_hints = [\"a.crt\"]"
        ))
    );
    let fine = format!("[site.client]\npinned_spki_sha256 = [\"{PIN}\"]\nca_hints = \"none\"");
    assert_eq!(without_ca(&fine), "");
}
