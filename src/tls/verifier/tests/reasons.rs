//! The sentences, as an operator reads them after "the client".

use rcgen::{ExtendedKeyUsagePurpose, KeyUsagePurpose};

use super::lab::{DAY, NOW, at, plain, root, trusting};

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
    let required =
        site.rules(|rules| rules.extended_key_usage = crate::config::ExtendedKeyUsage::Require);
    let unsaid = ca.client(&|params| params.extended_key_usages.clear());
    insta::assert_snapshot!(said!(required, unsaid, &[]), @"wrong-usage: presented a certificate without an extended key usage; this site requires one with clientAuth");
}
