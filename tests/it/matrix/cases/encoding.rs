//! Right and wrong bytes: DER and what is not, numbers, names, extensions, signatures.

use super::super::der::{attribute, bits, concat, integer, name, oid, seq, set, tlv};
use super::super::extension::{self, basic, dns, issuer_key_id, key_usage, names, other, unknown};
use super::super::forge::{Draft, Made, line};
use super::super::key::{Kind, Signing};
use super::super::{Case, Invalid, LET_IN, NO_START, Silent, Valid, case};

/// A client's certificate that is changed before it is signed.
fn own(change: fn(&mut Draft)) -> Made {
    line(0).own(change).made()
}

/// One whose bytes are changed afterwards.
fn bytes(change: fn(&mut Vec<u8>)) -> Made {
    line(0).made_but(|made| change(&mut made.chain[0]))
}

/// One with a subject of one attribute in a string of this tag.
fn common_name(tag: u8, value: &'static [u8]) -> Made {
    line(0).own(|own| own.subject = seq(&[set(&[attribute("CN", tag, value)])])).made()
}

/// One with the serial number that these bytes are.
fn serial(bytes: &[u8]) -> Made {
    line(0).own(|own| own.serial = bytes.to_vec()).made()
}

/// The same value with its length in one byte more than needed.
fn with_long_length(der: &mut Vec<u8>) {
    // 30 82 XX XX becomes 30 83 00 XX XX.
    der[1] = 0x83;
    der.insert(2, 0);
}

/// The same value without a length, up to an end mark: BER.
fn with_indefinite_length(der: &mut Vec<u8>) {
    der.splice(1..4, [0x80]);
    der.extend([0, 0]);
}

/// Opens the certificate's three parts.
fn parts(der: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut content = der[4..].to_vec();
    change(&mut content);
    seq(&[content])
}

pub fn cases() -> Vec<Case> {
    const UTF8: u8 = 0x0c;
    vec![
        case("serial number 0", || serial(&[0]), LET_IN, Invalid, "ok").note(
            "RFC 5280 asks CAs for a positive number, and users of certificates to bear others.",
        ),
        case("serial number negative", || serial(&[0xfb]), LET_IN, Invalid, "ok").note("As for 0."),
        case("serial number of 20 bytes", || serial(&[0x7f; 20]), LET_IN, Valid, "ok"),
        case("serial number of 21 bytes", || serial(&[0x7f; 21]), LET_IN, Invalid, "ok").note("RFC 5280 asks users of certificates to bear up to 20 bytes; longer ones are no danger."),
        case(
            "serial number of 20 bytes and a sign byte",
            || serial(&concat(&[&[0][..], &[0xff; 20]])),
            LET_IN,
            Invalid,
            "ok",
        ).note("As for 21 bytes."),
        case("serial number of 64 bytes", || serial(&[0x7f; 64]), LET_IN, Invalid, "ok").note("As for 21 bytes."),
        case(
            "serial number with a needless zero byte",
            || serial(&[0, 0, 7]),
            "malformed",
            Invalid,
            "unreadable",
        ),
        case("serial number of no byte", || serial(&[]), "malformed", Invalid, "unreadable"),
        case(
            "subject empty, with a critical alternative name",
            || {
                own(|own| {
                    own.named("");
                    own.put(names(&[dns("a.example.com")]).critical());
                })
            },
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "subject empty, and no other name",
            || own(|own| _ = own.named("")),
            LET_IN,
            Invalid,
            "ok",
        )
        .note("It is verified like any other; rules can still ask for a name."),
        case(
            "subject with two attributes on one level",
            || {
                own(|own| {
                    own.subject = seq(&[set(&[
                        attribute("CN", 0x0c, b"caller"),
                        attribute("OU", 0x0c, b"x"),
                    ])]);
                })
            },
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "subject with a common name of 100 characters",
            || common_name(UTF8, &[b'x'; 100]),
            LET_IN,
            Invalid,
            "ok",
        )
        .note("RFC 5280 ends names at 64 characters, and nobody asks."),
        case(
            "subject with a common name of 20,000 characters",
            || common_name(UTF8, &[b'x'; 20_000]),
            "identity-too-large",
            Invalid,
            "ok",
        ).note("Let in, and each request answered so: the app's headers end at a ceiling."),
        case(
            "subject with a NUL",
            || common_name(UTF8, b"caller\0.example.com"),
            LET_IN,
            Silent,
            "ok",
        ),
        case(
            "subject with a line feed",
            || common_name(UTF8, b"caller\r\nX-Injected: 1"),
            LET_IN,
            Silent,
            "ok",
        )
        .note("Escaped in the identity headers."),
        case(
            "subject with umlauts",
            || common_name(UTF8, "Zürich".as_bytes()),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "subject that is no UTF-8 and says it is",
            || common_name(UTF8, b"\xff\xfe"),
            LET_IN,
            Invalid,
            "unreadable",
        ).note("Escaped in the identity headers byte by byte."),
        case("subject in UTF-16", || common_name(0x1e, b"\0c\0a"), LET_IN, Valid, "ok"),
        case(
            "subject in UTF-16 of an odd length",
            || common_name(0x1e, b"\0c\0"),
            LET_IN,
            Invalid,
            "unreadable",
        ).note("Escaped in the identity headers byte by byte."),
        case("subject in `T61String`", || common_name(0x14, b"Z\xfcrich"), LET_IN, Valid, "ok"),
        case(
            "subject in a `PrintableString` with an asterisk",
            || common_name(0x13, b"*.example.com"),
            LET_IN,
            Invalid,
            "ok",
        )
        .note("Names are told apart by their bytes, whatever kind of string they claim."),
        case("subject in an INTEGER", || common_name(2, b"\x05"), LET_IN, Invalid, "unreadable").note("Escaped in the identity headers byte by byte."),
        case(
            "subject that ends like another attribute",
            || common_name(UTF8, b"x,O=Matrix/CN=admin"),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "10,000 alternative names",
            || {
                own(|own| {
                    let all: Vec<_> = (0..10_000_u32)
                        .map(|number| extension::ip(&number.to_be_bytes()))
                        .collect();
                    own.put(names(&all));
                })
            },
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "alternative name with a NUL",
            || own(|own| _ = own.put(names(&[dns("a.example.com\0.example.org")]))),
            LET_IN,
            Invalid,
            "ok",
        ).note("It counts as missing."),
        case(
            "alternative name that is not ASCII",
            || own(|own| _ = own.put(names(&[dns("zürich.example")]))),
            LET_IN,
            Invalid,
            "ok",
        ).note("It counts as missing."),
        case(
            "alternative names of no name",
            || own(|own| _ = own.put(names(&[]))),
            LET_IN,
            Invalid,
            "ok",
        ).note("They count as missing."),
        case(
            "address of 5 bytes among the alternative names",
            || own(|own| _ = own.put(names(&[extension::ip(&[1, 2, 3, 4, 5])]))),
            LET_IN,
            Invalid,
            "ok",
        ).note("It counts as missing."),
        case(
            "alternative name of a kind of its own",
            || {
                own(|own| {
                    _ = own.put(names(&[tlv(
                        0xa0,
                        &concat(&[oid("1.3.6.1.4.1.99999.4"), tlv(0xa0, &tlv(0x0c, b"x"))]),
                    )]));
                })
            },
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "alternative names that are no list",
            || own(|own| _ = own.put(other(extension::NAMES, vec![0x30, 0x7f]))),
            "malformed",
            Invalid,
            "unable to get local issuer certificate",
        ),
        case(
            "unknown extension, not critical",
            || own(|own| _ = own.put(unknown())),
            LET_IN,
            Valid,
            "ok",
        ),
        case(
            "unknown extension, critical",
            || own(|own| _ = own.put(unknown().critical())),
            "malformed",
            Invalid,
            "unhandled critical extension",
        ),
        case(
            "unknown extension of an intermediate, critical",
            || line(1).above(1, |ca| _ = ca.put(unknown().critical())).made(),
            "malformed",
            Invalid,
            "unhandled critical extension",
        ),
        case(
            "unknown extension of the root, critical",
            || line(0).root(|ca| _ = ca.put(unknown().critical())).made(),
            NO_START,
            Silent,
            "unhandled critical extension",
        ),
        case(
            "`keyUsage` twice",
            || own(|own| own.extensions.push(key_usage(&[0]).critical())),
            "malformed",
            Invalid,
            "unable to get local issuer certificate",
        ),
        case(
            "unknown extension twice",
            || own(|own| own.extensions.extend([unknown(), unknown()])),
            "malformed",
            Invalid,
            "ok",
        ).note("OpenSSL looks at the extensions that it knows."),
        case(
            "`basicConstraints` twice, in an intermediate",
            || line(1).above(1, |ca| ca.extensions.push(basic(true, Some(3)))).made(),
            "malformed",
            Invalid,
            "unable to get local issuer certificate",
        ),
        case(
            "`basicConstraints` with `FALSE` written out",
            || own(|own| _ = own.put(other(extension::BASIC, seq(&[&[1, 1, 0]])))),
            LET_IN,
            Invalid,
            "ok",
        ).note("DER leaves defaults out; many CAs do not."),
        case(
            "`basicConstraints` with `TRUE` as 01, in an intermediate",
            || {
                line(1)
                    .above(1, |ca| _ = ca.put(other(extension::BASIC, seq(&[&[1, 1, 1]]))))
                    .made()
            },
            "malformed",
            Invalid,
            "ok",
        ).note("DER has FF for true."),
        case(
            "`keyUsage` that is no bit string",
            || own(|own| _ = own.put(other(extension::KEY_USAGE, vec![4, 1, 0x80]))),
            "malformed",
            Invalid,
            "unable to get local issuer certificate",
        ),
        case(
            "`authorityKeyIdentifier` that is not the issuer's",
            || {
                line(0)
                    .own(|own| _ = own.put(issuer_key_id(b"x")))
                    .root(|ca| _ = ca.put(extension::own_key_id(b"y")))
                    .made()
            },
            LET_IN,
            Valid,
            "unable to get local issuer certificate",
        ).note("The identifier is a hint, and the signature decides."),
        case(
            "`policyConstraints`, critical, in an intermediate",
            || {
                line(1)
                    .above(1, |ca| {
                        _ = ca.put(other("2.5.29.36", seq(&[tlv(0x81, &[0])])).critical());
                    })
                    .made()
            },
            "malformed",
            Valid,
            "ok",
        )
        .note("Not processed."),
        case(
            "`certificatePolicies`, critical",
            || {
                own(|own| {
                    _ = own.put(
                        other("2.5.29.32", seq(&[seq(&[oid("1.3.6.1.4.1.99999.5")])])).critical(),
                    );
                })
            },
            "malformed",
            Valid,
            "ok",
        ).note("The engine does not process it."),
        case(
            "precertificate of a transparency log",
            || own(|own| _ = own.put(other("1.3.6.1.4.1.11129.2.4.3", vec![5, 0]).critical())),
            "malformed",
            Invalid,
            "unhandled critical extension",
        ),
        case(
            "unique identifiers",
            || own(|own| own.unique_ids = concat(&[tlv(0x81, &[0, 1]), tlv(0x82, &[0, 2])])),
            "malformed",
            Valid,
            "ok",
        )
        .note("The engine does not read them."),
        case(
            "version 1 written out",
            || {
                own(|own| {
                    own.version = Some(0);
                    own.extensions.clear();
                })
            },
            "x509-v1",
            Invalid,
            "ok",
        ).note("DER leaves defaults out."),
        case(
            "signature wrong",
            || own(|own| own.is_forged = true),
            "bad-signature",
            Invalid,
            "certificate signature failure",
        ),
        case(
            "signature of the intermediate wrong",
            || line(1).above(1, |ca| ca.is_forged = true).made(),
            "bad-signature",
            Invalid,
            "certificate signature failure",
        ),
        case(
            "signature with another algorithm outside than inside",
            || own(|own| own.outer = Some(Signing::EcSha384.identifier())),
            "bad-signature",
            Invalid,
            "certificate signature failure",
        ),
        case(
            "signature by another algorithm than both say",
            || {
                own(|own| {
                    own.inner = Some(Signing::EcSha384.identifier());
                })
            },
            "bad-signature",
            Invalid,
            "certificate signature failure",
        ),
        case(
            "signature that says RSA by a key that is P-256",
            || own(|own| own.inner = Some(Signing::RsaSha256.identifier())),
            "unsupported-algorithm",
            Invalid,
            "unable to get local issuer certificate",
        ),
        case(
            "signature by an unknown algorithm",
            || own(|own| own.inner = Some(seq(&[oid("1.3.6.1.4.1.99999.6")]))),
            "unsupported-algorithm",
            Invalid,
            "unable to get local issuer certificate",
        ),
        case(
            "signature algorithm ECDSA with needless parameters",
            || own(|own| own.inner = Some(seq(&[oid("1.2.840.10045.4.3.2"), tlv(5, &[])]))),
            "unsupported-algorithm",
            Invalid,
            "ok",
        ).note("RFC 5758 says that there are none."),
        case(
            "signature algorithm RSA without its parameters",
            || {
                line(1)
                    .own(|own| own.inner = Some(seq(&[oid("1.2.840.113549.1.1.11")])))
                    .above(1, |ca| _ = ca.key(Kind::Rsa2048))
                    .made()
            },
            LET_IN,
            Invalid,
            "ok",
        ).note("RFC 4055 asks for them, and old CAs leave them out."),
        case(
            "signature with a bit left over",
            || {
                bytes(|der| {
                    let at = der.len() - last_length(der) - 1;
                    der[at] = 1;
                })
            },
            "malformed",
            Invalid,
            "certificate signature failure",
        ),
        case(
            "signature empty",
            || {
                bytes(|der| {
                    *der = parts(der, |content| {
                        let at = content.len() - last_length(der) - 3;
                        content.truncate(at);
                        content.extend(bits(&[]));
                    });
                })
            },
            "bad-signature",
            Invalid,
            "certificate signature failure",
        ),
        case(
            "a byte behind the certificate",
            || bytes(|der| der.push(0)),
            "malformed",
            Invalid,
            "ok",
        ).servers(false, false).note("`openssl` reads a file up to the certificate's end; in a handshake OpenSSL refuses too."),
        case(
            "a value behind the signature",
            || bytes(|der| *der = parts(der, |content| content.extend(integer(&[1])))),
            "malformed",
            Invalid,
            "unreadable",
        ),
        case(
            "last byte missing",
            || bytes(|der| _ = der.pop()),
            "malformed",
            Invalid,
            "unreadable",
        ),
        case(
            "indefinite length (BER)",
            || bytes(with_indefinite_length),
            "malformed",
            Invalid,
            "ok",
        ).note("Not DER."),
        case(
            "length in more bytes than needed",
            || bytes(with_long_length),
            "malformed",
            Invalid,
            "ok",
        ).note("Not DER."),
        case("no byte at all", || bytes(Vec::clear), "malformed", Invalid, "unreadable"),
        case(
            "text",
            || bytes(|der| *der = b"-----BEGIN CERTIFICATE-----".to_vec()),
            "malformed",
            Invalid,
            "unreadable",
        ),
        case(
            "intermediate in BER",
            || line(1).made_but(|made| with_indefinite_length(&mut made.chain[1])),
            "unknown-ca",
            Invalid,
            "ok",
        ).note("Not DER; what cannot be read counts as not sent."),
        case(
            "issuer's name is empty",
            || line(0).root(|root| root.subject = name("")).made(),
            LET_IN,
            Invalid,
            "ok",
        ).note("A root is trusted for being listed, whatever its name."),
    ]
}

/// How long the signature at the end is, without the byte that counts left-over bits. One of P-256 has a length of one
/// byte.
fn last_length(der: &[u8]) -> usize {
    let start = (der.len() - 80..der.len()).find(|at| {
        der[*at] == 3 && usize::from(der[at + 1]) == der.len() - at - 2 && der[at + 2] == 0
    });
    der.len() - start.unwrap() - 3
}
