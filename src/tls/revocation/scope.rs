//! For which certificates of its issuer a list was made (RFC 5280, section 5.2.5).
//!
//! A list without an issuingDistributionPoint is for all of them. One with a place of publication is for
//! those that name this place, as CAs do that split their list into parts.

use std::ops::Range;

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{
    DistributionPointName, GeneralName, IssuingDistributionPoint, ParsedExtension, X509Extension,
};
use x509_parser::prelude::FromDer as _;

use super::der::{Walk, tag};

/// The certificates that a list is for.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    /// Where the extension stands in the list; empty without one.
    extension: Range<usize>,
}

impl Scope {
    /// Reads the extension at `extension`.
    pub(super) fn read(
        der: &[u8],
        extension: Range<usize>,
        value: Range<usize>,
    ) -> Result<Self, &'static str> {
        let scope = Self { extension };
        let (_, parsed) = X509Extension::from_der(scope.text(der))
            .map_err(|_| "has a scope that cannot be read")?;
        let ParsedExtension::IssuingDistributionPoint(point) = parsed.parsed_extension() else {
            return Err("has a scope that cannot be read");
        };
        // The parser passes over what it does not understand, and a scope that is overlooked widens the list.
        let said = [
            point.distribution_point.is_some(),
            point.only_contains_user_certs,
            point.only_contains_ca_certs,
            point.only_some_reasons.is_some(),
            point.indirect_crl,
            point.only_contains_attribute_certs,
        ];
        if parts(der, value) != Some(said.into_iter().filter(|is_said| *is_said).count()) {
            return Err("has a scope of a kind that is not supported");
        }
        match point {
            point if point.indirect_crl => {
                Err("is an indirect list, of certificates of several CAs, which is not supported")
            }
            point if point.only_some_reasons.is_some() => {
                Err("is for some reasons of revocation only, which is not supported")
            }
            point if point.only_contains_attribute_certs => {
                Err("is for attribute certificates, which no client presents")
            }
            _ => Ok(scope),
        }
    }

    /// The extension's bytes, which are the same for two lists of one scope.
    pub(super) fn text<'a>(&self, der: &'a [u8]) -> &'a [u8] {
        &der[self.extension.clone()]
    }

    /// Whether a list with this scope is for `certificate`.
    pub(super) fn covers(&self, der: &[u8], certificate: &[u8]) -> bool {
        if self.extension.is_empty() {
            return true;
        }
        let (Ok((_, extension)), Ok((_, certificate))) =
            (X509Extension::from_der(self.text(der)), X509Certificate::from_der(certificate))
        else {
            return false;
        };
        match extension.parsed_extension() {
            ParsedExtension::IssuingDistributionPoint(point) => is_for(point, &certificate),
            _ => false,
        }
    }
}

/// How many parts the extension's value has.
fn parts(der: &[u8], value: Range<usize>) -> Option<usize> {
    let all = Walk::new(der, value).one_of(&[tag::SEQUENCE])?;
    let mut walk = Walk::new(der, all.content);
    let mut count = 0;
    while !walk.is_at_end() {
        walk.any()?;
        count += 1;
    }
    Some(count)
}

fn is_for(point: &IssuingDistributionPoint<'_>, certificate: &X509Certificate<'_>) -> bool {
    let is_ca = certificate.is_ca();
    if point.only_contains_user_certs && is_ca || point.only_contains_ca_certs && !is_ca {
        return false;
    }
    match &point.distribution_point {
        None => true,
        Some(DistributionPointName::FullName(names)) => {
            named_by(certificate).any(|name| names.contains(name))
        }
        Some(DistributionPointName::NameRelativeToCRLIssuer(_)) => false,
    }
}

/// The places at which a certificate says that its issuer publishes whole lists.
fn named_by<'a>(certificate: &'a X509Certificate<'a>) -> impl Iterator<Item = &'a GeneralName<'a>> {
    let extensions = certificate.extensions().iter();
    let points = extensions.filter_map(|extension| match extension.parsed_extension() {
        ParsedExtension::CRLDistributionPoints(points) => Some(&points.points),
        _ => None,
    });
    let whole = |point: &&x509_parser::extensions::CRLDistributionPoint<'_>| {
        point.reasons.is_none() && point.crl_issuer.is_none()
    };
    points
        .flatten()
        .filter(whole)
        .filter_map(|point| match &point.distribution_point {
            Some(DistributionPointName::FullName(names)) => Some(names),
            _ => None,
        })
        .flatten()
}
