//! What a certificate says it may be used for, and what in its extensions nobody can judge.
//!
//! Facts only; `tls::verifier` decides. An extension that limits use and cannot be read is a flaw, never an
//! extension that is not there.

use std::collections::BTreeSet;

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{ExtendedKeyUsage, ParsedExtension};
use x509_parser::oid_registry::Oid;

/// The uses that a certificate states.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// What keyUsage allows; `None` without that extension.
    pub key: Option<KeyUsage>,
    /// The purposes in extendedKeyUsage, by name or number; `None` without that extension.
    pub extended: Option<Vec<String>>,
    /// How many CAs may stand below this one, not counting self-issued ones (basicConstraints).
    pub path_len: Option<u32>,
    /// The first extension that no verifier may pass over, as `holds ...` goes on.
    pub flaw: Option<String>,
    /// The first critical extension that is not understood here, by number.
    pub unknown_critical: Option<String>,
}

/// The bits of keyUsage (RFC 5280, section 4.2.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUsage(u16);

/// The bits in their order, as RFC 5280 names them.
const BITS: [&str; 9] = [
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
];

impl KeyUsage {
    /// Whether the key may sign handshakes.
    pub fn may_sign(self) -> bool {
        self.has(0)
    }

    /// Whether the key may sign certificates.
    pub fn may_sign_certificates(self) -> bool {
        self.has(5)
    }

    /// Whether the key may sign revocation lists.
    pub fn may_sign_lists(self) -> bool {
        self.has(6)
    }

    /// The names of its bits, for messages.
    pub fn names(self) -> String {
        let set = (0..).zip(BITS).filter(|(bit, _)| self.has(*bit));
        let names: Vec<_> = set.map(|(_, name)| name).collect();
        match names.as_slice() {
            [] => "nothing".to_owned(),
            names => names.join(", "),
        }
    }

    fn has(self, bit: u16) -> bool {
        self.0 >> bit & 1 == 1
    }
}

impl Usage {
    /// The purpose that allows authenticating as a client.
    pub const CLIENT: &str = "clientAuth";

    pub(super) fn of(certificate: &X509Certificate<'_>) -> Self {
        let mut usage = Self::default();
        let mut seen = BTreeSet::new();
        for extension in certificate.extensions() {
            let known = extension_name(&extension.oid);
            if !seen.insert(extension.oid.as_bytes()) {
                usage.flaw(format!("the extension {known} twice"));
            }
            if extension.critical && !is_understood(&known) && usage.unknown_critical.is_none() {
                usage.unknown_critical = Some(extension.oid.to_id_string());
            }
            match extension.parsed_extension() {
                ParsedExtension::KeyUsage(key) => usage.key = Some(KeyUsage(key.flags)),
                ParsedExtension::ExtendedKeyUsage(extended) => {
                    usage.extended = Some(purposes(extended));
                }
                ParsedExtension::BasicConstraints(basic) => {
                    usage.path_len = basic.path_len_constraint;
                }
                ParsedExtension::ParseError { .. } if limits_use(&known) => {
                    usage.flaw(format!("an extension {known} that cannot be read"));
                }
                _ => {}
            }
        }
        usage
    }

    /// Whether extendedKeyUsage names authenticating as a client; `None` without that extension.
    pub fn is_for_clients(&self) -> Option<bool> {
        let extended = self.extended.as_ref()?;
        Some(extended.iter().any(|purpose| purpose == Self::CLIENT))
    }

    fn flaw(&mut self, flaw: String) {
        self.flaw.get_or_insert(flaw);
    }
}

fn purposes(extended: &ExtendedKeyUsage<'_>) -> Vec<String> {
    let known = [
        (extended.any, "anyExtendedKeyUsage"),
        (extended.server_auth, "serverAuth"),
        (extended.client_auth, Usage::CLIENT),
        (extended.code_signing, "codeSigning"),
        (extended.email_protection, "emailProtection"),
        (extended.time_stamping, "timeStamping"),
        (extended.ocsp_signing, "OCSPSigning"),
    ];
    let known = known.into_iter().filter(|(is_set, _)| *is_set);
    let known = known.map(|(_, name)| name.to_owned());
    known.chain(extended.other.iter().map(Oid::to_id_string)).collect()
}

/// The extensions that [`Usage`] is made of.
fn limits_use(name: &str) -> bool {
    matches!(name, "keyUsage" | "basicConstraints" | "extendedKeyUsage")
}

/// The extensions that decide over a path, and whose criticality is therefore no obstacle.
fn is_understood(name: &str) -> bool {
    matches!(
        name,
        "keyUsage"
            | "subjectAltName"
            | "basicConstraints"
            | "nameConstraints"
            | "cRLDistributionPoints"
            | "certificatePolicies"
            | "extendedKeyUsage"
    )
}

/// The name that RFC 5280 gives an extension; its number if it gives none.
fn extension_name(oid: &Oid<'_>) -> String {
    let dotted = oid.to_id_string();
    let name = match dotted.as_str() {
        "2.5.29.14" => "subjectKeyIdentifier",
        "2.5.29.15" => "keyUsage",
        "2.5.29.17" => "subjectAltName",
        "2.5.29.18" => "issuerAltName",
        "2.5.29.19" => "basicConstraints",
        "2.5.29.30" => "nameConstraints",
        "2.5.29.31" => "cRLDistributionPoints",
        "2.5.29.32" => "certificatePolicies",
        "2.5.29.33" => "policyMappings",
        "2.5.29.35" => "authorityKeyIdentifier",
        "2.5.29.36" => "policyConstraints",
        "2.5.29.37" => "extendedKeyUsage",
        "2.5.29.54" => "inhibitAnyPolicy",
        _ => return dotted,
    };
    name.to_owned()
}
