//! The files of PKITS: which certificate belongs to which case, and what a client would send with it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer as _, X509Certificate, X509Name};
use x509_parser::revocation_list::CertificateRevocationList;

use crate::support::pki::Credentials;

/// The name of the anchor's file.
const ANCHOR: &str = "TrustAnchorRootCertificate";

/// Cases without "Valid" or "Invalid" in their name. All of them hold under PKITS's default settings, in
/// which any policy will do, but for the last: an intermediate of it demands a policy.
const UNNAMED_INVALID: [&str; 1] = ["inhibitAnyPolicyTest3EE"];

/// All of it.
pub struct Suite {
    folder: PathBuf,
    /// Certificates by file name.
    certificates: BTreeMap<String, Vec<u8>>,
    lists: Vec<Vec<u8>>,
}

/// One certificate to present.
pub struct Case {
    pub name: String,
    pub must_hold: bool,
    chain: Vec<CertificateDer<'static>>,
    key_file: PathBuf,
}

impl Suite {
    pub fn read(folder: &Path) -> Self {
        let mut certificates = BTreeMap::new();
        for entry in fs::read_dir(folder.join("certs")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            certificates.insert(name, fs::read(path).unwrap());
        }
        let lists = fs::read_dir(folder.join("crls")).unwrap();
        Self {
            folder: folder.to_owned(),
            certificates,
            lists: lists.map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect(),
        }
    }

    pub fn anchor(&self) -> &[u8] {
        &self.certificates[ANCHOR]
    }

    pub fn cases(&self) -> impl Iterator<Item = Case> {
        let own = self.certificates.iter().filter(|(name, _)| name.ends_with("EE"));
        own.map(|(name, der)| Case {
            name: name.trim_end_matches("EE").to_owned(),
            must_hold: !name.starts_with("Invalid") && !UNNAMED_INVALID.contains(&name.as_str()),
            chain: self.chain(der),
            key_file: self.folder.join("pkcs12").join(format!("{name}.p12")),
        })
    }

    /// The lists of the CAs that could be above a certificate, by name, under file names for a folder.
    pub fn lists_for(&self, case: &Case) -> impl Iterator<Item = (String, &Vec<u8>)> {
        let names: Vec<_> = case
            .chain
            .iter()
            .map(|der| plain(X509Certificate::from_der(der).unwrap().1.issuer()))
            .collect();
        let is_named = move |list: &&Vec<u8>| {
            let (_, list) = CertificateRevocationList::from_der(list).unwrap();
            names.contains(&plain(list.issuer()))
        };
        let found = self.lists.iter().filter(is_named).enumerate();
        found.map(|(number, list)| (format!("{number}.crl"), list))
    }

    /// A certificate, and each one that could be above it by name, as a client would send them that wants
    /// to be sure.
    fn chain(&self, own: &[u8]) -> Vec<CertificateDer<'static>> {
        let mut chain = vec![own.to_vec()];
        let mut at = 0;
        while let Some(der) = chain.get(at) {
            let (_, certificate) = X509Certificate::from_der(der).unwrap();
            let issuer = plain(certificate.issuer());
            for (name, other) in &self.certificates {
                if name == ANCHOR || name.ends_with("EE") || chain.contains(other) {
                    continue;
                }
                let (_, read) = X509Certificate::from_der(other).unwrap();
                if plain(read.subject()) == issuer {
                    chain.push(other.clone());
                }
            }
            at += 1;
        }
        chain.into_iter().map(CertificateDer::from).collect()
    }
}

impl Case {
    /// The chain and the key to it. A kind of key that rustls cannot sign with is replaced: such a client
    /// gets as far as its chain does, and no further.
    pub fn credentials(&self) -> Credentials {
        let mut openssl = Command::new("openssl");
        openssl.args([
            "pkcs12",
            "-legacy",
            "-nodes",
            "-nocerts",
            "-passin",
            "pass:password",
            "-in",
        ]);
        let output = openssl.arg(&self.key_file).output().unwrap();
        let pem = String::from_utf8(output.stdout).unwrap();
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap();
        let is_usable = aws_lc_rs::default_provider().key_provider.load_private_key(key).is_ok();
        let pem = if is_usable {
            pem
        } else {
            let other = mtls_gateway::pki::Authority::root("Other").unwrap();
            other.key_pem()
        };
        Credentials::from_parts(self.chain.clone(), &pem)
    }
}

/// A name as RFC 5280 section 7.1 compares it: without letter case and runs of white space.
fn plain(name: &X509Name<'_>) -> Vec<String> {
    let attributes = name.iter_attributes();
    attributes
        .map(|attribute| {
            let value = String::from_utf8_lossy(attribute.attr_value().data);
            let words: Vec<_> = value.split_whitespace().map(str::to_lowercase).collect();
            format!("{}={}", attribute.attr_type(), words.join(" "))
        })
        .collect()
}
