//! A certificate being written: every wish has a default, nothing is signed before the last word.

use std::net::IpAddr;
use std::ops::Range;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType, SignatureAlgorithm,
};
use time::OffsetDateTime;

use super::{Authority, Issued, PkiError};

const DAY: i64 = 24 * 60 * 60;

/// The kind of key a certificate is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256: small, quick, spoken by everybody.
    #[default]
    EcP256,
    /// ECDSA on P-384.
    EcP384,
    /// ECDSA on P-521.
    EcP521,
    /// Ed25519, which browsers do not speak.
    Ed25519,
    /// RSA with 2048 bits.
    Rsa2048,
}

impl Algorithm {
    fn signature(self) -> &'static SignatureAlgorithm {
        match self {
            Self::EcP256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            Self::EcP384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            Self::EcP521 => &rcgen::PKCS_ECDSA_P521_SHA512,
            Self::Ed25519 => &rcgen::PKCS_ED25519,
            Self::Rsa2048 => &rcgen::PKCS_RSA_SHA256,
        }
    }
}

/// What the extended key usage says an end entity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// No such extension: anything.
    Any,
    /// `serverAuth`
    Server,
    /// `clientAuth`
    Client,
}

/// A certificate being written.
pub struct Draft<'a> {
    issuer: Option<&'a Authority>,
    common_name: String,
    organization: Option<String>,
    unit: Option<String>,
    names: Vec<String>,
    uris: Vec<String>,
    emails: Vec<String>,
    usage: Usage,
    /// First and last second, Unix time; `None` is a year from yesterday.
    validity: Option<Range<i64>>,
    algorithm: Algorithm,
}

impl<'a> Draft<'a> {
    pub(super) fn new(issuer: Option<&'a Authority>, common_name: &str, usage: Usage) -> Self {
        Self {
            issuer,
            common_name: common_name.to_owned(),
            organization: None,
            unit: None,
            names: Vec::new(),
            uris: Vec::new(),
            emails: Vec::new(),
            usage,
            validity: None,
            algorithm: Algorithm::default(),
        }
    }

    pub(super) fn server<N: AsRef<str>>(
        issuer: Option<&'a Authority>,
        names: impl IntoIterator<Item = N>,
    ) -> Self {
        let names: Vec<String> = names.into_iter().map(|n| n.as_ref().to_owned()).collect();
        let first = names.first().map_or("localhost", String::as_str);
        Self { names: names.clone(), ..Self::new(issuer, first, Usage::Server) }
    }

    /// Adds a DNS name or an IP address to the subject alternative names.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.names.push(name.to_owned());
        self
    }

    /// Adds a URI, such as a SPIFFE ID, to the subject alternative names.
    #[must_use]
    pub fn uri(mut self, uri: &str) -> Self {
        self.uris.push(uri.to_owned());
        self
    }

    /// Adds an e-mail address to the subject alternative names.
    #[must_use]
    pub fn email(mut self, address: &str) -> Self {
        self.emails.push(address.to_owned());
        self
    }

    /// Says whose it is: organization and unit of the subject.
    #[must_use]
    pub fn organization(mut self, organization: &str, unit: &str) -> Self {
        self.organization = Some(organization.to_owned());
        self.unit = Some(unit.to_owned());
        self
    }

    /// Leaves all subject alternative names out, as certificates of the last century did.
    #[must_use]
    pub fn without_names(mut self) -> Self {
        self.names.clear();
        self
    }

    /// Says what the certificate may be used for.
    #[must_use]
    pub fn usage(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }

    /// The kind of key.
    #[must_use]
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// Valid from the first to the last second of this range, Unix time.
    #[must_use]
    pub fn valid(mut self, seconds: Range<i64>) -> Self {
        self.validity = Some(seconds);
        self
    }

    /// Ran out three days ago.
    #[must_use]
    pub fn expired(self) -> Self {
        let now = now();
        self.valid(now - 90 * DAY..now - 3 * DAY)
    }

    /// Begins in three days.
    #[must_use]
    pub fn not_yet_valid(self) -> Self {
        let now = now();
        self.valid(now + 3 * DAY..now + 90 * DAY)
    }

    /// Makes the key and signs: an end entity.
    ///
    /// # Errors
    /// [`PkiError`] if a name or a time cannot stand in a certificate, or no key can be made.
    pub fn issue(self) -> Result<Issued, PkiError> {
        let mut params = self.params()?;
        // The explicit CA:FALSE tells an end entity from a root that forgot to say what it is.
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = match self.usage {
            Usage::Any => Vec::new(),
            Usage::Server => vec![ExtendedKeyUsagePurpose::ServerAuth],
            Usage::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
        };
        self.sign(&params)
    }

    /// Makes the key and signs: an authority.
    ///
    /// # Errors
    /// As for [`Draft::issue`].
    pub fn authority(self) -> Result<Authority, PkiError> {
        let mut params = self.params()?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issued = self.sign(&params)?;
        Ok(Authority { issued, params })
    }

    fn params(&self) -> Result<CertificateParams, PkiError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for (attribute, value) in [
            (DnType::OrganizationName, self.organization.as_ref()),
            (DnType::OrganizationalUnitName, self.unit.as_ref()),
            (DnType::CommonName, Some(&self.common_name)),
        ] {
            if let Some(value) = value {
                params.distinguished_name.push(attribute, value.as_str());
            }
        }
        for name in &self.names {
            params.subject_alt_names.push(match name.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(ascii(name)?),
            });
        }
        for uri in &self.uris {
            params.subject_alt_names.push(SanType::URI(ascii(uri)?));
        }
        for address in &self.emails {
            let address = SanType::Rfc822Name(ascii(address)?);
            params.subject_alt_names.push(address);
        }
        let yesterday = now() - DAY;
        let validity = self.validity.clone().unwrap_or(yesterday..yesterday + 365 * DAY);
        params.not_before = moment(validity.start)?;
        params.not_after = moment(validity.end)?;
        params.use_authority_key_identifier_extension = self.issuer.is_some();
        Ok(params)
    }

    fn sign(&self, params: &CertificateParams) -> Result<Issued, PkiError> {
        let key = KeyPair::generate_for(self.algorithm.signature())?;
        let certificate = match self.issuer {
            Some(authority) => params.signed_by(&key, &authority.issuer())?,
            None => params.self_signed(&key)?,
        };
        Ok(Issued { pem: certificate.pem(), certificate: certificate.into(), key })
    }
}

fn ascii<T>(name: &str) -> Result<T, PkiError>
where
    String: TryInto<T>,
{
    name.to_owned().try_into().map_err(|_| PkiError::Name(name.to_owned()))
}

pub(super) fn moment(unix: i64) -> Result<OffsetDateTime, PkiError> {
    OffsetDateTime::from_unix_timestamp(unix).map_err(|_| PkiError::Time(unix))
}

fn now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}
