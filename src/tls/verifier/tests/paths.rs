//! Which paths hold.

use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CustomExtension, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose};

use super::lab::{DAY, Made, NOW, at, plain, root, trusting};
use crate::config::ExtendedKeyUsage;
use crate::policy::Reason;

/// keyUsage as it is written in DER, here as an extension that stands twice.
const KEY_USAGE: &[u64] = &[2, 5, 29, 15];

#[test]
fn a_client_whose_key_may_not_sign_is_refused() {
    let ca = root("Client CA", &plain);
    let only = |usage: KeyUsagePurpose| ca.client(&move |params| params.key_usages = vec![usage]);
    for usage in [
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::KeyEncipherment,
        KeyUsagePurpose::ContentCommitment,
        KeyUsagePurpose::KeyAgreement,
    ] {
        let (reason, _) = trusting(&[&ca]).refusal(&only(usage), &[]);
        assert_eq!(reason, Reason::WrongUsage);
    }
    let both = ca.client(&|params| params.key_usages.push(KeyUsagePurpose::KeyEncipherment));
    trusting(&[&ca]).holds_until(&both, &[]);
    let unsaid = ca.client(&|params| params.key_usages.clear());
    trusting(&[&ca]).holds_until(&unsaid, &[]);
}

#[test]
fn a_ca_whose_key_may_not_sign_certificates_vouches_for_nobody() {
    let without = |params: &mut rcgen::CertificateParams| {
        params.key_usages = vec![KeyUsagePurpose::CrlSign];
    };
    let ca = root("Client CA", &plain);
    let issuing = ca.ca("Issuing CA", &without);
    let (reason, said) = trusting(&[&ca]).refusal(&issuing.client(&plain), &[&issuing.der]);
    assert_eq!(reason, Reason::WrongUsage);
    assert!(said.contains("`CN=Issuing CA` has the key usage cRLSign"), "{said}");

    let careless = root("Client CA", &without);
    let (reason, _) = trusting(&[&careless]).refusal(&careless.client(&plain), &[]);
    assert_eq!(reason, Reason::WrongUsage);

    let unsaid = ca.ca("Old CA", &|params| params.key_usages.clear());
    trusting(&[&ca]).holds_until(&unsaid.client(&plain), &[&unsaid.der]);
}

#[test]
fn a_ca_has_to_say_that_it_is_one() {
    let ca = root("Client CA", &plain);
    for is_ca in [IsCa::NoCa, IsCa::ExplicitNoCa] {
        let issuing = ca.ca("Issuing CA", &|params| params.is_ca = is_ca);
        let (reason, _) = trusting(&[&ca]).refusal(&issuing.client(&plain), &[&issuing.der]);
        assert_eq!(reason, Reason::WrongUsage);
    }
}

#[test]
fn path_lengths_hold_for_roots_as_for_intermediates() {
    let limited = |most| {
        move |params: &mut rcgen::CertificateParams| {
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(most));
        }
    };
    let ca = root("Client CA", &limited(0));
    let issuing = ca.ca("Issuing CA", &plain);
    trusting(&[&ca]).holds_until(&ca.client(&plain), &[]);
    let (reason, said) = trusting(&[&ca]).refusal(&issuing.client(&plain), &[&issuing.der]);
    assert_eq!(reason, Reason::PathLength);
    assert!(said.contains("below the CA `CN=Client CA`, which allows 0"), "{said}");

    let ca = root("Client CA", &limited(1));
    let (first, second) = (ca.ca("First", &plain), ca.ca("Second", &limited(0)));
    trusting(&[&ca]).holds_until(&first.client(&plain), &[&first.der]);
    let third = second.ca("Third", &plain);
    let (reason, _) = trusting(&[&root("x", &plain), &ca])
        .refusal(&third.client(&plain), &[&third.der, &second.der]);
    assert_eq!(reason, Reason::PathLength);
}

#[test]
fn a_chain_is_followed_as_far_as_the_site_allows() {
    let ca = root("Client CA", &plain);
    let mut chain = vec![ca.ca("CA 1", &plain)];
    for number in 2..=6 {
        chain.push(chain[number - 2].ca(&format!("CA {number}"), &plain));
    }
    let ders: Vec<_> = chain.iter().map(|made| &made.der).collect();
    for depth in 0..=6 {
        let own = chain[..depth].last().unwrap_or(&ca).client(&plain);
        let site = |most| trusting(&[&ca]).rules(move |rules| rules.chain_depth_max = most);
        site(depth).holds_until(&own, &ders[..depth]);
        if depth > 0 {
            let (reason, said) = site(depth - 1).refusal(&own, &ders[..depth]);
            assert_eq!(reason, Reason::ChainTooDeep);
            assert!(said.contains("chain_depth_max"), "{said}");
        }
    }
    let too_deep = chain[5].ca("CA 7", &plain);
    let ders: Vec<_> = ders.into_iter().chain([&too_deep.der]).collect();
    let site = trusting(&[&ca]).rules(|rules| rules.chain_depth_max = 6);
    let (reason, _) = site.refusal(&too_deep.client(&plain), &ders);
    assert_eq!(reason, Reason::ChainTooDeep);
}

#[test]
fn an_extension_that_stands_twice_is_refused() {
    let ca = root("Client CA", &plain);
    let twice = |oid: &'static [u64]| {
        move |params: &mut rcgen::CertificateParams| {
            for _ in 0..2 {
                let extension = CustomExtension::from_oid_content(oid, vec![3, 2, 7, 128]);
                params.custom_extensions.push(extension);
            }
            params.key_usages.clear();
        }
    };
    for oid in [KEY_USAGE, &[1, 2, 3, 4]] {
        let (reason, said) = trusting(&[&ca]).refusal(&ca.client(&twice(oid)), &[]);
        assert_eq!(reason, Reason::Malformed);
        assert!(said.contains("twice"), "{said}");
    }
    let issuing = ca.ca("Issuing CA", &twice(&[1, 2, 3, 4]));
    let (reason, _) = trusting(&[&ca]).refusal(&issuing.client(&plain), &[&issuing.der]);
    assert_eq!(reason, Reason::Malformed);
}

#[test]
fn a_critical_extension_that_nobody_understands_is_refused() {
    let critical = |params: &mut rcgen::CertificateParams| {
        let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
        extension.set_criticality(true);
        params.custom_extensions.push(extension);
    };
    let ca = root("Client CA", &plain);
    let issuing = ca.ca("Issuing CA", &critical);
    let site = trusting(&[&ca]);
    for (reason, said) in [
        site.refusal(&ca.client(&critical), &[]),
        site.refusal(&issuing.client(&plain), &[&issuing.der]),
    ] {
        assert_eq!(reason, Reason::Malformed, "{said}");
        assert!(said.contains("critical extension 1.2.3.4"), "{said}");
    }
}

#[test]
fn the_rule_for_extended_key_usage_is_the_sites() {
    let ca = root("Client CA", &plain);
    let for_servers = ca.client(&|params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    let unsaid = ca.client(&|params| params.extended_key_usages.clear());
    let issuing = ca.ca("Issuing CA", &|params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    let below = issuing.client(&plain);
    let (fine, wrong) = (None, Some(Reason::WrongUsage));
    for (rule, expected) in [
        (ExtendedKeyUsage::IfPresent, [fine, wrong, fine, wrong]),
        (ExtendedKeyUsage::Require, [fine, wrong, wrong, wrong]),
        (ExtendedKeyUsage::Ignore, [fine, fine, fine, fine]),
    ] {
        let site = trusting(&[&ca]).rules(|rules| rules.extended_key_usage = rule);
        let judged = [
            site.judge(&ca.client(&plain), &[]),
            site.judge(&for_servers, &[]),
            site.judge(&unsaid, &[]),
            site.judge(&below, &[&issuing.der]),
        ];
        let reasons = judged.map(|outcome| outcome.err().map(|refusal| refusal.reason));
        assert_eq!(reasons, expected, "{rule:?}");
    }
}

#[test]
fn among_cas_of_one_name_the_right_one_is_found() {
    let cas: Vec<_> = (0..12).map(|_| root("Client CA", &plain)).collect();
    let site = trusting(&cas.iter().collect::<Vec<_>>());
    for ca in &cas {
        site.holds_until(&ca.client(&plain), &[]);
        let issuing = ca.ca("Issuing CA", &plain);
        site.holds_until(&issuing.client(&plain), &[&issuing.der]);
    }
    let (reason, _) = site.refusal(&root("Client CA", &plain).client(&plain), &[]);
    assert_eq!(reason, Reason::BadSignature);
}

#[test]
fn a_path_that_is_refused_does_not_hide_another_that_holds() {
    let strict = root("Strict CA", &|params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    });
    let ca = root("Client CA", &plain);
    let issuing = ca.ca("Issuing CA", &plain);
    let crossed = issuing.cross_signed_by(&strict);
    let own = issuing.client(&plain);
    for order in [[&issuing.der, &crossed.der], [&crossed.der, &issuing.der]] {
        trusting(&[&strict, &ca]).holds_until(&own, &order);
        trusting(&[&ca, &strict]).holds_until(&own, &order);
        let (reason, _) = trusting(&[&strict]).refusal(&own, &order);
        assert_eq!(reason, Reason::PathLength);
    }
}

#[test]
fn a_path_ends_with_its_shortest_lived_ca() {
    let until = |end| move |params: &mut rcgen::CertificateParams| params.not_after = at(end);
    let ca = root("Client CA", &until(NOW + 10 * DAY));
    let issuing = ca.ca("Issuing CA", &until(NOW + 5 * DAY));
    let own = issuing.client(&plain);
    assert_eq!(trusting(&[&ca]).holds_until(&own, &[&issuing.der]), NOW + 5 * DAY);
    assert_eq!(trusting(&[&ca]).holds_until(&ca.client(&plain), &[]), NOW + 10 * DAY);
    // The renewed root has the same name and key; whichever is listed first, the longer one counts.
    let renewed = ca.renewed(&until(NOW + 20 * DAY));
    for roots in [[&ca, &renewed], [&renewed, &ca]] {
        assert_eq!(trusting(&roots).holds_until(&ca.client(&plain), &[]), NOW + 20 * DAY);
    }
}

#[test]
fn intermediates_of_the_operator_help_but_end_no_path() {
    let ca = root("Client CA", &plain);
    let issuing = ca.ca("Issuing CA", &plain);
    let own = issuing.client(&plain);
    trusting(&[&ca]).helped_by(&[&issuing]).holds_until(&own, &[]);
    let stranger = root("Strangers", &plain);
    let site = trusting(&[&stranger]).helped_by(&[&issuing]);
    assert_eq!(site.refusal(&own, &[]).0, Reason::UnknownCa);
}

#[test]
fn junk_beside_a_chain_changes_nothing() {
    let ca = root("Client CA", &plain);
    let issuing = ca.ca("Issuing CA", &plain);
    let own = issuing.client(&plain);
    let stranger = root("Client CA", &plain);
    let junk: Vec<Made> = (0..100)
        .map(|number| match number % 3 {
            0 => stranger.ca("Issuing CA", &plain),
            1 => stranger.ca(&format!("Junk {number}"), &plain),
            _ => root("Issuing CA", &plain),
        })
        .collect();
    let mut sent: Vec<_> = junk.iter().map(|made| &made.der).collect();
    let start = Instant::now();
    trusting(&[&ca]).refusal(&own, &sent);
    sent.push(&issuing.der);
    trusting(&[&ca]).holds_until(&own, &sent);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn a_thicket_of_certificates_is_left_in_bounded_time() {
    // Ten CAs that all vouch for each other: webpki alone would try every order of them.
    let cas: Vec<_> = (0..10).map(|_| root("Thicket", &plain)).collect();
    let crossed: Vec<_> =
        cas.iter().flat_map(|one| cas.iter().map(|other| one.cross_signed_by(other))).collect();
    let sent: Vec<_> = crossed.iter().map(|made| &made.der).collect();
    let ca = root("Client CA", &plain);
    let start = Instant::now();
    let (reason, _) = trusting(&[&ca]).refusal(&cas[0].client(&plain), &sent);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_ne!(reason, Reason::NotAllowed);
}
