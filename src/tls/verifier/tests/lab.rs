//! Certificates with whatever in them a test wants, and a verifier to judge them.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, UnixTime};
use time::OffsetDateTime;

use super::super::{ClientVerifier, Outcome};
use crate::config::Client;
use crate::identity::Claims;
use crate::policy::{Reason, Refusal};
use crate::tls::material::{ClientTrust, TrustedCa};
use crate::tls::revocation::RevocationLists;

pub(super) const DAY: i64 = 24 * 60 * 60;

/// When everything is judged, Unix time.
pub(super) const NOW: i64 = 1_800_000_000;

/// A certificate and its key.
pub(super) struct Made {
    pub(super) der: CertificateDer<'static>,
    params: CertificateParams,
    key: KeyPair,
}

/// What a test writes otherwise.
pub(super) type Wish<'a> = &'a dyn Fn(&mut CertificateParams);

/// Nothing unusual.
pub(super) fn plain(_: &mut CertificateParams) {}

pub(super) fn at(unix: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(unix).unwrap()
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    for part in name.split(',') {
        match part.split_once('=') {
            Some(("O", organisation)) => {
                params.distinguished_name.push(DnType::OrganizationName, organisation);
            }
            _ => params.distinguished_name.push(DnType::CommonName, part),
        }
    }
    params.not_before = at(NOW - DAY);
    params.not_after = at(NOW + 30 * DAY);
    params
}

fn ca(name: &str, wish: Wish<'_>) -> CertificateParams {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    wish(&mut params);
    params
}

/// A root.
pub(super) fn root(name: &str, wish: Wish<'_>) -> Made {
    let params = ca(name, wish);
    let key = KeyPair::generate().unwrap();
    let der = params.self_signed(&key).unwrap().into();
    Made { der, params, key }
}

impl Made {
    /// The same name and key in another certificate by itself.
    pub(super) fn renewed(&self, wish: Wish<'_>) -> Made {
        let mut params = self.params.clone();
        wish(&mut params);
        let key = self.copy_of_key();
        let der = params.self_signed(&key).unwrap().into();
        Made { der, params, key }
    }

    /// The same name and key, vouched for by another CA.
    pub(super) fn cross_signed_by(&self, issuer: &Made) -> Made {
        let (params, key) = (self.params.clone(), self.copy_of_key());
        let der = issuer.sign(&params, &key);
        Made { der, params, key }
    }

    /// A CA below this one.
    pub(super) fn ca(&self, name: &str, wish: Wish<'_>) -> Made {
        self.issue(ca(name, wish))
    }

    /// A client below this one.
    pub(super) fn client(&self, wish: Wish<'_>) -> CertificateDer<'static> {
        let mut params = params("caller");
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        wish(&mut params);
        self.issue(params).der
    }

    fn issue(&self, params: CertificateParams) -> Made {
        let key = KeyPair::generate().unwrap();
        let der = self.sign(&params, &key);
        Made { der, params, key }
    }

    fn sign(&self, params: &CertificateParams, key: &KeyPair) -> CertificateDer<'static> {
        let issuer = Issuer::from_params(&self.params, &self.key);
        params.signed_by(key, &issuer).unwrap().into()
    }

    fn copy_of_key(&self) -> KeyPair {
        KeyPair::from_pem(&self.key.serialize_pem()).unwrap()
    }
}

/// A verifier of one site.
pub(super) struct Site {
    trust: ClientTrust,
    rules: Client,
}

/// A site that trusts some roots.
pub(super) fn trusting(roots: &[&Made]) -> Site {
    Site {
        trust: ClientTrust {
            anchors: roots.iter().map(|made| trusted(made)).collect(),
            intermediates: Vec::new(),
            hints: Vec::new(),
            lists: RevocationLists::default(),
        },
        rules: Client::of_defaults(),
    }
}

fn trusted(made: &Made) -> TrustedCa {
    TrustedCa {
        claims: Claims::from_der(&made.der).unwrap(),
        der: made.der.clone(),
        file: "ca.crt".into(),
    }
}

impl Site {
    pub(super) fn helped_by(mut self, cas: &[&Made]) -> Self {
        self.trust.intermediates = cas.iter().map(|made| trusted(made)).collect();
        self
    }

    pub(super) fn rules(mut self, wish: impl Fn(&mut Client)) -> Self {
        wish(&mut self.rules);
        self
    }

    pub(super) fn judge(
        &self,
        own: &CertificateDer<'static>,
        sent: &[&CertificateDer<'static>],
    ) -> Outcome {
        let provider = aws_lc_rs::default_provider();
        let (trust, rules) = (self.trust.clone(), self.rules.clone());
        let verifier = ClientVerifier::new(trust, rules, &provider).unwrap();
        let sent: Vec<_> = sent.iter().map(|der| (*der).clone()).collect();
        let now = std::time::Duration::from_secs(NOW.try_into().unwrap());
        verifier.judge(own, &sent, UnixTime::since_unix_epoch(now))
    }

    /// The reason and the sentence for a chain that must not hold.
    pub(super) fn refusal(
        &self,
        own: &CertificateDer<'static>,
        sent: &[&CertificateDer<'static>],
    ) -> (Reason, String) {
        let refusal = self.refused(own, sent);
        (refusal.reason, refusal.sentence)
    }

    /// The same, with all that is told.
    pub(super) fn refused(
        &self,
        own: &CertificateDer<'static>,
        sent: &[&CertificateDer<'static>],
    ) -> Refusal {
        match self.judge(own, sent) {
            Err(refusal) => refusal,
            Ok(identity) => panic!("{identity:?} was let in"),
        }
    }

    /// Until when a chain holds that must.
    pub(super) fn holds_until(
        &self,
        own: &CertificateDer<'static>,
        sent: &[&CertificateDer<'static>],
    ) -> i64 {
        match self.judge(own, sent) {
            Ok(identity) => identity.valid_until(),
            Err(refusal) => panic!("{}: {}", refusal.reason, refusal.sentence),
        }
    }
}
