//! Which certificates are sent, in which order, and which of them are trusted.

use super::super::der::name;
use super::super::extension::{issuer_key_id, own_key_id};
use super::super::forge::{DAY, Draft, Made, line};
use super::super::key::{Key, Kind};
use super::super::{Case, Invalid, LET_IN, NO_START, Silent, Valid, case};

/// What a chain is that has more intermediates than the site, or the engine, allows.
const DEPTH: &str = "chain-too-deep";

/// Two roots of one name, and a client of the first.
fn namesakes(change: fn(&mut Draft, &[u8])) -> (Made, Made) {
    let of = |id: &'static [u8]| {
        line(0)
            .own(|own| {
                if id == b"first" {
                    change(own, id);
                }
            })
            .root(|root| change(root, id))
            .made()
    };
    (of(b"first"), of(b"second"))
}

fn without_key_ids(_: &mut Draft, _: &[u8]) {}

fn with_key_ids(draft: &mut Draft, id: &[u8]) {
    let is_root = draft.subject == Draft::ca("CN=Root CA,O=Matrix").subject;
    draft.put(if is_root { own_key_id(id) } else { issuer_key_id(id) });
}

/// A client below an intermediate that a stranger certified, and the trusted root did too.
fn cross_signed(order: &[usize]) -> Made {
    let mut made = line(1).made();
    let trusted = line(1);
    let issuing = trusted.0[1].clone();
    let (root, stranger) = (trusted.0[2].clone(), Draft::ca("CN=Strange CA"));
    made.chain = vec![trusted.0[0].signed_by(&issuing)];
    made.key = trusted.0[0].key.clone();
    let both = [issuing.signed_by(&stranger), issuing.signed_by(&root)];
    made.chain.extend(order.iter().map(|place| both[*place].clone()));
    made.anchors = vec![root.signed_by(&root)];
    made
}

/// A client, an intermediate, and that intermediate as it was before it was renewed with its key.
fn renewed() -> Made {
    let line = line(1);
    let mut old = line.0[1].clone();
    old.valid(-90 * DAY, -3 * DAY);
    let old = old.signed_by(&line.0[2]);
    line.made_but(|made| made.chain.insert(1, old))
}

/// Certificates of CAs that have nothing to do with the client, of a name and with bytes for ballast.
fn strangers(count: usize, subject: &str, ballast: usize) -> Vec<Vec<u8>> {
    let mut ca = Draft::ca(subject);
    let bytes = vec![b'x'; ballast];
    if ballast > 0 {
        ca.put(super::super::extension::other("1.3.6.1.4.1.99999.2", bytes));
    }
    let ders = (0..count).map(|_| {
        ca.key = Key::new(Kind::P256);
        ca.signed_by(&ca)
    });
    ders.collect()
}

fn with_strangers(count: usize, subject: &'static str, ballast: usize) -> Made {
    line(1).made_but(|made| made.chain.extend(strangers(count, subject, ballast)))
}

/// A client of a CA that another certified which the first one certified.
fn circle() -> Made {
    let line = line(1);
    let (own, one) = (line.0[0].clone(), line.0[1].clone());
    let other = Draft::ca("CN=Issuing CA 2");
    line.made_but(|made| {
        made.chain = vec![own.signed_by(&one), one.signed_by(&other), other.signed_by(&one)];
    })
}

/// A certificate that signed itself, under this name.
fn self_signed(subject: &'static str) -> Made {
    let mut own = Draft::client();
    own.named(subject);
    line(0).made_but(|made| {
        made.chain = vec![own.signed_by(&own)];
        made.key = own.key.clone();
    })
}

pub fn cases() -> Vec<Case> {
    vec![
        case("chain of 0 intermediates", || line(0).made(), LET_IN, Valid, "ok"),
        case("chain of 1 intermediate", || line(1).made(), LET_IN, Valid, "ok"),
        case("chain of 2 intermediates", || line(2).made(), LET_IN, Valid, "ok"),
        case("chain of 3 intermediates", || line(3).made(), LET_IN, Valid, "ok"),
        case("chain of 4 intermediates", || line(4).made(), LET_IN, Valid, "ok"),
        case("chain of 5 intermediates", || line(5).made(), LET_IN, Valid, "ok"),
        case("chain of 6 intermediates", || line(6).made(), DEPTH, Valid, "ok")
            .note("`chain_depth_max` is 5."),
        case(
            "chain of 6 intermediates with `chain_depth_max = 6`",
            || line(6).made_but(|made| made.rules = "chain_depth_max = 6"),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "chain of 7 intermediates with `chain_depth_max = 6`",
            || line(7).made_but(|made| made.rules = "chain_depth_max = 6"),
            DEPTH,
            Valid,
            "ok",
        )
        .note("6 is the most that can be set."),
        case("chain of 12 intermediates", || line(12).made(), DEPTH, Valid, "ok")
            .note("As before."),
        case(
            "intermediate not sent, of another house than the root",
            || line(1).made_but(|made| _ = made.chain.pop()),
            "unknown-ca",
            Invalid,
            "unable to get local issuer certificate",
        ),
        case(
            "intermediate not sent, of the root's house",
            || {
                line(1)
                    .above(1, |ca| _ = ca.named("CN=Issuing CA,O=Matrix"))
                    .made_but(|made| _ = made.chain.pop())
            },
            "missing-intermediate",
            Invalid,
            "unable to get local issuer certificate",
        ),
        case(
            "intermediate not sent, but in `client_ca`",
            || line(1).made_but(|made| made.helpers = made.chain.split_off(1)),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "second of two intermediates not sent",
            || line(2).made_but(|made| _ = made.chain.pop()),
            "unknown-ca",
            Invalid,
            "unable to get local issuer certificate",
        ),
        case(
            "root sent along",
            || line(1).made_but(|made| made.chain.extend(made.anchors.clone())),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "root sent in the intermediate's place",
            || line(1).made_but(|made| made.chain[1] = made.anchors[0].clone()),
            "unknown-ca",
            Invalid,
            "unable to get local issuer certificate",
        ),
        case(
            "intermediates in the wrong order",
            || line(3).made_but(|made| made.chain[1..].reverse()),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "intermediates sent twice",
            || line(2).made_but(|made| made.chain.extend_from_within(1..)),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "own certificate sent twice",
            || line(1).made_but(|made| made.chain.insert(1, made.chain[0].clone())),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "intermediate sent before the client's own",
            || line(1).made_but(|made| made.chain.reverse()),
            "wrong-usage",
            Silent,
            "unsuitable certificate purpose",
        )
        .note("The first certificate is the client's own, and here it is a CA's."),
        case(
            "a stranger's CA sent along",
            || with_strangers(1, "CN=Strange CA", 0),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "100 strangers' CAs sent along",
            || with_strangers(100, "CN=Strange CA", 0),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "100 strangers' CAs of the intermediate's name sent along",
            || with_strangers(100, "CN=Issuing CA 1", 0),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "100 strangers' CAs of the root's name sent along",
            || with_strangers(100, "CN=Root CA,O=Matrix", 0),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "100 pieces of junk sent along",
            || line(1).made_but(|made| made.chain.extend(vec![b"no certificate".to_vec(); 100])),
            LET_IN,
            Silent,
            "ok",
        )
        .servers(false, false)
        .note("Here what cannot be read counts as not sent; servers on OpenSSL hang up."),
        case("chain of 60 kB", || with_strangers(6, "CN=Strange CA", 10_000), LET_IN, Valid, "ok"),
        case(
            "chain of 64 kB and more",
            || with_strangers(7, "CN=Strange CA", 10_000),
            "tls-failure",
            Valid,
            "ok",
        )
        .note("A handshake message has at most 64 kB."),
        case(
            "intermediate certified by the root and a stranger, the stranger's first",
            || cross_signed(&[0, 1]),
            LET_IN,
            Valid,
            "unable to get local issuer certificate",
        )
        .note("OpenSSL follows the first certificate of a name alone."),
        case(
            "intermediate certified by the root and a stranger, the stranger's last",
            || cross_signed(&[1, 0]),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "intermediate certified by the root and a stranger, the stranger's only",
            || cross_signed(&[0]),
            "unknown-ca",
            Invalid,
            "unable to get local issuer certificate",
        ),
        case(
            "intermediate renewed with its key, both sent, the expired one first",
            renewed,
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "two roots of one name, the client's first",
            || {
                let (mut one, two) = namesakes(without_key_ids);
                one.anchors.extend(two.anchors);
                one
            },
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "two roots of one name, the client's last",
            || {
                let (mut one, two) = namesakes(without_key_ids);
                one.anchors.splice(0..0, two.anchors);
                one
            },
            LET_IN,
            Valid,
            "certificate signature failure",
        )
        .note("OpenSSL takes the first of a name; key identifiers tell it which."),
        case(
            "two roots of one name with key identifiers, the client's first",
            || {
                let (mut one, two) = namesakes(with_key_ids);
                one.anchors.extend(two.anchors);
                one
            },
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "two roots of one name with key identifiers, the client's last",
            || {
                let (mut one, two) = namesakes(with_key_ids);
                one.anchors.splice(0..0, two.anchors);
                one
            },
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "root has another key than the trusted one of its name",
            || {
                let (mut one, two) = namesakes(without_key_ids);
                one.anchors = two.anchors;
                one
            },
            "bad-signature",
            Invalid,
            "certificate signature failure",
        ),
        case(
            "intermediate has another key than the one sent of its name",
            || {
                let other = line(1).made();
                line(1).made_but(|made| made.chain[1] = other.chain[1].clone())
            },
            "bad-signature",
            Invalid,
            "certificate signature failure",
        ),
        case(
            "intermediate has another key than a trusted one of its name",
            || {
                let other = line(1);
                line(1).made_but(|made| {
                    made.chain[1] = other.0[1].signed_by(&Draft::ca("CN=Root CA,O=Matrix"));
                })
            },
            "bad-signature",
            Invalid,
            "certificate signature failure",
        ),
        case(
            "own certificate signed by itself",
            || self_signed("CN=caller"),
            "unknown-ca",
            Invalid,
            "self-signed certificate",
        ),
        case(
            "own certificate signed by itself, with the root's name",
            || self_signed("CN=Root CA,O=Matrix"),
            "bad-signature",
            Invalid,
            "self-signed certificate",
        ),
        case(
            "own certificate signed by itself and in `client_ca`",
            || self_signed("CN=caller").also_trusted(),
            "unknown-ca",
            Silent,
            "ok",
        )
        .note("Only CAs end a path; the gateway warns of the others in `client_ca`."),
        case(
            "two CAs that certified each other",
            circle,
            "unknown-ca",
            Invalid,
            "unable to get local issuer certificate",
        ),
        case(
            "intermediate alone in `client_ca`",
            || line(1).made_but(|made| made.anchors = made.chain.split_off(1)),
            NO_START,
            Silent,
            "unable to get issuer certificate",
        ),
        case(
            "root in `client_ca` was signed by nobody that it names",
            || line(0).root(|root| root.is_forged = true).made(),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "own certificate with the wrong key",
            || line(0).made_but(|made| made.key = Key::new(Kind::P256)),
            "bad-certificate-verify",
            Valid,
            "ok",
        )
        .servers(false, false)
        .note("The path is right, and the proof of the key is not."),
        case(
            "own certificate that no rule admits",
            || line(0).made_but(|made| made.rules = "allow = [{ subject_cn = \"somebody\" }]"),
            "not-allowed",
            Valid,
            "ok",
        )
        .note("The path is right."),
        case(
            "issuer's name in another letter case",
            || line(1).own(|own| own.issuer = Some(name("CN=ISSUING CA 1"))).made(),
            "unknown-ca",
            Valid,
            "ok",
        )
        .note("Names are compared byte by byte."),
        case(
            "issuer's name with more white space",
            || line(0).own(|own| own.issuer = Some(name("CN=Root  CA ,O=Matrix"))).made(),
            "missing-intermediate",
            Valid,
            "ok",
        )
        .note("Names are compared byte by byte."),
    ]
}
