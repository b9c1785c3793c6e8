//! For whom a CA may vouch.

use super::super::der::name;
use super::super::extension::{constraints, directory, dns, email, ip, names, uri};
use super::super::forge::{Made, line};
use super::super::{Case, Invalid, LET_IN, Valid, case};

/// A client with such a name below an intermediate that permits the first and excludes the second.
fn named(own: &[Vec<u8>], permitted: &[Vec<u8>], excluded: &[Vec<u8>]) -> Made {
    line(1)
        .own(|draft| {
            if !own.is_empty() {
                draft.put(names(own));
            }
        })
        .above(1, |ca| _ = ca.put(constraints(permitted, excluded)))
        .made()
}

pub fn cases() -> Vec<Case> {
    const ENGINE: &str = "The engine knows constraints of DNS names and addresses only.";
    const NET: &[u8] = &[192, 0, 2, 0, 255, 255, 255, 0];
    const HOLE: &[u8] = &[192, 0, 2, 0, 255, 0, 255, 0];
    vec![
        case(
            "DNS name that is permitted",
            || named(&[dns("a.example.com")], &[dns("example.com")], &[]),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "DNS name that is not permitted",
            || named(&[dns("a.example.org")], &[dns("example.com")], &[]),
            "name-constraint",
            Invalid,
            "permitted subtree violation",
        ),
        case(
            "DNS name that only ends like the permitted one",
            || named(&[dns("badexample.com")], &[dns("example.com")], &[]),
            "name-constraint",
            Invalid,
            "permitted subtree violation",
        ),
        case(
            "DNS name in another letter case than the permitted one",
            || named(&[dns("A.EXAMPLE.COM")], &[dns("example.com")], &[]),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "DNS name below a permitted one with a dot before",
            || named(&[dns("a.example.com")], &[dns(".example.com")], &[]),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "wildcard below a permitted DNS name",
            || named(&[dns("*.example.com")], &[dns("example.com")], &[]),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "wildcard that could stand for an excluded DNS name",
            || named(&[dns("*.example.com")], &[], &[dns("a.example.com")]),
            "name-constraint",
            Valid,
            "ok",
        ).note("RFC 5280 knows no wildcards; the engine takes them for what they could stand for."),
        case(
            "DNS name that is excluded",
            || named(&[dns("a.example.com")], &[], &[dns("example.com")]),
            "name-constraint",
            Invalid,
            "excluded subtree violation",
        ),
        case(
            "DNS name that is not excluded",
            || named(&[dns("a.example.org")], &[], &[dns("example.com")]),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "one DNS name of two is not permitted",
            || named(&[dns("a.example.com"), dns("a.example.org")], &[dns("example.com")], &[]),
            "name-constraint",
            Invalid,
            "permitted subtree violation",
        ),
        case(
            "DNS name permitted and excluded",
            || named(&[dns("a.example.com")], &[dns("example.com")], &[dns("a.example.com")]),
            "name-constraint",
            Invalid,
            "excluded subtree violation",
        ),
        case(
            "no name, where DNS names are permitted",
            || named(&[], &[dns("example.com")], &[]),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "common name like a DNS name that is not permitted",
            || {
                line(1)
                    .own(|own| _ = own.named("CN=a.example.org"))
                    .above(1, |ca| _ = ca.put(constraints(&[dns("example.com")], &[])))
                    .made()
            },
            LET_IN,
            Valid,
            "permitted subtree violation",
        ).note("OpenSSL compares common names too; for the engine, and for RFC 5280, they are no DNS names."),
        case(
            "address where DNS names are permitted",
            || named(&[ip(&[192, 0, 2, 7])], &[dns("example.com")], &[]),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "address that is permitted",
            || named(&[ip(&[192, 0, 2, 7])], &[ip(NET)], &[]),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "address that is not permitted",
            || named(&[ip(&[198, 51, 100, 7])], &[ip(NET)], &[]),
            "name-constraint",
            Invalid,
            "permitted subtree violation",
        ),
        case(
            "address that is excluded",
            || named(&[ip(&[192, 0, 2, 7])], &[], &[ip(NET)]),
            "name-constraint",
            Invalid,
            "excluded subtree violation",
        ),
        case(
            "address permitted by a mask with a hole",
            || named(&[ip(&[192, 9, 2, 7])], &[ip(HOLE)], &[]),
            "malformed",
            Invalid,
            "ok",
        ).note("Which addresses that are is nowhere said."),
        case(
            "e-mail address that is permitted",
            || named(&[email("a@example.com")], &[email("example.com")], &[]),
            "name-constraint",
            Valid,
            "ok",
        )
        .note(ENGINE),
        case(
            "e-mail address that is not permitted",
            || named(&[email("a@example.org")], &[email("example.com")], &[]),
            "name-constraint",
            Invalid,
            "permitted subtree violation",
        ),
        case(
            "URI that is permitted",
            || named(&[uri("https://a.example.com/")], &[uri(".example.com")], &[]),
            "name-constraint",
            Valid,
            "ok",
        )
        .note(ENGINE),
        case(
            "URI that is not permitted",
            || named(&[uri("https://a.example.org/")], &[uri(".example.com")], &[]),
            "name-constraint",
            Invalid,
            "permitted subtree violation",
        ),
        case(
            "DNS name where e-mail addresses are excluded",
            || named(&[dns("a.example.com")], &[], &[email("example.com")]),
            LET_IN,
            Valid,
            "ok",
        )
        .note(ENGINE),
        case(
            "subject that is permitted",
            || named(&[], &[directory(&name("CN=caller"))], &[]),
            "name-constraint",
            Valid,
            "ok",
        )
        .note(ENGINE),
        case(
            "subject that is not permitted",
            || named(&[], &[directory(&name("O=Somebody"))], &[]),
            "name-constraint",
            Invalid,
            "permitted subtree violation",
        ),
        case(
            "subject that is excluded",
            || named(&[], &[], &[directory(&name("CN=caller"))]),
            "name-constraint",
            Invalid,
            "excluded subtree violation",
        ),
        case(
            "constraints that are not critical",
            || {
                line(1)
                    .own(|own| _ = own.put(names(&[dns("a.example.org")])))
                    .above(1, |ca| {
                        let mut it = constraints(&[dns("example.com")], &[]);
                        it.critical = false;
                        ca.put(it);
                    })
                    .made()
            },
            "name-constraint",
            Invalid,
            "permitted subtree violation",
        ),
        case(
            "constraints of the root, kept",
            || {
                line(0)
                    .own(|own| _ = own.put(names(&[dns("a.example.com")])))
                    .root(|ca| _ = ca.put(constraints(&[dns("example.com")], &[])))
                    .made()
            },
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "constraints of the root, not kept",
            || {
                line(0)
                    .own(|own| _ = own.put(names(&[dns("a.example.org")])))
                    .root(|ca| _ = ca.put(constraints(&[dns("example.com")], &[])))
                    .made()
            },
            "name-constraint",
            Invalid,
            "permitted subtree violation",
        ),
        case(
            "constraints in the client's own certificate",
            || line(0).own(|own| _ = own.put(constraints(&[dns("example.com")], &[]))).made(),
            LET_IN,
            Invalid,
            "ok",
        ).note("They stand above nobody."),
        case(
            "constraints of nothing",
            || named(&[dns("a.example.com")], &[], &[]),
            LET_IN,
            Invalid,
            "ok",
        ).note("They constrain nothing."),
        case(
            "constraints kept by one CA and not by the one above",
            || {
                line(2)
                    .own(|own| _ = own.put(names(&[dns("a.example.com")])))
                    .above(1, |ca| _ = ca.put(constraints(&[dns("example.com")], &[])))
                    .above(2, |ca| _ = ca.put(constraints(&[dns("example.org")], &[])))
                    .made()
            },
            "name-constraint",
            Invalid,
            "permitted subtree violation",
        ),
    ]
}
