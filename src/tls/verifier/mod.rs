//! The verification of a client's certificate: the reason this gateway exists.
//!
//! rustls asks during the handshake (`handshake`), and `explain` at a desk. The story of a judgement,
//! [`ClientVerifier::examine`]: read the certificate → take the anchors that are valid now (`anchors`) → choose
//! which of the certificates at hand may take part (`candidates`) → let rustls-webpki find a path, which our own
//! checks narrow (`path`, `usage`) → apply the site's rules. Where keys are pinned, `pinned` stands in for the
//! path, and for certificates of version 1 `version1` does. Where it ends early, `explain` and `nearest` find
//! the words. The outcome, with the certificate or with the reason in full, is left for the connection in
//! [`OUTCOME`], because a TLS alert has room for neither.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use rustls::DistinguishedName;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, UnixTime};

use crate::config::{Client, Legacy, Located, Refused, Report, Rule, Site};
use crate::identity::{Claims, Identity};
use crate::policy::{self, LetIn, Reason, Refusal};

use super::algorithms::Algorithms;
use super::material::{Certificate, ClientTrust, TrustedCa, key_flaw};
use super::revocation::RevocationLists;
use super::verdicts::{ChainHash, Verdicts};

mod anchors;
mod candidates;
mod explain;
mod handshake;
mod nearest;
mod path;
mod pinned;
mod proof;
#[cfg(test)]
mod tests;
mod usage;
mod version1;

use anchors::Anchors;
use explain::Scene;
use path::{Failure, Judge, Path};

tokio::task_local! {
    /// What the verifier found in the handshake that is running. Set around each handshake by the
    /// acceptor; rustls offers no other way from a verifier to the connection it works for.
    pub(super) static OUTCOME: RefCell<Option<Finding>>;
}

/// What verification found.
pub(super) type Outcome = Result<Arc<Identity>, Refusal>;

/// A certificate that is let in, and why.
#[derive(Debug)]
pub struct Admission<'a> {
    /// Whom it speaks for.
    pub identity: Arc<Identity>,
    /// The CAs of the path that was found, from the issuer of the client's certificate to the anchor.
    pub cas: Vec<Claims>,
    /// The rule of `allow` that admits it; `None` where there is none to fit.
    pub rule: Option<&'a Located<Rule>>,
}

/// The outcome, and what the site's mode made of it.
pub(super) struct Finding {
    pub(super) outcome: Outcome,
    /// Whether rustls was told to go on.
    pub(super) goes_on: bool,
}

/// Judges the client certificates of one site.
#[derive(Debug)]
pub struct ClientVerifier {
    anchors: Anchors,
    /// The operator's intermediates, which complete chains and end none.
    helpers: Vec<Certificate>,
    hints: Vec<DistinguishedName>,
    lists: RevocationLists,
    rules: Client,
    algorithms: Algorithms,
    /// Those for the proof that a client holds its key.
    handshakes: WebPkiSupportedAlgorithms,
    verdicts: Verdicts,
}

impl ClientVerifier {
    /// A site's verifier, which trusts `trust`. A problem goes to `report`, with `None` for an answer.
    pub fn of_site(site: &Site, trust: ClientTrust, report: &mut Report) -> Option<Arc<Self>> {
        let provider = super::server_config::provider();
        match Self::new(trust, site.client.clone(), &provider) {
            Ok(verifier) => Some(Arc::new(verifier)),
            Err(failure) => {
                let (ca, error) = *failure;
                let span = site.client_ca.first().map(|path| path.span.clone()).unwrap_or_default();
                let file = ca.file.display();
                report
                    .error(&span, format!("a CA in `{file}` cannot serve as a trust anchor"))
                    .seen(format!("subject `{}`: {error:?}", ca.claims.subject))
                    .fix("take it out of the file, or ask the CA for a certificate that follows RFC 5280");
                None
            }
        }
    }

    /// A verifier that trusts `trust` and admits by `rules`.
    ///
    /// # Errors
    /// The CA that cannot serve as a trust anchor.
    fn new(
        trust: ClientTrust,
        rules: Client,
        provider: &CryptoProvider,
    ) -> Result<Self, Box<(TrustedCa, webpki::Error)>> {
        let algorithms = Algorithms::of(&rules);
        let helpers = trust
            .intermediates
            .into_iter()
            .map(|ca| Certificate { der: ca.der, claims: ca.claims });
        Ok(Self {
            anchors: Anchors::new(trust.anchors)?,
            helpers: helpers.collect(),
            hints: trust.hints.into_iter().map(DistinguishedName::from).collect(),
            lists: trust.lists,
            algorithms,
            handshakes: algorithms.for_handshakes(provider.signature_verification_algorithms),
            rules,
            verdicts: Verdicts::default(),
        })
    }

    /// What clients get that are refused for their certificates.
    pub(super) fn refused(&self) -> Refused {
        self.rules.refused
    }

    /// Whether the handshake of a client goes on although it would be refused for `reason`; `presented` counts its
    /// certificates. It may be let in unverified, or be told in an answer that it is not.
    fn goes_on(&self, reason: Reason, presented: usize) -> bool {
        let Client { mode, refused, .. } = self.rules;
        policy::lets_in(mode, reason, presented)
            || policy::turned_away(refused, reason, presented).is_some()
    }

    /// What becomes of a client, by the outcome for the chain that it presented and by the site's mode.
    ///
    /// # Errors
    /// The refusal of a client that is not let in.
    pub(super) fn let_in(
        &self,
        outcome: Outcome,
        chain: &[CertificateDer<'_>],
    ) -> Result<LetIn, Refusal> {
        policy::let_in(self.rules.mode, outcome, chain.iter().map(AsRef::as_ref))
    }

    /// Judges a chain by everything but the proof that the client holds its key. The chain comes back with
    /// a refusal.
    pub(super) fn judge(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Outcome {
        let hash = ChainHash::of(end_entity, intermediates);
        let seconds = seconds(now);
        if let Some(identity) = self.verdicts.get(hash, seconds) {
            return Ok(identity);
        }
        let identity = self.examine(end_entity, intermediates, now)?.identity;
        self.verdicts.put(hash, &identity, seconds);
        Ok(identity)
    }

    /// The same without a memory of earlier verdicts, and with the reasons for a good one.
    ///
    /// # Errors
    /// The refusal, with the chain.
    fn examine(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<Admission<'_>, Refusal> {
        self.judge_anew(end_entity, intermediates, now).map_err(|refusal| {
            let chain = std::iter::once(end_entity).chain(intermediates);
            refusal.with_chain(chain.map(AsRef::as_ref))
        })
    }

    /// Judges certificates in DER, the client's own first, at a moment in Unix time, without a memory.
    ///
    /// # Errors
    /// The refusal, with the chain.
    pub fn explain(&self, chain: &[Vec<u8>], now: i64) -> Result<Admission<'_>, Refusal> {
        let chain: Vec<_> =
            chain.iter().map(|der| CertificateDer::from_slice(der.as_slice())).collect();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now).unwrap_or(0)));
        match chain.split_first() {
            Some((own, others)) => self.examine(own, others, now),
            None => Err(Refusal::new(Reason::NoCertificate, "has no certificate")),
        }
    }

    /// Whether a client could prove here that it holds the key of this certificate, DER: one that cannot be read
    /// or is not accepted proves nothing, and whoever shows it is refused in every mode.
    pub fn takes_proof_by(&self, certificate: &[u8]) -> bool {
        let certificate = CertificateDer::from_slice(certificate);
        let claims = Claims::from_der(&certificate);
        let has_flaw = claims.is_ok_and(|claims| key_flaw(&claims, self.algorithms).is_some());
        proof::key_of(&certificate).is_ok() && !has_flaw
    }

    fn judge_anew(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<Admission<'_>, Refusal> {
        let claims = Claims::from_der(end_entity).map_err(|malformed| {
            Refusal::new(Reason::Malformed, format!("presented what is {malformed}"))
        })?;
        // First, because nothing can be proved with a key that is not accepted, whatever else is wrong.
        usage::check_key(&claims, self.algorithms)?;
        let Path { cas, valid_until } = if self.rules.pinned_spki_sha256.is_empty() {
            self.judge_path(end_entity, &claims, intermediates, now)?
        } else {
            pinned::check(&claims, &self.rules, now)?;
            Path { cas: Vec::new(), valid_until: claims.not_after }
        };
        usage::check_end_entity(&claims, self.rules.extended_key_usage)?;
        let rule = policy::admit(&self.rules, &claims).map_err(|denial| {
            let sentence = format!("presented a certificate that is not admitted: {denial}");
            Refusal::new(Reason::NotAllowed, sentence).advising(denial.advice())
        })?;
        let presented = std::iter::once(end_entity).chain(intermediates);
        let chain = presented.map(|certificate| certificate.to_vec()).collect();
        let valid_until = claims.not_after.min(valid_until);
        let identity = Arc::new(Identity::of_verified(claims, chain, valid_until));
        Ok(Admission { identity, cas, rule })
    }

    /// Finds a path to a CA.
    fn judge_path(
        &self,
        end_entity: &CertificateDer<'_>,
        claims: &Claims,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<Path, Refusal> {
        let seconds = seconds(now);
        let issuers = candidates::issuers(claims, intermediates, &self.helpers);
        let anchors = self.anchors.in_force(seconds, &issuers);
        let judge = Judge {
            anchors: &anchors,
            rules: &self.rules,
            lists: &self.lists,
            algorithms: self.algorithms,
        };
        let scene = || {
            let (trusted, helpers) = (&self.anchors, self.helpers.as_slice());
            let (claims, algorithms) = (claims.clone(), self.algorithms);
            Scene::new(end_entity, claims, intermediates, trusted, helpers, algorithms, seconds)
        };
        if version1::is_meant(claims) && self.rules.accepts(Legacy::X509V1) {
            return version1::verify(end_entity, &judge, &scene());
        }
        let (helpers, algorithms) = (&self.helpers, self.algorithms);
        let candidates =
            candidates::select(end_entity, intermediates, helpers, &anchors, algorithms);
        let found = judge.verify(end_entity, &candidates, now);
        found.or_else(|failure| {
            let error = match failure {
                Failure::Ours(refusal) => return Err(refusal),
                Failure::Engine(error) => error,
            };
            let scene = scene();
            // Among several ways webpki tells what was wrong with one of them. If the signatures show one
            // that leads to an anchor, that is the one to talk about.
            let Some(way) = nearest::way(&scene) else {
                return Err(explain::explain(&error, &scene));
            };
            judge.verify(end_entity, &way, now).map_err(|failure| match failure {
                Failure::Ours(refusal) => refusal,
                Failure::Engine(error) => explain::explain(&error, &scene),
            })
        })
    }
}

/// Unix time as certificates and messages have it.
fn seconds(time: UnixTime) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}
