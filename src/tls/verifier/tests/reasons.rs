//! The sentences, as an operator reads them after "the client".

use rcgen::{ExtendedKeyUsagePurpose, KeyUsagePurpose};

use super::lab::{DAY, NOW, at, plain, root, trusting};
use crate::config::ExtendedKeyUsage;

/// One refusal on a line.
macro_rules! said {
    ($site:expr, $own:expr, $sent:expr) => {{
        let (reason, sentence) = $site.refusal(&$own, $sent);
        format!("{reason}: {sentence}")
    }};
}

#[test]
fn a_chain_that_does_not_reach_a_ca_is_told_by_where_it_breaks() {
    let ca = root("Client CA,O=Example", &plain);
    let site = trusting(&[&ca]);

    let stranger = root("Strangers", &plain);
    insta::assert_snapshot!(said!(site, stranger.client(&plain), &[]), @"unknown-ca: presented a certificate issued by `CN=Strangers`, which is no configured CA, and whose certificate was not sent");
    insta::assert_snapshot!(said!(site, stranger.client(&plain), &[&stranger.der]), @"unknown-ca: presented a chain that ends at `CN=Strangers`, which is no configured CA");
    insta::assert_snapshot!(said!(site, stranger.der, &[]), @"unknown-ca: presented a self-signed certificate for `CN=Strangers`, which is no configured CA");

    let issuing = ca.ca("Issuing CA,O=Example", &plain);
    insta::assert_snapshot!(said!(site, issuing.client(&plain), &[]), @"missing-intermediate: presented a chain that stops at `O=Example,CN=Issuing CA`, which was not sent: an intermediate is missing, perhaps one below the configured CA `O=Example,CN=Client CA`");
    let below = issuing.ca("Issuing CA 2", &plain);
    insta::assert_snapshot!(said!(site, below.client(&plain), &[&below.der]), @"missing-intermediate: presented a chain that stops at `O=Example,CN=Issuing CA`, which was not sent: an intermediate is missing, perhaps one below the configured CA `O=Example,CN=Client CA`");

    let rekeyed = root("Client CA,O=Example", &plain);
    insta::assert_snapshot!(said!(site, rekeyed.client(&plain), &[]), @"bad-signature: presented a certificate whose issuer's name equals that of the configured CA `O=Example,CN=Client CA`, but its signature does not verify with that CA's key: the key differs");
    let impostor = root("Issuing CA,O=Example", &plain);
    insta::assert_snapshot!(said!(site, impostor.client(&plain), &[&issuing.der]), @"bad-signature: presented a certificate whose signature does not verify with the key of the certificate `O=Example,CN=Issuing CA` in its chain");
}

#[test]
fn dates_are_told_beside_the_clock() {
    let ca = root("Client CA", &plain);
    let site = trusting(&[&ca]);
    let valid = |from: i64, to: i64| {
        move |params: &mut rcgen::CertificateParams| {
            params.not_before = at(NOW + from);
            params.not_after = at(NOW + to);
        }
    };
    let (over, to_come) = (valid(-9 * DAY, -3 * DAY), valid(3 * DAY, 9 * DAY));
    insta::assert_snapshot!(said!(site, ca.client(&over), &[]), @"expired: presented a certificate that expired 3 days ago");
    insta::assert_snapshot!(said!(site, ca.client(&to_come), &[]), @"not-yet-valid: presented a certificate that becomes valid in 3 days, at 2027-01-18T08:00:00Z, by this machine's clock, which says 2027-01-15T08:00:00Z");
    let issuing = ca.ca("Issuing CA", &over);
    insta::assert_snapshot!(said!(site, issuing.client(&plain), &[&issuing.der]), @"expired: presented a chain whose CA `CN=Issuing CA` expired 3 days ago");
    let old = root("Old CA", &over);
    insta::assert_snapshot!(said!(trusting(&[&ca, &old]), old.client(&plain), &[]), @"expired: presented a chain whose CA `CN=Old CA` expired 3 days ago");
}

#[test]
fn uses_are_listed() {
    let ca = root("Client CA", &plain);
    let site = trusting(&[&ca]);
    let other = |params: &mut rcgen::CertificateParams| {
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::CodeSigning];
    };
    insta::assert_snapshot!(said!(site, ca.client(&other), &[]), @"wrong-usage: presented a certificate whose extended key usage is serverAuth, codeSigning, without clientAuth: it does not allow authenticating clients");
    let issuing = ca.ca("Issuing CA", &other);
    insta::assert_snapshot!(said!(site, issuing.client(&plain), &[&issuing.der]), @"wrong-usage: presented a chain whose CA `CN=Issuing CA` has the extended key usage serverAuth, codeSigning, without clientAuth: it does not allow issuing to clients");
    let encrypts = ca.client(&|params| params.key_usages = vec![KeyUsagePurpose::KeyEncipherment]);
    insta::assert_snapshot!(said!(site, encrypts, &[]), @"wrong-usage: presented a certificate whose key usage is keyEncipherment, without digitalSignature, so that its key may not sign a handshake");
    let required = site.rules(|rules| rules.extended_key_usage = ExtendedKeyUsage::Require);
    let unsaid = ca.client(&|params| params.extended_key_usages.clear());
    insta::assert_snapshot!(said!(required, unsaid, &[]), @"wrong-usage: presented a certificate without an extended key usage; this site requires one with clientAuth");
}

/// The advice and the nearest CA of a refusal.
macro_rules! advised {
    ($site:expr, $own:expr, $sent:expr) => {{
        let refusal = $site.refused(&$own, $sent);
        assert_ne!(refusal.advice, refusal.sentence);
        (refusal.advice, refusal.nearest.unwrap_or_default())
    }};
}

#[test]
fn what_to_change_names_the_ca_and_its_file() {
    let ca = root("Client CA,O=Example", &plain);
    let site = trusting(&[&ca]);

    let rekeyed = root("Client CA,O=Example", &plain);
    let (advice, nearest) = advised!(site, rekeyed.client(&plain), &[]);
    assert!(advice.contains("beside `O=Example,CN=Client CA` in `ca.crt`"), "{advice}");
    assert_eq!(nearest, "`O=Example,CN=Client CA`: the issuer's name, but another key");

    let issuing = ca.ca("Issuing CA,O=Example", &plain);
    let (advice, nearest) = advised!(site, issuing.client(&plain), &[]);
    assert!(advice.contains("have the client send the certificate of `O=Example,CN=Issuing CA`"));
    assert_eq!(nearest, "`O=Example,CN=Client CA`: the issuer's organisation, but another name");

    let stranger = root("Strangers", &plain);
    let (advice, nearest) = advised!(site, stranger.client(&plain), &[&stranger.der]);
    assert!(advice.contains("if clients of `CN=Strangers` are to be let in"), "{advice}");
    assert_eq!(nearest, "`O=Example,CN=Client CA`: the only configured CA, of another name");
    let two = trusting(&[&ca, &root("Another", &plain)]);
    assert_eq!(advised!(two, stranger.client(&plain), &[]).1, "");
    let (advice, _) = advised!(site, stranger.der, &[]);
    assert!(advice.contains("nobody vouches for this one"), "{advice}");

    let over = |params: &mut rcgen::CertificateParams| params.not_after = at(NOW - DAY);
    let old = root("Old CA", &over);
    let (advice, nearest) = advised!(trusting(&[&ca, &old]), old.client(&plain), &[]);
    assert!(advice.starts_with("replace `CN=Old CA` in `ca.crt`"), "{advice}");
    assert_eq!(nearest, "`CN=Old CA`: it has expired");
    let (advice, nearest) = advised!(site, ca.client(&over), &[]);
    assert!(advice.starts_with("have the certificate renewed"), "{advice}");
    assert_eq!(nearest, "");
    let intermediate = ca.ca("Issuing CA", &over);
    let (advice, _) = advised!(site, intermediate.client(&plain), &[&intermediate.der]);
    assert!(advice.contains("renewed certificate of the intermediate `CN=Issuing CA`"), "{advice}");
}

#[test]
fn what_to_change_names_the_key_of_the_configuration() {
    let ca = root("Client CA", &plain);
    let site = || trusting(&[&ca]);
    let server = |params: &mut rcgen::CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    };
    let (advice, _) = advised!(site(), ca.client(&server), &[]);
    assert!(advice.contains("`extended_key_usage = \"ignore\"`"), "{advice}");
    let unsaid = ca.client(&|params| params.extended_key_usages.clear());
    let required = site().rules(|rules| rules.extended_key_usage = ExtendedKeyUsage::Require);
    let (advice, _) = advised!(required, unsaid, &[]);
    assert!(advice.contains("`extended_key_usage = \"if_present\"`"), "{advice}");
    let issuing = ca.ca("Issuing CA", &plain);
    let shallow = site().rules(|rules| rules.chain_depth_max = 0);
    let (advice, _) = advised!(shallow, issuing.client(&plain), &[&issuing.der]);
    assert!(advice.contains("set `chain_depth_max` in `[site.client]` to 1"), "{advice}");
}
