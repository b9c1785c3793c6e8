//! What a certificate says about itself, before anybody has believed it.
//!
//! Used to explain a refusal as much as to build an identity, so it reads whatever X.509 allows
//! (version 1, unknown extensions, odd names) and fails only where the DER itself is broken.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aws_lc_rs::digest;
use x509_parser::asn1_rs::Tag;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry as oids;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::AttributeTypeAndValue;

use super::distinguished_name;
use super::moment::timestamp_text;
use super::usage::Usage;

/// A certificate that cannot be read as DER-encoded X.509.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a DER-encoded X.509 certificate: {0}")]
pub struct Malformed(String);

/// The facts of one certificate.
#[derive(Clone, Debug)]
pub struct Claims {
    /// X.509 version: 1, 2 or 3.
    pub version: u32,
    /// Subject by RFC 4514, printable ASCII only.
    pub subject: String,
    /// Issuer by RFC 4514, printable ASCII only.
    pub issuer: String,
    /// The subject's DER, for comparing with an issuer.
    pub subject_der: Vec<u8>,
    /// The issuer's DER.
    pub issuer_der: Vec<u8>,
    /// The subject's common names in order, as text.
    pub subject_cn: Vec<String>,
    /// The subject's organizations, likewise.
    pub subject_o: Vec<String>,
    /// The subject's organizational units, likewise.
    pub subject_ou: Vec<String>,
    /// The issuer's common names, likewise.
    pub issuer_cn: Vec<String>,
    /// Serial number, upper-case hexadecimal without separators.
    pub serial: String,
    /// First second of validity, Unix time.
    pub not_before: i64,
    /// Last second of validity, Unix time.
    pub not_after: i64,
    /// DNS names, lower case; an asterisk may stand for a label.
    pub san_dns: Vec<String>,
    /// URIs, of the characters that RFC 3986 allows.
    pub san_uri: Vec<String>,
    /// E-mail addresses, printable ASCII only.
    pub san_email: Vec<String>,
    /// IP addresses.
    pub san_ip: Vec<IpAddr>,
    /// Key type and size, such as `RSA 2048` or `EC P-256`.
    pub key: String,
    /// Size of an RSA modulus in bits; `None` for other keys.
    pub rsa_bits: Option<usize>,
    /// Signature algorithm, such as `sha256WithRSAEncryption`; dotted when unknown.
    pub signature_algorithm: String,
    /// The public key's bits (the content of the BIT STRING), for matching a private key.
    pub public_key: Vec<u8>,
    /// SHA-256 of the whole certificate.
    pub sha256: [u8; 32],
    /// SHA-256 of the SubjectPublicKeyInfo, which a renewal with the same key keeps.
    pub spki_sha256: [u8; 32],
    /// Whether basicConstraints says CA; `None` without that extension.
    pub ca: Option<bool>,
    /// What it may be used for.
    pub usage: Usage,
    /// Whether the certificate carries signed certificate timestamps, as public CAs embed.
    pub has_sct: bool,
}

impl Claims {
    /// Reads a certificate.
    ///
    /// # Errors
    /// [`Malformed`] if `der` is not exactly one DER certificate.
    pub fn from_der(der: &[u8]) -> Result<Self, Malformed> {
        let (rest, certificate) =
            X509Certificate::from_der(der).map_err(|error| Malformed(error.to_string()))?;
        if !rest.is_empty() {
            return Err(Malformed(format!("{} bytes follow it", rest.len())));
        }
        if !is_der_integer(certificate.raw_serial()) {
            // Written in two ways it would not be found on a list that says it in the other.
            return Err(Malformed("its serial number is not written as DER has it".to_owned()));
        }
        let (subject, issuer) = (certificate.subject(), certificate.issuer());
        let (key, rsa_bits) = describe_key(&certificate);
        let mut claims = Self {
            version: certificate.version().0.saturating_add(1),
            subject: distinguished_name::rfc4514(subject),
            issuer: distinguished_name::rfc4514(issuer),
            subject_der: subject.as_raw().to_vec(),
            issuer_der: issuer.as_raw().to_vec(),
            subject_cn: texts(subject.iter_common_name()),
            subject_o: texts(subject.iter_organization()),
            subject_ou: texts(subject.iter_organizational_unit()),
            issuer_cn: texts(issuer.iter_common_name()),
            serial: hex_upper(certificate.raw_serial()),
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
            san_dns: Vec::new(),
            san_uri: Vec::new(),
            san_email: Vec::new(),
            san_ip: Vec::new(),
            key,
            rsa_bits,
            signature_algorithm: describe_signature(&certificate),
            public_key: certificate.public_key().subject_public_key.data.to_vec(),
            sha256: sha256(der),
            spki_sha256: sha256(certificate.public_key().raw),
            ca: None,
            usage: Usage::of(&certificate),
            has_sct: false,
        };
        for extension in certificate.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectAlternativeName(names) => {
                    names.general_names.iter().for_each(|name| claims.add_name(name));
                }
                ParsedExtension::BasicConstraints(basic) => claims.ca = Some(basic.ca),
                ParsedExtension::SCT(_) => claims.has_sct = true,
                _ => {}
            }
        }
        Ok(claims)
    }

    /// Whether keyUsage allows signing certificates; `None` without that extension.
    pub fn may_sign_certificates(&self) -> Option<bool> {
        Some(self.usage.key?.may_sign_certificates())
    }

    /// Whether subject and issuer are the same name: a root, or a certificate that signed itself.
    pub fn is_self_issued(&self) -> bool {
        self.subject_der == self.issuer_der
    }

    /// SHA-256 of the certificate, lower-case hexadecimal.
    pub fn fingerprint(&self) -> String {
        hex_lower(&self.sha256)
    }

    /// SHA-256 of the SubjectPublicKeyInfo, lower-case hexadecimal.
    pub fn key_fingerprint(&self) -> String {
        hex_lower(&self.spki_sha256)
    }

    /// `not_before` as `2026-11-22T08:00:00Z`.
    pub fn not_before_text(&self) -> String {
        timestamp_text(self.not_before)
    }

    /// `not_after` as `2026-11-22T08:00:00Z`.
    pub fn not_after_text(&self) -> String {
        timestamp_text(self.not_after)
    }

    fn add_name(&mut self, name: &GeneralName<'_>) {
        // Names with characters that their kind does not have are no names of it (RFC 5280 section
        // 4.2.1.6); leaving them out keeps them from ever matching a rule, or ending a header's quotes.
        match name {
            GeneralName::DNSName(name) if is_dns(name) => {
                self.san_dns.push(name.to_ascii_lowercase());
            }
            GeneralName::URI(uri) if is_uri(uri) => self.san_uri.push((*uri).to_owned()),
            GeneralName::RFC822Name(email) if is_printable(email) => {
                self.san_email.push((*email).to_owned());
            }
            GeneralName::IPAddress(bytes) => {
                if let Ok(v4) = <[u8; 4]>::try_from(*bytes) {
                    self.san_ip.push(Ipv4Addr::from(v4).into());
                } else if let Ok(v6) = <[u8; 16]>::try_from(*bytes) {
                    self.san_ip.push(Ipv6Addr::from(v6).into());
                }
            }
            _ => {}
        }
    }
}

fn is_printable(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether nothing in it is foreign to host names; underscores and wildcards occur.
fn is_dns(text: &str) -> bool {
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.*".contains(&byte);
    !text.is_empty() && text.bytes().all(in_name)
}

/// Whether it has only characters that RFC 3986 knows.
pub(super) fn is_uri(text: &str) -> bool {
    let in_uri =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    !text.is_empty() && text.bytes().all(in_uri)
}

fn texts<'a>(attributes: impl Iterator<Item = &'a AttributeTypeAndValue<'a>>) -> Vec<String> {
    attributes.filter_map(|attribute| distinguished_name::text(attribute.attr_value())).collect()
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, bytes);
    digest.as_ref().try_into().unwrap_or_default()
}

pub(super) fn hex_lower(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether these bytes are an INTEGER in as few as it takes (X.690 section 8.3.2).
fn is_der_integer(bytes: &[u8]) -> bool {
    match bytes {
        [] => false,
        [0, second, ..] => *second >= 0x80,
        [0xff, second, ..] => *second < 0x80,
        _ => true,
    }
}

/// A DER INTEGER as OpenSSL shows it: a negative one, which RFC 5280 forbids, with a sign.
fn hex_upper(bytes: &[u8]) -> String {
    let is_negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let mut digits = bytes.to_vec();
    if is_negative {
        // The magnitude, by two's complement.
        let mut carry = true;
        for byte in digits.iter_mut().rev() {
            (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
        }
    }
    // DER puts a zero octet before a positive number whose first bit is set; it is not part of it.
    let digits = match digits.as_slice() {
        [0, rest @ ..] if !rest.is_empty() => rest,
        all => all,
    };
    let sign = if is_negative { "-" } else { "" };
    digits.iter().fold(sign.to_owned(), |text, byte| format!("{text}{byte:02X}"))
}

fn describe_key(certificate: &X509Certificate<'_>) -> (String, Option<usize>) {
    let spki = certificate.public_key();
    let algorithm = &spki.algorithm.algorithm;
    if let Ok(PublicKey::RSA(rsa)) = spki.parsed() {
        let bits = rsa.key_size();
        return (format!("RSA {bits}"), Some(bits));
    }
    if *algorithm == oids::OID_KEY_TYPE_EC_PUBLIC_KEY {
        // Parameters that are no OID spell the curve out, which nothing here accepts (RFC 5480).
        let parameters = spki.algorithm.parameters.as_ref();
        let curve =
            parameters.filter(|any| any.tag() == Tag::Oid).and_then(|any| any.as_oid().ok());
        let name = match curve {
            Some(oid) if oid == oids::OID_EC_P256 => "P-256".to_owned(),
            Some(oid) if oid == oids::OID_NIST_EC_P384 => "P-384".to_owned(),
            Some(oid) if oid == oids::OID_NIST_EC_P521 => "P-521".to_owned(),
            Some(oid) => oid.to_id_string(),
            None => "with explicit parameters".to_owned(),
        };
        return (format!("EC {name}"), None);
    }
    if *algorithm == oids::OID_SIG_ED25519 {
        return ("Ed25519".to_owned(), None);
    }
    (algorithm.to_id_string(), None)
}

fn describe_signature(certificate: &X509Certificate<'_>) -> String {
    let dotted = certificate.signature_algorithm.algorithm.to_id_string();
    // By number: the registry names of these differ between OpenSSL, RFCs and libraries.
    let name = match dotted.as_str() {
        "1.2.840.113549.1.1.4" => "md5WithRSAEncryption",
        "1.2.840.113549.1.1.5" => "sha1WithRSAEncryption",
        "1.2.840.113549.1.1.11" => "sha256WithRSAEncryption",
        "1.2.840.113549.1.1.12" => "sha384WithRSAEncryption",
        "1.2.840.113549.1.1.13" => "sha512WithRSAEncryption",
        "1.2.840.113549.1.1.10" => "rsassaPss",
        "1.2.840.10045.4.1" => "ecdsa-with-SHA1",
        "1.2.840.10045.4.3.2" => "ecdsa-with-SHA256",
        "1.2.840.10045.4.3.3" => "ecdsa-with-SHA384",
        "1.2.840.10045.4.3.4" => "ecdsa-with-SHA512",
        "1.3.101.112" => "Ed25519",
        _ => return dotted,
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::hex_upper;

    #[test]
    fn two_serial_numbers_never_read_alike() {
        assert_eq!(hex_upper(&[0]), "00");
        assert_eq!(hex_upper(&[5]), "05");
        assert_eq!(hex_upper(&[0xfb]), "-05");
        assert_eq!(hex_upper(&[0, 0xfb]), "FB");
        assert_eq!(hex_upper(&[0x80, 0]), "-8000");
        assert_eq!(hex_upper(&[0xff, 0]), "-0100");
        assert_eq!(hex_upper(&[]), "");
    }
}
