//! What a rule may ask a certificate for: a [`Field`], and a [`Pattern`] that its value must fit.
//!
//! Everything is compared whole. Where one pattern may stand for several values, it says so with an
//! asterisk in a place that cannot be misread, or with the prefix of a network; there is no substring and
//! no regular expression. Patterns are read once, when the configuration is.

mod dns;
mod email;
mod hex;
mod network;
mod uri;

use std::fmt;

use super::claims::Claims;
use super::distinguished_name;

use dns::DnsPattern;
use email::EmailPattern;
pub use network::Network;
use uri::UriPattern;

/// A fact of a certificate that rules can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// A DNS name among the subject alternative names.
    SanDns,
    /// A URI among them, such as a SPIFFE ID.
    SanUri,
    /// An e-mail address among them.
    SanEmail,
    /// An IP address among them.
    SanIp,
    /// A common name of the subject.
    SubjectCn,
    /// An organization of the subject.
    SubjectO,
    /// An organizational unit of the subject.
    SubjectOu,
    /// A common name of the issuer.
    IssuerCn,
    /// The issuer's whole name.
    IssuerDn,
    /// The serial number.
    Serial,
    /// SHA-256 of the certificate.
    FingerprintSha256,
    /// SHA-256 of its public key.
    SpkiSha256,
}

impl Field {
    /// Every field, in the order of the documentation.
    pub const ALL: [Self; 12] = [
        Self::SanDns,
        Self::SanUri,
        Self::SanEmail,
        Self::SanIp,
        Self::SubjectCn,
        Self::SubjectO,
        Self::SubjectOu,
        Self::IssuerCn,
        Self::IssuerDn,
        Self::Serial,
        Self::FingerprintSha256,
        Self::SpkiSha256,
    ];

    /// Its key in `gateway.toml`.
    pub fn key(self) -> &'static str {
        match self {
            Self::SanDns => "san_dns",
            Self::SanUri => "san_uri",
            Self::SanEmail => "san_email",
            Self::SanIp => "san_ip",
            Self::SubjectCn => "subject_cn",
            Self::SubjectO => "subject_o",
            Self::SubjectOu => "subject_ou",
            Self::IssuerCn => "issuer_cn",
            Self::IssuerDn => "issuer_dn",
            Self::Serial => "serial",
            Self::FingerprintSha256 => "fingerprint_sha256",
            Self::SpkiSha256 => "spki_sha256",
        }
    }

    /// Whether it speaks of the CA and not of the client, so that all its clients have it in common.
    pub fn is_of_issuer(self) -> bool {
        matches!(self, Self::IssuerCn | Self::IssuerDn)
    }

    /// What a certificate has there, for messages.
    pub fn presented(self, claims: &Claims) -> Vec<String> {
        match self {
            Self::SanDns => claims.san_dns.clone(),
            Self::SanUri => claims.san_uri.clone(),
            Self::SanEmail => claims.san_email.clone(),
            Self::SanIp => claims.san_ip.iter().map(ToString::to_string).collect(),
            Self::SubjectCn => claims.subject_cn.clone(),
            Self::SubjectO => claims.subject_o.clone(),
            Self::SubjectOu => claims.subject_ou.clone(),
            Self::IssuerCn => claims.issuer_cn.clone(),
            Self::IssuerDn => vec![claims.issuer.clone()],
            Self::Serial => vec![claims.serial.clone()],
            Self::FingerprintSha256 => vec![claims.fingerprint()],
            Self::SpkiSha256 => vec![claims.key_fingerprint()],
        }
    }
}

/// Why a text is no pattern for its field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAPattern {
    /// What is wrong; quotes the text.
    pub what: String,
    /// Why that matters, where it is not plain.
    pub why: Option<String>,
    /// What to write instead.
    pub fix: String,
}

impl NotAPattern {
    fn new(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { what: what.into(), why: None, fix: fix.into() }
    }

    fn why(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }
}

/// What the value of a field must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    written: String,
    test: Test,
}

/// How a pattern and a certificate are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Dns(DnsPattern),
    Uri(UriPattern),
    Email(EmailPattern),
    Ip(Network),
    SubjectCn,
    SubjectO,
    SubjectOu,
    IssuerCn,
    /// The name as claims write it.
    IssuerDn(String),
    /// Digits without zeros before them.
    Serial(String),
    Fingerprint([u8; 32]),
    Spki([u8; 32]),
}

impl Pattern {
    /// Reads what was written for `field`.
    ///
    /// # Errors
    /// [`NotAPattern`] says what is wrong with it and what to write.
    pub fn parse(field: Field, text: &str) -> Result<Self, NotAPattern> {
        if text.is_empty() {
            return Err(NotAPattern::new(
                "this rule asks for an empty name",
                "write the name as it stands in the client's certificate, or remove the key",
            ));
        }
        let test = match field {
            Field::SanDns => DnsPattern::parse(text).map(Test::Dns),
            Field::SanUri => UriPattern::parse(text).map(Test::Uri),
            Field::SanEmail => EmailPattern::parse(text).map(Test::Email),
            Field::SanIp => Network::parse(text).map(Test::Ip),
            Field::SubjectCn => literal(text, Test::SubjectCn),
            Field::SubjectO => literal(text, Test::SubjectO),
            Field::SubjectOu => literal(text, Test::SubjectOu),
            Field::IssuerCn => literal(text, Test::IssuerCn),
            Field::IssuerDn => issuer_dn(text).map(Test::IssuerDn),
            Field::Serial => hex::serial(text).map(Test::Serial),
            Field::FingerprintSha256 => hex::sha256(text).map(Test::Fingerprint),
            Field::SpkiSha256 => hex::sha256(text).map(Test::Spki),
        };
        Ok(Self { written: text.to_owned(), test: test? })
    }

    /// Whether a certificate has a value that fits.
    pub fn matches(&self, claims: &Claims) -> bool {
        let is_written = |names: &[String]| names.contains(&self.written);
        match &self.test {
            Test::Dns(pattern) => claims.san_dns.iter().any(|name| pattern.matches(name)),
            Test::Uri(pattern) => claims.san_uri.iter().any(|uri| pattern.matches(uri)),
            Test::Email(pattern) => claims.san_email.iter().any(|email| pattern.matches(email)),
            Test::Ip(network) => claims.san_ip.iter().any(|ip| network.holds(*ip)),
            Test::SubjectCn => is_written(&claims.subject_cn),
            Test::SubjectO => is_written(&claims.subject_o),
            Test::SubjectOu => is_written(&claims.subject_ou),
            Test::IssuerCn => is_written(&claims.issuer_cn),
            Test::IssuerDn(name) => claims.issuer == *name,
            Test::Serial(digits) => claims.serial.trim_start_matches('0') == digits,
            Test::Fingerprint(digest) => claims.sha256 == *digest,
            Test::Spki(digest) => claims.spki_sha256 == *digest,
        }
    }

    /// Whether it has an asterisk that stands for nothing but itself.
    pub fn has_literal_asterisk(&self) -> bool {
        let is_text = matches!(
            self.test,
            Test::SubjectCn | Test::SubjectO | Test::SubjectOu | Test::IssuerCn | Test::IssuerDn(_)
        );
        is_text && self.written.contains('*')
    }
}

/// Reads a SHA-256 in hexadecimal, as `spki_sha256` has it.
///
/// # Errors
/// [`NotAPattern`] says what is wrong with it and what to write.
pub fn sha256(text: &str) -> Result<[u8; 32], NotAPattern> {
    hex::sha256(text)
}

impl fmt::Display for Pattern {
    /// As it was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// A text that is compared as it is.
fn literal(text: &str, test: Test) -> Result<Test, NotAPattern> {
    if text != "*" {
        return Ok(test);
    }
    let wrong = NotAPattern::new(
        "`*` stands for nothing but itself here",
        "write the whole name, or remove the key to take any",
    );
    Err(wrong.why("names of this kind are compared letter by letter"))
}

fn issuer_dn(text: &str) -> Result<String, NotAPattern> {
    distinguished_name::canonical(text).map_err(|why| {
        let fix = "write it as refusals in the log and `openssl x509 -noout -issuer -nameopt RFC2253` \
                   do, such as `\"CN=Example CA,O=Example\"`";
        NotAPattern::new(format!("`{text}` is no distinguished name"), fix).why(format!("it {why}"))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_of_text_is_written_out() {
        for field in [Field::SubjectCn, Field::SubjectO, Field::SubjectOu, Field::IssuerCn] {
            assert!(Pattern::parse(field, "*").is_err());
            assert!(Pattern::parse(field, "*.example.com").unwrap().has_literal_asterisk());
        }
        assert!(!Pattern::parse(Field::SanDns, "*.example.com").unwrap().has_literal_asterisk());
    }

    proptest! {
        #[test]
        fn a_pattern_shows_as_it_was_written(text in "\\PC{0,40}") {
            for field in Field::ALL {
                if let Ok(pattern) = Pattern::parse(field, &text) {
                    prop_assert_eq!(pattern.to_string(), text.clone());
                }
            }
        }
    }
}
