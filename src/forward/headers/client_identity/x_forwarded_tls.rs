//! `X-Forwarded-Tls-Client-Cert` and `-Info`, as Traefik's PassTLSClientCert sends them with everything on.
//!
//! The first is the presented certificates in base64 without PEM's delimiters and line ends, divided by
//! commas. The second is facts in quotation marks, escaped as a URL query; here of the client's own certificate
//! only, since nothing else in the chain speaks of the client. Its subset of a name has an order of its own.

use crate::identity::{Claims, Identity, attributes};

use super::encode::{base64, percent};
use super::{Detail, Line};

/// The attributes that are shown, in Traefik's order, with the keys that it gives them.
const SHOWN: [(&str, &str); 8] = [
    ("DC", "DC"),
    ("C", "C"),
    ("ST", "ST"),
    ("L", "L"),
    ("O", "O"),
    ("OU", "OU"),
    ("serialNumber", "SN"),
    ("CN", "CN"),
];

pub(super) fn lines(identity: &Identity, detail: Detail) -> Vec<Line> {
    // A space is a plus in a query; a plus itself has become `%2B`.
    let info = percent(&info(identity.claims())).replace("%20", "+");
    let mut lines = vec![("x-forwarded-tls-client-cert-info", info)];
    let presented = identity.chain();
    let shown = match detail {
        Detail::Whole => presented,
        Detail::WithoutChain => presented.get(..1).unwrap_or_default(),
        Detail::Facts => return lines,
    };
    let certificates: Vec<_> = shown.iter().map(|der| base64(der)).collect();
    lines.push(("x-forwarded-tls-client-cert", certificates.join(",")));
    lines
}

fn info(claims: &Claims) -> String {
    let pairs = [
        ("Subject", name(&claims.subject, true)),
        ("Issuer", name(&claims.issuer, false)),
        ("SerialNumber", decimal(&claims.serial)),
        ("NB", claims.not_before.to_string()),
        ("NA", claims.not_after.to_string()),
        ("SAN", alternative_names(claims)),
    ];
    let set = pairs.iter().filter(|(_, value)| !value.is_empty());
    let set = set.map(|(key, value)| format!("{key}=\"{value}\""));
    set.collect::<Vec<_>>().join(";")
}

fn name(written: &str, with_unit: bool) -> String {
    // Our own strings always read back.
    let mut found = attributes(written).unwrap_or_default().concat();
    // Ours begin with the most specific part, Traefik's with the first of the certificate.
    found.reverse();
    let mut shown = Vec::new();
    for (key, label) in SHOWN {
        let of_key =
            found.iter().filter(|attribute| attribute.key == key && (with_unit || key != "OU"));
        shown.extend(of_key.map(|attribute| format!("{label}={}", escaped(&attribute.value))));
    }
    shown.join(",")
}

/// What would end the value, or begin another, goes as RFC 4514 escapes it by number.
fn escaped(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for one in value.chars() {
        match one {
            '"' | '\\' | ',' | ';' | '=' => escaped.push_str(&format!("\\{:02X}", u32::from(one))),
            one if one.is_ascii_control() => escaped.push_str(&format!("\\{:02X}", u32::from(one))),
            one => escaped.push(one),
        }
    }
    escaped
}

/// The list has no way to escape; a name that would read as two, or end it, is left out.
fn alternative_names(claims: &Claims) -> String {
    let addresses = claims.san_ip.iter().map(ToString::to_string);
    let names = claims.san_dns.iter().chain(&claims.san_email).cloned();
    let all = names.chain(addresses).chain(claims.san_uri.iter().cloned());
    let carried = all.filter(|name| !name.contains(['"', ',', '\\']));
    carried.collect::<Vec<_>>().join(",")
}

/// A number of hexadecimal digits as a decimal one, however long.
fn decimal(hexadecimal: &str) -> String {
    // Decimal digits, the last first.
    let mut digits = vec![0_u32];
    for mut carry in hexadecimal.chars().filter_map(|digit| digit.to_digit(16)) {
        for digit in &mut digits {
            let sum = *digit * 16 + carry;
            *digit = sum % 10;
            carry = sum / 10;
        }
        while carry > 0 {
            digits.push(carry % 10);
            carry /= 10;
        }
    }
    let digits = digits.iter().rev();
    digits.filter_map(|digit| char::from_digit(*digit, 10)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_in_the_order_of_the_format() {
        let written =
            "CN=a,OU=unit,OU=first,emailAddress=x@y,O=Example\\, Inc.,C=DE,DC=com,DC=example";
        assert_eq!(
            name(written, true),
            "DC=example,DC=com,C=DE,O=Example\\2C Inc.,OU=first,OU=unit,CN=a"
        );
        assert_eq!(name("CN=a,OU=unit,serialNumber=7", false), "SN=7,CN=a");
    }

    #[test]
    fn long_serial_numbers_are_decimal() {
        assert_eq!(decimal("00"), "0");
        assert_eq!(
            decimal("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"),
            "1461501637330902918203684832716283019655932542975"
        );
    }

    proptest! {
        #[test]
        fn a_serial_number_is_the_same_number(number: u64) {
            prop_assert_eq!(decimal(&format!("{number:X}")), number.to_string());
        }

        #[test]
        fn no_value_ends_its_quotes(value: String) {
            let escaped = escaped(&value);
            let ends = |one: char| matches!(one, '"' | ',' | ';' | '=') || one.is_ascii_control();
            prop_assert!(!escaped.contains(ends));
        }
    }
}
