//! The roots that browsers trust, asked two questions: does a chain end there, and is this one of them?

use std::time::Duration;

use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use super::certificate::Certificate;
use super::der;

/// The public web's roots; handed in, so that tests can have their own.
#[derive(Clone, Copy)]
pub(super) struct PublicRoots<'a>(&'a [TrustAnchor<'a>]);

impl PublicRoots<'static> {
    /// Mozilla's list, as compiled in.
    pub(super) fn mozilla() -> Self {
        Self(webpki_roots::TLS_SERVER_ROOTS)
    }
}

impl<'a> PublicRoots<'a> {
    #[cfg(test)]
    pub(super) fn of(roots: &'a [TrustAnchor<'a>]) -> Self {
        Self(roots)
    }

    /// Whether browsers would trust this chain, its end entity first, on a day when all of it is valid.
    pub(super) fn trust(&self, chain: &[&Certificate], now: i64) -> bool {
        let Some((leaf, above)) = chain.split_first() else {
            return false;
        };
        // Dates have warnings of their own: an expired certificate is not also "unknown to browsers".
        let start = chain.iter().map(|c| c.claims.not_before).max();
        let end = chain.iter().map(|c| c.claims.not_after).min();
        let now = now.max(start.unwrap_or(now)).min(end.unwrap_or(now));
        let Ok(now) = u64::try_from(now) else {
            return false;
        };
        let above: Vec<CertificateDer<'_>> = above.iter().map(|c| c.der.clone()).collect();
        let Ok(leaf) = EndEntityCert::try_from(&leaf.der) else {
            return false;
        };
        leaf.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            self.0,
            &above,
            UnixTime::since_unix_epoch(Duration::from_secs(now)),
            KeyUsage::server_auth(),
            None,
            None,
        )
        .is_ok()
    }

    /// Whether a root carries the name of this certificate's issuer.
    pub(super) fn name_issuer_of(&self, certificate: &Certificate) -> bool {
        let issuer = der::content(&certificate.claims.issuer_der);
        self.0.iter().any(|root| issuer == Some(&root.subject))
    }

    /// Whether this certificate is a root of the public web: same name, same key.
    pub(super) fn contain(&self, certificate: &Certificate) -> bool {
        let subject = der::content(&certificate.claims.subject_der);
        let key = der::public_key_info(&certificate.der).and_then(der::content);
        self.0.iter().any(|root| {
            subject == Some(&root.subject) && key == Some(&root.subject_public_key_info)
        })
    }
}
