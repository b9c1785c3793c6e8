//! When certificates are valid, and lists that say that they are not any more.

use super::super::der::{integer, moment, seq, tlv};
use super::super::forge::{DAY, Draft, Made, line};
use super::super::key::Signing;
use super::super::{Case, Invalid, LET_IN, NO_START, Valid, case};

/// A client's certificate with these texts for its begin and its end, in strings of these tags.
fn written(begin: (u8, &str), end: (u8, &str)) -> Made {
    let validity = [begin, end].map(|(tag, text)| tlv(tag, text.as_bytes()));
    line(0).own(|own| own.validity = validity).made()
}

const UTC: u8 = 0x17;
const GENERALIZED: u8 = 0x18;

/// A client below so many intermediates, of which the certificate at a place is valid so.
fn valid(intermediates: usize, place: usize, from: i64, to: i64) -> Made {
    line(intermediates).above(place, |draft| _ = draft.valid(from, to)).made()
}

/// The same with a root beside that is in force, or the gateway would not start.
fn with_another_root(mut made: Made) -> Made {
    made.anchors.extend(line(0).root(|root| _ = root.named("CN=Another CA")).made().anchors);
    made
}

/// A client with a list that revokes a serial number, valid from and to so many days from now.
fn listed(is_revoked: bool, days: (i64, i64), by: fn(&Draft) -> Draft) -> Made {
    listed_below(0, is_revoked, days, by)
}

/// The same below so many intermediates, for the client's issuer.
fn listed_below(
    intermediates: usize,
    is_revoked: bool,
    days: (i64, i64),
    by: fn(&Draft) -> Draft,
) -> Made {
    let line = line(intermediates);
    let issuer = by(&line.0[1]);
    let now = mtls_gateway::process::unix_now();
    let entry = |serial: &[u8]| seq(&[integer(serial), moment(now - DAY)]);
    let revoked = if is_revoked { entry(&line.0[0].serial) } else { entry(&[7]) };
    let algorithm = Signing::EcSha256.identifier();
    let content = seq(&[
        integer(&[1]),
        algorithm.clone(),
        issuer.subject.clone(),
        moment(now + days.0 * DAY),
        moment(now + days.1 * DAY),
        seq(&[revoked]),
    ]);
    let signature = issuer.key.sign(Signing::EcSha256, &content);
    let list = seq(&[content, algorithm, super::super::der::bits(&signature)]);
    line.made_but(|made| {
        made.list = Some(list);
        made.rules = "crl = \"list.crl\"";
    })
}

pub fn cases() -> Vec<Case> {
    vec![
        case(
            "own certificate expired a minute ago",
            || valid(0, 0, -DAY, -60),
            "expired",
            Invalid,
            "certificate has expired",
        ),
        case(
            "own certificate expired years ago",
            || valid(0, 0, -2000 * DAY, -1000 * DAY),
            "expired",
            Invalid,
            "certificate has expired",
        ),
        case(
            "own certificate begins in a minute",
            || valid(0, 0, 60, DAY),
            "not-yet-valid",
            Invalid,
            "certificate is not yet valid",
        ),
        case("own certificate began this second", || valid(0, 0, 0, DAY), LET_IN, Valid, "ok"),
        case("own certificate ends in a minute", || valid(0, 0, -DAY, 60), LET_IN, Valid, "ok"),
        case(
            "own certificate ends before it begins",
            || valid(0, 0, -DAY, -2 * DAY),
            "malformed",
            Invalid,
            "certificate has expired",
        ),
        case(
            "own certificate ends after 2050",
            || valid(0, 0, -DAY, 20_000 * DAY),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "own certificate never ends (year 9999)",
            || written((UTC, "200101000000Z"), (GENERALIZED, "99991231235959Z")),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "own certificate outlives its CA, which is in force",
            || line(0).root(|root| _ = root.valid(-DAY, DAY)).made(),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "intermediate expired",
            || valid(1, 1, -90 * DAY, -DAY),
            "expired",
            Invalid,
            "certificate has expired",
        ),
        case(
            "intermediate begins tomorrow",
            || valid(1, 1, DAY, 90 * DAY),
            "not-yet-valid",
            Invalid,
            "certificate is not yet valid",
        ),
        case(
            "root expired",
            || with_another_root(valid(0, 1, -90 * DAY, -DAY)),
            "expired",
            Invalid,
            "certificate has expired",
        ),
        case(
            "root begins tomorrow",
            || with_another_root(valid(0, 1, DAY, 90 * DAY)),
            "not-yet-valid",
            Invalid,
            "certificate is not yet valid",
        ),
        case(
            "root expired, and the only one",
            || valid(0, 1, -90 * DAY, -DAY),
            NO_START,
            Invalid,
            "certificate has expired",
        ),
        case(
            "dates before 2050 as `GeneralizedTime`",
            || written((GENERALIZED, "20200101000000Z"), (GENERALIZED, "20400101000000Z")),
            LET_IN,
            Invalid,
            "ok",
        )
        .note("They can be read in one way only."),
        case(
            "dates without seconds",
            || written((UTC, "2001010000Z"), (UTC, "4001010000Z")),
            "malformed",
            Invalid,
            "format error in certificate's notBefore field",
        ),
        case(
            "dates with an offset from UTC",
            || written((UTC, "200101000000+0100"), (UTC, "400101000000+0100")),
            "malformed",
            Invalid,
            "format error in certificate's notBefore field",
        ),
        case(
            "dates with a fraction of a second",
            || written((GENERALIZED, "20200101000000.5Z"), (GENERALIZED, "20500101000000.5Z")),
            "malformed",
            Invalid,
            "format error in certificate's notBefore field",
        ),
        case(
            "date that no calendar has",
            || written((UTC, "200230000000Z"), (UTC, "400101000000Z")),
            "malformed",
            Invalid,
            "format error in certificate's notBefore field",
        ),
        case(
            "dates that are no dates",
            || written((UTC, "yesterday"), (UTC, "tomorrow")),
            "malformed",
            Invalid,
            "format error in certificate's notBefore field",
        ),
        case(
            "begin before 1970",
            || written((UTC, "600101000000Z"), (UTC, "400101000000Z")),
            "malformed",
            Valid,
            "ok",
        )
        .note("Unix time begins in 1970."),
        case(
            "revoked",
            || listed(true, (-1, 9), Draft::clone),
            "revoked",
            Invalid,
            "certificate revoked",
        ),
        case(
            "another certificate revoked",
            || listed(false, (-1, 9), Draft::clone),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "list ran out",
            || listed(false, (-9, -1), Draft::clone),
            "crl-expired",
            Invalid,
            "CRL has expired",
        ),
        case(
            "list begins tomorrow",
            || listed(false, (1, 9), Draft::clone),
            "crl-expired",
            Invalid,
            "CRL is not yet valid",
        ),
        case(
            "list of another CA",
            || listed(false, (-1, 9), |_| Draft::ca("CN=Another CA")),
            "crl-missing",
            Invalid,
            "unable to get certificate CRL",
        ),
        case(
            "list of the CA's name with another key",
            || listed(false, (-1, 9), |_| Draft::ca("CN=Root CA,O=Matrix")),
            NO_START,
            Invalid,
            "CRL signature failure",
        ),
        case(
            "list of an intermediate's name with another key",
            || listed_below(1, false, (-1, 9), |_| Draft::ca("CN=Issuing CA 1")),
            "crl-unreadable",
            Invalid,
            "CRL signature failure",
        ),
    ]
}
