//! Certificates with anything in them, right or wrong, and the lines of descent that they stand in.

use std::sync::Arc;

use mtls_gateway::process::unix_now;
use rustls::pki_types::CertificateDer;
use rustls::sign::SigningKey;

use crate::support::pki::Credentials;

use super::der::{bits, concat, integer, moment, name, seq, tlv};
use super::extension::{self, CLIENT_AUTH, CRL_SIGN, DIGITAL_SIGNATURE, Extension, KEY_CERT_SIGN};
use super::key::{Key, Kind, Signing};

pub const DAY: i64 = 24 * 60 * 60;

/// A certificate being written.
#[derive(Clone)]
pub struct Draft {
    /// The version as it is encoded: 2 for version 3, `None` for version 1.
    pub version: Option<u8>,
    pub serial: Vec<u8>,
    /// How its issuer signs, if not as its key usually does.
    pub signing: Option<Signing>,
    /// What stands inside and outside for the algorithm, if not what was signed with.
    pub inner: Option<Vec<u8>>,
    pub outer: Option<Vec<u8>>,
    /// The issuer's name, if not that of the one above.
    pub issuer: Option<Vec<u8>>,
    /// First and last second, DER.
    pub validity: [Vec<u8>; 2],
    pub subject: Vec<u8>,
    pub key: Key,
    /// Between the key and the extensions.
    pub unique_ids: Vec<u8>,
    pub extensions: Vec<Extension>,
    /// Whether the signature is spoilt.
    pub is_forged: bool,
}

impl Draft {
    fn new(subject: &str, extensions: Vec<Extension>) -> Self {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let now = unix_now();
        Self {
            version: Some(2),
            serial: concat(&[&[0x40][..], &number.to_be_bytes()]),
            signing: None,
            inner: None,
            outer: None,
            issuer: None,
            validity: [moment(now - DAY), moment(now + 30 * DAY)],
            subject: name(subject),
            key: Key::new(Kind::P256),
            unique_ids: Vec::new(),
            extensions,
            is_forged: false,
        }
    }

    /// A client's own.
    pub fn client() -> Self {
        let usage = extension::key_usage(&[DIGITAL_SIGNATURE]).critical();
        let extended = extension::extended(&[CLIENT_AUTH]);
        Self::new("CN=caller", vec![extension::basic(false, None), usage, extended])
    }

    /// A CA's.
    pub fn ca(subject: &str) -> Self {
        let usage = extension::key_usage(&[KEY_CERT_SIGN, CRL_SIGN]).critical();
        Self::new(subject, vec![extension::basic(true, None).critical(), usage])
    }

    pub fn key(&mut self, kind: Kind) -> &mut Self {
        self.key = Key::new(kind);
        self
    }

    pub fn named(&mut self, subject: &str) -> &mut Self {
        self.subject = name(subject);
        self
    }

    /// Valid from and to so many seconds from now.
    pub fn valid(&mut self, from: i64, to: i64) -> &mut Self {
        self.validity = [moment(unix_now() + from), moment(unix_now() + to)];
        self
    }

    /// Puts an extension in place of the one with its number, or behind the others.
    pub fn put(&mut self, extension: Extension) -> &mut Self {
        match self.extensions.iter_mut().find(|old| old.id == extension.id) {
            Some(old) => *old = extension,
            None => self.extensions.push(extension),
        }
        self
    }

    pub fn drop(&mut self, id: &str) -> &mut Self {
        self.extensions.retain(|extension| extension.id != id);
        self
    }

    /// The certificate, signed by the key of `issuer`.
    pub fn signed_by(&self, issuer: &Self) -> Vec<u8> {
        let signing = self.signing.unwrap_or(issuer.key.usual());
        let inner = self.inner.clone().unwrap_or_else(|| signing.identifier());
        let version = self.version.map_or(Vec::new(), |number| tlv(0xa0, &integer(&[number])));
        let extensions: Vec<_> = self.extensions.iter().map(Extension::der).collect();
        let extensions =
            if extensions.is_empty() { Vec::new() } else { tlv(0xa3, &seq(&extensions)) };
        let signed = seq(&[
            version,
            integer(&self.serial),
            inner.clone(),
            self.issuer.clone().unwrap_or_else(|| issuer.subject.clone()),
            seq(&self.validity),
            self.subject.clone(),
            self.key.public().to_vec(),
            self.unique_ids.clone(),
            extensions,
        ]);
        let mut signature = issuer.key.sign(signing, &signed);
        if self.is_forged {
            let last = signature.len() - 1;
            signature[last] ^= 1;
        }
        seq(&[signed, self.outer.clone().unwrap_or(inner), bits(&signature)])
    }
}

/// A client, the CAs above it, and a root: each the issuer of the one before.
#[derive(Clone)]
pub struct Line(pub Vec<Draft>);

/// A client with so many CAs between it and its root.
pub fn line(intermediates: usize) -> Line {
    let mut line = vec![Draft::client()];
    line.extend((1..=intermediates).map(|number| Draft::ca(&format!("CN=Issuing CA {number}"))));
    line.push(Draft::ca("CN=Root CA,O=Matrix"));
    Line(line)
}

impl Line {
    /// Changes the client's own.
    pub fn own(mut self, change: impl FnOnce(&mut Draft)) -> Self {
        change(&mut self.0[0]);
        self
    }

    /// Changes the CA that is so many above the client.
    pub fn above(mut self, steps: usize, change: impl FnOnce(&mut Draft)) -> Self {
        change(&mut self.0[steps]);
        self
    }

    /// Changes the root.
    pub fn root(mut self, change: impl FnOnce(&mut Draft)) -> Self {
        change(self.0.last_mut().unwrap());
        self
    }

    /// Signs everything. The client sends all but the root, which the gateway trusts.
    pub fn made(&self) -> Made {
        let issuers = self.0.iter().skip(1).chain(self.0.last());
        let mut ders: Vec<_> =
            self.0.iter().zip(issuers).map(|(draft, issuer)| draft.signed_by(issuer)).collect();
        let root = ders.pop().unwrap();
        Made {
            chain: ders,
            key: self.0[0].key.clone(),
            anchors: vec![root],
            helpers: Vec::new(),
            list: None,
            rules: "",
        }
    }

    /// The same, of which something is changed afterwards.
    pub fn made_but(&self, change: impl FnOnce(&mut Made)) -> Made {
        let mut made = self.made();
        change(&mut made);
        made
    }
}

/// A case that is ready: what the client has, and what the gateway trusts.
pub struct Made {
    /// What the client sends, its own first.
    pub chain: Vec<Vec<u8>>,
    pub key: Key,
    /// The roots in `client_ca`, and intermediates there.
    pub anchors: Vec<Vec<u8>>,
    pub helpers: Vec<Vec<u8>>,
    /// The revocation list `list.crl`.
    pub list: Option<Vec<u8>>,
    /// Lines of `[site.client]`.
    pub rules: &'static str,
}

impl Made {
    /// With the client's own certificate among the roots.
    pub fn also_trusted(mut self) -> Self {
        self.anchors.push(self.chain[0].clone());
        self
    }

    pub fn credentials(&self) -> Credentials {
        let chain = self.chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
        let key: Arc<dyn SigningKey> = Arc::new(self.key.clone());
        Credentials::signing_with(chain, key)
    }
}
