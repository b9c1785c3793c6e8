//! Making certificates: for `mtls-gateway demo`, and for tests, which make their own every time.
//!
//! ```
//! # fn main() -> Result<(), mtls_gateway::pki::PkiError> {
//! use mtls_gateway::pki::Authority;
//!
//! let root = Authority::root("Demo CA")?;
//! let server = root.server(["www.example.com"]).issue()?;
//! let caller = root.client("caller").expired().issue()?;
//! # let _ = (server.certificate_pem(), caller.key_pem());
//! # Ok(())
//! # }
//! ```
//!
//! Keys are born in memory and written by nobody here: the caller decides where, and with which mode.

mod crl;
mod draft;
#[cfg(test)]
mod tests;

use std::ops::Range;

use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::pki_types::CertificateDer;

pub use draft::{Algorithm, Draft, Usage};

/// A certificate that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A name that no certificate can carry.
    #[error("`{0}` cannot stand in a certificate: a DNS name or a URI is ASCII")]
    Name(String),
    /// A validity that no calendar holds.
    #[error("{0} is no point in time that a certificate can name")]
    Time(i64),
    /// The cryptography library refused.
    #[error("the certificate cannot be made: {0}")]
    Making(#[from] rcgen::Error),
}

/// A certificate with its private key.
pub struct Issued {
    certificate: CertificateDer<'static>,
    pem: String,
    key: KeyPair,
}

impl Issued {
    /// The certificate, DER.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The certificate, one PEM block.
    pub fn certificate_pem(&self) -> &str {
        &self.pem
    }

    /// The private key, PKCS#8 as one PEM block. A secret.
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }
}

/// A certificate authority: a certificate that may issue others.
pub struct Authority {
    issued: Issued,
    params: CertificateParams,
}

impl Authority {
    /// A new root with common defaults; [`Authority::draft`] for one with wishes.
    ///
    /// # Errors
    /// [`PkiError`] if no key can be made.
    pub fn root(name: &str) -> Result<Self, PkiError> {
        Self::draft(name).authority()
    }

    /// The beginnings of a root; [`Draft::authority`] completes it.
    pub fn draft(name: &str) -> Draft<'static> {
        Draft::new(None, name, Usage::Any)
    }

    /// The beginnings of an authority below this one; [`Draft::authority`] completes it.
    pub fn intermediate(&self, name: &str) -> Draft<'_> {
        Draft::new(Some(self), name, Usage::Any)
    }

    /// The beginnings of a server's certificate for these DNS names and IP addresses.
    pub fn server<N: AsRef<str>>(&self, names: impl IntoIterator<Item = N>) -> Draft<'_> {
        Draft::server(Some(self), names)
    }

    /// The beginnings of a client's certificate with this common name.
    pub fn client(&self, name: &str) -> Draft<'_> {
        Draft::new(Some(self), name, Usage::Client)
    }

    /// A list that revokes these certificates of this authority, one PEM block. It is in force from the first
    /// to the last second of `valid`, Unix time.
    ///
    /// # Errors
    /// [`PkiError`] if no calendar holds the times.
    pub fn revocation_list(
        &self,
        revoked: &[&CertificateDer<'_>],
        valid: Range<i64>,
    ) -> Result<String, PkiError> {
        crl::make(&self.issuer(), revoked, valid)
    }

    /// The authority's certificate, DER: what a `client_ca` names.
    pub fn der(&self) -> &CertificateDer<'static> {
        self.issued.der()
    }

    /// The authority's certificate, one PEM block.
    pub fn certificate_pem(&self) -> &str {
        self.issued.certificate_pem()
    }

    /// The authority's private key, PKCS#8 as one PEM block. A secret.
    pub fn key_pem(&self) -> String {
        self.issued.key_pem()
    }

    fn issuer(&self) -> Issuer<'_, &KeyPair> {
        Issuer::from_params(&self.params, &self.issued.key)
    }
}

/// The beginnings of a server's certificate that vouches for itself.
pub fn self_signed_server<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> Draft<'static> {
    Draft::server(None, names)
}
