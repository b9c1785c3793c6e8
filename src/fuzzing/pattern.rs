//! A pattern and the names that it is compared with: it fits exactly those that a few plain lines say it fits,
//! and never a part of a name.

use std::net::IpAddr;
use std::sync::LazyLock;

use crate::identity::{Claims, Field, Pattern};
use crate::pki::Authority;

/// A certificate without a name, for names to be added.
static NAMELESS: LazyLock<Claims> = LazyLock::new(|| {
    let issued = Authority::root("x").expect("a CA");
    let mut claims = Claims::from_der(issued.der()).expect("our own");
    claims.subject_cn.clear();
    claims
});

/// The first byte chooses the field; then a line with the pattern, and one for each name.
pub(super) fn run(bytes: &[u8]) {
    let Some((field, text)) = bytes.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(text);
    let mut lines = text.split('\n');
    let written = lines.next().unwrap_or_default();
    let names: Vec<&str> = lines.take(8).collect();
    let field = Field::ALL[usize::from(*field) % Field::ALL.len()];
    let pattern = match Pattern::parse(field, written) {
        Ok(pattern) => pattern,
        Err(why) => {
            assert!(!why.what.is_empty() && !why.fix.is_empty());
            return;
        }
    };
    assert_eq!(pattern.to_string(), written);
    let mut all = NAMELESS.clone();
    let mut any_fits = false;
    // The pattern as a name, and what only begins or ends like it.
    let longer =
        [written.to_owned(), format!("{written}x"), format!("x{written}"), format!("x.{written}")];
    for name in names.into_iter().chain(longer.iter().map(String::as_str)) {
        let mut one = NAMELESS.clone();
        if !add(&mut one, field, name) {
            continue;
        }
        add(&mut all, field, name);
        let fits = fits(field, written, name);
        assert_eq!(pattern.matches(&one), fits, "{field:?} {written:?} {name:?}");
        any_fits |= fits;
    }
    // Of several names one is enough.
    let is_list = matches!(
        field,
        Field::SanDns | Field::SanUri | Field::SanEmail | Field::SanIp | Field::SubjectCn
    );
    assert!(!is_list || pattern.matches(&all) == any_fits, "{field:?} {written:?}");
}

/// Gives a certificate a name, if certificates can have it.
fn add(claims: &mut Claims, field: Field, name: &str) -> bool {
    let all = |is_fine: fn(u8) -> bool| !name.is_empty() && name.bytes().all(is_fine);
    match field {
        Field::SanDns if all(|byte| byte.is_ascii_alphanumeric() || b"-_.*".contains(&byte)) => {
            claims.san_dns.push(name.to_ascii_lowercase());
        }
        Field::SanUri if all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte)) => {
            claims.san_uri.push(name.to_owned());
        }
        Field::SanEmail if all(|byte| byte.is_ascii_graphic()) => {
            claims.san_email.push(name.to_owned());
        }
        Field::SanIp => match name.parse() {
            Ok(address) => claims.san_ip.push(address),
            Err(_) => return false,
        },
        Field::SubjectCn => claims.subject_cn.push(name.to_owned()),
        Field::SubjectO => claims.subject_o.push(name.to_owned()),
        Field::SubjectOu => claims.subject_ou.push(name.to_owned()),
        Field::IssuerCn => claims.issuer_cn.push(name.to_owned()),
        Field::Serial if is_serial(name) => name.clone_into(&mut claims.serial),
        Field::FingerprintSha256 => claims.sha256.copy_from_slice(&digest(name)),
        Field::SpkiSha256 => claims.spki_sha256.copy_from_slice(&digest(name)),
        _ => return false,
    }
    // The issuer's CN of the certificate at hand is not part of the question.
    if field == Field::IssuerCn && claims.issuer_cn.first().is_some_and(|first| first == "x") {
        claims.issuer_cn.remove(0);
    }
    true
}

fn is_serial(name: &str) -> bool {
    let digits = name.strip_prefix('-').unwrap_or(name);
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
    !digits.is_empty() && digits.len().is_multiple_of(2) && digits.bytes().all(is_digit)
}

/// The digest that is written in `name`, or some other.
fn digest(name: &str) -> [u8; 32] {
    let digits: Vec<u8> =
        name.chars().filter_map(|c| c.to_digit(16)).filter_map(|d| d.try_into().ok()).collect();
    let mut digest = [0xA5; 32];
    for (byte, pair) in digest.iter_mut().zip(digits.chunks(2)) {
        *byte = pair[0] << 4 | pair.get(1).unwrap_or(&0);
    }
    digest
}

/// Whether a pattern that could be read fits a name, told slowly.
fn fits(field: Field, pattern: &str, name: &str) -> bool {
    match field {
        Field::SanDns => dns(&pattern.to_ascii_lowercase(), &name.to_ascii_lowercase()),
        Field::SanUri => uri(pattern, name),
        Field::SanEmail => email(pattern, name),
        Field::SanIp => ip(pattern, name.parse().expect("an address")),
        Field::Serial => {
            let plain = pattern.replace(':', "").to_ascii_uppercase();
            let width = plain.len().max(name.len());
            !name.starts_with('-') && format!("{plain:0>width$}") == format!("{name:0>width$}")
        }
        Field::FingerprintSha256 | Field::SpkiSha256 => {
            let plain = pattern.replace(':', "").to_ascii_lowercase();
            let own: String = digest(name).iter().map(|byte| format!("{byte:02x}")).collect();
            plain == own
        }
        _ => pattern == name,
    }
}

fn dns(pattern: &str, name: &str) -> bool {
    let (wanted, labels): (Vec<_>, Vec<_>) =
        (pattern.split('.').collect(), name.split('.').collect());
    wanted.len() == labels.len()
        && wanted.iter().zip(&labels).enumerate().all(|(place, (wanted, label))| {
            wanted == label || (place == 0 && *wanted == "*" && !label.is_empty())
        })
}

fn email(pattern: &str, name: &str) -> bool {
    let parts: Vec<&str> = name.split('@').collect();
    let wanted: Vec<&str> = pattern.split('@').collect();
    let ([local, domain], [wanted_local, wanted_domain]) = (parts.as_slice(), wanted.as_slice())
    else {
        return false;
    };
    let is_local = local == wanted_local || (*wanted_local == "*" && !local.is_empty());
    is_local && domain.eq_ignore_ascii_case(wanted_domain)
}

fn ip(pattern: &str, name: IpAddr) -> bool {
    let bits = |address: IpAddr| match address.to_canonical() {
        IpAddr::V4(v4) => format!("{:032b}", u32::from(v4)),
        IpAddr::V6(v6) => format!("{:0128b}", u128::from(v6)),
    };
    let (first, length) = pattern.split_once('/').unwrap_or((pattern, ""));
    let (first, name) = (bits(first.parse().expect("an address")), bits(name));
    let length = length.parse().unwrap_or(first.len());
    first.len() == name.len() && first[..length] == name[..length]
}

fn uri(pattern: &str, name: &str) -> bool {
    if !pattern.contains('*') {
        return pattern == name;
    }
    let any = |segment: &str| {
        !["", ".", ".."].contains(&segment) && !segment.contains(['%', '?', '#', '*'])
    };
    let (mut wanted, mut segments) = (pattern.split('/'), name.split('/'));
    loop {
        match (wanted.next(), segments.next()) {
            (None, None) => return true,
            (Some("**"), Some(first)) => return any(first) && segments.all(any),
            (Some("*"), Some(segment)) if any(segment) => {}
            (Some(wanted), Some(segment)) if wanted == segment && wanted != "*" => {}
            _ => return false,
        }
    }
}
