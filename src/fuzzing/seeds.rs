//! What fuzzing starts from: certificates, lists and texts of every kind that is known, made anew each time.

use std::ops::Range;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint,
    CrlIssuingDistributionPoint, CrlScope, CustomExtension, DnType, DnValue, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason, RevokedCertParams, SerialNumber,
};
use time::OffsetDateTime;

use super::list::ISSUER;
use super::names::make;
use crate::identity::{Claims, Field};
use crate::pki::{Algorithm, Authority, Draft, Usage};

/// Seconds of a validity that no seed depends on.
const VALID: Range<i64> = 1_700_000_000..1_800_000_000;

pub(super) fn certificates() -> Vec<Vec<u8>> {
    let root = Authority::root(ISSUER).expect("a CA");
    let client = || root.client("caller");
    let drafts: Vec<Draft<'_>> = vec![
        client(),
        client().algorithm(Algorithm::EcP384).usage(Usage::Any),
        client().algorithm(Algorithm::Ed25519).usage(Usage::Server).valid(VALID),
        client().algorithm(Algorithm::Rsa2048).organization("Example, Inc.", "a+b=\"c\""),
        client()
            .name("caller.example.com")
            .name("*.example.com")
            .name("192.0.2.7")
            .name("2001:db8::7"),
        client()
            .uri("spiffe://example.org/ns/prod/sa/pay")
            .uri("urn:a,b;c=d")
            .email("a@example.com"),
        root.client(" Z\u{fc}rich\r\nX-Injected: 1\0 "),
        root.client(""),
    ];
    let mut seeds: Vec<Vec<u8>> = drafts
        .into_iter()
        .map(|draft| draft.issue().expect("a certificate").der().to_vec())
        .collect();
    let sub = root.intermediate("Sub CA").authority().expect("a CA");
    seeds.extend([root.der().to_vec(), sub.der().to_vec(), strange().expect("a certificate")]);
    seeds.extend(names().iter().map(|input| make(input)));
    seeds
}

/// A certificate with strings of all kinds and extensions that others leave out.
fn strange() -> Result<Vec<u8>, rcgen::Error> {
    let mut params = CertificateParams::default();
    let name = &mut params.distinguished_name;
    name.push(DnType::CommonName, DnValue::BmpString("Z\u{fc}rich".try_into()?));
    name.push(DnType::OrganizationName, DnValue::TeletexString("T.61".try_into()?));
    name.push(DnType::LocalityName, DnValue::UniversalString("\u{1f600}".try_into()?));
    name.push(DnType::CountryName, DnValue::PrintableString("DE".try_into()?));
    name.push(DnType::CustomDnType(vec![1, 2, 3, 4]), "#one");
    name.push(DnType::CustomDnType(vec![0, 9, 2342, 19_200_300, 100, 1, 25]), "com");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::CrlSign];
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(3));
    params.crl_distribution_points =
        vec![CrlDistributionPoint { uris: vec!["http://a.example/crl".to_owned()] }];
    let mut critical = CustomExtension::from_oid_content(&[1, 2, 3], vec![5, 0]);
    critical.set_criticality(true);
    params.custom_extensions = vec![critical];
    Ok(params.self_signed(&KeyPair::generate()?)?.der().to_vec())
}

/// Inputs of `names`: its kind, its length and its first byte stand before each value.
pub(super) fn names() -> Vec<Vec<u8>> {
    let part = |kind: u8, shape: Option<u8>, value: &[u8]| -> Vec<u8> {
        let length = value.len() + usize::from(shape.is_some());
        let mut part = vec![kind, u8::try_from(length).unwrap_or(u8::MAX)];
        part.extend(shape);
        part.extend_from_slice(value);
        part
    };
    let mut seeds = vec![Vec::new()];
    for shape in 0..16 {
        let parts = [
            part(0x01, Some(0), b"Example"),
            part(0x00, Some(shape), b" a,b+c=\"d\"\\#e\0 "),
            part(0x22, Some(shape), b"beside"),
            part(0x40, Some(shape), &[0, 65, 0, 66]),
            part(0x47, Some(0xF0), &[0x2A, 3, 4, b'x', b'y', b'z']),
            part(0x44, Some(shape), b""),
        ];
        seeds.push(parts.concat());
    }
    let parts = [
        part(0x82, None, b"a.example.com"),
        part(0x82, None, b"*.example.com"),
        part(0x86, None, b"spiffe://a/b,c;d=e"),
        part(0x81, None, b"a\"b\\@example.com"),
        part(0x87, None, &[192, 0, 2, 7]),
        part(0x87, None, &[7; 16]),
        part(0x88, None, &[0x2A, 3]),
        part(0xC0, None, &[0x80, 0]),
    ];
    seeds.push(parts.concat());
    seeds
}

pub(super) fn lists() -> Vec<Vec<u8>> {
    let points = || CrlDistributionPoint { uris: vec!["http://a.example/crl".to_owned()] };
    let scoped = |scope| Some(CrlIssuingDistributionPoint { distribution_point: points(), scope });
    let serials: [&[u8]; 5] = [&[7], &[1, 44], &[0x7F; 20], &[0x80], &[0]];
    let many: Vec<[u8; 2]> = (1..60_u16).map(|number| (number * 1009).to_be_bytes()).collect();
    let many: Vec<&[u8]> = many.iter().map(<[u8; 2]>::as_slice).collect();
    let lists = [
        sign(&serials, None),
        sign(&[], None),
        sign(&[&[7], &[7], &[1, 2, 3]], scoped(None)),
        sign(&serials, scoped(Some(CrlScope::UserCertsOnly))),
        sign(&serials, scoped(Some(CrlScope::CaCertsOnly))),
        sign(&many, None),
    ];
    lists.into_iter().map(|list| list.expect("a list")).collect()
}

fn sign(
    serials: &[&[u8]],
    point: Option<CrlIssuingDistributionPoint>,
) -> Result<Vec<u8>, rcgen::Error> {
    let at = |unix| OffsetDateTime::from_unix_timestamp(unix).expect("a date");
    let reasons = [None, Some(RevocationReason::KeyCompromise), Some(RevocationReason::Superseded)];
    let entry = |(number, serial): (usize, &&[u8])| RevokedCertParams {
        serial_number: SerialNumber::from_slice(serial),
        revocation_time: at(VALID.start + i64::try_from(number).unwrap_or_default()),
        reason_code: reasons[number % reasons.len()],
        invalidity_date: (number % 4 == 3).then(|| at(VALID.start)),
    };
    let list = CertificateRevocationListParams {
        this_update: at(VALID.start),
        // The second of these is no UTCTime any more.
        next_update: at(if serials.is_empty() { 3_000_000_000 } else { VALID.end }),
        crl_number: SerialNumber::from(serials.len() as u64),
        issuing_distribution_point: point,
        revoked_certs: serials.iter().enumerate().map(entry).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let mut issuer = CertificateParams::default();
    issuer.distinguished_name = rcgen::DistinguishedName::new();
    issuer.distinguished_name.push(DnType::CommonName, ISSUER);
    issuer.key_usages = vec![KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate()?;
    Ok(list.signed_by(&Issuer::from_params(&issuer, &key))?.der().to_vec())
}

pub(super) fn patterns() -> Vec<Vec<u8>> {
    let issued = Authority::root("x").expect("a CA");
    let claims = Claims::from_der(issued.der()).expect("our own");
    let digest = claims.fingerprint();
    let texts = [
        "a.example.com\na.example.com\nA.example.COM\na.example.com.evil.org\nexample.com",
        "*.Example.com\na.example.com\na.b.example.com\n.example.com\nexample.com\n*.example.com",
        "spiffe://prod/ns/*/sa/pay\nspiffe://prod/ns/a/sa/pay\nspiffe://prod/ns/a/b/sa/pay",
        "spiffe://prod/**\nspiffe://prod/a/b/c\nspiffe://prod/\nspiffe://prod/../a\nspiffe://prod/a%2F",
        "urn:uuid:1\nurn:uuid:1\nurn:uuid:12",
        "*@Example.com\na@example.com\na@b@example.com\n@example.com\na@x.example.com",
        "Pay@example.com\nPay@EXAMPLE.com\npay@example.com",
        "192.0.2.0/24\n192.0.2.7\n::ffff:192.0.2.7\n192.0.3.0",
        "2001:db8::/33\n2001:db8::1\n2001:db8:8000::1\n10.0.0.1",
        "*\n*\na",
        "01:A3:5f\n01A35F\nA35F\n-01A35F",
        "CN=Example CA,O=a\\, b+OU=c\nCN=x",
        digest.as_str(),
    ];
    let fields = 0..u8::try_from(Field::ALL.len()).unwrap_or(u8::MAX);
    fields.flat_map(|field| texts.map(|text| [&[field], text.as_bytes()].concat())).collect()
}

pub(super) fn configurations() -> Vec<Vec<u8>> {
    let shipped = include_str!("../../gateway.toml");
    // The same with every key that is a comment there.
    let keys = shipped.lines().map(|line| match line.strip_prefix('#') {
        Some(key) if key.starts_with(|first: char| first == '[' || first.is_ascii_lowercase()) => {
            key
        }
        _ => line,
    });
    let everything = keys.collect::<Vec<_>>().join("\n");
    let bare = |text: &str| {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.collect::<Vec<_>>().join("\n")
    };
    let rules = "[[site.client.allow]]\nsan_dns = [\"*.example.com\", \"a.b\"]\nsan_ip = '10.0.0.0/8'\n\
        [[site.client.deny]]\nserial = \"01:02\"\nissuer_dn = \"CN=a,O=b\"";
    let foreign =
        "SSLVerifyClient require\nssl_verify_client on;\nlisten = 443\r\n[site\nport: 1\n";
    let without_ca = bare(shipped);
    let without_ca = without_ca.lines().filter(|line| !line.starts_with("client_ca"));
    let pins = format!("[site.client]\npinned_spki_sha256 = [\"{}\"]", "0a".repeat(32));
    let texts = [
        bare(shipped),
        format!("{}\n{pins}", without_ca.collect::<Vec<_>>().join("\n")),
        bare(&everything),
        format!("{}\n{rules}", bare(shipped)),
        foreign.to_owned(),
    ];
    texts.into_iter().map(String::into_bytes).collect()
}

pub(super) fn frames() -> Vec<Vec<u8>> {
    let frame = |kind: u8, flags: u8, payload: &[u8]| {
        let length = u8::try_from(payload.len()).unwrap_or_default();
        [&[0, 0, length, kind, flags, 0, 0, 0, 1], &payload[..length.into()]].concat()
    };
    let request = [frame(1, 5, &[0x82; 9]), frame(0, 0, b"body"), frame(0, 1, b"")].concat();
    let flood = [frame(6, 0, b"01234567"), frame(3, 0, &[0; 4]), frame(0, 0, b"")].concat();
    let mut seeds = Vec::new();
    for cut in [0, 7, 9, 200] {
        seeds.push([&[cut], &request[..]].concat());
        seeds.push([vec![cut], request.clone(), flood.repeat(20)].concat());
    }
    seeds
}

/// Headers of both versions, with all that they may hold.
pub(super) fn proxy_headers() -> Vec<Vec<u8>> {
    let binary = |command: u8, family: u8, block: &[u8]| {
        let length = u16::try_from(block.len()).unwrap().to_be_bytes();
        [b"\r\n\r\n\0\r\nQUIT\n".as_slice(), &[command, family], &length, block].concat()
    };
    let addresses = [192, 0, 2, 7, 198, 51, 100, 1, 0xC3, 0x50, 1, 0xBB];
    let added = b"\x01\0\x02h2\x05\0\x03id7\x04\0\0\x20\0\x0b\x07\0\0\0\0\x22\0\x03cn7";
    vec![
        b"PROXY TCP4 192.0.2.7 198.51.100.1 50000 443\r\n\x16\x03\x01".to_vec(),
        b"PROXY TCP6 2001:db8::7 2001:db8::1 50000 443\r\n".to_vec(),
        b"PROXY UNKNOWN\r\n".to_vec(),
        binary(0x20, 0, &[]),
        binary(0x21, 0x11, &addresses),
        binary(0x21, 0x11, &[&addresses[..], added].concat()),
        binary(0x21, 0x21, &[7; 36]),
        binary(0x21, 0x31, &[b'x'; 216]),
    ]
}

pub(super) fn wire() -> Vec<Vec<u8>> {
    let hello = |versions: &[u8], cut: usize| -> Vec<u8> {
        let length = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap_or_default().to_be_bytes();
        let extension = [&[0, 43], &length(versions)[..], versions].concat();
        let body =
            [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 1, 1, 0], &length(&extension), &extension]
                .concat();
        let message = [&[1, 0][..], &length(&body), &body].concat();
        let records =
            message.chunks(cut).map(|part| [&[22, 3, 1][..], &length(part), part].concat());
        records.collect::<Vec<_>>().concat()
    };
    let root = Authority::root("x").expect("a CA");
    let list = root.revocation_list(&[root.der()], VALID).expect("a list");
    let pem = root.certificate_pem();
    // A label is put together here, so that no tool that looks for keys finds one in this file.
    let label = |word: &str| format!("-----{word} RSA PRIVATE {}-----\n", "KEY");
    let old = format!("{}Proc-Type: 4,ENCRYPTED\n\nAAAA\n{}", label("BEGIN"), label("END"));
    let texts = [
        format!("{pem}text\r\n{}", list.replace('\n', "\r\n")),
        format!("\u{feff}{old}{}", &pem[..pem.len() / 2]),
        root.key_pem(),
        pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
    ];
    let mut seeds: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
    seeds.extend([
        hello(&[6, 0x3A, 0x3A, 3, 4, 3, 3], 5),
        hello(&[2, 3, 4], 1000),
        root.der().to_vec(),
    ]);
    seeds
}

/// Paths that servers read in different ways, and some that they do not.
pub(super) fn headers() -> Vec<Vec<u8>> {
    let lines = [
        "host: a.example\nx-ssl-client-verify: SUCCESS\nX_SSL_Client_S_DN: CN=a\naccept: */*",
        "connection: close, x-api-key\nconnection: Keep-Alive\nx-api-key: 1\nkeep-alive: 5",
        "content_length: 5\ncontent-length: 5\ntransfer.encoding: chunked\nte: trailers",
        "x-forwarded-for: 192.0.2.1\nx.forwarded.for: 192.0.2.2\nforwarded: for=1\nproxy: http://a",
        "x-forwarded-custom: 1\nx-client-version: 2\nremote~user: a\nremote-user: a\nremote-users: a",
        "upgrade: h2c\nhttp2-settings: AAMAAABk\nconnection: upgrade, http2-settings\ncookie: a\ncookie: b",
    ];
    lines.map(|lines| lines.as_bytes().to_vec()).to_vec()
}

pub(super) fn paths() -> Vec<Vec<u8>> {
    let paths = [
        "",
        "callback",
        "a/../b",
        "a/./b//c/",
        "%2e%2e/x",
        "x/%2E./y",
        "a;v=1/b",
        "..;/a",
        "x%2fy",
        "x%5Cy",
        "caf%c3%a9/%7Euser",
        "%252e%252e/x",
        "a%00b",
        "%c0%af",
        "a%20b%3Bc",
        "...",
        ".well-known/x",
        "a\\b",
        "%",
    ];
    paths.iter().map(|path| path.as_bytes().to_vec()).collect()
}
