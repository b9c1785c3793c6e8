//! The changes of trust that a site can go through, each with what becomes of the site's own caller.

use mtls_gateway::pki::Authority;
use mtls_gateway::process::unix_now;

use super::stage::{Ca, NEW_NAME, Site};

pub const SERVED: &str = "served";

const DAY: i64 = 24 * 60 * 60;

pub struct Change {
    pub name: &'static str,
    /// Makes it; the second is the CA that the site does not trust.
    pub make: fn(&mut Site<'_>, &Ca),
    /// What becomes of the site's own caller: [`SERVED`] or a reason.
    pub own: &'static str,
    /// What becomes of that of the other CA.
    pub other: &'static str,
}

const fn change(name: &'static str, make: fn(&mut Site<'_>, &Ca), own: &'static str) -> Change {
    Change { name, make, own, other: UNKNOWN }
}

const UNKNOWN: &str = "unknown-ca";
const NAME: &str = "unknown-server-name";

pub const CHANGES: [Change; 18] = [
    change("nothing", |_, _| {}, SERVED),
    Change {
        other: SERVED,
        ..change(
            "the CA is replaced by another",
            |site, other| site.anchors = vec![other.pem()],
            UNKNOWN,
        )
    },
    Change {
        other: SERVED,
        ..change("another CA is added", |site, other| site.anchors.push(other.pem()), SERVED)
    },
    change("the CA is removed, a spare one stays", |site, _| _ = site.anchors.remove(0), UNKNOWN),
    change(
        "the CA is replaced by one of its name with another key",
        |site, _| {
            let impostor = Authority::draft(site.ca.name).authority().unwrap();
            site.anchors = vec![impostor.certificate_pem().to_owned()];
        },
        "bad-signature",
    ),
    change(
        "the caller is revoked",
        |site, _| site.list = Some(site.ca.list(&[&site.ca.caller_der], -1, 9)),
        "revoked",
    ),
    change(
        "another is revoked",
        |site, _| site.list = Some(site.ca.list(&[site.ca.root.der()], -1, 9)),
        SERVED,
    ),
    change(
        "the intermediate is revoked",
        |site, _| {
            let now = unix_now();
            let issuing = site.ca.issuing.der();
            let of_root = site.ca.root.revocation_list(&[issuing], now - DAY..now + DAY);
            site.list = Some(site.ca.list(&[], -1, 9) + &of_root.unwrap());
            site.crl_check = "chain";
        },
        "revoked",
    ),
    change(
        "the list is one that ran out",
        |site, _| site.list = Some(site.ca.list(&[], -9, -1)),
        "crl-expired",
    ),
    change(
        "the list is one of another CA",
        |site, other| site.list = Some(other.list(&[], -1, 9)),
        "crl-missing",
    ),
    change(
        "others are allowed",
        |site, _| site.allow = Some("{ subject_cn = \"somebody\" }"),
        "not-allowed",
    ),
    change(
        "others are allowed too",
        |site, _| site.allow = Some("{ subject_cn = \"caller\" }, { subject_cn = \"somebody\" }"),
        SERVED,
    ),
    change(
        "the caller is denied",
        |site, _| site.deny = Some("{ subject_cn = \"caller\" }"),
        "not-allowed",
    ),
    change("an extended key usage is required", |site, _| site.extended = "require", SERVED),
    change("no intermediate is allowed", |site, _| site.depth = 0, DEPTH),
    Change {
        other: NAME,
        ..change("the site has another name", |site, _| site.answers_to = NEW_NAME, NAME)
    },
    Change { other: NAME, ..change("the site is removed", |site, _| site.is_there = false, NAME) },
    change("no sessions any more", |site, _| site.resumption = "off", SERVED),
];

/// What a chain is that has more intermediates than the site allows.
const DEPTH: &str = "chain-too-deep";
