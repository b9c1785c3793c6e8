//! What each certificate may be used for.

use super::super::extension::{
    ANY_PURPOSE, BASIC, CLIENT_AUTH, CRL_SIGN, DIGITAL_SIGNATURE, EXTENDED, KEY_AGREEMENT,
    KEY_CERT_SIGN, KEY_ENCIPHERMENT, KEY_USAGE, NON_REPUDIATION, SERVER_AUTH, basic, extended,
    issuer_key_id, key_usage, own_key_id,
};
use super::super::forge::{Draft, Made, line};
use super::super::{Case, Invalid, LET_IN, NO_START, Silent, Valid, case};

/// A client's certificate that is changed.
fn own(change: fn(&mut Draft)) -> Made {
    line(0).own(change).made()
}

/// A client below an intermediate that is changed.
fn below(change: fn(&mut Draft)) -> Made {
    line(1).above(1, change).made()
}

/// A client below a root that is changed.
fn root(change: fn(&mut Draft)) -> Made {
    line(0).root(change).made()
}

/// A client below so many intermediates, and a path length of the CA at a place.
fn length(intermediates: usize, place: usize, most: u8) -> Made {
    line(intermediates).above(place, |ca| _ = ca.put(basic(true, Some(most)).critical())).made()
}

/// A client below two CAs of their root's name, of which the one at a place has the path length 0.
fn self_issued(place: usize) -> Made {
    let mut line = line(2).above(place, |ca| _ = ca.put(basic(true, Some(0)).critical()));
    for (number, draft) in (1..).zip(&mut line.0) {
        // Names do not tell them apart.
        draft.put(own_key_id(&[number])).put(issuer_key_id(&[number + 1]));
        if number > 1 {
            draft.named("CN=Root CA,O=Matrix");
        }
    }
    line.root(|root| _ = root.drop("2.5.29.35")).made()
}

pub fn cases() -> Vec<Case> {
    const EMAIL: &str = "1.3.6.1.5.5.7.3.4";
    vec![
        case("own key usage missing", || own(|own| _ = own.drop(KEY_USAGE)), LET_IN, Valid, "ok"),
        case(
            "own key usage not critical",
            || own(|own| _ = own.put(key_usage(&[DIGITAL_SIGNATURE]))),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "own key usage `keyEncipherment`",
            || own(|own| _ = own.put(key_usage(&[KEY_ENCIPHERMENT]))),
            "wrong-usage",
            Silent,
            "unsuitable certificate purpose",
        ),
        case(
            "own key usage `keyAgreement`",
            || own(|own| _ = own.put(key_usage(&[KEY_AGREEMENT]))),
            "wrong-usage",
            Silent,
            "ok",
        )
        .note("RFC 8446 section 4.4.2.2 asks for `digitalSignature`."),
        case(
            "own key usage `nonRepudiation`",
            || own(|own| _ = own.put(key_usage(&[NON_REPUDIATION]))),
            "wrong-usage",
            Silent,
            "unsuitable certificate purpose",
        ),
        case(
            "own key usage `keyCertSign`",
            || own(|own| _ = own.put(key_usage(&[KEY_CERT_SIGN]))),
            "wrong-usage",
            Invalid,
            "unsuitable certificate purpose",
        ),
        case(
            "own key usage `digitalSignature` and `keyCertSign`, no CA",
            || own(|own| _ = own.put(key_usage(&[DIGITAL_SIGNATURE, KEY_CERT_SIGN]))),
            LET_IN,
            Silent,
            "ok",
        ),
        case(
            "own key usage without a bit",
            || own(|own| _ = own.put(key_usage(&[]))),
            "wrong-usage",
            Invalid,
            "unable to get local issuer certificate",
        ),
        case(
            "own extended key usage missing",
            || own(|own| _ = own.drop(EXTENDED)),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "own extended key usage missing, and required",
            || {
                line(0)
                    .own(|own| _ = own.drop(EXTENDED))
                    .made_but(|made| made.rules = "extended_key_usage = \"require\"")
            },
            "wrong-usage",
            Silent,
            "ok",
        )
        .note("The site says so."),
        case(
            "own extended key usage `clientAuth`, critical",
            || own(|own| _ = own.put(extended(&[CLIENT_AUTH]).critical())),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "own extended key usage `serverAuth`",
            || own(|own| _ = own.put(extended(&[SERVER_AUTH]))),
            "wrong-usage",
            Silent,
            "unsuitable certificate purpose",
        ),
        case(
            "own extended key usage `serverAuth`, and ignored",
            || {
                line(0)
                    .own(|own| _ = own.put(extended(&[SERVER_AUTH])))
                    .made_but(|made| made.rules = "extended_key_usage = \"ignore\"")
            },
            LET_IN,
            Silent,
            "unsuitable certificate purpose",
        )
        .note("The site says so."),
        case(
            "own extended key usage `serverAuth`, critical, and ignored",
            || {
                line(0)
                    .own(|own| _ = own.put(extended(&[SERVER_AUTH]).critical()))
                    .made_but(|made| made.rules = "extended_key_usage = \"ignore\"")
            },
            LET_IN,
            Silent,
            "unsuitable certificate purpose",
        )
        .note("The site says so."),
        case(
            "own extended key usage `serverAuth` and `clientAuth`",
            || own(|own| _ = own.put(extended(&[SERVER_AUTH, CLIENT_AUTH]))),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "own extended key usage `anyExtendedKeyUsage`",
            || own(|own| _ = own.put(extended(&[ANY_PURPOSE]))),
            "wrong-usage",
            Silent,
            "unsuitable certificate purpose",
        ),
        case(
            "own extended key usage of an unknown kind",
            || own(|own| _ = own.put(extended(&["1.3.6.1.4.1.99999.3"]))),
            "wrong-usage",
            Silent,
            "unsuitable certificate purpose",
        ),
        case(
            "own extended key usage without a purpose",
            || own(|own| _ = own.put(extended(&[]))),
            "wrong-usage",
            Invalid,
            "unsuitable certificate purpose",
        ),
        case(
            "own basic constraints missing",
            || own(|own| _ = own.drop(BASIC)),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "own certificate is a CA's, below the root",
            || own(|own| _ = own.put(basic(true, None).critical())),
            "wrong-usage",
            Silent,
            "ok",
        )
        .note("OpenSSL takes a CA for a client; here a CA's key is no caller's."),
        case(
            "own certificate is a CA's that may sign handshakes",
            || {
                own(|own| {
                    _ = own
                        .put(basic(true, None).critical())
                        .put(key_usage(&[DIGITAL_SIGNATURE, KEY_CERT_SIGN]));
                })
            },
            "wrong-usage",
            Silent,
            "ok",
        )
        .note("OpenSSL takes any CA for a client."),
        case(
            "own certificate is the root",
            || {
                line(0).made_but(|made| {
                    made.chain = made.anchors.clone();
                })
            },
            "wrong-usage",
            Silent,
            "unsuitable certificate purpose",
        )
        .note("It is a CA's; and the client here does not hold its key."),
        case(
            "own certificate has a path length, and is no CA's",
            || own(|own| _ = own.put(basic(false, Some(0)))),
            LET_IN,
            Invalid,
            "ok",
        )
        .note("It has no meaning there."),
        case(
            "intermediate without key usage",
            || below(|ca| _ = ca.drop(KEY_USAGE)),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "intermediate with the key usage `cRLSign`",
            || below(|ca| _ = ca.put(key_usage(&[CRL_SIGN]))),
            "wrong-usage",
            Invalid,
            "invalid CA certificate",
        ),
        case(
            "intermediate with the key usage `digitalSignature`",
            || below(|ca| _ = ca.put(key_usage(&[DIGITAL_SIGNATURE]).critical())),
            "wrong-usage",
            Invalid,
            "invalid CA certificate",
        ),
        case(
            "intermediate for clients",
            || below(|ca| _ = ca.put(extended(&[CLIENT_AUTH]))),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "intermediate for clients and e-mail",
            || below(|ca| _ = ca.put(extended(&[EMAIL, CLIENT_AUTH]))),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "intermediate for servers",
            || below(|ca| _ = ca.put(extended(&[SERVER_AUTH]))),
            "wrong-usage",
            Silent,
            "unsuitable certificate purpose",
        ),
        case(
            "intermediate for any purpose",
            || below(|ca| _ = ca.put(extended(&[ANY_PURPOSE]))),
            "wrong-usage",
            Silent,
            "unsuitable certificate purpose",
        ),
        case(
            "intermediate without basic constraints",
            || below(|ca| _ = ca.drop(BASIC)),
            "wrong-usage",
            Invalid,
            "invalid CA certificate",
        ),
        case(
            "intermediate that says it is no CA",
            || below(|ca| _ = ca.put(basic(false, None).critical())),
            "wrong-usage",
            Invalid,
            "invalid CA certificate",
        ),
        case(
            "intermediate whose basic constraints are not critical",
            || below(|ca| _ = ca.put(basic(true, None))),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "client certified by another client",
            || {
                line(1)
                    .above(1, |ca| {
                        let name = ca.subject.clone();
                        *ca = Draft::client();
                        ca.subject = name;
                    })
                    .made()
            },
            "wrong-usage",
            Invalid,
            "invalid CA certificate",
        ),
        case("root without key usage", || root(|ca| _ = ca.drop(KEY_USAGE)), LET_IN, Valid, "ok"),
        case(
            "root with the key usage `cRLSign`",
            || root(|ca| _ = ca.put(key_usage(&[CRL_SIGN]).critical())),
            NO_START,
            Silent,
            "invalid CA certificate",
        ),
        case(
            "root for servers",
            || root(|ca| _ = ca.put(extended(&[SERVER_AUTH]))),
            "wrong-usage",
            Silent,
            "unsuitable certificate purpose",
        ),
        case(
            "root without basic constraints, with `keyCertSign`",
            || root(|ca| _ = ca.drop(BASIC)),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "root without basic constraints and key usage",
            || root(|ca| _ = ca.drop(BASIC).drop(KEY_USAGE)),
            NO_START,
            Silent,
            "invalid CA certificate",
        ),
        case(
            "root that says it is no CA",
            || root(|ca| _ = ca.put(basic(false, None).critical())),
            NO_START,
            Silent,
            "invalid CA certificate",
        ),
        case("path length 0 of the issuer", || length(1, 1, 0), LET_IN, Valid, "ok"),
        case(
            "path length 0 of the issuer's issuer",
            || length(2, 2, 0),
            "path-length",
            Invalid,
            "path length constraint exceeded",
        ),
        case("path length 1 of the issuer's issuer", || length(2, 2, 1), LET_IN, Valid, "ok"),
        case(
            "path length 1 with two CAs below",
            || length(3, 3, 1),
            "path-length",
            Invalid,
            "path length constraint exceeded",
        ),
        case(
            "path length 0 of the root, and no intermediate",
            || length(0, 1, 0),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "path length 0 of the root, and an intermediate",
            || length(1, 2, 0),
            "path-length",
            Invalid,
            "path length constraint exceeded",
        ),
        case(
            "path length 0 of a CA that certified its next key",
            || self_issued(2),
            "path-length",
            Valid,
            "ok",
        )
        .note("Self-issued intermediates count, but not for a root."),
        case(
            "path length 0 of a root that certified its next keys",
            || self_issued(3),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "own certificate of version 1",
            || {
                own(|own| {
                    own.version = None;
                    own.extensions.clear();
                })
            },
            "x509-v1",
            Valid,
            "ok",
        )
        .note("Section 4 of RFC 5280 is about version 3, section 6 takes older ones of clients."),
        case(
            "own certificate of version 2",
            || {
                own(|own| {
                    own.version = Some(1);
                    own.extensions.clear();
                })
            },
            "x509-v1",
            Valid,
            "ok",
        )
        .note("As version 1."),
        case(
            "own certificate of version 1 with extensions",
            || own(|own| own.version = None),
            "x509-v1",
            Invalid,
            "ok",
        )
        .note("Nobody says which of the two is meant."),
        case(
            "own certificate of version 4",
            || own(|own| own.version = Some(3)),
            "malformed",
            Invalid,
            "ok",
        )
        .note("X.509 ends at 3."),
        case(
            "own certificate of version 3 without extensions",
            || own(|own| own.extensions.clear()),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "intermediate of version 1",
            || {
                below(|ca| {
                    ca.version = None;
                    ca.extensions.clear();
                })
            },
            "x509-v1",
            Invalid,
            "invalid CA certificate",
        ),
        case(
            "root of version 1",
            || {
                root(|ca| {
                    ca.version = None;
                    ca.extensions.clear();
                })
            },
            LET_IN,
            Valid,
            "ok",
        ),
    ]
}
